"""`aichats runs cancel` and `resolve`."""

import httpx
import pytest

from tests.support.bulk import BulkBench
from tests.support.cli import Cli
from tests.support.ledgers import ERROR, GONE, LEASE, make_run


@pytest.fixture
def bench() -> BulkBench:
    return BulkBench()


@pytest.fixture
def cli(bench: BulkBench) -> Cli:
    found = Cli(bench)
    found.while_asleep = bench.run_until_idle
    return found


def waiting(bench: BulkBench, number: int = 2) -> list[str]:
    """Store runs that wait for an hour. Return their ids."""
    runs = [make_run(target=f"biz_{index}") for index in range(number)]
    bench.app.ledger.add(runs, lambda _: bench.clock().replace(hour=23))
    bench.clock.forward(seconds=1)
    return [run.run_id for run in runs]


def unknown(bench: BulkBench) -> str:
    """Store a run of unknown outcome. Return its id."""
    run = make_run("unknown")
    bench.app.ledger.finish(bench.app.ledger.claim(run, LEASE), "unknown", error=ERROR)
    return run.run_id


def test_named_runs_are_cancelled_with_a_reason(bench: BulkBench, cli: Cli) -> None:
    run_ids = waiting(bench)

    result = cli("runs", "cancel", *run_ids, "--reason", "wrong text", "--yes")

    assert result.code == 0
    assert bench.statuses(run_ids) == ["cancelled"] * 2
    assert (bench.row_of(run_ids[0]).error or {})["message"].endswith(": wrong text")


def test_a_person_is_asked_before_runs_are_cancelled(bench: BulkBench, cli: Cli) -> None:
    run_ids = waiting(bench)

    asked = cli("runs", "cancel", *run_ids, stdin="n\n", terminal=True)

    assert "Cancel 2 runs? This is final. [y/N]" in asked.err
    assert asked.code == 1
    assert bench.statuses(run_ids) == ["pending"] * 2
    assert cli("runs", "cancel", *run_ids).code == 2


def test_typing_it_again_changes_nothing(bench: BulkBench, cli: Cli) -> None:
    run_ids = waiting(bench)

    assert [cli("runs", "cancel", *run_ids, "--yes").code for _ in range(2)] == [0, 0]


def test_all_open_runs_that_match_are_cancelled_as_a_job(bench: BulkBench, cli: Cli) -> None:
    run_ids = waiting(bench, 3)

    result = cli("runs", "cancel", "--since", "1h", "--yes")

    assert result.code == 0
    assert bench.statuses(run_ids) == ["cancelled"] * 3
    assert "3 of 3 runs cancelled" in result.err


def test_runs_of_an_automation_are_cancelled_however_long_ago_they_were_created(bench: BulkBench, cli: Cli) -> None:
    [run_id] = bench.failed(1)
    bench.clock.forward(days=20)
    bench.api("POST", f"/runs/{run_id}/replay")
    bench.sqs.sent.clear()

    assert cli("runs", "cancel", "--for", "biz_0", "--yes").code == 0

    assert bench.statuses([run_id]) == ["cancelled"]


def test_a_dry_run_of_a_cancellation_changes_nothing(bench: BulkBench, cli: Cli) -> None:
    run_ids = waiting(bench)

    result = cli("runs", "cancel", "--since", "1h", "--dry-run", "-o", "json")

    assert result.json["count"] == 2
    assert bench.statuses(run_ids) == ["pending"] * 2


def test_a_run_whose_outcome_is_unknown_is_looked_up_before_it_is_cancelled(bench: BulkBench, cli: Cli) -> None:
    run_id = unknown(bench)

    result = cli("runs", "cancel", run_id, "--yes", "-o", "json")

    assert result.json[0]["result"] == "being cancelled"


def test_a_run_that_has_ended_is_an_error(bench: BulkBench, cli: Cli) -> None:
    [run_id] = bench.failed(1)

    result = cli("runs", "cancel", run_id, "--yes")

    assert result.code == 1
    assert "can't be cancelled" in result.err


def test_nothing_to_cancel_is_wrong_usage(cli: Cli) -> None:
    for typed in ((), ("a" * 32, "--auto", "weekly"), ("--status", "failed"), ("a" * 32, "--dry-run")):
        assert cli("runs", "cancel", *typed, "--yes").code == 2
    assert cli.requests == []


def test_an_outcome_is_recorded_with_its_chat(bench: BulkBench, cli: Cli) -> None:
    run_id = unknown(bench)

    resolved = cli("runs", "resolve", run_id, "--succeeded", "--chat", "aich_9")

    assert resolved.code == 0
    assert (bench.row_of(run_id).status, bench.row_of(run_id).chat_id) == ("succeeded", "aich_9")


def test_a_failure_is_recorded_with_its_reason(bench: BulkBench, cli: Cli) -> None:
    run_id = unknown(bench)

    resolved = cli("runs", "resolve", run_id, "--failed", "--reason", "no such chat at Whop")

    assert resolved.code == 0
    assert (bench.row_of(run_id).error or {})["message"] == "resolved as failed by local: no such chat at Whop"
    assert f"aichats runs replay {run_id}" in resolved.err


def test_a_lost_answer_to_a_resolution_is_no_error(bench: BulkBench, cli: Cli) -> None:
    run_id = unknown(bench)
    lost = iter([True])

    def interfere(request: httpx.Request) -> httpx.Response | None:
        if request.method == "POST" and next(lost, False):
            cli.answer(request)
            raise httpx.ReadError("cut")
        return None

    cli.interfere = interfere

    resolved = cli("runs", "resolve", run_id, "--succeeded", "--chat", "aich_9")

    assert resolved.code == 0
    assert f"run {run_id} had this outcome already" in resolved.err


def test_another_outcome_than_the_known_one_is_an_error(bench: BulkBench, cli: Cli) -> None:
    run_id = unknown(bench)
    cli("runs", "resolve", run_id, "--succeeded", "--chat", "aich_9")

    for typed in (("--failed",), ("--succeeded", "--chat", "aich_8")):
        assert cli("runs", "resolve", run_id, *typed).code == 1
    assert bench.row_of(run_id).chat_id == "aich_9"


def test_an_unclear_outcome_is_wrong_usage(cli: Cli) -> None:
    for typed in ((), ("--succeeded",), ("--failed", "--chat", "x"), ("--succeeded", "--chat", "x", "--reason", "y")):
        assert cli("runs", "resolve", GONE, *typed).code == 2
