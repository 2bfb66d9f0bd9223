"""The sweep of runs: what is sent again, how often, and in how much time."""

from collections.abc import Callable
from copy import replace
from datetime import timedelta
from itertools import count
from math import ceil
from typing import Any

import pytest

from aichats.runs.dispatch import Dispatcher
from aichats.runs.failures import with_next_check
from aichats.runs.ledger import reads as reader
from aichats.runs.perform import Outcome
from aichats.runs.providers.marks import mark_of
from aichats.runs.queue import Queue, QueueError
from aichats.runs.stranded import StrandedRuns
from tests.support.crashing import Crash
from tests.support.fakes import FakeSqs, ai_chat, aws_error, ok
from tests.support.kodey_bench import KodeyBench
from tests.support.kodey_in_memory import CREATE_KODEY
from tests.support.ledgers import (
    ERROR,
    LEASE,
    RUN,
    Clock,
    dynamodb,
    item,
    make_run,
    runs,
    spread_open_rows_less,
    stored,
)
from tests.support.providers import FakeKodeyProvider
from tests.support.waiting import turns
from tests.support.whop_bench import WhopBench

CHAT = ok(ai_chat(id="aich_1"))


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    return spread_open_rows_less(monkeypatch)


@pytest.fixture
def bench() -> WhopBench:
    return WhopBench()


@pytest.fixture
def clock(bench: WhopBench) -> Clock:
    return bench.clock


@pytest.fixture
def stranded(bench: WhopBench, sqs: FakeSqs) -> StrandedRuns:
    queue = Queue(lambda: sqs, "https://runs", "https://slow-runs", "https://dead-letters")
    return StrandedRuns(bench.ledger, Dispatcher(bench.ledger, bench.performer, queue))


def strand(stranded: StrandedRuns, clock: Clock, number: int = 1) -> None:
    """Runs whose messages got lost, five minutes ago."""
    stranded.ledger.add(runs(number), lambda _: clock.now)
    clock.forward(minutes=5)


def sweeps(stranded: StrandedRuns, clock: Clock, times: int) -> list[int]:
    """Return the number of runs that each of several sweeps sends, five minutes apart."""
    sent = []
    for _ in range(times):
        sent.append(stranded.resume()["resumed"])
        clock.forward(minutes=5)
    return sent


# ---------------------------------------------------------------------------------------------- how often


def test_a_run_that_was_sent_again_is_left_alone_longer_each_time(stranded: StrandedRuns, clock: Clock) -> None:
    strand(stranded, clock)

    sent = sweeps(stranded, clock, 24)

    assert sent == [1, 0, 1, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    clock.forward(hours=15)
    assert sum(sweeps(stranded, clock, 24)) == 2


def test_a_run_that_is_left_alone_is_claimed_as_soon_as_its_message_comes(
    stranded: StrandedRuns, bench: WhopBench, clock: Clock
) -> None:
    strand(stranded, clock)
    stranded.resume()
    bench.whop.script = [CHAT, CHAT]

    [outcome] = stranded.dispatcher.perform_batch([runs(1)[0].run_id], LEASE)

    assert isinstance(outcome, Outcome)
    assert outcome.state == "succeeded"
    assert not item(bench.ledger, runs(1)[0]).keys() & {"due_at", "ready_at", "open_state"}


def test_a_run_that_is_left_alone_is_shown_as_due_since_it_was(
    stranded: StrandedRuns, bench: WhopBench, clock: Clock
) -> None:
    due_at = clock.now
    strand(stranded, clock)
    stranded.resume()
    clock.forward(hours=1)
    stranded.resume()

    assert stored(bench.ledger, runs(1)[0]).due_at == due_at


def test_a_run_whose_process_dies_after_it_was_sent_again_is_found_at_the_end_of_its_lease(
    stranded: StrandedRuns, bench: WhopBench, clock: Clock
) -> None:
    strand(stranded, clock)
    stranded.resume()
    bench.ledger.claim(runs(1)[0].run_id, LEASE)
    clock.now += LEASE + 2 * bench.ledger.settle + timedelta(seconds=1)

    assert stranded.resume()["resumed"] == 1


def test_what_a_process_that_was_taken_for_dead_puts_back_waits_as_long_as_it_says(
    stranded: StrandedRuns, bench: WhopBench, clock: Clock
) -> None:
    row = bench.ledger.claim(bench.run, LEASE)
    clock.now += LEASE + 2 * bench.ledger.settle + timedelta(seconds=1)
    assert stranded.resume()["resumed"] == 1

    bench.ledger.put_back(row, clock.now + timedelta(minutes=10), unsettled_at=None, error=None)

    assert bench.row.due_at == clock.now + timedelta(minutes=10)
    assert bench.perform().state == "waiting"


def test_a_run_is_given_up_in_time_however_long_it_is_left_alone(
    stranded: StrandedRuns, bench: WhopBench, clock: Clock
) -> None:
    strand(stranded, clock)
    for _ in range(24):
        assert stranded.resume()["ended"] == 0
        clock.forward(hours=1)
    begun = stored(bench.ledger, runs(1)[0]).opened_at
    turn = turns()
    while stranded.resume()["ended"] == 0:
        next(turn)
        clock.forward(minutes=5)

    assert timedelta(hours=25) <= clock.now - begun <= timedelta(hours=25, minutes=10)


def test_a_run_that_is_given_up_keeps_its_last_error(stranded: StrandedRuns, clock: Clock) -> None:
    ledger = stranded.ledger
    ledger.put_back(ledger.claim(RUN, LEASE), clock.now, unsettled_at=None, error=ERROR)
    clock.forward(days=2)

    assert stranded.resume()["ended"] == 1

    assert stored(ledger).error == ERROR


def test_a_run_that_is_given_up_with_an_unknown_outcome_says_what_to_do_instead_of_a_next_check(
    stranded: StrandedRuns, bench: WhopBench, clock: Clock
) -> None:
    row = bench.ledger.claim(bench.run, LEASE)
    error = {"type": "OutcomeUnknownError", "message": "whop: the response was lost.", "provider": "whop"}
    bench.ledger.put_back(row, clock.now, unsettled_at=clock.now, error=with_next_check(error, clock.now))
    clock.forward(days=2)

    assert stranded.resume()["ended"] == 1

    assert bench.row.status == "unknown"
    assert bench.row.error == error | {
        "message": "the outcome is unknown: whop: the response was lost. Look for a chat whose title begins with "
        f"{mark_of(bench.row.title)}, then call POST /runs/{bench.run.run_id}/resolve"
    }


def test_a_run_whose_process_died_is_given_up_with_the_way_to_resolve_it(
    stranded: StrandedRuns, bench: WhopBench, clock: Clock
) -> None:
    bench.ledger.claim(bench.run, LEASE)
    clock.forward(days=2)

    assert stranded.resume()["ended"] == 1

    assert bench.row.error is not None
    assert bench.row.error["type"] == "GivenUp"
    assert f"call POST /runs/{bench.run.run_id}/resolve" in bench.row.error["message"]


def test_a_run_without_an_error_is_given_up_as_not_performed_in_time(stranded: StrandedRuns, clock: Clock) -> None:
    strand(stranded, clock)
    clock.forward(days=2)

    assert stranded.resume()["ended"] == 1

    assert stored(stranded.ledger, runs(1)[0]).error == {
        "type": "GivenUp",
        "message": "aichats could not perform the run within 24 hours",
    }


def test_a_cancelled_run_that_is_given_up_ends_cancelled_so_that_no_replay_performs_it(
    stranded: StrandedRuns, bench: WhopBench, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    row = bench.ledger.claim(bench.run, LEASE)
    bench.ledger.steering.cancel(bench.run.run_id, by="ann")
    bench.ledger.put_back(row, clock.now, unsettled_at=None, error=None)
    clock.forward(days=2)

    assert stranded.resume()["ended"] == 1

    assert (bench.row.status, bench.row.error) == ("cancelled", {"type": "Cancelled", "message": "cancelled by ann"})
    assert "RunsFailed" not in capsys.readouterr().out


def test_a_cancelled_run_of_unknown_outcome_is_given_up_as_unknown(
    stranded: StrandedRuns, bench: WhopBench, clock: Clock
) -> None:
    bench.ledger.claim(bench.run, LEASE)
    bench.ledger.steering.cancel(bench.run.run_id, by="ann")
    clock.forward(days=2)

    assert stranded.resume()["ended"] == 1

    assert bench.row.status == "unknown"


# ---------------------------------------------------------------------------------------------- many


def test_more_runs_than_fit_into_a_page_are_all_sent_and_spread_over_time(
    stranded: StrandedRuns, clock: Clock, sqs: FakeSqs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "BATCH_KEYS", 3)
    strand(stranded, clock, 60)

    assert stranded.resume() == {"resumed": 60, "ended": 0}

    assert {run_id for run_id, _ in sqs.runs} == {run.run_id for run in runs(60)}
    assert sorted(delay for _, delay in sqs.runs) == sorted(-(-number // 8) for number in range(60))


def test_the_runs_of_each_provider_are_spread_by_its_own_rate_limit(
    stranded: StrandedRuns, bench: WhopBench, clock: Clock, sqs: FakeSqs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "BATCH_KEYS", 7)
    monkeypatch.setattr(FakeKodeyProvider, "calls_per_minute", lambda _: 100)
    providers = {**bench.performer.providers, **KodeyBench().performer.providers}
    dispatcher = replace(stranded.dispatcher, performer=replace(bench.performer, providers=providers))
    at_kodey = [make_run(action=CREATE_KODEY, target=f"agent_{number}") for number in range(18)]
    stranded.ledger.add([*runs(20), *at_kodey], lambda _: clock.now)
    clock.forward(minutes=5)

    assert replace(stranded, dispatcher=dispatcher).resume()["resumed"] == 38

    delays = dict(sqs.runs)
    assert sorted(delays[run.run_id] for run in runs(20)) == [ceil(number / 8) for number in range(20)]
    pause = 2 * 60 / (0.95 * 100)
    assert sorted(delays[run.run_id] for run in at_kodey) == [ceil(number * pause) for number in range(18)]


def test_a_sweep_whose_time_is_up_goes_on_with_the_others_next_time(
    stranded: StrandedRuns, clock: Clock, sqs: FakeSqs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "BATCH_KEYS", 10)
    strand(stranded, clock, 60)
    sent: list[int] = []
    turn = turns()
    while not sent or sent[-1]:
        next(turn)
        sent.append(stranded.resume(after(3))["resumed"])

    assert len(sent) > 2
    assert sorted(run_id for run_id, _ in sqs.runs) == sorted(run.run_id for run in runs(60))


def after(times: int) -> Callable[[], bool]:
    """Return a function that says after this number of calls that the time is up."""
    asked = count(1)
    return lambda: next(asked) > times


def test_each_sweep_begins_with_another_part_of_the_ledger(
    stranded: StrandedRuns, clock: Clock, keys: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that what is always there in great numbers, and always first, starves nothing."""
    first: list[str] = []
    looked: list[str] = []
    query = dynamodb().query

    def note(**request: Any) -> Any:
        looked.append(request["ExpressionAttributeValues"][":open_state"]["S"])
        return query(**request)

    monkeypatch.setattr(dynamodb(), "query", note)
    for _ in range(4):
        looked.clear()
        sweeps(stranded, clock, 1)
        assert sorted(looked) == sorted(keys)
        first.append(looked[0])

    assert sorted(first) == sorted(keys)


# ---------------------------------------------------------------------------------------------- what goes wrong


def test_what_sqs_does_not_take_is_sent_by_the_next_sweep_and_the_rest_at_once(
    stranded: StrandedRuns, clock: Clock, sqs: FakeSqs
) -> None:
    strand(stranded, clock, 30)
    refusals = iter([True, True])
    sqs.rejects = lambda _: next(refusals, False)

    with pytest.raises(QueueError):
        stranded.resume()
    taken = {run_id for run_id, _ in sqs.runs}
    assert 0 < len(taken) < 30

    assert stranded.resume()["resumed"] == 30 - len(taken)
    assert {run_id for run_id, _ in sqs.runs} == {run.run_id for run in runs(30)}


def test_without_sqs_no_run_is_put_off(stranded: StrandedRuns, clock: Clock, sqs: FakeSqs) -> None:
    strand(stranded, clock, 3)
    sqs.down = aws_error("ServiceUnavailable")
    with pytest.raises(QueueError):
        stranded.resume()
    sqs.down = None

    assert stranded.resume()["resumed"] == 3


def test_a_sweep_that_dies_before_it_puts_a_run_off_sends_it_once_more(
    stranded: StrandedRuns, clock: Clock, sqs: FakeSqs
) -> None:
    strand(stranded, clock)
    dying = replace(stranded, ledger=replace(stranded.ledger, client=DiesAtUpdates()))
    with pytest.raises(Crash):
        dying.resume()
    assert len(sqs.sent) == 1

    assert stranded.resume()["resumed"] == 1
    assert len(sqs.sent) == 2


class DiesAtUpdates:
    """DynamoDB whose caller is killed when it changes a row."""

    def update_item(self, **_: Any) -> Any:
        raise Crash

    def __getattr__(self, name: str) -> Any:
        return getattr(dynamodb(), name)


def test_a_run_that_is_claimed_before_the_sweep_puts_it_off_stays_as_it_is(
    stranded: StrandedRuns, bench: WhopBench, clock: Clock, sqs: FakeSqs
) -> None:
    strand(stranded, clock)
    sqs.rejects = lambda _: bool(bench.ledger.claim(runs(1)[0].run_id, LEASE)) and False

    assert stranded.resume()["resumed"] == 1

    row = stored(bench.ledger, runs(1)[0])
    assert (row.status, row.due_at) == ("performing", clock.now + LEASE + bench.ledger.settle)


def test_two_sweeps_at_once_do_no_harm(stranded: StrandedRuns, bench: WhopBench, clock: Clock, sqs: FakeSqs) -> None:
    strand(stranded, clock)
    inner = [stranded.resume]

    def sweep_too(_: object) -> bool:
        if inner:
            inner.pop()()
        return False

    sqs.rejects = sweep_too
    stranded.resume()

    assert [sent.run_id for sent in sqs.sent] == [runs(1)[0].run_id] * 2
    assert bench.ledger.claim(runs(1)[0].run_id, LEASE).attempts == 1


def test_runs_of_other_slots_are_not_looked_at(stranded: StrandedRuns, bench: WhopBench, clock: Clock) -> None:
    bench.ledger.add([RUN], lambda _: clock.now + timedelta(hours=1))
    bench.ledger.add([make_run("now")], lambda _: clock.now)

    assert stranded.resume()["resumed"] == 0
