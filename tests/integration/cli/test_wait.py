"""The wait for runs: it survives a network that is cut, and ends with a run that never does."""

import io
from datetime import timedelta
from itertools import count
from typing import get_args

import httpx
import pytest

from aichats.runs.ledger.rows import EndStatus, OpenStatus
from aichats_cli.api import ATTEMPTS
from aichats_cli.errors import CommandError
from aichats_cli.runs.options import CANCELLABLE, REPLAYABLE, STATUSES
from aichats_cli.session import Session
from aichats_cli.wait import ENDED, MAX_NAMED, PATIENCE, check_success, look_again, wait_for_runs
from tests.support.bulk import BulkBench
from tests.support.cli import Cli
from tests.support.ledgers import ERROR, GONE, LEASE, make_run

FIRST, SECOND = make_run("1"), make_run("2")


@pytest.fixture
def bench() -> BulkBench:
    return BulkBench()


@pytest.fixture
def cli(bench: BulkBench) -> Cli:
    return Cli(bench)


@pytest.fixture
def err() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def session(cli: Cli, err: io.StringIO) -> Session:
    return Session(cli.system(io.StringIO(), io.StringIO(), err))


def add(bench: BulkBench) -> None:
    bench.app.ledger.add([FIRST, SECOND], lambda _: bench.clock.now)


def finish(bench: BulkBench, status: EndStatus = "succeeded") -> None:
    """End the runs that are open."""
    for run in (FIRST, SECOND):
        row = bench.row_of(run.run_id)
        if row.is_open:
            error = None if status == "succeeded" else ERROR
            bench.app.ledger.finish(bench.app.ledger.claim(run, LEASE), status, error=error)


def test_the_statuses_are_those_of_the_ledger() -> None:
    assert set(get_args(EndStatus)) == ENDED
    assert set(STATUSES) == {*get_args(OpenStatus), *get_args(EndStatus)}
    assert set(STATUSES) > REPLAYABLE | CANCELLABLE


def test_all_runs_are_waited_for_and_returned_in_order(bench: BulkBench, cli: Cli, session: Session) -> None:
    add(bench)
    cli.while_asleep = lambda: finish(bench)

    runs = wait_for_runs(session, [SECOND.run_id, FIRST.run_id, SECOND.run_id])

    assert [(run["run_id"], run["status"]) for run in runs] == [
        (SECOND.run_id, "succeeded"),
        (FIRST.run_id, "succeeded"),
    ]


def test_each_status_is_noted_once(bench: BulkBench, cli: Cli, session: Session, err: io.StringIO) -> None:
    add(bench)
    naps = count()
    cli.while_asleep = lambda: finish(bench) if next(naps) == 2 else None

    wait_for_runs(session, [FIRST.run_id])

    assert err.getvalue().splitlines() == [f"{FIRST.run_id}  pending", f"{FIRST.run_id}  succeeded"]


def test_a_run_that_never_ends_ends_the_wait_with_what_to_type(bench: BulkBench, session: Session) -> None:
    add(bench)
    begun = bench.clock()

    with pytest.raises(CommandError, match=f"run {FIRST.run_id} hasn't ended yet, it is pending, and 1 more") as caught:
        wait_for_runs(session, [FIRST.run_id, SECOND.run_id], limit=timedelta(minutes=3))

    assert caught.value.hint == f"aichats runs watch {FIRST.run_id} {SECOND.run_id}"
    waited = bench.clock() - begun
    assert timedelta(minutes=3) <= waited < timedelta(minutes=3, seconds=6)


def test_a_network_that_is_cut_for_a_time_ends_no_wait(
    bench: BulkBench, cli: Cli, session: Session, err: io.StringIO
) -> None:
    add(bench)
    begun = bench.clock()

    def cut(_: httpx.Request) -> None:
        if timedelta(seconds=1) < bench.clock() - begun < timedelta(minutes=1):
            raise httpx.ConnectError("cut")

    cli.interfere = cut
    cli.while_asleep = lambda: finish(bench) if bench.clock() - begun > timedelta(seconds=70) else None

    assert wait_for_runs(session, [FIRST.run_id])[0]["status"] == "succeeded"
    assert err.getvalue().count("can't reach https://api.example: cut; trying again") == 1


def test_a_network_that_stays_cut_ends_the_wait(bench: BulkBench, cli: Cli, session: Session) -> None:
    add(bench)
    begun = bench.clock()

    def cut(_: httpx.Request) -> None:
        raise httpx.ConnectError("cut")

    cli.interfere = cut

    with pytest.raises(CommandError, match="can't reach"):
        wait_for_runs(session, [FIRST.run_id])

    assert PATIENCE <= bench.clock() - begun < PATIENCE + timedelta(seconds=20)


def test_many_runs_that_are_each_read_at_the_second_try_end_no_wait(
    bench: BulkBench, cli: Cli, session: Session
) -> None:
    runs = [make_run(str(number)) for number in range(20)]
    bench.app.ledger.add(runs, lambda _: bench.clock.now)
    for run in runs:
        bench.app.ledger.finish(bench.app.ledger.claim(run, LEASE), "succeeded")
    left = dict.fromkeys((run.run_id for run in runs), ATTEMPTS)
    begun = bench.clock()

    def fail(request: httpx.Request) -> httpx.Response | None:
        run_id = request.url.path.rpartition("/")[2]
        left[run_id] -= 1
        return httpx.Response(503, json={}) if left[run_id] >= 0 else None

    cli.interfere = fail

    assert len(wait_for_runs(session, list(left))) == len(runs)
    assert bench.clock() - begun > PATIENCE


def test_a_laptop_that_wakes_up_before_its_network_ends_no_wait(bench: BulkBench, cli: Cli, session: Session) -> None:
    add(bench)
    failures = iter([httpx.ConnectError("cut")] * 3 * ATTEMPTS)

    def cut(_: httpx.Request) -> None:
        if failure := next(failures, None):
            raise failure

    sleeps = count(1)

    def sleep_at_night() -> None:
        if next(sleeps) == ATTEMPTS:  # The first read has failed.
            cli.while_asleep = lambda: finish(bench)
            bench.clock.forward(hours=8)

    cli.interfere, cli.while_asleep = cut, sleep_at_night

    assert wait_for_runs(session, [FIRST.run_id], limit=None)[0]["status"] == "succeeded"


def test_ctrl_c_ends_the_wait_with_what_to_type(bench: BulkBench, cli: Cli, session: Session, err: io.StringIO) -> None:
    add(bench)

    def stop() -> None:
        raise KeyboardInterrupt

    cli.while_asleep = stop

    with pytest.raises(KeyboardInterrupt):
        wait_for_runs(session, [FIRST.run_id])

    again = f"The runs go on without this command. To look again: aichats runs watch {FIRST.run_id}"
    assert err.getvalue().splitlines()[-1] == again


def test_a_command_to_type_never_has_thousands_of_ids() -> None:
    assert look_again(["a", "b"]) == "aichats runs watch a b"
    assert look_again(["a"] * (MAX_NAMED + 1)) == "aichats runs list --status pending,performing"


@pytest.mark.parametrize(
    "failure",
    [
        httpx.Response(503, json={"message": "Service Unavailable"}),
        httpx.Response(502, text="<html>Bad gateway</html>"),
    ],
    ids=["API Gateway", "a proxy"],
)
def test_a_server_that_fails_for_a_time_ends_no_wait(
    bench: BulkBench, cli: Cli, session: Session, failure: httpx.Response
) -> None:
    add(bench)
    failures = iter([failure] * 9)
    cli.interfere = lambda _: next(failures, None)
    cli.while_asleep = lambda: finish(bench)

    assert wait_for_runs(session, [FIRST.run_id])[0]["status"] == "succeeded"


def test_a_run_that_does_not_exist_ends_the_wait_at_once(bench: BulkBench, session: Session) -> None:
    begun = bench.clock()

    with pytest.raises(CommandError, match="doesn't exist"):
        wait_for_runs(session, [GONE])

    assert bench.clock() == begun


def test_no_runs_need_no_wait(session: Session, cli: Cli) -> None:
    assert wait_for_runs(session, []) == []
    assert cli.requests == []


def test_runs_that_did_not_succeed_are_an_error_that_names_them(bench: BulkBench, session: Session) -> None:
    add(bench)
    finish(bench, "failed")
    runs = wait_for_runs(session, [FIRST.run_id, SECOND.run_id])

    with pytest.raises(CommandError) as caught:
        check_success(runs)

    assert caught.value.message.splitlines() == [
        "2 of 2 runs did not succeed",
        f"  run {FIRST.run_id} failed: whop: 429",
        f"  run {SECOND.run_id} failed: whop: 429",
    ]
    assert caught.value.hint == f"aichats runs explain {FIRST.run_id}"
