"""`/subscriptions`: a subscription is stored, shown without its secret, rotated and deleted."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook

from aichats.api.app import create_api
from aichats.aws.attributes import encode
from aichats.bootstrap import Application
from aichats.subscriptions.signing import sign_delivery, signing_secret
from tests.support.fakes import FakeSecretsManager, ScriptedTransport
from tests.support.lambda_calls import EVENTS_SECRET, SECRETS, Answer, HttpCaller, make_application
from tests.support.ledgers import Clock, dynamodb
from tests.support.output import Output
from tests.support.subscriptions import URL, subscribing

PATH = "/subscriptions/alerts"


class SubscriptionsApi:
    """The API with a clock that the test sets."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        self.secrets = FakeSecretsManager(SECRETS)
        self.app: Application = make_application(ScriptedTransport(), self.secrets, clock=self.clock, **settings)
        self._call = HttpCaller(create_api(self.app).resolve)

    def __call__(self, method: str, path: str = PATH, body: object = None, **options: Any) -> Answer:
        return self._call(method, path, body, **options)

    def fail(self) -> None:
        """Let an attempt to deliver an event fail."""
        row, now = self.app.subscriptions.get("alerts"), self.clock()
        assert row is not None
        self.app.subscriptions.note_failure(row, "answered 500", now, now + timedelta(seconds=30), slow=True)


@pytest.fixture
def api() -> SubscriptionsApi:
    return SubscriptionsApi()


def verifies(api: SubscriptionsApi, secret: str) -> bool:
    """Return whether a secret verifies what is signed now."""
    row, now = api.app.subscriptions.get("alerts"), api.clock()
    assert row is not None
    keys = [key.id for key in row.keys_at(now)]
    signed = sign_delivery([signing_secret(api.app.signing_key(), "alerts", key) for key in keys], "evt_1", 1, b"{}")
    expected = Webhook(secret).sign("evt_1", datetime.fromtimestamp(1, UTC), "{}")
    return expected in signed.split(" ")


def test_a_new_subscription_shows_its_secret_once(api: SubscriptionsApi) -> None:
    created = api("PUT", PATH, subscribing("run.*", description="For the team"))
    again = api("PUT", PATH, subscribing("run.*", description="For the team"))
    got, listed = api("GET"), api("GET", "/subscriptions")

    assert (created.status, again.status) == (201, 200)
    assert created.headers["location"] == PATH
    assert created.headers["etag"] == again.headers["etag"] == got.headers["etag"] == got.json["etag"]
    assert created.json == got.json | {"secret": created.json["secret"]}
    assert again.json == got.json
    assert listed.json == {"data": [got.json]}
    for answer in (again, got, listed):
        assert "whsec_" not in answer.body
    assert got.json == {
        "name": "alerts",
        "url": URL,
        "events": ["run.*"],
        "filter": None,
        "format": "standard",
        "enabled": True,
        "include_reply": False,
        "description": "For the team",
        "failing_since": None,
        "last_error": None,
        "last_success_at": None,
        "next_attempt_at": None,
        "previous_secret_until": None,
        "created_at": "2026-11-20T12:00:00Z",
        "updated_at": "2026-11-20T12:00:00Z",
        "created_by": "local",
        "updated_by": "local",
        "etag": got.headers["etag"],
    }


def test_what_get_returns_can_be_put_back_with_a_change(api: SubscriptionsApi) -> None:
    api("PUT", PATH, subscribing())
    got = api("GET")

    changed = api("PUT", PATH, got.json | {"enabled": False}, headers={"if-match": got.headers["etag"]})

    assert (changed.status, changed.json["enabled"]) == (200, False)
    stale = api("PUT", PATH, got.json | {"enabled": True, "description": "x"}, headers={"if-match": got.json["etag"]})
    assert (stale.status, stale.json["title"]) == (412, "Precondition failed")
    renamed = api("PUT", "/subscriptions/other", got.json)
    assert (renamed.status, renamed.fields) == (422, ["name"])


def test_the_state_of_a_failing_receiver_is_shown(api: SubscriptionsApi) -> None:
    api("PUT", PATH, subscribing())
    api.fail()

    shown = api("GET").json

    assert (shown["failing_since"], shown["last_error"]) == ("2026-11-20T12:00:00Z", "answered 500")
    assert shown["next_attempt_at"] == "2026-11-20T12:00:30Z"


@pytest.mark.parametrize(
    "url",
    [
        "http://receiver.example/events",
        "https://user:password@receiver.example/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1:8443/",
        "https://localhost/",
        "https://receiver.example:0/",
        "ftp://receiver.example/",
        "receiver.example",
        "http://127.0.0.1:8003/",
    ],
)
def test_a_url_that_is_not_public_and_secured_is_rejected(api: SubscriptionsApi, url: str) -> None:
    answer = api("PUT", PATH, subscribing(url=url))

    assert (answer.status, answer.fields) == (422, ["url"])
    assert api("GET").status == 404


def test_only_a_local_stack_takes_a_receiver_on_this_machine() -> None:
    settings = {"loopback_receivers": "allowed", "aws_endpoint_url": "http://127.0.0.1:4566"}
    api = SubscriptionsApi(**settings)

    assert api("PUT", PATH, subscribing(url="http://127.0.0.1:8003/")).status == 201
    assert api("PUT", PATH, subscribing(url="http://10.0.0.1:8003/")).status == 422


def test_an_unknown_event_is_rejected_with_the_nearest_one(api: SubscriptionsApi) -> None:
    answer = api("PUT", PATH, subscribing("run.faild"))

    assert (answer.status, answer.fields) == (422, ["events.0"])
    assert "did you mean run.failed?" in answer.json["detail"]


def test_the_hundred_and_first_subscription_is_a_conflict(api: SubscriptionsApi) -> None:
    for number in range(100):
        assert api("PUT", f"/subscriptions/s-{number}", subscribing()).status == 201

    answer = api("PUT", PATH, subscribing())

    assert (answer.status, answer.json["title"]) == (409, "Conflict")
    assert "Delete one of them first" in answer.json["detail"]
    assert len(api("GET", "/subscriptions").json["data"]) == 100


def test_a_deleted_subscription_is_gone(api: SubscriptionsApi) -> None:
    etag = api("PUT", PATH, subscribing()).headers["etag"]

    assert api("DELETE", PATH, headers={"if-match": '"other"'}).status == 412
    assert api("DELETE", PATH, headers={"if-none-match": "*"}).status == 422
    assert api("DELETE", PATH, headers={"if-match": etag}).status == 204
    assert [api(method).status for method in ("GET", "DELETE")] == [404, 404]
    assert api("POST", f"{PATH}/rotate").status == 404


def test_after_a_rotation_both_secrets_verify_for_a_day(api: SubscriptionsApi) -> None:
    old = api("PUT", PATH, subscribing()).json["secret"]

    answer = api("POST", f"{PATH}/rotate")

    new = answer.json["secret"]
    assert (answer.status, answer.json["previous_secret_until"]) == (200, "2026-11-21T12:00:00Z")
    assert api("GET").json["previous_secret_until"] == "2026-11-21T12:00:00Z"
    assert "whsec_" not in api("GET").body
    assert new != old
    assert (verifies(api, old), verifies(api, new)) == (True, True)
    api.clock.forward(hours=24)
    assert (verifies(api, old), verifies(api, new)) == (False, True)
    assert api("GET").json["previous_secret_until"] is None


def test_a_retried_rotation_returns_the_same_secret_and_keeps_the_old_one(api: SubscriptionsApi) -> None:
    old = api("PUT", PATH, subscribing()).json["secret"]
    first, second = (api("POST", f"{PATH}/rotate", headers={"idempotency-key": "one"}) for _ in range(2))

    assert first.json == second.json
    assert verifies(api, old)
    third = api("POST", f"{PATH}/rotate", headers={"idempotency-key": "two"})
    assert third.json["secret"] != first.json["secret"]
    assert not verifies(api, old)


@pytest.mark.parametrize("value", [{}, {"signing_key": ""}, {"signing_key": 5}])
def test_without_a_usable_signing_key_nothing_is_stored_and_the_command_is_shown(
    api: SubscriptionsApi, value: dict[str, Any]
) -> None:
    api.secrets.values[EVENTS_SECRET] = value

    answer = api("PUT", PATH, subscribing())

    assert (answer.status, answer.json["title"]) == (500, "Secret unusable")
    assert "aichats admin secret set events" in answer.json["detail"]
    assert api("GET").status == 404


def test_a_subscription_that_cannot_be_read_is_reported_and_can_be_replaced_or_deleted(api: SubscriptionsApi) -> None:
    api("PUT", PATH, subscribing())
    item = api.app.subscriptions.items.get(("subscriptions", "alerts")) or {}
    dynamodb().put_item(TableName=api.app.subscriptions.items.name, Item=encode(item | {"format": "teams"}))

    answers = [api("GET"), api("POST", f"{PATH}/rotate")]

    assert [(answer.status, answer.json["title"]) for answer in answers] == [(500, "Subscription unreadable")] * 2
    assert "Replace it with PUT, or delete it" in answers[0].json["detail"]
    assert api("GET", "/subscriptions").json == {"data": []}
    assert api("PUT", PATH, subscribing()).status == 200
    assert api("GET").status == 200


def test_no_secret_and_no_url_is_logged(api: SubscriptionsApi, output: Output) -> None:
    url = f"{URL}/T000/B000/hidden-part"
    created = api("PUT", PATH, subscribing(url=url))
    rotated = api("POST", f"{PATH}/rotate")
    api("PUT", PATH, subscribing("run.faild", url=url))
    api("PUT", PATH, subscribing(url=url.replace("https", "http")))
    api("DELETE")

    messages = [line["message"] for line in output.logs]
    assert messages[:2] == ["subscription created", "secret of a subscription rotated"]
    assert messages[-1] == "subscription deleted"
    for hidden in (created.json["secret"][6:], rotated.json["secret"][6:], "hidden-part"):
        assert hidden not in output.text
