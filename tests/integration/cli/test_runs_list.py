"""`aichats runs list`: which runs it finds, and what it says about them."""

import re
import shlex
from copy import replace
from datetime import datetime
from typing import Any

import httpx
import pytest

from aichats.runs.ledger.rows import EndStatus
from tests.support.cli import Cli
from tests.support.ledgers import ERROR, LEASE, NOON, make_run
from tests.support.stack_in_memory import hourly, slot_run


def store(cli: Cli, status: EndStatus = "failed", **changes: Any) -> str:
    """Store a run that ends in this way now. Return its id."""
    run = replace(make_run(str(len(cli.stack.runs))), **changes)
    if status == "unknown":
        cli.stack.app.ledger.finish(cli.stack.app.ledger.claim(run, LEASE), status, error=ERROR)
    else:
        assert status in ("failed", "missed", "skipped")
        cli.stack.app.ledger.add_ended([(run, ERROR)], status)
    return run.run_id


def listed(cli: Cli, *options: str) -> list[str]:
    """Return the ids of the listed runs."""
    result = cli("runs", "list", *options, "-o", "name")
    assert result.code == 0, result.err
    return result.out.split()


def at(cli: Cli, day_and_time: str) -> None:
    """Set the clock, in UTC."""
    cli.stack.clock.now = datetime.fromisoformat(f"2026-11-{day_and_time}:00+00:00")


def test_the_newest_runs_come_first_in_a_pipe_with_their_whole_reason(cli: Cli) -> None:
    first = store(cli)
    cli.stack.clock.forward(seconds=1)
    second = store(cli, automation="weekly")

    titles, *rows = cli("runs", "list").out.splitlines()

    assert titles.split() == ["RUN", "STATUS", "TIME", "AUTOMATION", "TARGET", "REASON"]
    assert [row.split()[:2] for row in rows] == [[second, "failed"], [first, "failed"]]
    assert rows[0].endswith("whop: 429")


def test_yesterdays_slot_is_found_and_the_window_is_named(cli: Cli) -> None:
    cli.stack.put(hourly())
    at(cli, "19 09:00")
    cli.stack.tick(NOON.replace(day=19, hour=9))
    at(cli, "20 12:00")

    result = cli("runs", "list", "--since", "yesterday")

    assert slot_run(NOON.replace(day=19, hour=9)) in result.out
    assert "1 run since Thu 19 Nov 00:00." in result.err


def test_a_missed_slot_of_yesterday_counts_for_yesterday_although_it_was_found_today(cli: Cli) -> None:
    slot = "2026-11-19T22:59:00Z"  # 23:59 in Berlin
    at(cli, "19 23:05")
    missed = store(cli, "missed", slot=slot, trigger="schedule", automation="weekly")
    at(cli, "20 12:00")

    assert listed(cli, "--since", "yesterday", "--until", "today") == [missed]
    assert listed(cli, "--since", "yesterday") == [missed]
    # A run without a slot counts for the day on which it was created.
    at(cli, "19 23:06")
    store(cli)
    at(cli, "20 12:00")
    assert listed(cli, "--since", "yesterday", "--until", "today") == [missed]


def test_runs_without_a_slot_are_found_too(cli: Cli) -> None:
    run_id = store(cli)
    cli.stack.clock.forward(hours=30)

    assert listed(cli, "--since", "yesterday", "--until", "today") == [run_id]


def test_a_run_that_matches_twice_is_listed_once(cli: Cli) -> None:
    at(cli, "19 22:00")
    row = cli.stack.app.ledger.claim(
        replace(make_run(), slot="2026-11-19T22:00:00Z", trigger="schedule", automation="weekly"), LEASE
    )
    at(cli, "20 01:00")
    cli.stack.app.ledger.finish(row, "failed", error=ERROR)
    at(cli, "20 12:00")

    assert listed(cli, "--since", "yesterday", "--until", "today") == [row.run.run_id]


def test_failed_and_missed_and_other_statuses_can_be_combined(cli: Cli) -> None:
    statuses: tuple[EndStatus, ...] = ("failed", "missed", "skipped", "unknown")
    failed, missed, skipped, unknown = (store(cli, status) for status in statuses)

    assert listed(cli, "--failed") == [failed]
    assert set(listed(cli, "--failed", "--missed")) == {failed, missed}
    assert set(listed(cli, "--missed", "--status", "skipped,unknown")) == {missed, skipped, unknown}


def test_an_unknown_status_names_the_statuses(cli: Cli) -> None:
    result = cli("runs", "list", "--status", "broken")

    assert result.code == 2
    assert "'broken' is not a status. A run is one of these: pending, performing, cancelled, failed" in result.err


def test_runs_are_filtered_by_automation_target_label_and_trigger(cli: Cli) -> None:
    wanted = store(cli, automation="weekly", target="biz_B", labels={"team": "growth"})
    store(cli)

    for options in (("--auto", "weekly"), ("--for", "biz_B"), ("--label", "team=growth"), ("--label", "team:growth")):
        assert listed(cli, *options) == [wanted]
    assert "AUTOMATION" not in cli("runs", "list", "--auto", "weekly").out
    assert len(listed(cli, "--trigger", "http")) == 2
    assert listed(cli, "--trigger", "webhook") == []


def test_the_note_says_that_there_are_more_runs_than_are_shown(cli: Cli) -> None:
    for _ in range(3):
        store(cli)

    assert "2 runs since" in (result := cli("runs", "list", "--limit", "2")).err
    assert "There are older ones: --all shows all." in result.err
    assert "older" not in cli("runs", "list", "--limit", "3").err
    assert len(listed(cli, "--all")) == 3


def test_more_than_a_page_and_more_than_a_month_are_read(cli: Cli) -> None:
    old = store(cli)
    cli.stack.clock.forward(days=40)
    runs = [make_run(f"new {number}") for number in range(120)]
    cli.stack.app.ledger.add_ended([(run, ERROR) for run in runs], "failed")

    assert len(listed(cli, "--all")) == 120
    assert len(found := listed(cli, "--all", "--since", "60d")) == 121
    assert found[-1] == old
    assert listed(cli, "--all", "--since", "31d") == found[:-1]


def test_no_run_is_said_and_is_an_empty_list_in_json(cli: Cli) -> None:
    result = cli("runs", "list", "--since", "yesterday", "-o", "json")

    assert (result.code, result.json) == (0, [])
    assert "No runs since Thu 19 Nov 00:00." in result.err
    assert cli("runs", "list").out == ""


def test_json_is_the_list_of_the_api(cli: Cli) -> None:
    run_id = store(cli)

    [run] = cli("runs", "list", "-o", "json").json

    assert (run["run_id"], run["error"]["message"]) == (run_id, "whop: 429")


def test_the_reasons_are_told_once_each_with_what_to_do(cli: Cli) -> None:
    for number in range(3):
        run = make_run(f"limited {number}")
        error = {**ERROR, "message": f"whop: 429 (request req_{number})"}
        cli.stack.app.ledger.add_ended([(run, error)], "failed")
    store(cli, "missed")

    err = cli("runs", "list", terminal=True).err

    assert "3 failed (API): whop: 429\n  → Whop limited the stack for 24 hours." in err
    assert err.index("3 failed") < err.index("1 missed")


def test_failed_runs_come_with_the_command_that_replays_them(cli: Cli) -> None:
    store(cli, automation="weekly", labels={"team": "growth"})
    typed = ("--failed", "--missed", "--status", "skipped", "--auto", "weekly", "--label", "team=growth")

    err = cli("runs", "list", *typed, "--since", "mon 9:00").err

    assert err.endswith(
        "To replay them: aichats runs replay --status skipped --failed --missed --auto weekly --label team:growth "
        "--since 'mon 9:00'\n"
    )
    again = err.rpartition("aichats ")[2]
    assert "1 run (skipped, failed, missed)" in cli(*shlex.split(again), "--dry-run").err
    assert "To replay" not in cli("runs", "list").err
    assert "To replay" not in cli("runs", "list", "--status", "failed,succeeded").err


def test_a_window_that_is_empty_or_in_the_future_is_wrong_usage(cli: Cli) -> None:
    for options in (("--since", "today", "--until", "yesterday"), ("--since", "tomorrow")):
        result = cli("runs", "list", *options)
        assert result.code == 2
        assert f"--since {options[1]} must be before" in result.err


def test_a_cut_network_is_tried_again(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = store(cli)
    answer, failures = cli.answer, iter([httpx.ConnectError("cut"), httpx.ReadTimeout("slow")])

    def flaky(request: httpx.Request) -> httpx.Response:
        if (failure := next(failures, None)) is not None:
            raise failure
        return answer(request)

    monkeypatch.setattr(cli, "answer", flaky)

    assert listed(cli) == [run_id]


def test_a_reason_that_many_automations_share_names_three_of_them(cli: Cli) -> None:
    for number in range(5):
        store(cli, automation=f"weekly-{number}")

    told = cli("runs", "list").err

    assert re.search(r"^5 failed \(weekly-\d, weekly-\d, weekly-\d and 2 others\): ", told, re.MULTILINE)
