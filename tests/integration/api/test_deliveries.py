"""`/subscriptions/{name}/…`: a receiver is tested, its deliveries are listed, and events are delivered again."""

import json
from typing import Any

import pytest
from standardwebhooks import Webhook

from aichats.api.app import create_api
from aichats.events.log import Entry
from aichats.events.model import SentEvent
from aichats.runs.ledger.times import to_text
from aichats.subscriptions.signing import signing_secret
from tests.support.delivery_bench import FakeReceivers, accept, deliver_through, fail, run_event
from tests.support.fakes import FakeSecretsManager, FakeSqs, ScriptedTransport, Sent, aws_error
from tests.support.lambda_calls import SECRETS, Answer, HttpCaller, make_application
from tests.support.ledgers import Clock
from tests.support.subscriptions import URL, subscribing
from tests.support.waiting import turns

PATH = "/subscriptions/alerts"


class DeliveriesApi:
    """The API with the function that delivers behind its queue, and receivers that a test decides."""

    def __init__(self) -> None:
        self.clock, self.sqs, self.receivers = Clock(), FakeSqs(), FakeReceivers()
        self.app = make_application(ScriptedTransport(), FakeSecretsManager(SECRETS), clock=self.clock, sqs=self.sqs)
        deliver_through(self.app, self.receivers)
        self._call = HttpCaller(create_api(self.app).resolve)
        self("PUT", PATH, subscribing("run.*"))

    def __call__(self, method: str, path: str, body: object = None, **options: Any) -> Answer:
        return self._call(method, path, body, **options)

    def publish(self, *names: str) -> list[SentEvent]:
        """Publish events, one second after each other, and deliver them."""
        events = []
        for name in names:
            self.clock.forward(seconds=1)
            events.append(run_event(name, self.clock()))
        self.app.event_log.store([Entry.of(event) for event in events])
        self.app.outgoing.fan_out.send(events)
        self.work()
        return events

    def work(self) -> None:
        """Handle all messages of the queues, without waiting for those that are delayed."""
        turn = turns()
        while self.sqs.sent:
            next(turn)
            bodies: list[Sent] = []
            delayed: list[Sent] = []
            for sent in self.sqs.sent:
                (delayed if sent.delay else bodies).append(sent)
            self.sqs.sent.clear()
            records = [{"messageId": str(number), "body": sent.body} for number, sent in enumerate(bodies)]
            assert self.app.outgoing.messages.handle(records) == {"batchItemFailures": []}

    def deliveries(self, query: str = "") -> list[Any]:
        shown: list[Any] = self("GET", f"{PATH}/deliveries", query=query).json["data"]
        return shown

    @property
    def accepted(self) -> list[str]:
        return [got.event["data"]["run_id"] for got in self.receivers.accepted]


@pytest.fixture
def api() -> DeliveriesApi:
    return DeliveriesApi()


def test_a_test_sends_a_signed_event_now_and_returns_the_answer(api: DeliveriesApi) -> None:
    answer = api("POST", f"{PATH}/test")

    [got] = api.receivers.accepted
    assert answer.json == {"delivered": True, "event_id": got.event_id, "status": 200, "seconds": 0.1, "error": None}
    assert (got.event["type"], got.event["data"]) == ("subscription.test", {"subscription": "alerts"})
    assert got.limit == 10.0
    assert api.sqs.sent == []


def test_a_test_that_fails_says_why_and_changes_nothing(api: DeliveriesApi) -> None:
    api.receivers.answers[URL] = fail(404)

    answer = api("POST", f"{PATH}/test")

    assert answer.status == 200
    assert (answer.json["delivered"], answer.json["status"]) == (False, 404)
    assert answer.json["error"] == "receiver.example answered 404"
    assert api("GET", PATH).json["failing_since"] is None


def test_a_test_that_succeeds_sends_what_waits(api: DeliveriesApi) -> None:
    api.receivers.answers[URL] = fail()
    api.publish("one", "two")
    api.publish("three")
    assert [shown["waits_for_receiver"] for shown in api.deliveries()] == [True, False, False]
    api.receivers.answers[URL] = accept()
    api.clock.forward(minutes=6)

    api("POST", f"{PATH}/test")
    api.work()

    assert {shown["status"] for shown in api.deliveries()} == {"delivered"}


def test_deliveries_are_listed_newest_first_with_their_results(api: DeliveriesApi) -> None:
    [first] = api.publish("one")
    api.receivers.answers[URL] = fail(503)
    api.publish("two")

    newest, oldest = api.deliveries()

    assert oldest == {
        "event_id": first.id,
        "type": "run.failed",
        "event_time": to_text(first.time).replace(".000Z", "Z"),
        "run_id": "one",
        "status": "delivered",
        "attempts": 1,
        "waits_for_receiver": False,
        "next_attempt_at": None,
        "first_attempt_at": "2026-11-20T12:00:01Z",
        "last_attempt_at": "2026-11-20T12:00:01Z",
        "last_status": 200,
        "last_error": None,
        "seconds": 0.1,
    }
    assert (newest["status"], newest["last_status"], newest["last_error"]) == (
        "waiting",
        503,
        "receiver.example answered 503",
    )
    assert newest["next_attempt_at"] == "2026-11-20T12:00:07Z"
    assert api.deliveries("status=waiting") == [newest]


def test_the_deliveries_about_a_run_can_be_found(api: DeliveriesApi) -> None:
    api.publish("a" * 32, "b" * 32, "a" * 32)

    assert [shown["run_id"] for shown in api.deliveries("run_id=" + "a" * 32)] == ["a" * 32] * 2
    assert api("GET", f"{PATH}/deliveries", query="run_id=no").status == 422


def test_pages_of_deliveries_follow_each_other(api: DeliveriesApi) -> None:
    api.publish(*"abcde")
    first = api("GET", f"{PATH}/deliveries", query="limit=2").json
    second = api("GET", f"{PATH}/deliveries", query=f"limit=4&cursor={first['next_cursor'].replace('#', '%23')}").json
    assert [len(first["data"]), len(second["data"])] == [2, 3]
    assert second["next_cursor"] is None


def test_events_are_delivered_again_once_for_each_request(api: DeliveriesApi) -> None:
    api.publish("one", "two")
    since = {"since": "2026-11-20T12:00:02Z"}
    for _ in range(2):
        started = api("POST", f"{PATH}/redeliver", since, headers={"idempotency-key": "again"})
        api.work()
        assert started.status == 202
        api.clock.forward(minutes=1)
    assert sorted(api.accepted) == ["one", "two", "two"]
    api("POST", f"{PATH}/redeliver", since, headers={"idempotency-key": "once more"})
    api.work()
    assert sorted(api.accepted) == ["one", "two", "two", "two"]
    assert len({got.event_id for got in api.receivers.accepted}) == 2


def test_an_hour_has_ten_requests_to_deliver_again_and_a_retry_is_none(api: DeliveriesApi) -> None:
    api.publish("one")
    since = {"since": "2026-11-20T12:00:00Z"}
    asked = [api("POST", f"{PATH}/redeliver", since, headers={"idempotency-key": str(each)}) for each in range(11)]
    assert [each.status for each in asked] == [202] * 10 + [409]
    assert asked[-1].json["detail"] == (
        "events were delivered again 10 times in this hour, which is the maximum. Wait until the next hour begins"
    )
    assert api("POST", f"{PATH}/redeliver", since, headers={"idempotency-key": "0"}).status == 202
    api.clock.forward(hours=1)
    assert api("POST", f"{PATH}/redeliver", since, headers={"idempotency-key": "10"}).status == 202


def test_only_failed_deliveries_are_made_again_if_the_request_says_so(api: DeliveriesApi) -> None:
    api.publish("one")
    api("PUT", PATH, subscribing("run.*", enabled=False))
    api.clock.forward(seconds=1)
    event = run_event("two", api.clock())
    api.app.event_log.store([Entry.of(event)])
    api("PUT", PATH, subscribing("run.*"))
    api.app.outgoing.fan_out.send([event])
    api("PUT", PATH, subscribing("run.*", enabled=False))
    api.work()
    assert [shown["status"] for shown in api.deliveries()] == ["failed", "delivered"]
    api("PUT", PATH, subscribing("run.*"))

    api("POST", f"{PATH}/redeliver", {"since": "2026-11-01T00:00:00Z", "failed_only": True})
    api.work()

    assert api.accepted == ["one", "two"]


def test_other_types_than_those_of_the_request_are_left_out(api: DeliveriesApi) -> None:
    api.publish("one")
    body = {"since": "2026-11-20T00:00:00Z", "events": ["run.succeeded"]}
    api("POST", f"{PATH}/redeliver", body)
    api("POST", f"{PATH}/redeliver", body | {"events": ["run.*"], "until": "2026-11-20T11:00:00Z"})
    api.work()
    assert api.accepted == ["one"]


def test_many_events_are_delivered_again_in_parts(api: DeliveriesApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aichats.subscriptions.redeliver.PART_EVENTS", 3)
    names = [f"run-{number}" for number in range(10)]
    api.publish(*names)
    api("POST", f"{PATH}/redeliver", {"since": "2026-11-20T00:00:00Z"})
    api.work()
    assert sorted(api.accepted) == sorted([*names, *names])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "since"),
        ({"since": "2026-11-21T00:00:00Z"}, "since"),
        ({"since": "2026-11-20T10:00:00Z", "until": "2026-11-20T09:00:00Z"}, "since"),
        ({"since": "2026-11-20T10:00:00Z", "events": ["run.lost"]}, "events.0"),
        ({"since": "2026-11-20"}, "since"),
    ],
)
def test_an_invalid_redelivery_is_rejected(api: DeliveriesApi, body: object, field: str) -> None:
    answer = api("POST", f"{PATH}/redeliver", body)
    assert (answer.status, answer.json["errors"][0]["field"]) == (422, field)
    assert api.sqs.sent == []


def test_a_disabled_subscription_gets_no_redelivery(api: DeliveriesApi) -> None:
    api("PUT", PATH, subscribing("run.*", enabled=False))
    answer = api("POST", f"{PATH}/redeliver", {"since": "2026-11-20T10:00:00Z"})
    assert (answer.status, answer.json["detail"]) == (409, "subscription alerts is disabled. Enable it first, with PUT")


def test_a_redelivery_that_aws_may_not_have_taken_names_the_key_of_the_retry(api: DeliveriesApi) -> None:
    api.sqs.down = aws_error("ServiceUnavailable")
    answer = api("POST", f"{PATH}/redeliver", {"since": "2026-11-20T10:00:00Z"}, headers={"idempotency-key": "k"})
    assert answer.status == 503
    assert "k" in json.dumps(answer.json)
    api.sqs.down = None
    api.publish("one")


@pytest.mark.parametrize("suffix", ["test", "redeliver", "deliveries"])
def test_an_unknown_subscription_is_a_404(api: DeliveriesApi, suffix: str) -> None:
    method = "GET" if suffix == "deliveries" else "POST"
    body = {"since": "2026-11-20T10:00:00Z"} if suffix == "redeliver" else None
    assert api(method, f"/subscriptions/none/{suffix}", body).status == 404


def test_a_test_is_verified_by_the_reference_library(api: DeliveriesApi) -> None:
    api("POST", f"{PATH}/test")
    [got] = api.receivers.accepted
    row = api.app.subscriptions.get("alerts")
    assert row is not None
    secret = signing_secret(api.app.signing_key(), "alerts", row.key_ids[0].id)
    expected = Webhook(secret).sign(got.event_id, api.clock(), got.body.decode())
    assert got.headers["webhook-signature"] == expected
