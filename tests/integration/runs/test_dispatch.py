"""The dispatcher: runs that it performs here, and runs that it sends to the queues."""

from collections import Counter
from copy import replace
from datetime import timedelta
from unittest.mock import Mock

import pytest

from aichats.aws.errors import NoResponseError
from aichats.aws.observability import metrics
from aichats.http.deadline import remaining, time_limit
from aichats.runs.dispatch import METRICS, Dispatcher
from aichats.runs.ledger.locks import Locks
from aichats.runs.perform import ALARMING, Outcome
from aichats.runs.queue import Queue, QueueError
from aichats.runs.stranded import StrandedRuns
from tests.support.crashing import FaultyAws, World
from tests.support.fakes import FakeSqs, ai_chat, aws_error, error_response, ok
from tests.support.kodey_bench import KodeyBench
from tests.support.kodey_in_memory import SEND_KODEY
from tests.support.ledgers import GONE, LEASE, NOON, dynamodb, make_run, overdue, runs
from tests.support.whop_bench import WhopBench

CHAT = ok(ai_chat(id="aich_1"))


@pytest.fixture
def bench() -> WhopBench:
    return WhopBench()


@pytest.fixture
def dispatcher(bench: WhopBench, sqs: FakeSqs) -> Dispatcher:
    return dispatcher_of(bench, sqs)


def dispatcher_of(bench: WhopBench, sqs: FakeSqs, world: World | None = None) -> Dispatcher:
    """Return a dispatcher whose DynamoDB fails as the world says."""
    queue = Queue(lambda: sqs, "https://runs", "https://slow-runs", "https://dead-letters")
    ledger = bench.ledger if world is None else replace(bench.ledger, client=FaultyAws(world, dynamodb()))
    return Dispatcher(ledger, replace(bench.performer, ledger=ledger, locks=Locks(ledger)), queue)


@pytest.fixture
def world(bench: WhopBench) -> World:
    return World(bench.clock, timedelta(minutes=1))


def counted() -> dict[str, float]:
    return {name: sum(metric["Value"]) for name, metric in metrics.metric_set.items()}


def test_a_run_that_goes_well_needs_no_message(dispatcher: Dispatcher, bench: WhopBench, sqs: FakeSqs) -> None:
    bench.whop.script = [CHAT, CHAT]

    assert dispatcher.perform(bench.run, LEASE).state == "succeeded"

    assert (sqs.sent, counted()) == ([], {"RunsSucceeded": 1})


def test_a_run_that_waits_gets_a_message_for_when_it_is_due(
    dispatcher: Dispatcher, bench: WhopBench, sqs: FakeSqs
) -> None:
    bench.whop.script = [error_response(500)]

    assert dispatcher.perform(bench.run, LEASE).state == "waiting"

    assert [(sent.run_id, sent.delay) for sent in sqs.sent] == [(bench.run.run_id, 60)]
    assert counted() == {"RunsWaiting": 1}


def test_a_run_that_is_found_waiting_gets_no_second_message_and_is_not_counted(
    dispatcher: Dispatcher, bench: WhopBench, sqs: FakeSqs
) -> None:
    bench.perform(error_response(500))

    assert dispatcher.perform(bench.run, LEASE).state == "waiting"

    assert (sqs.sent, counted()) == ([], {})


def test_a_run_whose_message_is_not_taken_is_left_to_the_sweep(
    dispatcher: Dispatcher, bench: WhopBench, sqs: FakeSqs, caplog: pytest.LogCaptureFixture
) -> None:
    bench.whop.script = [error_response(500)]
    sqs.rejects = lambda _: True

    assert dispatcher.perform(bench.run, LEASE).state == "waiting"

    assert [row.run for row in overdue(bench.ledger, bench.clock.now + timedelta(hours=1))] == [bench.run]
    assert "run left to the sweep" in caplog.text


def test_a_message_whose_run_must_wait_is_given_back_if_sqs_does_not_take_the_next(
    dispatcher: Dispatcher, bench: WhopBench, sqs: FakeSqs, caplog: pytest.LogCaptureFixture
) -> None:
    bench.ledger.add([bench.run], lambda _: bench.clock.now)
    bench.whop.script = [error_response(500)]
    sqs.rejects = lambda _: True

    [outcome] = dispatcher.perform_batch([bench.run.run_id], LEASE)

    assert isinstance(outcome, QueueError)
    [record] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert (record.getMessage(), vars(record)["reason"]) == ("run not sent", str(outcome))
    assert record.exc_info is None


def test_a_message_whose_run_does_not_exist_is_logged_as_such(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    dispatcher.perform_batch([GONE], LEASE)

    [record] = caplog.records
    assert (record.getMessage(), vars(record)["run_id"]) == ("run not found", GONE)
    assert record.exc_info is None


def test_a_key_error_in_the_code_is_logged_as_a_crash(
    dispatcher: Dispatcher, bench: WhopBench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.ledger.add([bench.run], lambda _: bench.clock.now)
    monkeypatch.setattr(type(bench.provider), "effect", Mock(side_effect=KeyError("a bug")))

    [outcome] = dispatcher.perform_batch([bench.run.run_id], LEASE)

    assert isinstance(outcome, KeyError)
    [record] = caplog.records
    assert (record.getMessage(), record.exc_info is not None) == ("run crashed", True)


def test_a_fan_out_is_spread_to_eight_a_second_and_to_a_quarter_of_an_hour_at_most(
    dispatcher: Dispatcher, bench: WhopBench, sqs: FakeSqs
) -> None:
    runs = [make_run(target=f"biz_{number}") for number in range(17)]

    dispatcher.enqueue(runs)

    assert [delay for _, delay in sqs.runs] == [0, *[1] * 8, *[2] * 8]
    due = [row.due_at for row in overdue(bench.ledger, bench.clock.now + timedelta(hours=1))]
    assert due == [bench.clock.now + timedelta(seconds=number / 8) for number in range(17)]


def test_runs_of_two_providers_are_each_spread_by_the_rate_limit_of_their_provider(
    dispatcher: Dispatcher, bench: WhopBench
) -> None:
    providers = {**bench.performer.providers, **KodeyBench().performer.providers}
    dispatcher = replace(dispatcher, performer=replace(dispatcher.performer, providers=providers))
    at_kodey = [make_run(action=SEND_KODEY, target=f"chat_{number}") for number in range(9)]
    earlier = Counter(kodey=10)

    dispatcher.enqueue([run for pair in zip(runs(9), at_kodey, strict=True) for run in pair], earlier)

    due = {row.run.run_id: row.due_at for row in overdue(bench.ledger, bench.clock.now + timedelta(hours=1))}
    assert [due[run.run_id] for run in runs(9)] == [bench.clock.now + timedelta(seconds=n / 8) for n in range(9)]
    pause = timedelta(seconds=2 * 60 / (0.95 * 1000))
    late = [abs((due[run.run_id] or NOON) - bench.clock.now - (10 + n) * pause) for n, run in enumerate(at_kodey)]
    assert max(late) < timedelta(milliseconds=2)
    assert earlier == {"whop": 9, "kodey": 19}


def test_no_message_comes_before_its_run_is_due(dispatcher: Dispatcher, bench: WhopBench, sqs: FakeSqs) -> None:
    dispatcher.enqueue([make_run(target=f"biz_{number}") for number in range(30)])

    for run_id, delay in sqs.runs:
        row = bench.ledger.get(run_id)
        assert row is not None
        assert row.due_at is not None
        assert row.due_at <= bench.clock.now + timedelta(seconds=delay)


def test_runs_that_a_caller_knows_are_performed_though_sqs_takes_no_message(
    dispatcher: Dispatcher, bench: WhopBench, sqs: FakeSqs, caplog: pytest.LogCaptureFixture
) -> None:
    runs = [make_run("one"), make_run("two")]
    sqs.down = aws_error("ServiceUnavailable")

    dispatcher.enqueue(runs)

    assert all((row := bench.ledger.get(run.run_id)) and row.is_open for run in runs)
    [record] = caplog.records
    assert (record.getMessage(), vars(record)["run_ids"]) == ("runs left to the sweep", [run.run_id for run in runs])
    sqs.down = None
    bench.clock.forward(minutes=2)
    assert StrandedRuns(bench.ledger, dispatcher).resume()["resumed"] == 2
    assert {sent.run_id for sent in sqs.sent} == {run.run_id for run in runs}


# ---------------------------------------------------------------------------------------------- DynamoDB fails


def test_the_same_call_starts_the_rest_of_a_fan_out_that_dynamodb_failed_in_the_middle_of(
    bench: WhopBench, sqs: FakeSqs, world: World
) -> None:
    many = runs(150)

    with world.process({1: "error before"}), pytest.raises(NoResponseError):
        dispatcher_of(bench, sqs, world).enqueue(many)
    assert [bench.ledger.get(run.run_id) is None for run in (many[99], many[100])] == [False, True]

    dispatcher_of(bench, sqs, world).enqueue(many)
    assert {run_id for run_id, _ in sqs.runs} == {run.run_id for run in many}


def test_a_run_that_is_due_later_than_sqs_can_delay_gets_a_message_again_and_again_until_it_is_due(
    dispatcher: Dispatcher, bench: WhopBench, sqs: FakeSqs
) -> None:
    bench.whop.script = [CHAT, CHAT]
    due_in, messages = timedelta(minutes=40), [0]
    bench.ledger.add([bench.run], lambda _: bench.clock.now + due_in)
    for _ in range(3):
        bench.clock.forward(seconds=messages[-1])
        [outcome] = dispatcher.perform_batch([bench.run.run_id], LEASE)
        assert isinstance(outcome, Outcome)
        assert (outcome.state, outcome.performed) == ("waiting", False)
        messages.append(sqs.sent.pop().delay)

    assert messages == [0, 900, 900, 600]
    bench.clock.forward(seconds=600)
    [outcome] = dispatcher.perform_batch([bench.run.run_id], LEASE)
    assert isinstance(outcome, Outcome)
    assert (outcome.state, sqs.sent) == ("succeeded", [])


def test_a_batch_gives_an_outcome_or_the_crash_of_each_in_order(dispatcher: Dispatcher, bench: WhopBench) -> None:
    gone = make_run("gone").run_id
    bench.ledger.finish(bench.ledger.claim(bench.run, LEASE), "succeeded", chat_id="aich_1")

    first, second = dispatcher.perform_batch([gone, bench.run.run_id], LEASE)

    assert isinstance(first, LookupError)
    assert isinstance(second, Outcome)
    assert (second.state, second.performed) == ("succeeded", False)
    assert dispatcher.perform_batch([], LEASE) == []


def test_the_deadline_applies_in_the_threads_of_a_batch(
    dispatcher: Dispatcher, bench: WhopBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[float] = []

    def look(*_: object) -> None:
        left.append(remaining(default=1000.0))
        raise LookupError

    monkeypatch.setattr(type(bench.performer), "perform", look)

    with time_limit(5.0):
        dispatcher.perform_batch([bench.run.run_id] * 3, LEASE)

    assert len(left) == 3
    assert max(left) <= 5.0


def test_each_state_that_a_run_can_come_to_has_a_metric() -> None:
    assert METRICS.keys() | ALARMING.keys() == {"succeeded", "failed", "unknown", "waiting"}
    assert METRICS.keys() & ALARMING.keys() == set()
