"""Requests to receivers: the event, its signatures by the reference library, and the reply if it is wanted."""

import json
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from aichats.aws.observability import metrics
from aichats.events.model import SentEvent, event_id
from aichats.subscriptions.signing import signing_secret
from tests.support.delivery_bench import MASTER, NAME, DeliveryBench, Received, accept, fail, url_of


@pytest.fixture
def bench() -> DeliveryBench:
    return DeliveryBench()


def expected_signature(secret: str, got: Received) -> str:
    """Return the signature that the reference library makes for a request."""
    time = datetime.fromtimestamp(int(got.headers["webhook-timestamp"]), UTC)
    return Webhook(secret).sign(got.event_id, time, got.body.decode())


def replied(bench: DeliveryBench, type_: str = "run.replied") -> SentEvent:
    return SentEvent(event_id("one", type_), type_, bench.clock(), "aichats", {"run_id": "one", "status": "succeeded"})


def store_reply(bench: DeliveryBench, result: object) -> None:
    bench.runs.put({"run_id": "one", "result": json.dumps(result)})


def test_each_attempt_has_a_signature_that_the_reference_library_makes_too(bench: DeliveryBench) -> None:
    bench.subscribe()
    bench.subscribe("chat", format="slack")
    bench.receivers.answers[url_of(NAME)] = fail()
    [event] = bench.happen("one")
    bench.pass_time(minutes=1)
    bench.receivers.answers[url_of(NAME)] = accept()
    bench.pass_time(minutes=5)

    received = bench.receivers.received
    assert len(received) >= 4
    for got in received:
        secret = bench.secret(NAME if got.url == url_of(NAME) else "chat")
        assert got.headers["webhook-signature"] == expected_signature(secret, got)
    assert {got.event_id for got in received} == {event.id}
    first, *_, last = [got for got in received if got.url == url_of(NAME)]
    assert first.body == last.body == json.dumps(event.envelope, separators=(",", ":"), ensure_ascii=False).encode()
    assert int(last.headers["webhook-timestamp"]) > int(first.headers["webhook-timestamp"])
    assert first.headers["content-type"] == "application/json"


def test_after_a_rotation_both_keys_sign_for_a_day(bench: DeliveryBench) -> None:
    bench.subscribe()
    old = bench.secret()
    bench.subscriptions.rotate(NAME)
    new = bench.secret()
    bench.happen("one")
    bench.work()
    bench.clock.forward(hours=25)
    bench.happen("two")
    bench.work()

    first, second = bench.receivers.received
    assert first.headers["webhook-signature"].split(" ") == [
        expected_signature(new, first),
        expected_signature(old, first),
    ]
    assert second.headers["webhook-signature"] == expected_signature(new, second)
    assert new == signing_secret(MASTER, NAME, bench.row().key_ids[0].id)


@pytest.mark.parametrize("type_", ["run.replied", "run.succeeded"])
def test_the_text_of_a_reply_is_sent_only_to_a_subscription_that_wants_it(bench: DeliveryBench, type_: str) -> None:
    bench.subscribe("with", include_reply=True)
    bench.subscribe("without")
    store_reply(bench, {"reply": {"id": "msg_1", "content": "Revenue grew."}})
    bench.publish(replied(bench, type_))
    bench.work()

    data = {got.url: got.event["data"] for got in bench.receivers.accepted}
    assert data[url_of("with")] == {"run_id": "one", "status": "succeeded", "reply": "Revenue grew."}
    assert data[url_of("without")] == {"run_id": "one", "status": "succeeded"}
    stored = [json.dumps(item, default=str) for item in bench.log.items.scan()]
    assert [item for item in stored if "Revenue" in item] == []


@pytest.mark.parametrize("result", [{}, {"reply": None}, {"chat": {"id": "aich_1"}}, {"reply": {"content": None}}])
def test_a_run_without_a_stored_reply_is_sent_without_one(bench: DeliveryBench, result: object) -> None:
    bench.subscribe(include_reply=True)
    store_reply(bench, result)
    bench.publish(replied(bench))
    bench.work()
    [got] = bench.receivers.accepted
    assert "reply" not in got.event["data"]


def test_a_run_that_is_deleted_is_sent_without_its_reply(bench: DeliveryBench) -> None:
    bench.subscribe(include_reply=True)
    bench.publish(replied(bench))
    bench.work()
    assert len(bench.receivers.accepted) == 1


def test_another_event_contains_no_reply(bench: DeliveryBench) -> None:
    bench.subscribe(include_reply=True)
    store_reply(bench, {"reply": {"content": "Revenue grew."}})
    bench.happen("one")
    bench.work()
    [got] = bench.receivers.accepted
    assert "reply" not in got.event["data"]


def test_a_long_reply_is_shortened(bench: DeliveryBench) -> None:
    bench.subscribe(include_reply=True)
    store_reply(bench, {"reply": {"content": "x" * 200_000}})
    bench.publish(replied(bench))
    bench.work()
    [got] = bench.receivers.accepted
    assert len(got.event["data"]["reply"]) == 100_000


def test_the_log_shows_neither_the_path_of_a_url_nor_a_secret(
    bench: DeliveryBench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.subscribe()
    bench.receivers.answers[url_of(NAME)] = fail()
    bench.happen("one")
    bench.pass_time(minutes=10)
    bench.clock.forward(minutes=10)
    bench.sweep()
    shown = capsys.readouterr().out
    assert bench.secret() not in shown
    assert url_of(NAME) not in shown


def test_a_receiver_that_fails_for_15_minutes_is_counted_at_each_sweep(bench: DeliveryBench) -> None:
    def failing() -> list[float]:
        metrics.clear_metrics()
        bench.sweep()
        found: list[float] = metrics.metric_set["SubscriptionsFailing"]["Value"]
        return found

    bench.subscribe()
    bench.subscribe("off")
    bench.receivers.answers[url_of(NAME)] = bench.receivers.answers[url_of("off")] = fail()
    bench.happen("one")
    bench.pass_time(minutes=14)
    assert failing() == [0.0]
    bench.subscribe("off", enabled=False)
    bench.pass_time(minutes=1, seconds=1)
    assert failing() == [1.0]
    bench.receivers.answers[url_of(NAME)] = accept()
    bench.live(minutes=40)
    assert failing() == [0.0]
