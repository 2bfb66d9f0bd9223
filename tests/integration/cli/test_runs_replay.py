"""`aichats runs replay`: single runs, and all that match as a job. Each can be typed again."""

import json
import re
from copy import replace
from datetime import timedelta

import httpx
import pytest

from tests.support.bulk import BulkBench
from tests.support.cli import Cli
from tests.support.fakes import error_response
from tests.support.ledgers import ERROR, GONE, make_run

ALL = ("runs", "replay", "--failed", "--since", "7d", "--yes")
WINDOW = "since Fri 13 Nov 13:00"


@pytest.fixture
def bench() -> BulkBench:
    return BulkBench()


@pytest.fixture
def cli(bench: BulkBench) -> Cli:
    found = Cli(bench)
    found.while_asleep = bench.run_until_idle
    return found


def posts(cli: Cli) -> list[httpx.Request]:
    """Return the requests that start something."""
    return [
        request for request in cli.requests if request.method == "POST" and b'"dry_run": true' not in spaced(request)
    ]


def spaced(request: httpx.Request) -> bytes:
    """Return the body of a request with spaces, as Python writes JSON."""
    return json.dumps(json.loads(request.content)).encode() if request.content else b""


def cut(verb: str, cli: Cli, *, lost: int, after: bool = True) -> None:
    """Lose the answers to the first POSTs of a path that ends with ``verb``, or these requests themselves."""
    number = iter(range(lost))

    def interfere(request: httpx.Request) -> httpx.Response | None:
        is_wanted = request.method == "POST" and request.url.path.endswith(verb) and b"dry_run" not in request.content
        if not is_wanted or next(number, None) is None:
            return None
        if after:
            own, cli.interfere = cli.interfere, lambda _: None
            cli.answer(request)
            cli.interfere = own
        raise httpx.ReadError("cut")

    cli.interfere = interfere


def test_everything_that_failed_is_replayed_as_a_job_with_its_progress(bench: BulkBench, cli: Cli) -> None:
    run_ids = bench.failed(3)

    replayed = cli(*ALL)

    assert replayed.code == 0
    assert bench.statuses(run_ids) == ["succeeded"] * 3
    titles, row = (line.split() for line in replayed.out.splitlines() if not line.startswith("{"))
    assert titles == ["JOB", "RUNS", "DONE", "LEFT", "AS", "BEFORE"]
    assert row[1:] == ["3", "3", "0"]
    assert f"Job {row[0]} changes 3 runs, even if this command is stopped." in replayed.err
    assert replayed.err.splitlines()[3:5] == ["0 of 3 runs replayed", "3 of 3 runs replayed"]


def test_the_job_is_json_of_the_api(bench: BulkBench, cli: Cli) -> None:
    bench.failed(1)

    [job] = cli(*ALL, "-o", "json").json

    assert job == bench.api("GET", f"/jobs/{job['job_id']}").json


def test_a_person_is_asked_with_the_number_and_the_window(bench: BulkBench, cli: Cli) -> None:
    run_ids = bench.failed(2)

    refused = cli("runs", "replay", "--failed", stdin="n\n", terminal=True)
    in_a_pipe = cli("runs", "replay", "--failed")

    assert re.search(
        r"^2 failed .*^Replay 2 runs \(failed\) since Fri 13 Nov 13:00\? \[y/N\]", refused.err, re.MULTILINE | re.DOTALL
    )
    assert (refused.code, in_a_pipe.code) == (1, 2)
    assert "add --yes to the command" in in_a_pipe.err
    assert bench.statuses(run_ids) == ["failed"] * 2

    agreed = cli("runs", "replay", "--failed", stdin="y\n", terminal=True)
    assert agreed.code == 0
    assert bench.statuses(run_ids) == ["succeeded"] * 2
    assert "2/2" in agreed.err


def test_a_dry_run_changes_nothing_and_names_runs(bench: BulkBench, cli: Cli) -> None:
    run_ids = bench.failed(2)

    result = cli("runs", "replay", "--failed", "--dry-run", "-o", "json")

    assert result.json == {"dry_run": True, "count": 2, "has_more": False, "sample": run_ids}
    assert "replay would change 2 runs (failed)" in result.err
    assert posts(cli) == []


def test_nothing_to_replay_is_no_job(cli: Cli) -> None:
    result = cli(*ALL)

    assert (result.code, posts(cli)) == (0, [])
    assert f"Nothing to do: 0 runs (failed) {WINDOW}" in result.err


def test_the_filter_has_what_was_typed(cli: Cli) -> None:
    cli("runs", "replay", "--failed", "--missed", "--auto", "weekly", "--for", "biz_A", "--label", "team=x", "--yes")

    [request] = cli.requests
    sent = json.loads(request.content)
    assert sent["limit"] == 10_000
    assert sent["filter"] == {
        "automation": "weekly",
        "target": "biz_A",
        "label": "team:x",
        "since": sent["filter"]["since"],
        "status": ["failed", "missed"],
    }


def test_missed_slots_that_were_found_later_are_replayed_too(bench: BulkBench, cli: Cli) -> None:
    run = replace(make_run(), trigger="schedule", slot="2026-11-19T22:59:00Z", automation="weekly")
    bench.clock.now = bench.clock.now.replace(day=19, hour=23, minute=5)
    bench.app.ledger.add_ended([(run, ERROR)], "missed")
    bench.clock.now = bench.clock.now.replace(day=20, hour=12)

    replayed = cli("runs", "replay", "--missed", "--since", "yesterday", "--until", "today", "--yes")

    assert replayed.code == 0
    assert bench.statuses([run.run_id]) == ["succeeded"]
    assert len(posts(cli)) == 1


def test_a_lost_answer_starts_one_job_because_each_retry_has_the_same_key(bench: BulkBench, cli: Cli) -> None:
    bench.failed(2)
    cut("/runs/replay", cli, lost=2)

    assert cli(*ALL).code == 0

    keys = {request.headers["idempotency-key"] for request in posts(cli)}
    assert len(keys) == 1
    assert len(bench.created) == 2


def test_a_job_whose_answer_is_lost_for_good_says_that_typing_it_again_is_safe(bench: BulkBench, cli: Cli) -> None:
    run_ids = bench.failed(2)
    cut("/runs/replay", cli, lost=4)
    cli.while_asleep = lambda: None

    failed = cli(*ALL)

    assert failed.code == 1
    assert "Error: the job may have started, but its answer got lost: can't reach" in failed.err
    assert "→ Type the same command again: it is safe" in failed.err
    cli.while_asleep = bench.run_until_idle
    cli(*ALL)
    bench.run_until_idle()
    assert bench.statuses(run_ids) == ["succeeded"] * 2
    assert len(bench.created) == 2


def test_ctrl_c_leaves_the_job_running_and_says_how_to_look_again(bench: BulkBench, cli: Cli) -> None:
    run_ids = bench.failed(2)

    def stop() -> None:
        raise KeyboardInterrupt

    cli.while_asleep = stop

    stopped = cli(*ALL)

    assert stopped.code != 0
    typed = re.search(r"To look again: aichats (runs job (\w{32}) --wait)", stopped.err)
    assert typed
    assert bench.statuses(run_ids) == ["failed"] * 2
    cli.while_asleep = bench.run_until_idle
    waited = cli(*typed[1].split())
    assert waited.code == 0
    assert bench.statuses(run_ids) == ["succeeded"] * 2
    assert "2 of 2 runs replayed" in waited.err


def test_typing_it_again_after_a_kill_replays_no_run_twice(bench: BulkBench, cli: Cli) -> None:
    run_ids = bench.failed(2)

    def kill() -> None:
        raise KeyboardInterrupt

    cli.while_asleep = kill
    cli(*ALL)
    cli(*ALL)

    bench.run_until_idle()
    again = cli(*ALL)
    assert again.code == 0
    assert "Nothing to do: 0 runs (failed)" in again.err
    assert "A run that was replayed already no longer matches." in again.err

    assert bench.statuses(run_ids) == ["succeeded"] * 2
    assert len(bench.created) == 2


def test_runs_that_were_left_are_said(bench: BulkBench, cli: Cli) -> None:
    bench.failed(1)
    bench.store(replace(make_run(target="biz_late"), not_after=bench.clock() - timedelta(hours=1)))

    result = cli(*ALL)

    assert result.code == 0
    assert "1 run left as before: changed meanwhile, or can't be replayed." in result.err


def test_a_running_job_is_shown(bench: BulkBench, cli: Cli) -> None:
    bench.failed(2)
    job_id = bench.request().json["job_id"]

    shown = cli("runs", "job", job_id)

    assert re.search(r"^runs +2$", shown.out, re.MULTILINE)
    assert re.search(r"^ready +no$", shown.out, re.MULTILINE)
    assert cli("runs", "job", GONE).code == 1


def test_named_runs_are_replayed_and_waited_for(bench: BulkBench, cli: Cli) -> None:
    first, second = bench.failed(2)

    replayed = cli("runs", "replay", first, second, "--wait", "-o", "name")

    assert (replayed.code, replayed.out.split()) == (0, [first, second])
    assert f"{second}  succeeded" in replayed.err


def test_a_replayed_run_that_fails_again_ends_with_one(bench: BulkBench, cli: Cli) -> None:
    [run_id] = bench.failed(1)
    bench.whop.interfere = lambda _: error_response(403, "No", type="forbidden")

    assert cli("runs", "replay", run_id).code == 0
    bench.run_until_idle()
    assert cli("runs", "replay", run_id, "--wait").code == 1


def test_ids_come_from_a_pipe(bench: BulkBench, cli: Cli) -> None:
    run_ids = bench.failed(3)

    assert cli("runs", "replay", "-", stdin=cli("runs", "list", "--failed", "-o", "name").out).code == 0

    bench.run_until_idle()
    assert bench.statuses(run_ids) == ["succeeded"] * 3


def test_a_lost_answer_to_the_replay_of_a_run_is_no_error(bench: BulkBench, cli: Cli) -> None:
    [run_id] = bench.failed(1)
    cut("/replay", cli, lost=1)
    cli.while_asleep = lambda: None

    replayed = cli("runs", "replay", run_id, "-o", "json")

    assert (replayed.code, replayed.json[0]["result"]) == (0, "already pending")


def test_a_run_that_has_succeeded_needs_no_replay(bench: BulkBench, cli: Cli) -> None:
    [run_id] = bench.failed(1)
    cli("runs", "replay", run_id, "--wait")

    again = cli("runs", "replay", run_id)

    assert again.code == 0
    assert "already succeeded" in again.out
    assert len(bench.created) == 1


def test_one_run_that_cannot_be_replayed_stops_no_other(bench: BulkBench, cli: Cli) -> None:
    [run_id] = bench.failed(1)

    result = cli("runs", "replay", GONE, run_id)

    assert result.code == 1
    assert f"Error: 1 of 2 runs were not changed: run {GONE} doesn't exist" in result.err
    assert bench.statuses([run_id]) == ["pending"]


def test_a_network_that_is_cut_in_the_middle_prints_what_is_done_and_that_it_can_be_typed_again(
    bench: BulkBench, cli: Cli
) -> None:
    first, second = bench.failed(2)

    def interfere(request: httpx.Request) -> None:
        if second in request.url.path:
            raise httpx.ConnectError("cut")

    cli.interfere = interfere
    cli.while_asleep = lambda: None

    cut_off = cli("runs", "replay", first, second, "-o", "name")

    assert (cut_off.code, cut_off.out.split()) == (1, [first])
    assert "Type the same command again: it changes no run twice." in cut_off.err


def test_a_paused_stack_is_said_at_once(bench: BulkBench, cli: Cli) -> None:
    bench.failed(1)
    assert bench.api("POST", "/pause", {}).status < 300
    begun = bench.clock()

    result = cli(*ALL)

    assert result.code == 1
    assert "the stack is paused" in result.err
    assert bench.clock() == begun


@pytest.mark.parametrize(
    "typed",
    [
        (),
        ("--since", "7d"),
        ("a" * 32, "--failed"),
        ("--status", "succeeded"),
        ("--failed", "--wait"),
        ("--failed", "--since", "never"),
    ],
)
def test_what_is_unclear_is_wrong_usage_and_changes_nothing(cli: Cli, typed: tuple[str, ...]) -> None:
    assert cli("runs", "replay", *typed, "--yes").code == 2
    assert cli.requests == []


def test_a_dry_run_of_named_runs_says_what_each_would_do(bench: BulkBench, cli: Cli) -> None:
    [run_id] = bench.failed(1)

    result = cli("runs", "replay", run_id, "--dry-run", "-o", "json")

    assert [each["result"] for each in result.json] == ["would be replayed"]
    assert posts(cli) == []


def test_the_names_are_the_runs_to_watch(bench: BulkBench, cli: Cli) -> None:
    [run_id] = bench.failed(1)

    named = cli("runs", "replay", GONE, run_id, "-o", "name")

    assert (named.code, named.out.split()) == (1, [run_id])


def test_a_replay_of_a_run_that_others_replaced_names_the_others(bench: BulkBench, cli: Cli) -> None:
    [run_id] = bench.failed(1)
    others = ["b" * 32, "c" * 32]

    def replaced(request: httpx.Request) -> httpx.Response | None:
        return httpx.Response(202, json={"run_ids": others}) if request.method == "POST" else None

    cli.interfere = replaced

    assert cli("runs", "replay", run_id, "-o", "name").out.split() == others


def test_runs_that_were_replayed_are_waited_for_even_if_another_was_rejected(bench: BulkBench, cli: Cli) -> None:
    [run_id] = bench.failed(1)

    result = cli("runs", "replay", GONE, run_id, "--wait")

    assert result.code == 1
    assert bench.statuses([run_id]) == ["succeeded"]
    assert f"Error: 1 of 2 runs were not changed: run {GONE} doesn't exist" in result.err
    assert f"explain {GONE}" not in result.err


def test_nothing_to_replay_is_an_empty_list_of_jobs(cli: Cli) -> None:
    assert cli(*ALL, "-o", "json").json == []
    assert cli(*ALL).out == ""


def test_the_first_job_is_named_before_the_second_one_fails(bench: BulkBench, cli: Cli) -> None:
    bench.failed(1)
    bench.clock.forward(days=20)
    bench.failed(2)
    bench.clock.forward(days=15)
    starts = iter([False, True])

    def interfere(request: httpx.Request) -> httpx.Response | None:
        is_start = request.url.path == "/runs/replay" and not json.loads(request.content).get("dry_run")
        return httpx.Response(403, json={"detail": "no"}) if is_start and next(starts) else None

    cli.interfere = interfere

    result = cli("runs", "replay", "--failed", "--since", "40d", "--yes")

    assert result.code == 1
    assert re.search(r"^Job \w{32} changes \d runs?, even if this command is stopped.$", result.err, re.MULTILINE)
