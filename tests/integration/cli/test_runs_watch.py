"""`aichats runs watch`: named runs until they end, or all new ones."""

import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import httpx
import pytest

from aichats_cli.runs.board import Changes
from aichats_cli.session import Session
from tests.support.bulk import BulkBench
from tests.support.cli import Cli, Result
from tests.support.fakes import error_response
from tests.support.ledgers import LEASE, make_run
from tests.support.stack_in_memory import ONE, hourly, slot_run

if TYPE_CHECKING:
    from aichats_cli.models import RunView


@pytest.fixture
def bench() -> BulkBench:
    return BulkBench()


@pytest.fixture
def cli(bench: BulkBench) -> Cli:
    return Cli(bench)


def started(bench: BulkBench) -> str:
    """Start a run that waits in the queue. Return its id."""
    body = {"action": {"type": "whop.create_chat", "message_text": "Hello"}, "targets": ["biz_A"]}
    run_ids: list[str] = bench.api("POST", "/runs", body).json["run_ids"]
    return run_ids[0]


def statuses(result: Result) -> list[str]:
    """Return the status in each line. The functions in this process print their metrics, as JSON."""
    return [line.split()[2] for line in result.out.splitlines() if not line.startswith("{")]


def in_turn(*steps: Callable[[], object]) -> Callable[[], None]:
    """Return what does one step each time, and then presses Ctrl-C."""
    left = list(steps)

    def next_step() -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop(0)()

    return next_step


def test_named_runs_are_watched_until_they_end_with_a_line_for_each_change(bench: BulkBench, cli: Cli) -> None:
    run_id = started(bench)
    passed = iter(range(3))

    def work_at_the_third_time() -> None:
        if next(passed, None) == 2:
            bench.run_until_idle()

    cli.while_asleep = work_at_the_third_time

    watched = cli("runs", "watch", run_id)

    assert watched.code == 0
    assert statuses(watched) == ["pending", "succeeded"]
    assert watched.out.splitlines()[-1].endswith("aich_1")


def test_a_watched_run_that_fails_ends_with_one_and_its_reason(bench: BulkBench, cli: Cli) -> None:
    run_id = started(bench)
    bench.whop.interfere = lambda _: error_response(403, "No", type="forbidden")
    cli.while_asleep = bench.run_until_idle

    watched = cli("runs", "watch", run_id)

    assert watched.code == 1
    assert statuses(watched) == ["pending", "failed"]
    assert f"Error: run {run_id} failed: whop: 403 forbidden: No" in watched.err
    assert f"→ aichats runs explain {run_id}" in watched.err


def test_ids_from_a_pipe_are_watched(bench: BulkBench, cli: Cli) -> None:
    ids = [started(bench), started(bench)]
    cli.while_asleep = bench.run_until_idle

    watched = cli("runs", "watch", "-", "-o", "name", stdin="\n".join(ids))

    assert (watched.code, watched.out.split()) == (0, ids)


def test_nothing_from_a_pipe_is_no_run(cli: Cli) -> None:
    assert cli("runs", "watch", "-", stdin="") == Result(0, "", "")


def test_json_is_one_run_a_line(bench: BulkBench, cli: Cli) -> None:
    run_id = started(bench)
    cli.while_asleep = bench.run_until_idle

    lines = cli("runs", "watch", run_id, "-o", "json").out.splitlines()

    assert [(json.loads(line)["run_id"], json.loads(line)["status"]) for line in lines] == [
        (run_id, "pending"),
        (run_id, "succeeded"),
    ]


def test_a_terminal_shows_each_run_once_at_the_end(bench: BulkBench, cli: Cli) -> None:
    run_id = started(bench)
    cli.while_asleep = bench.run_until_idle

    watched = cli("runs", "watch", run_id, terminal=True)

    assert watched.code == 0
    last = watched.out.rpartition("RUN")[2]
    assert last.count(run_id) == 1
    assert "succeeded" in last
    assert "pending" not in last


def test_new_runs_are_watched_until_ctrl_c_and_older_ones_when_they_end(bench: BulkBench, cli: Cli) -> None:
    bench.put(hourly())
    old, open_one = make_run("old"), make_run("open")
    bench.app.ledger.finish(bench.app.ledger.claim(old, LEASE), "failed", error={"type": "X", "message": "x"})
    row = bench.app.ledger.claim(open_one, LEASE)
    bench.clock.forward(seconds=5)
    cli.while_asleep = in_turn(
        lambda: bench.tick(ONE), lambda: bench.app.ledger.finish(row, "succeeded", chat_id="aich_9")
    )

    watched = cli("runs", "watch", "-o", "name")

    assert watched.code != 0
    assert watched.out.split() == [slot_run(ONE), open_one.run_id]
    assert watched.err == "Waiting for runs that begin or end from now on. Press Ctrl-C to stop.\n"


def test_new_runs_of_one_automation_are_watched(bench: BulkBench, cli: Cli) -> None:
    bench.put(hourly(), "weekly")
    bench.put(hourly(), "daily")
    cli.while_asleep = in_turn(lambda: bench.tick(ONE, "daily"), lambda: bench.tick(ONE, "weekly"))

    assert cli("runs", "watch", "--auto", "weekly", "-o", "name").out.split() == [slot_run(ONE, name="weekly")]


def test_a_network_that_is_cut_for_a_minute_ends_no_watch(
    bench: BulkBench, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = started(bench)
    begun, answer = bench.clock(), cli.answer

    def cut(request: httpx.Request) -> httpx.Response:
        if 1 < (bench.clock() - begun).total_seconds() < 60:
            raise httpx.ConnectError("cut")
        bench.run_until_idle() if bench.clock() > begun else None
        return answer(request)

    monkeypatch.setattr(cli, "answer", cut)
    cli.while_asleep = lambda: bench.clock.forward(seconds=1)

    watched = cli("runs", "watch", run_id)

    assert watched.code == 0, watched.err


def test_runs_and_an_automation_together_are_wrong_usage(cli: Cli) -> None:
    assert cli("runs", "watch", "a" * 32, "--auto", "weekly").code == 2


def test_a_watch_that_lasts_for_weeks_remembers_the_last_runs_only(bench: BulkBench, cli: Cli) -> None:
    a, b, c = (bench.api("GET", f"/runs/{started(bench)}").json for _ in range(3))
    shown: list[RunView] = []
    session = Session(cli.system(io.StringIO(), io.StringIO(), io.StringIO()))
    changes = Changes(session, shown.append, remembered=2)

    for run in (a, b, a, c, a, b):
        changes.show(run)

    assert shown == [a, b, c, b]
    assert list(changes.seen) == [a["run_id"], b["run_id"]]
