"""The events of runs: one for each end and each result of a reply, without texts, always with the same id."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from aichats.aws.observability import metrics
from aichats.runs.ledger.rows import EndStatus
from aichats.runs.model import Run
from tests.support.actions import whop_create_chat
from tests.support.fakes import Json, ai_chat
from tests.support.ledgers import ERROR, LEASE, NOON, RUN, Clock, end, make_run, stored
from tests.support.outbox import STACK, Outbox
from tests.support.output import Output

MISSED: Any = {"type": "Missed", "message": "the schedule did not fire for this slot"}


@pytest.fixture
def outbox(clock: Clock) -> Outbox:
    return Outbox(clock)


def change(outbox: Outbox, run: Run = RUN, **attributes: Any) -> None:
    """Change attributes of a run's row, as a part of aichats does that is not under test here."""
    outbox.ledger.items.update(run.run_id, attributes, "attribute_exists(#run_id)")


@pytest.mark.parametrize("status", ["succeeded", "failed", "unknown"])
def test_a_run_that_ends_is_one_event(status: EndStatus, outbox: Outbox) -> None:
    end(outbox.ledger, status)

    [event] = outbox.publish()

    assert event == {
        "id": event["id"],
        "type": f"run.{status}",
        "version": 1,
        "timestamp": "2026-11-20T12:00:00.000Z",
        "stack": STACK,
        "data": {
            "run_id": RUN.run_id,
            "automation": None,
            "trigger": "http",
            "slot": None,
            "target": "biz_A",
            "action": "whop.create_chat",
            "status": status,
            "chat_id": "aich_1" if status == "succeeded" else None,
            "attempts": 1,
            "labels": {},
            "error": None if status == "succeeded" else {"type": ERROR["type"], "message": ERROR["message"]},
            "created_at": "2026-11-20T12:00:00.000Z",
            "finished_at": "2026-11-20T12:00:00.000Z",
            "replied_at": None,
            "reply_seconds": None,
            "tokens": None,
            "reply_overdue_at": None,
            "reply_overdue_reason": None,
        },
    }


@pytest.mark.parametrize("status", ["failed", "missed", "skipped"])
def test_a_run_that_is_not_performed_is_one_event(status: Any, outbox: Outbox) -> None:
    outbox.ledger.add_ended([(RUN, MISSED)], status)

    [event] = outbox.publish()

    assert (event["type"], event["data"]["error"]) == (f"run.{status}", MISSED)


def test_a_cancelled_run_is_one_event(outbox: Outbox) -> None:
    outbox.ledger.add([RUN], lambda _: NOON)
    outbox.ledger.steering.cancel(RUN.run_id, by="ann", reason="a mistake")

    [event] = outbox.publish()

    assert event["type"] == "run.cancelled"
    assert event["data"]["error"]["message"] == "cancelled by ann: a mistake"


def test_a_run_that_has_not_ended_is_no_event(outbox: Outbox) -> None:
    row = outbox.ledger.claim(RUN, LEASE)
    outbox.ledger.put_back(row, NOON, unsettled_at=None, error=ERROR)

    assert outbox.publish() == []


def test_an_event_that_is_published_again_has_the_same_id(outbox: Outbox) -> None:
    end(outbox.ledger, "failed")
    first = outbox.publish()

    assert outbox.publish_again() == first


def test_a_resolved_run_is_a_new_event_at_the_time_of_the_decision(outbox: Outbox) -> None:
    end(outbox.ledger, "unknown")
    outbox.clock.forward(hours=3)
    outbox.ledger.steering.resolve(RUN.run_id, "succeeded", chat_id="aich_7", by="ann")

    unknown, resolved = outbox.publish()

    assert [unknown["type"], resolved["type"]] == ["run.unknown", "run.succeeded"]
    assert (resolved["timestamp"], resolved["data"]["chat_id"]) == ("2026-11-20T15:00:00.000Z", "aich_7")
    assert resolved["data"]["finished_at"] == unknown["data"]["finished_at"]


def test_a_replayed_run_that_ends_again_is_a_new_event_even_in_the_same_millisecond(outbox: Outbox) -> None:
    end(outbox.ledger, "failed")
    outbox.ledger.steering.replay(RUN.run_id)
    end(outbox.ledger, "failed")

    first, second = outbox.publish()

    assert first["type"] == second["type"] == "run.failed"
    assert first["id"] != second["id"]


def test_a_run_that_changes_after_its_end_is_no_new_event(outbox: Outbox) -> None:
    end(outbox.ledger, "failed")
    outbox.publish()

    outbox.ledger.steering.note_replacement(stored(outbox.ledger), ["a" * 32])
    change(outbox, action=None, title=None)

    assert outbox.publish() == []


def test_a_row_that_dynamodb_deletes_is_no_event(outbox: Outbox) -> None:
    end(outbox.ledger, "failed")
    outbox.publish()
    outbox.ledger.items.delete(RUN.run_id, "attribute_exists(#run_id)")
    records = outbox.stream.all_records()[-1:]

    assert records[0]["eventName"] == "REMOVE"
    assert outbox.published_by(lambda: outbox.publisher.handle(records)) == []


def test_a_reply_is_an_event_of_its_own(outbox: Outbox) -> None:
    end(outbox.ledger, "succeeded")
    outbox.publish()
    change(outbox, replied_at="2026-11-20T12:00:42.000Z", reply_seconds=Decimal("41.5"), tokens=Decimal("1234.5678"))

    [event] = outbox.publish()

    assert (event["type"], event["timestamp"]) == ("run.replied", "2026-11-20T12:00:42.000Z")
    assert event["data"]["status"] == "succeeded"
    assert event["data"]["replied_at"] == "2026-11-20T12:00:42.000Z"
    assert (event["data"]["reply_seconds"], event["data"]["tokens"]) == (41.5, "1234.5678")


def test_a_run_that_ends_with_its_reply_is_two_events(outbox: Outbox) -> None:
    outbox.ledger.add([RUN], lambda _: NOON)
    change(
        outbox,
        status="succeeded",
        ended="succeeded",
        finished_at="2026-11-20T12:00:09.000Z",
        replied_at="2026-11-20T12:00:08.000Z",
        reply_seconds=8,
    )

    ended, replied = outbox.publish()

    assert (ended["type"], replied["type"]) == ("run.succeeded", "run.replied")
    assert ended["id"] != replied["id"]
    assert (replied["data"]["reply_seconds"], replied["data"]["tokens"]) == (8.0, None)


def test_a_reply_that_is_overdue_is_an_event(outbox: Outbox) -> None:
    end(outbox.ledger, "succeeded")
    outbox.publish()
    change(outbox, reply_overdue_at="2026-11-20T14:00:15.000Z", reply_overdue_reason="the chat doesn't exist any more")

    [event] = outbox.publish()

    assert (event["type"], event["timestamp"]) == ("run.reply_overdue", "2026-11-20T14:00:15.000Z")
    assert event["data"]["reply_overdue_reason"] == "the chat doesn't exist any more"


def test_no_event_contains_a_text(outbox: Outbox) -> None:
    canary = "CANARY-7f3a"
    action = whop_create_chat(message_text=canary, title=canary)
    row = outbox.ledger.claim(make_run(action=action), LEASE)
    outbox.ledger.finish(row, "succeeded", chat_id="aich_1", result={"chat": ai_chat(title=canary), "reply": canary})
    outbox.ledger.add_ended([(make_run("two", action), MISSED)], "missed")

    assert len(outbox.publish()) == 2
    assert canary in json.dumps(outbox.records)
    assert canary not in json.dumps(outbox.bus.accepted)


def test_the_row_of_an_earlier_version_is_an_event(outbox: Outbox) -> None:
    end(outbox.ledger, "failed")
    [record] = outbox.take()
    image: Json = record["dynamodb"]["NewImage"]
    for name in ("api_version", "key_base", "calls", "lane", "made_at"):
        image.pop(name, None)

    [event] = outbox.published_by(lambda: outbox.publisher.handle([record]))

    assert event["type"] == "run.failed"


def test_an_item_that_cannot_be_read_stops_no_other(outbox: Outbox, output: Output) -> None:
    end(outbox.ledger, "failed")
    [record] = outbox.take()
    broken = json.loads(json.dumps(record))
    broken["dynamodb"]["NewImage"]["finished_at"] = {"S": "yesterday"}
    records = [broken, {"eventName": "MODIFY"}, {"dynamodb": {"Keys": {"run_id": {"S": "x"}}, "NewImage": {"a": {}}}}]

    [event] = outbox.published_by(lambda: outbox.publisher.handle([*records, record]))

    assert event["type"] == "run.failed"
    unreadable = [line["error"] for line in output.logs if line["message"] == "change can't be read"]
    assert unreadable == ["ValueError", "KeyError", "ValueError"]
    assert output.counted("EventsUnreadable") == 3


def test_the_lag_is_the_age_of_the_oldest_change(outbox: Outbox, output: Output) -> None:
    end(outbox.ledger, "failed")
    [record] = outbox.take()
    records = [json.loads(json.dumps(record)) for _ in range(2)]
    for number, each in enumerate(records):
        each["dynamodb"]["ApproximateCreationDateTime"] = (NOON - timedelta(seconds=90 * number)).timestamp()

    outbox.publisher.handle(records)
    metrics.flush_metrics()

    assert output.metrics[-1]["EventLag"] == [90.0]
    assert output.counted("EventsPublished") == 1
