"""`aichats chats mute` and `unmute` on a stack in memory."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from aichats_cli.commands.chats.muting import MAX_IDS
from tests.support.cli import Cli
from tests.support.fakes import Json, ai_chat, error_response

REPEAT = "Chats may be left that are not muted. Type the same command again: it is safe to repeat."
MUTES = "/chats/notification-preference"
FRIDAY_NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MONDAY_AT_NINE = "2026-11-23T09:00:00+01:00"


def with_chats(cli: Cli, number: int, **fields: object) -> list[str]:
    """Let Whop have chats that aichats did not create. Return their IDs."""
    chat_ids = [f"aich_{position}" for position in range(number)]
    cli.stack.whop.chats |= {chat_id: ai_chat(id=chat_id, **fields) for chat_id in chat_ids}
    return chat_ids


def created_for(cli: Cli, company: str, *options: str) -> str:
    created = cli("chats", "create", "--message", "Hello", "--for", company, *options, "-o", "name")
    return created.out.strip()


def muted(cli: Cli) -> set[str]:
    """Return the chats that are muted at Whop."""
    return {each["id"] for each in cli.stack.whop.chats.values() if each["notification_preference"] == "none"}


def bodies(cli: Cli) -> list[Json]:
    """Return the bodies of the requests that mute or unmute."""
    return [json.loads(each.content) for each in cli.requests if each.url.path == MUTES]


def test_fifty_chats_of_a_company_are_muted_until_monday_by_one_command(cli: Cli) -> None:
    assert cli.now() == FRIDAY_NOON
    of_a = {created_for(cli, "biz_A") for _ in range(50)}
    of_b = created_for(cli, "biz_B")

    done = cli("chats", "mute", "--all", "--for", "biz_A", "--until", "mon 9:00", "-o", "json")
    cli.stack.work()

    assert done.code == 0, done.err
    assert muted(cli) == of_a
    [started] = done.json
    assert len(started["run_ids"]) == 50
    undoing = cli("auto", "show", started["automation"], "-o", "json").json
    assert undoing["trigger"]["expression"] == "at(2026-11-23T08:00:00)"
    assert of_b not in undoing["targets"]


def test_a_person_reads_when_the_mute_ends_and_what_undoes_it(cli: Cli) -> None:
    with_chats(cli, 1)

    done = cli("chats", "mute", "aich_0", "--until", "mon 9:00")

    titles, row = done.out.splitlines()
    automation = row.split()[-1]
    assert titles.split() == ["CHATS", "UNTIL", "UNDONE", "BY"]
    assert row.split()[:-1] == ["1", "Mon", "23", "Nov", "09:00"]
    assert f"To undo it before Mon 23 Nov 09:00: aichats auto run {automation}" in done.err
    assert f"To keep the chats muted after Mon 23 Nov 09:00: aichats auto delete {automation}" in done.err


def test_the_automation_that_a_mute_names_undoes_it_at_once(cli: Cli) -> None:
    with_chats(cli, 2)
    done = cli("chats", "mute", "--all", "--until", "mon 9:00", "-o", "json")
    cli.stack.work()
    assert muted(cli) == {"aich_0", "aich_1"}

    assert cli("auto", "run", done.json[0]["automation"]).code == 0
    cli.stack.work()

    assert muted(cli) == set()


def test_all_chats_are_all_but_those_that_are_muted_already(cli: Cli) -> None:
    with_chats(cli, 3)
    cli.stack.whop.chats["aich_1"]["notification_preference"] = "none"

    done = cli("chats", "mute", "--all", "--until", "mon 9:00")

    assert bodies(cli) == [
        {"notification_preference": "none", "until": MONDAY_AT_NINE, "ids": ["aich_0", "aich_2"]},
    ]
    assert "1 of 3 chats are muted already." in done.err


def test_nothing_to_mute_is_no_error(cli: Cli) -> None:
    for options in (["--all"], ["--all", "--for", "biz_A"], ["--ids", "-"]):
        done = cli("chats", "mute", *options, "-o", "json")
        assert (done.code, done.json) == (0, [])
        assert "There are no chats that have to be muted." in done.err
    assert bodies(cli) == []


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (["aich_0", "aich_1"], ""),
        (["aich_0,aich_1"], ""),
        (["--ids", "aich_0,aich_1"], ""),
        (["--ids", "-"], "aich_0\naich_1\naich_0\n"),
        (["-"], "aich_0, aich_1"),
    ],
)
def test_chats_are_named_in_several_ways(cli: Cli, arguments: list[str], stdin: str) -> None:
    with_chats(cli, 3)

    assert cli("chats", "mute", *arguments, stdin=stdin).code == 0
    assert bodies(cli) == [{"notification_preference": "none", "ids": ["aich_0", "aich_1"]}]


@pytest.mark.parametrize(
    "arguments",
    [[], ["aich_0", "--all"], ["aich_0", "--ids", "aich_1"], ["aich_0", "--for", "biz_A"], ["chat_1"], ["a/b"]],
)
def test_chats_that_are_not_named_in_one_way_are_wrong_usage(cli: Cli, arguments: list[str]) -> None:
    assert cli("chats", "mute", *arguments).code == 2
    assert cli.requests == []


def test_a_time_that_is_none_is_wrong_usage_before_chats_are_listed(cli: Cli) -> None:
    assert cli("chats", "mute", "--all", "--until", "soon").code == 2
    assert cli.requests == []


def test_a_dry_run_lists_the_chats_and_changes_nothing(cli: Cli) -> None:
    with_chats(cli, 2)

    listed = cli("chats", "mute", "--all", "--until", "mon 9:00", "--dry-run", "-o", "name")

    assert (listed.code, listed.out.split()) == (0, ["aich_0", "aich_1"])
    assert listed.err == "2 chats would be muted until Mon 23 Nov 09:00. Nothing is changed.\n"
    assert bodies(cli) == []


def test_more_chats_than_a_request_takes_are_split_and_each_part_has_its_key(cli: Cli) -> None:
    chat_ids = [f"aich_{number}" for number in range(2 * MAX_IDS + 1)]
    cli.interfere = answer_mutes

    done = cli("chats", "mute", "--ids", "-", stdin="\n".join(chat_ids))

    assert done.code == 0, done.err
    assert [len(body["ids"]) for body in bodies(cli)] == [MAX_IDS, MAX_IDS, 1]
    assert [chat_id for body in bodies(cli) for chat_id in body["ids"]] == chat_ids
    assert len({each.headers["idempotency-key"] for each in cli.requests}) == 3
    assert "2000 of 2001 chats are being muted" in done.err


def test_a_cut_after_the_first_part_shows_what_was_started_and_that_the_command_can_be_repeated(cli: Cli) -> None:
    answers = iter([answer_mutes])

    def answer_once(request: httpx.Request) -> httpx.Response:
        return next(answers, cut)(request)

    cli.interfere = answer_once

    failed = cli("chats", "mute", "--ids", "-", "-o", "json", stdin="\n".join(f"aich_{n}" for n in range(MAX_IDS + 1)))

    assert failed.code == 1
    assert failed.json == [{"run_ids": ["run_1"], "automation": None}]
    assert REPEAT in failed.err


@pytest.mark.parametrize("failure", [httpx.ReadError("cut"), KeyboardInterrupt()])
def test_a_mute_whose_only_answer_is_lost_can_be_repeated(cli: Cli, failure: BaseException) -> None:
    def lose(_: httpx.Request) -> None:
        raise failure

    cli.interfere = lose

    failed = cli("chats", "mute", "aich_0")

    assert failed.code != 0
    assert REPEAT in failed.err


def test_a_mute_that_is_rejected_is_not_repeated(cli: Cli) -> None:
    cli.interfere = lambda _: httpx.Response(403, json={"detail": "no"})

    assert REPEAT not in cli("chats", "mute", "aich_0").err


def test_a_repeated_command_does_not_touch_what_is_muted(cli: Cli) -> None:
    with_chats(cli, 2)
    cli("chats", "mute", "--all", "--until", "mon 9:00")
    cli.stack.work()

    assert cli("chats", "mute", "--all", "--until", "mon 9:00").code == 0
    assert len(bodies(cli)) == 1


def test_a_lost_answer_starts_no_run_twice(cli: Cli) -> None:
    with_chats(cli, 1)
    answer, lost = cli.answer, [True]

    def lose(request: httpx.Request) -> None:
        if request.url.path == MUTES and lost and lost.pop():
            answer(request)
            raise httpx.ReadError("cut")

    cli.interfere = lose

    assert cli("chats", "mute", "aich_0").code == 0
    assert len(cli.stack.runs) == 1


def test_with_wait_the_command_ends_when_the_chats_are_muted(cli: Cli) -> None:
    with_chats(cli, 2)
    cli.while_asleep = cli.stack.work

    done = cli("chats", "mute", "--all", "--wait")

    assert (done.code, muted(cli)) == (0, {"aich_0", "aich_1"})
    assert done.err.splitlines()[-1] == "2 of 2 chats are done."


def test_with_wait_a_chat_that_is_not_muted_is_an_error_that_names_it(cli: Cli) -> None:
    with_chats(cli, 2)
    cli.while_asleep = cli.stack.work
    cli.stack.whop.interfere = lambda request: (
        error_response(404, "There is no such chat") if request.url.path.endswith("aich_1") else None
    )

    failed = cli("chats", "mute", "aich_0", "aich_1", "--wait", "-o", "json")

    assert failed.code == 1
    assert len(failed.json[0]["run_ids"]) == 2
    assert "\naich_1 failed: " in failed.err
    assert "aich_0 " not in failed.err


def test_unmute_is_the_contrary(cli: Cli) -> None:
    with_chats(cli, 2, notification_preference="none")

    assert cli("chats", "unmute", "--all").code == 0
    cli.stack.work()

    assert muted(cli) == set()


def test_names_are_the_runs_that_were_started(cli: Cli) -> None:
    with_chats(cli, 1)
    assert cli("chats", "mute", "aich_0", "-o", "name").out.split() == [row.run.run_id for row in cli.stack.runs]


def test_a_time_more_than_a_year_ahead_is_rejected_and_names_the_field(cli: Cli) -> None:
    until = (cli.now() + timedelta(days=400)).isoformat()
    rejected = cli("chats", "mute", "aich_0", "--until", until)
    assert rejected.code == 1
    assert "until" in rejected.err


def answer_mutes(request: httpx.Request) -> httpx.Response:
    """Answer as if a run was started."""
    assert request.url.path == MUTES
    return httpx.Response(202, json={"run_ids": ["run_1"], "automation": None})


def cut(_: httpx.Request) -> httpx.Response:
    """Fail as a network does."""
    raise httpx.ReadError("cut")
