"""The files in ``events/webhook/`` are deliveries of a fixed time, signed with the local cloud's secret."""

import json
from datetime import UTC, datetime, timedelta, tzinfo

import pytest

from aichats.api.routes import webhooks
from aichats.automations.definition_models import validated_automation
from aichats.bootstrap import Application
from functions.receive_webhook import app as receive_webhook
from tests.support.automations import listening
from tests.support.example_events import body_of, load, named
from tests.support.fakes import FakeSqs, Json, ScriptedTransport
from tests.support.lambda_calls import make_application, make_context

WEBHOOK = named("webhook")
WRONGLY_SIGNED = "wrong_signature"
"""The event that is rejected."""


@pytest.fixture(autouse=True)
def app(monkeypatch: pytest.MonkeyPatch, sqs: FakeSqs) -> Application:
    """The application of the function, with an automation that listens for the events."""
    app = make_application(ScriptedTransport(), sqs=sqs)
    monkeypatch.setattr(receive_webhook, "app", app)
    definition = listening("payment.failed", targets=("{{ event.account_id }}",))
    app.automations.put("failed-payments", validated_automation(definition))
    return app


def arrived(event: Json) -> datetime:
    return datetime.fromtimestamp(event["requestContext"]["timeEpoch"] / 1000, UTC)


def deliver(event: Json, time: datetime, monkeypatch: pytest.MonkeyPatch) -> Json:
    """Return the response to a delivery that arrives at this time."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Clock":
            return cls.fromtimestamp(time.timestamp(), tz)

    monkeypatch.setattr(webhooks, "datetime", Clock)
    answer: Json = receive_webhook.lambda_handler(event, make_context(seconds_left=10))
    return answer


@pytest.mark.parametrize("name", WEBHOOK)
def test_a_webhook_event_is_queued_for_its_account(
    name: str, app: Application, sqs: FakeSqs, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = load(WEBHOOK[name])

    answer = deliver(event, arrived(event), monkeypatch)

    if name == WRONGLY_SIGNED:
        assert (answer["statusCode"], sqs.sent) == (401, [])
        return
    assert answer["statusCode"] == 202
    [run_id] = json.loads(answer["body"])["run_ids"]
    assert [sent.run_id for sent in sqs.sent] == [run_id]
    row = app.ledger.get(run_id)
    assert row is not None
    assert (row.run.automation, row.run.target) == ("failed-payments", "biz_XXXXX")


@pytest.mark.parametrize("name", WEBHOOK)
def test_a_webhook_event_is_old_after_five_minutes(name: str, sqs: FakeSqs, monkeypatch: pytest.MonkeyPatch) -> None:
    event = load(WEBHOOK[name])

    answer = deliver(event, arrived(event) + timedelta(minutes=5, seconds=1), monkeypatch)

    assert (answer["statusCode"], sqs.sent) == (401, [])
    assert "webhook-timestamp is 301 s old" in answer["body"]


@pytest.mark.parametrize("name", WEBHOOK)
def test_a_webhook_event_is_one_of_payload_format_2(name: str) -> None:
    event = load(WEBHOOK[name])
    headers, context, request = event["headers"], event["requestContext"], event["requestContext"]["http"]

    route = "POST /webhooks/whop"
    assert (event["version"], event["routeKey"], context["routeKey"]) == ("2.0", route, route)
    assert f"{request['method']} {request['path']}" == f"POST {event['rawPath']}" == route
    assert list(headers) == sorted(header.lower() for header in headers)
    assert headers["content-length"] == str(len(body_of(event)))
    assert headers["host"] == context["domainName"]
    assert (headers["user-agent"], headers["x-forwarded-for"]) == (request["userAgent"], request["sourceIp"])
    assert headers["webhook-timestamp"] == str(int(arrived(event).timestamp()))
    assert "authorization" not in headers


def test_a_webhook_event_in_base64_equals_the_plain_one() -> None:
    plain, coded = load(WEBHOOK["payment_failed"]), load(WEBHOOK["payment_failed_base64"])

    assert body_of(coded) == body_of(plain)
    assert coded["headers"] == plain["headers"]
