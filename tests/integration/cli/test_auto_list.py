"""`aichats auto list` on a stack in memory."""

from tests.support.cli import Cli
from tests.support.stack_in_memory import hourly


def test_a_pipe_gets_a_plain_table(cli: Cli) -> None:
    cli("auto", "list")
    put(cli, "weekly")

    listed = cli("auto", "list")

    assert listed.code == 0
    titles, row = listed.out.splitlines()
    assert titles.split()[:3] == ["NAME", "STATE", "NEXT"]
    assert row.split()[:2] == ["weekly", "active"]


def test_names_are_one_per_line(cli: Cli) -> None:
    put(cli, "weekly")
    put(cli, "daily")

    assert cli("auto", "list", "-o", "name").out == "daily\nweekly\n"


def test_json_is_the_list_of_the_api(cli: Cli) -> None:
    put(cli, "weekly")

    assert [each["name"] for each in cli("auto", "list", "-o", "json").json] == ["weekly"]


def test_a_wrong_token_names_the_next_step(cli: Cli) -> None:
    cli.variables["AICHATS_TOKEN"] = "wrong"

    listed = cli("auto", "list")

    assert listed.code == 1
    assert listed.err.splitlines()[-1] == "  → log in again with a valid token: aichats login"


def put(cli: Cli, name: str) -> None:
    cli.stack.put(hourly("biz_A"), name)
