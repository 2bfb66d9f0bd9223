"""Deliveries: what is sent, when it is retried, and what a receiver that fails costs others."""

import json
from copy import replace
from datetime import timedelta
from typing import Any

import pytest

from aichats.http.deadline import time_limit
from aichats.http.receiver import ReceiverAnswer
from aichats.subscriptions.circuit import GIVE_UP_AFTER, PAUSES, RETRIES
from aichats.subscriptions.delivery_queue import DeliveryMessage, FlushMessage, RedeliveryMessage
from aichats.subscriptions.row import SubscriptionRow
from aichats.subscriptions.waiting import FIRST_PART
from tests.support.delivery_bench import SLOW_URL, DeliveryBench, Received, accept, fail, url_of
from tests.support.fakes import Sent
from tests.support.waiting import turns

PARTS = [10, 20, 40, 80, 160, 200, 5]
"""The numbers of deliveries in the parts of a flush of :data:`WAITING` deliveries."""
WAITING = sum(PARTS)


@pytest.fixture
def bench() -> DeliveryBench:
    return DeliveryBench()


def let_wait(bench: DeliveryBench, *names: str) -> None:
    """Let a receiver fail at the event of the run ``one``, so that the events of other runs wait."""
    bench.receivers.answers[url_of("crm")] = fail()
    bench.happen("one")
    bench.work()
    bench.happen(*names)
    bench.work()


def last_hour(bench: DeliveryBench, row: SubscriptionRow, **fields: Any) -> RedeliveryMessage:
    """Return the message that asks for the deliveries of the last hour again."""
    now = bench.clock()
    return RedeliveryMessage(
        subscription=row.name,
        created_at=row.created_at,
        redelivery="1",
        since=now - timedelta(hours=1),
        until=now,
        **fields,
    )


def test_an_event_reaches_each_subscription_that_wants_it(bench: DeliveryBench) -> None:
    bench.subscribe("crm")
    bench.subscribe("chat", filter="data.run_id == 'two'")
    bench.subscribe("off", enabled=False)
    bench.happen("one", "two")
    bench.work()

    assert sorted(bench.delivered("crm")) == ["one", "two"]
    assert bench.delivered("chat") == ["two"]
    assert bench.delivered("off") == []
    assert bench.statuses("crm") == ["delivered", "delivered"]


def test_a_duplicate_message_delivers_nothing_again(bench: DeliveryBench) -> None:
    bench.subscribe()
    [event] = bench.happen("one")
    bench.work()
    bench.fan_out.send([event])
    bench.work()
    assert bench.attempted() == ["one"]


def test_duplicates_in_one_batch_are_delivered_once(bench: DeliveryBench) -> None:
    bench.subscribe()
    [event] = bench.happen("one")
    bench.fan_out.send([event])
    bench.work()
    assert bench.attempted() == ["one"]


def test_a_subscription_that_was_deleted_gets_nothing_and_a_new_one_of_its_name_neither(bench: DeliveryBench) -> None:
    bench.subscribe()
    bench.happen("one")
    bench.subscriptions.delete("crm")
    bench.clock.forward(seconds=1)
    bench.subscribe()
    bench.work()
    assert bench.attempted() == []


def test_a_new_subscription_gets_nothing_that_waited_for_a_deleted_one_of_its_name(bench: DeliveryBench) -> None:
    bench.subscribe()
    let_wait(bench, "two")
    bench.subscriptions.delete("crm")
    bench.receivers.answers[url_of("crm")] = accept()
    bench.clock.forward(seconds=1)
    bench.subscribe()
    bench.happen("three")
    bench.live(hours=1)

    assert bench.delivered() == ["three"]
    assert bench.statuses() == ["delivered"]


def test_a_delivery_is_retried_by_its_schedule_and_then_given_up(bench: DeliveryBench) -> None:
    bench.subscribe()
    bench.receivers.answers[url_of("crm")] = fail(500)
    begun = bench.clock()
    bench.happen("one")
    bench.live(hours=80)

    attempts = [int(got.headers["webhook-timestamp"]) - int(begun.timestamp()) for got in bench.receivers.received]
    planned = [0]
    for wait in RETRIES:
        planned.append(planned[-1] + int(wait.total_seconds()))
    assert len(attempts) == len(planned)
    # The sweep sends the retries that are too late for a delay of SQS.
    assert all(0 <= at - plan <= 600 * place for place, (at, plan) in enumerate(zip(attempts, planned, strict=True)))
    [delivery] = bench.stored()
    assert (delivery.status, delivery.attempts, delivery.last_status) == ("failed", 10, 500)
    assert bench.row().failing_since == begun


def test_a_receiver_that_recovers_gets_everything_that_waited(bench: DeliveryBench) -> None:
    bench.subscribe()
    bench.receivers.answers[url_of("crm")] = fail(503)
    bench.happen("one")
    bench.work()
    for number in range(30):
        bench.happen(f"run-{number}")
        bench.pass_time(minutes=1)
    assert bench.delivered() == []
    del bench.receivers.answers[url_of("crm")]
    bench.pass_time(minutes=11)

    assert sorted(bench.delivered()) == sorted(["one", *(f"run-{number}" for number in range(30))])
    assert set(bench.statuses()) == {"delivered"}
    assert (bench.row().failures, bench.row().failing_since, bench.row().open_until) == (0, None, None)


def test_a_receiver_that_fails_again_costs_messages_for_a_part_of_what_waits_and_gets_all_of_it_later() -> None:
    handled: list[Sent] = []

    class CountingBench(DeliveryBench):
        def handle(self, batch: list[Sent]) -> list[str]:
            handled.extend(batch)
            return super().handle(batch)

    bench = CountingBench()
    bench.subscribe()
    bench.receivers.answers[url_of("crm")] = fail()
    bench.happen(*(f"run-{number}" for number in range(WAITING)))
    bench.work()
    attempts = len(bench.attempted())

    def answer(request: Received) -> ReceiverAnswer:
        is_probe = len(bench.attempted()) == attempts + 1
        return (accept() if is_probe else fail())(request)

    bench.receivers.answers[url_of("crm")] = answer
    handled.clear()
    bench.pass_time(seconds=7)
    assert len(bench.delivered()) == 1
    assert len(handled) < 3 * FIRST_PART

    del bench.receivers.answers[url_of("crm")]
    bench.live(hours=1)
    assert len(set(bench.delivered())) == WAITING


def waiting_flush(bench: DeliveryBench, count: int, **fields: Any) -> FlushMessage:
    """Let deliveries wait for a receiver that works again now. Return the message that sends them."""
    row = bench.subscribe()
    let_wait(bench, *(f"run-{number}" for number in range(count)))
    del bench.receivers.answers[url_of("crm")]
    bench.subscriptions.note_success(bench.row(), bench.clock(), slow=True)
    bench.sqs.sent.clear()
    now = bench.clock()
    until = now + GIVE_UP_AFTER
    return FlushMessage(subscription=row.name, created_at=row.created_at, until=until, started_at=now, **fields)


def kinds(bench: DeliveryBench) -> list[str]:
    """Return the kinds of the messages in the queues, and empty the queues."""
    found = [json.loads(sent.body)["kind"] for sent in bench.sqs.sent]
    bench.sqs.sent.clear()
    return found


def test_each_part_of_a_flush_has_twice_as_many_as_the_one_before_up_to_a_maximum_and_comes_a_second_later(
    bench: DeliveryBench,
) -> None:
    flush = waiting_flush(bench, WAITING)
    sizes: list[int] = []
    turn = turns()
    following: FlushMessage | None = flush
    while following is not None:
        next(turn)
        bench.waiting.flush(following)
        sent = [(json.loads(each.body), each.delay) for each in bench.sqs.sent]
        bench.sqs.sent.clear()
        rest = [(body, delay) for body, delay in sent if body["kind"] == "flush"]
        sizes.append(len(sent) - len(rest))
        assert [delay for _, delay in rest] in ([1], [])
        following = FlushMessage.model_validate(rest[0][0]) if rest else None

    assert sizes == PARTS


def test_copies_of_a_message_do_not_multiply_the_rest_of_a_flush(bench: DeliveryBench) -> None:
    flush = waiting_flush(bench, 3 * FIRST_PART)
    for _ in range(3):
        bench.waiting.flush(flush)

    assert kinds(bench).count("flush") == 1


def test_the_sweep_sends_what_waits_if_a_process_ends_after_it_claimed_the_rest_of_a_flush(
    bench: DeliveryBench,
) -> None:
    flush = waiting_flush(bench, 3 * FIRST_PART)
    assert bench.subscriptions.claim_flush(bench.row(), flush.place, held=flush.held)
    bench.waiting.flush(flush)
    assert kinds(bench).count("flush") == 0

    bench.live(minutes=10)

    assert set(bench.delivered()) == {"one", *(f"run-{number}" for number in range(3 * FIRST_PART))}


def test_a_later_flush_ends_an_earlier_one(bench: DeliveryBench) -> None:
    earlier = waiting_flush(bench, 3 * FIRST_PART)
    bench.waiting.flush(earlier.model_copy(update={"started_at": earlier.started_at + timedelta(seconds=15)}))
    assert kinds(bench).count("flush") == 1

    bench.waiting.flush(earlier)

    assert kinds(bench).count("flush") == 0


def test_while_a_receiver_fails_it_is_called_once_after_each_pause(bench: DeliveryBench) -> None:
    bench.subscribe()
    bench.receivers.answers[url_of("crm")] = fail()
    bench.happen(*(f"run-{number}" for number in range(10)))
    bench.work()
    first_burst = len(bench.attempted())
    assert first_burst == 10
    begun = bench.clock()
    bench.happen(*(f"later-{number}" for number in range(50)))
    bench.pass_time(minutes=40)

    later = [int(got.headers["webhook-timestamp"]) for got in bench.receivers.received[first_burst:]]
    waits = [at - int(begun.timestamp()) for at in later]
    assert waits == [5, 35, 155, 455, 1055, 1655, 2255]


def test_waiting_for_a_receiver_is_not_an_attempt(bench: DeliveryBench) -> None:
    bench.subscribe()
    let_wait(bench, "two")
    assert [(each.attempts, each.held) for each in bench.stored()] in ([(1, False), (0, True)], [(0, True), (1, False)])


def test_an_event_that_a_receiver_always_rejects_holds_up_its_other_events_for_seconds_only(
    bench: DeliveryBench,
) -> None:
    def answer(request: Received) -> ReceiverAnswer:
        return (fail(422) if request.event["data"]["run_id"] == "poison" else accept())(request)

    bench.subscribe()
    bench.receivers.answers[url_of("crm")] = answer
    bench.happen("poison")
    bench.pass_time(minutes=1)
    for number in range(60):
        bench.happen(f"run-{number}")
        bench.pass_time(seconds=60)
        assert bench.delivered()[-1] == f"run-{number}"
    assert bench.attempted().count("poison") <= 5


def test_a_receiver_that_fails_does_not_hold_up_others(bench: DeliveryBench) -> None:
    bench.subscribe("bad")
    bench.subscribe("good")
    bench.receivers.answers[url_of("bad")] = fail()
    bench.happen("one", "two", "three")
    bench.work()
    bench.happen("four")
    bench.work()
    assert sorted(bench.delivered("good")) == ["four", "one", "three", "two"]
    assert bench.row("good").failures == 0


def test_a_slow_receiver_gets_a_longer_limit_in_a_queue_of_its_own(bench: DeliveryBench) -> None:
    bench.subscribe()
    bench.receivers.answers[url_of("crm")] = accept(seconds=7)
    bench.happen("one")
    bench.pass_time(seconds=10)
    assert [got.limit for got in bench.receivers.received] == [5.0, 15.0]
    assert (bench.delivered(), bench.row().slow) == (["one"], True)
    bench.happen("two")
    assert [sent.queue for sent in bench.sqs.sent] == ["https://sqs/slow"]
    bench.receivers.answers[url_of("crm")] = accept(seconds=0.2)
    bench.work()
    assert not bench.row().slow


def test_events_that_waited_or_are_sent_again_do_not_delay_new_ones(bench: DeliveryBench) -> None:
    row = bench.subscribe()
    let_wait(bench, *(f"run-{number}" for number in range(8)))
    del bench.receivers.answers[url_of("crm")]
    queues: list[str] = []
    bench.clock.forward(seconds=6)
    turn = turns()
    while batch := bench.batch():
        next(turn)
        queues += [sent.queue for sent in batch if '"kind":"delivery"' in sent.body]
        bench.handle(batch)
    again = last_hour(bench, row)
    bench.redeliveries.perform(again)
    queues += [sent.queue for sent in bench.sqs.sent]
    bench.work()

    assert len(bench.delivered()) == 18
    assert set(queues) == {SLOW_URL}


def test_a_request_to_deliver_again_wins_over_an_old_message_in_the_same_batch(bench: DeliveryBench) -> None:
    row = bench.subscribe()
    [event] = bench.happen("one")
    bench.work()
    again = DeliveryMessage(subscription=row.name, created_at=row.created_at, event=event.envelope, redelivery="1")
    old = again.model_copy(update={"redelivery": None})
    bench.queue.send([again, old])
    bench.work()

    assert bench.delivered() == ["one", "one"]


def test_an_attempt_that_would_exceed_the_time_of_the_invocation_is_left_to_the_next_one(bench: DeliveryBench) -> None:
    bench.subscribe()
    bench.happen("one")
    with time_limit(10):
        assert bench.handle(bench.batch()) == []
    bench.work()
    assert bench.attempted() == [], "the message is delayed, so that invocations without time are rare"
    bench.pass_time(seconds=6)

    assert bench.delivered() == ["one"]
    assert bench.row().failures == 0


def test_a_search_for_failed_deliveries_reads_a_bounded_number_at_a_time(
    bench: DeliveryBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aichats.subscriptions.redeliver.PART_DELIVERIES", 3)
    row = bench.subscribe()
    for number in range(10):
        bench.happen(f"run-{number}")
        bench.clock.forward(seconds=1)
    bench.work()
    last = bench.stored()[-1]
    bench.deliveries.store(replace(last, status="failed"), bench.clock())
    asked = last_hour(bench, row, failed_only=True)
    bench.redeliveries.perform(asked)
    [rest] = bench.sqs.sent
    assert f'"after":"{bench.stored()[2].place}"' in rest.body
    bench.work()

    assert bench.delivered().count("run-9") == 2
    assert len(bench.delivered()) == 11


def test_a_receiver_that_fails_again_stops_the_messages_for_what_waits(bench: DeliveryBench) -> None:
    row = bench.subscribe()
    let_wait(bench, *(f"run-{number}" for number in range(20)))
    until = bench.clock() + GIVE_UP_AFTER
    now = bench.clock()
    flush = FlushMessage(subscription=row.name, created_at=row.created_at, until=until, started_at=now)
    bench.waiting.flush(flush)

    assert bench.sqs.sent == []


def test_an_attempt_that_succeeds_after_another_has_failed_sends_what_was_held_back_after_the_pause(
    bench: DeliveryBench,
) -> None:
    before = bench.subscribe()
    let_wait(bench, "two")
    bench.receivers.answers[url_of("crm")] = accept()
    bench.deliverer.note_success(before, ReceiverAnswer(200, 0.1))
    bench.pass_time(seconds=6)

    assert sorted(bench.delivered()) == ["one", "two"]


def test_what_waits_for_a_disabled_subscription_is_given_up_by_one_sweep(bench: DeliveryBench) -> None:
    bench.subscribe()
    let_wait(bench, *(f"run-{number}" for number in range(20)))
    bench.subscribe(enabled=False)
    bench.live(minutes=10)

    assert bench.statuses() == ["failed"] * 21


def test_a_receiver_that_takes_seconds_leaves_the_queue_of_the_others(bench: DeliveryBench) -> None:
    bench.subscribe()
    bench.receivers.answers[url_of("crm")] = accept(seconds=1.5)
    bench.happen("one")
    bench.work()
    bench.happen("two")

    assert [sent.queue for sent in bench.sqs.sent] == [SLOW_URL]


def test_a_receiver_may_ask_for_a_longer_pause(bench: DeliveryBench) -> None:
    bench.subscribe()
    bench.receivers.answers[url_of("crm")] = fail(429, retry_after=120)
    bench.happen("one")
    bench.pass_time(seconds=119)
    assert len(bench.attempted()) == 1
    bench.pass_time(seconds=2)
    assert len(bench.attempted()) == 2


def test_deliveries_that_wait_for_76_hours_are_given_up(bench: DeliveryBench) -> None:
    bench.subscribe()
    bench.receivers.answers[url_of("crm")] = fail()
    bench.happen("one")
    bench.work()
    bench.happen(*(f"run-{number}" for number in range(12)))
    bench.live(hours=GIVE_UP_AFTER / timedelta(hours=1) + 1)
    assert set(bench.statuses()) == {"failed"}
    assert len(bench.statuses()) == 13


def test_the_longest_pause_is_shorter_than_a_delay_of_sqs() -> None:
    assert max(PAUSES) <= timedelta(minutes=15)
