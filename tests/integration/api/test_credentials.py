"""Answers of the API if a secret can't be read right now, or if a credential was replaced recently."""

import time
from copy import replace
from datetime import UTC, datetime, timedelta

import pytest

from aichats.api.app import create_api
from aichats.runs.providers.whop import WhopProvider
from aichats.whop.connections import fingerprint
from tests.support.fakes import FakeClock, FakeSecretsManager, ScriptedTransport, ai_chat, aws_error, error_response, ok
from tests.support.lambda_calls import SECRETS, WHOP_SECRET, HttpCaller, call_api, make_application

pytestmark = pytest.mark.usefixtures("one_attempt")

CREATE = ("POST", "/chats", {"message_text": "hello"})


def changed(ago: timedelta, previous: dict[str, str]) -> FakeSecretsManager:
    """Return secrets in which Whop's secret changed some time ago."""
    manager = FakeSecretsManager(SECRETS)
    manager.changed_at[WHOP_SECRET] = datetime.now(UTC) - ago
    manager.previous[WHOP_SECRET] = previous
    return manager


def test_a_create_waits_while_the_secret_cannot_be_read() -> None:
    whop = ScriptedTransport()
    answer = call_api(whop, FakeSecretsManager({**SECRETS, WHOP_SECRET: aws_error("ThrottlingException")}))(*CREATE)
    assert (answer.status, answer.json["status"]) == (202, "pending")
    assert answer.headers["location"] == f"/runs/{answer.json['run_id']}"
    assert whop.requests == []


def test_a_create_goes_on_with_the_value_that_is_known() -> None:
    clock, secrets = FakeClock(), FakeSecretsManager(SECRETS)
    application = make_application(ScriptedTransport(*[ok(ai_chat())] * 4), secrets)
    application.secrets.clock = clock
    api = HttpCaller(create_api(application).resolve)
    assert api(*CREATE).status == 201
    secrets.values[WHOP_SECRET] = aws_error("ThrottlingException")
    clock.now += 3600
    assert api(*CREATE).status == 201


def test_a_create_waits_if_the_credential_was_replaced_within_the_last_minutes() -> None:
    manager = changed(timedelta(minutes=10), {"api_key": "old"})
    assert call_api(ScriptedTransport(error_response(401)), manager)(*CREATE).status == 202


@pytest.mark.parametrize(("minutes", "previous"), [(20, {"api_key": "old"}), (1, {})], ids=["long ago", "first"])
def test_a_credential_that_was_replaced_long_ago_or_never_is_reported_as_rejected(
    minutes: int, previous: dict[str, str]
) -> None:
    manager = changed(timedelta(minutes=minutes), previous)
    assert call_api(ScriptedTransport(error_response(401)), manager)(*CREATE).status == 502


def test_each_create_with_a_key_that_is_wrong_gets_the_same_answer() -> None:
    api = call_api(ScriptedTransport(error_response(401), error_response(401)))
    assert [api(*CREATE).status for _ in range(2)] == [502, 502]


@pytest.mark.parametrize("call", [("GET", "/chats"), ("DELETE", "/chats/aich_1"), CREATE])
def test_a_rejected_credential_is_counted_once_whatever_the_call(
    call: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    counted: list[str] = []
    monkeypatch.setattr("aichats.api.app.count", counted.append)
    assert call_api(ScriptedTransport(error_response(401)))(*call).status == 502
    of_runs = capsys.readouterr().out.count('"CredentialsRejected": [1.0]')
    assert counted.count("CredentialsRejected") + of_runs == 1


def test_a_key_that_may_not_do_it_is_read_again_and_the_create_made_with_the_new_one() -> None:
    secrets = FakeSecretsManager(SECRETS)
    whop = ScriptedTransport(ok(ai_chat()), error_response(403), ok(ai_chat()), ok(ai_chat()))
    api = call_api(whop, secrets)
    api("GET", "/chats/aich_1")
    secrets.values[WHOP_SECRET] = {"api_key": "fixed"}
    assert api(*CREATE).status == 201
    assert [request.headers["authorization"] for request in whop.requests[2:]] == ["Bearer fixed"] * 2


def test_a_caller_that_was_revoked_while_the_process_was_frozen_is_out(monkeypatch: pytest.MonkeyPatch) -> None:
    wall, stopped = FakeClock(time.time()), time.monotonic()
    monkeypatch.setattr(time, "time", wall)
    monkeypatch.setattr(time, "monotonic", lambda: stopped)
    secrets = FakeSecretsManager(SECRETS)
    api = call_api(ScriptedTransport(), secrets)
    assert api("GET", "/runs").status == 200
    secrets.values["aichats/dev/callers"] = {}
    wall.now += 300
    assert api("GET", "/runs").status == 401


@pytest.mark.parametrize(("status", "expected"), [(401, [("default", fingerprint("oauth_token"))]), (403, [])])
def test_a_read_with_a_connection_that_whop_rejects_as_invalid_asks_for_its_renewal(
    status: int, expected: list[tuple[str, str]]
) -> None:
    tokens = {"refresh_token": "refresh", "access_token": "oauth_token", "expires_at": int(time.time()) + 3600}
    secrets = FakeSecretsManager({**SECRETS, f"{WHOP_SECRET}/default": {"oauth": {"client_id": "app_1", **tokens}}})
    application = make_application(ScriptedTransport(error_response(status)), secrets)
    asked: list[tuple[str, str | None]] = []
    whop = application.provider(WhopProvider)
    credentials = replace(whop.credentials, renew=lambda name, rejected: asked.append((name, rejected)))
    application.providers = {**application.providers, "whop": replace(whop, credentials=credentials)}

    assert HttpCaller(create_api(application).resolve)("GET", "/chats").status == 502
    assert asked == expected
