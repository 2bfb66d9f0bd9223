"""`aichats status`: automations, runs and pauses at a glance."""

from copy import replace

import pytest

from aichats_cli.commands import status
from tests.support.cli import Cli
from tests.support.ledgers import ERROR, make_run
from tests.support.stack_in_memory import hourly


def test_an_empty_stack_says_what_to_type_first(cli: Cli) -> None:
    shown = cli("status")

    assert shown.code == 0
    assert shown.out.split("\n") == ["The stack is not paused.", "", "", ""]
    assert shown.err == "no automations yet: aichats auto create --help\nno run is open or needs you\n"


def test_it_shows_what_is_paused_and_what_needs_a_person(cli: Cli) -> None:
    cli.stack.put(hourly("biz_A"), "weekly")
    run = replace(make_run("1"), automation="weekly")
    cli.stack.app.ledger.add_ended([(run, ERROR)], "failed")
    cli("auto", "pause", "--all", "--reason", "Wrong texts")

    pause, _, titles, automation, _, _, listed = cli("status").out.splitlines()

    assert pause.startswith("The stack is paused from ")
    assert pause.endswith("until you resume it, by local: Wrong texts")
    assert titles.split()[:2] == ["NAME", "STATE"]
    assert automation.split()[0] == "weekly"
    assert listed.split()[:2] == [run.run_id, "failed"]
    assert "weekly" in listed.split()


def test_a_planned_pause_is_not_yet_a_pause(cli: Cli) -> None:
    cli("auto", "pause", "--all", "--from", "in 2d", "--until", "in 3d")

    first, second = cli("status").out.splitlines()[:2]

    assert first == "The stack is not paused."
    assert second.startswith("The stack will be paused from ")
    assert " until " in second


def test_json_has_all_three_parts(cli: Cli) -> None:
    cli.stack.put(hourly("biz_A"), "weekly")

    shown = cli("status", "-o", "json").json

    assert shown["pause"]["state"] == "active"
    assert [each["name"] for each in shown["automations"]] == ["weekly"]
    assert shown["runs"] == []


def test_names_are_those_of_automations(cli: Cli) -> None:
    cli.stack.put(hourly("biz_A"), "weekly")

    assert cli("status", "-o", "name").out == "weekly\n"


def test_more_runs_than_are_shown_are_said(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "MOST_RUNS", 2)
    for number in range(2):
        cli.stack.app.ledger.add_ended([(make_run(str(number)), ERROR)], "failed")
    assert "To see all" not in cli("status").err
    cli.stack.app.ledger.add_ended([(make_run("2"), ERROR)], "failed")

    shown = cli("status")

    assert shown.out.count(" failed ") == 2
    assert "These are the newest 2 runs. To see all: aichats runs list --all --status pending," in shown.err
    assert len(cli("status", "-o", "json").json["runs"]) == 2
