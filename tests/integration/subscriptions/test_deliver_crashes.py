"""Deliveries while processes die at each call, AWS fails, and several processes do the same work."""

from datetime import timedelta

import pytest

from aichats.aws.errors import AwsError
from tests.support.crashing import Crash, World
from tests.support.delivery_bench import DEAD_URL, NAME, DeliveryBench, accept, fail, url_of
from tests.support.fakes import Sent
from tests.support.ledgers import Clock
from tests.support.output import Output

FAULTS = ("crash before", "crash after", "error before", "error after", "answer lost")
INVISIBLE = timedelta(seconds=360)
"""The time until SQS delivers a message again whose process died."""
CALLS = 10
"""More calls to AWS than the handling of one message makes."""


@pytest.fixture
def world() -> World:
    return World(Clock(), timedelta(minutes=1))


@pytest.fixture
def bench(world: World) -> DeliveryBench:
    return DeliveryBench(world)


def handle(bench: DeliveryBench, world: World, batch: list[Sent], number: int, fault: str) -> bool:
    """Handle a batch with a fault at a call. Return whether SQS will deliver it again."""
    try:
        with world.process({number: fault}):
            return bool(bench.handle(batch))
    except (Crash, AwsError):
        # SQS notices that the process died, and Lambda reports an error to it.
        return True


def handle_next(bench: DeliveryBench, world: World, number: int, fault: str) -> bool:
    """Handle the next batch with a fault at a call. What failed becomes visible again later.

    Return ``False`` if nothing is visible.
    """
    batch = bench.batch()
    if batch and handle(bench, world, batch, number, fault):
        bench.visible += [(bench.clock() + INVISIBLE, sent) for sent in batch]
    return bool(batch)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("number", range(CALLS))
def test_an_event_is_delivered_if_its_process_dies_at_any_call(
    bench: DeliveryBench, world: World, number: int, fault: str
) -> None:
    bench.subscribe()
    bench.happen("one")
    handle_next(bench, world, number, fault)
    bench.live(minutes=15)

    assert set(bench.delivered()) == {"one"}
    assert len(bench.delivered()) <= 2
    assert bench.statuses() == ["delivered"]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("number", range(CALLS))
def test_a_failed_attempt_is_repeated_if_its_process_dies_at_any_call(
    bench: DeliveryBench, world: World, number: int, fault: str
) -> None:
    bench.subscribe()
    bench.receivers.answers[url_of(NAME)] = fail()
    bench.happen("one")
    handle_next(bench, world, number, fault)
    bench.receivers.answers[url_of(NAME)] = accept()
    bench.live(minutes=20)

    assert set(bench.delivered()) == {"one"}
    assert bench.statuses() == ["delivered"]
    assert bench.row().failures == 0


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("number", range(CALLS + 5))
def test_what_waits_is_sent_if_the_process_of_the_recovery_dies_at_any_call(
    bench: DeliveryBench, world: World, number: int, fault: str
) -> None:
    bench.subscribe()
    bench.receivers.answers[url_of(NAME)] = fail()
    bench.happen("one")
    bench.work()
    bench.happen("two", "three")
    bench.work()
    bench.receivers.answers[url_of(NAME)] = accept()
    bench.clock.now = bench.clock() + timedelta(seconds=6)
    while handle_next(bench, world, number, fault):
        pass
    bench.live(minutes=30)

    assert set(bench.delivered()) == {"one", "two", "three"}
    assert set(bench.statuses()) == {"delivered"}


@pytest.mark.parametrize("number", range(CALLS))
@pytest.mark.parametrize("works", [True, False])
def test_two_processes_with_the_same_message_agree(
    bench: DeliveryBench, world: World, number: int, *, works: bool
) -> None:
    bench.subscribe()
    bench.receivers.answers[url_of(NAME)] = accept() if works else fail()
    bench.happen("one")
    batch = bench.batch()
    world.meanwhile = lambda: bench.handle(batch)
    assert not handle(bench, world, batch, number, "meanwhile")
    bench.receivers.answers[url_of(NAME)] = accept()
    bench.live(minutes=15)

    assert set(bench.delivered()) == {"one"}
    assert bench.statuses() == ["delivered"]
    assert len({got.event_id for got in bench.receivers.received}) == 1


def test_two_processes_call_a_receiver_that_failed_only_once(bench: DeliveryBench) -> None:
    bench.subscribe()
    bench.receivers.answers[url_of(NAME)] = fail()
    bench.happen("one")
    bench.work()
    bench.happen("two", "three")
    bench.work()
    bench.clock.now = bench.clock() + timedelta(seconds=6)
    row = bench.row()
    claims = [bench.subscriptions.claim_probe(row, bench.clock() + timedelta(seconds=20)) for _ in range(2)]
    assert claims == [True, False]
    before = len(bench.receivers.received)
    bench.work()
    assert len(bench.receivers.received) == before


def test_a_process_that_dies_while_it_probes_blocks_the_receiver_for_seconds_only(bench: DeliveryBench) -> None:
    bench.subscribe()
    bench.receivers.answers[url_of(NAME)] = fail()
    bench.happen("one")
    bench.work()
    bench.subscriptions.claim_probe(bench.row(), bench.clock() + timedelta(seconds=20))
    bench.receivers.answers[url_of(NAME)] = accept()
    bench.live(minutes=10)
    assert bench.delivered() == ["one"]


def test_a_message_that_cannot_be_read_goes_to_the_dead_letters_and_stops_no_other(bench: DeliveryBench) -> None:
    bench.subscribe()
    bench.happen("one")
    rubbish = [Sent("https://sqs/quick", body) for body in ("no JSON", "{}", '{"kind": "probe", "version": 9}')]
    assert bench.handle([*rubbish, *bench.batch()]) == []
    assert bench.delivered() == ["one"]
    assert [sent.body for sent in bench.sqs.sent if sent.queue == DEAD_URL] == [sent.body for sent in rubbish]


def test_a_subscription_that_this_version_cannot_read_keeps_its_messages(bench: DeliveryBench) -> None:
    bench.subscribe()
    bench.subscribe("other")
    bench.happen("one")
    items = bench.subscriptions.items
    items.update(("subscriptions", NAME), {"format": "a newer one"}, items.is_present)
    batch = bench.batch()

    [failed] = bench.handle(batch)

    assert NAME in batch[int(failed)].body
    assert bench.delivered("other") == ["one"]
    items.update(("subscriptions", NAME), {"format": "standard"}, items.is_present)
    assert bench.handle([batch[int(failed)]]) == []
    assert bench.delivered() == ["one"]


def test_an_event_that_is_no_longer_stored_is_given_up(bench: DeliveryBench, output: Output) -> None:
    bench.subscribe()
    bench.receivers.answers[url_of(NAME)] = fail()
    [event] = bench.happen("one")
    bench.work()
    for item in list(bench.log.items.scan()):
        if item["pk"].startswith("events#"):
            bench.log.items.delete((item["pk"], item["sk"]), bench.log.items.is_present)
    bench.visible.clear()
    bench.live(minutes=15)
    [delivery] = bench.stored()
    assert (delivery.event_id, delivery.status, delivery.last_error) == (event.id, "failed", "the event is deleted")
    given_up = [line for line in output.logs if line["message"] == "delivery given up"]
    assert [(line["event_id"], line["reason"]) for line in given_up] == [(event.id, "the event is deleted")]
    assert output.counted("DeliveriesGivenUp") == 1
