"""The publisher: everything is published at least once, whatever fails, and nothing is lost in a large batch."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from aichats.aws.errors import NoResponseError, ResponseError
from aichats.aws.transactions import TRIES
from aichats.outbox.publish import NotPublishedError
from aichats.runs.action import Action
from aichats.runs.model import Run
from aichats.runs.queue import QueueError
from tests.support.actions import whop_create_chat, with_fields
from tests.support.crashing import Crash, FaultyAws, World, faulty_dynamodb
from tests.support.fakes import FakeEventBridge, Json, aws_error
from tests.support.ledgers import ERROR, LEASE, RUN, Clock, end, make_run, runs, with_error
from tests.support.outbox import Outbox
from tests.support.output import Output
from tests.support.watched_dynamodb import ScriptedDynamoDB, canceled

WATCHED = whop_create_chat(message_text="How was the week?", await_reply=True)

pytestmark = pytest.mark.usefixtures("pauses")


@pytest.fixture
def outbox(clock: Clock) -> Outbox:
    return Outbox(clock)


def fail(outbox: Outbox, failed: Sequence[Run]) -> list[Json]:
    """Store failed runs. Return their records."""
    outbox.ledger.add_ended(with_error(failed, ERROR), "failed")
    return outbox.take()


def ids(events: Sequence[Json]) -> list[str]:
    return [event["id"] for event in events]


def test_a_large_batch_is_published_whole(outbox: Outbox) -> None:
    records = fail(outbox, runs(250))

    assert outbox.publisher.handle(records) == {"events": 250}

    assert len(set(ids(outbox.bus.accepted))) == 250
    assert outbox.usage() == outbox.recount()


def test_two_ends_of_a_run_in_one_batch_are_two_events(outbox: Outbox) -> None:
    end(outbox.ledger, "failed")
    outbox.ledger.steering.replay(RUN.run_id)
    end(outbox.ledger, "succeeded")

    assert [event["type"] for event in outbox.publish()] == ["run.failed", "run.succeeded"]
    assert outbox.usage() == {("2026-11-20", "#biz_A"): {"succeeded": 1}}


def test_a_record_that_comes_twice_in_a_batch_is_published_once(outbox: Outbox) -> None:
    [record] = fail(outbox, [RUN])

    assert outbox.publisher.handle([record, record]) == {"events": 1}
    assert outbox.usage() == outbox.recount()


def test_events_that_the_bus_rejects_make_the_batch_come_again(clock: Clock, output: Output) -> None:
    bus = FakeEventBridge({0, 1}, {0, 1}, {1})
    outbox = Outbox(clock, bus=bus)
    records = fail(outbox, runs(3))

    with pytest.raises(NotPublishedError, match="1 of 3 events were not published: ThrottlingException"):
        outbox.publisher.handle(records)

    published = [line["event_id"] for line in output.logs if line["message"] == "event published"]
    assert sorted(published) == sorted(ids(bus.accepted))
    outbox.publisher.handle(records)
    assert len(set(ids(bus.accepted))) == 3
    assert len(bus.accepted) == 2 + 3, "the others come twice, under the same ids"


def test_a_transaction_that_meets_another_one_is_tried_again(clock: Clock) -> None:
    busy = [canceled("TransactionConflict", "None"), canceled("ThrottlingError", "None")] * 4
    outbox = Outbox(clock, ScriptedDynamoDB(*busy))

    outbox.publisher.handle(fail(outbox, [RUN]))

    assert outbox.usage() == outbox.recount()


def test_a_table_that_fails_makes_the_batch_come_again(clock: Clock) -> None:
    outbox = Outbox(clock, ScriptedDynamoDB(aws_error("InternalServerError")))
    records = fail(outbox, [RUN])

    with pytest.raises(ResponseError):
        outbox.publisher.handle(records)
    assert outbox.bus.accepted == []

    outbox.publisher.handle(records)
    assert len(outbox.bus.accepted) == 1


def replied(outbox: Outbox, run: Run, **attributes: Any) -> list[Json]:
    reply = {"replied_at": "2026-11-20T12:00:09.000Z", **attributes}
    outbox.ledger.items.update(run.run_id, reply, "attribute_exists(#run_id)")
    return outbox.take()


def test_a_change_that_can_never_be_stored_is_left_out_when_it_is_alone(outbox: Outbox, output: Output) -> None:
    broken, other = runs(2)
    fail(outbox, [broken, other])
    poison, fine = replied(outbox, broken, replied_at="9999-12-31T23:59:59.000Z"), replied(outbox, other)

    with pytest.raises(OverflowError):
        outbox.publisher.handle([*poison, *fine])
    assert outbox.publisher.handle(poison) == {"events": 0}

    [line] = [line for line in output.logs if line["message"] == "change can't be read"]
    assert line["keys"] == {"run_id": {"S": broken.run_id}}
    assert output.counted("EventsUnreadable") == 1


@pytest.mark.parametrize("error", [aws_error("ValidationException"), canceled("ValidationError", "None")])
def test_a_change_that_dynamodb_never_accepts_is_left_out(clock: Clock, output: Output, error: ResponseError) -> None:
    outbox = Outbox(clock, ScriptedDynamoDB(error))

    assert outbox.publisher.handle(fail(outbox, [RUN])) == {"events": 0}

    assert output.counted("EventsUnreadable") == 1


def test_a_change_that_cannot_be_stored_now_is_never_left_out(clock: Clock) -> None:
    for error in (aws_error("ThrottlingException"), canceled("None", "TransactionConflict")):
        outbox = Outbox(clock, ScriptedDynamoDB(*[error] * TRIES))
        with pytest.raises(ResponseError):
            outbox.publisher.handle(fail(outbox, [RUN]))


@pytest.mark.parametrize("fault", ["crash before", "crash after", "error before", "error after", "answer lost"])
@pytest.mark.parametrize("call", range(4))
def test_an_end_is_published_and_counted_once_even_if_the_publisher_dies_at_any_call(
    call: int, fault: str, clock: Clock
) -> None:
    world, bus = World(clock, LEASE), FakeEventBridge()
    outbox = Outbox(clock, faulty_dynamodb(world), bus=FaultyAws(world, bus))
    records = fail(outbox, runs(12))

    try:
        with world.process({call: fault}):
            outbox.publisher.handle(records)
    except (Crash, NoResponseError, NotPublishedError):
        outbox.publisher.handle(records)

    assert len(set(ids(bus.accepted))) == 12
    assert outbox.usage() == outbox.recount()


def test_the_log_names_each_event_and_shows_no_text(outbox: Outbox, output: Output) -> None:
    fail(outbox, [RUN])
    outbox.publisher.handle(outbox.records)

    [line] = [line for line in output.logs if line["message"] == "event published"]
    assert (line["type"], line["run_id"]) == ("run.failed", RUN.run_id)
    assert line["event_id"] == outbox.bus.accepted[0]["id"]
    assert "How was the week?" not in output.text


# ---------------------------------------------------------------------------------------------- watches


def succeed(outbox: Outbox, action: Action = WATCHED, **attributes: Any) -> list[Json]:
    run = make_run(action=action)
    outbox.ledger.finish(outbox.ledger.claim(run, LEASE), "succeeded", chat_id="aich_1")
    if attributes:
        outbox.ledger.items.update(run.run_id, attributes, "attribute_exists(#run_id)")
    return outbox.take()


def test_a_run_that_waits_for_a_reply_is_looked_at_after_fifteen_seconds(outbox: Outbox) -> None:
    outbox.publisher.handle(succeed(outbox))

    [message] = outbox.sqs.sent
    body = json.loads(message.body)
    assert (message.queue, message.delay) == ("https://runs", 15)
    assert (body["kind"], body["run_id"], body["looks"]) == ("watch", make_run(action=WATCHED).run_id, 0)


def test_a_run_that_waits_for_no_reply_is_not_looked_at(outbox: Outbox) -> None:
    outbox.publisher.handle(succeed(outbox, with_fields(WATCHED, await_reply=False)))

    assert outbox.sqs.sent == []


def test_a_run_that_has_its_reply_is_not_looked_at_again(outbox: Outbox) -> None:
    ended, *replied = succeed(outbox, replied_at="2026-11-20T12:00:09.000Z")
    assert ended
    outbox.publisher.handle(replied)

    assert outbox.sqs.sent == []


def test_a_failed_run_is_not_looked_at(outbox: Outbox) -> None:
    outbox.publisher.handle(fail(outbox, [make_run(action=WATCHED)]))

    assert outbox.sqs.sent == []


def test_a_watch_that_sqs_rejects_makes_the_batch_come_again(outbox: Outbox) -> None:
    records = succeed(outbox)
    outbox.sqs.rejects = lambda _: True
    with pytest.raises(QueueError):
        outbox.publisher.handle(records)

    outbox.sqs.rejects = lambda _: False
    outbox.publisher.handle(records)

    assert len(outbox.sqs.sent) == 1
    assert len(set(ids(outbox.bus.accepted))) == 1
