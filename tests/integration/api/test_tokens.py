"""Tokens are checked before anything else, then scopes."""

import re
from datetime import timedelta

import pytest

from aichats.api.app import create_api
from aichats.runs.ledger.times import to_text
from tests.support.fakes import (
    FakeClock,
    FakeSecretsManager,
    Json,
    ScriptedTransport,
    SecretValue,
    ai_chat,
    aws_error,
    ok,
    page,
)
from tests.support.lambda_calls import (
    CALLERS_SECRET,
    LOCAL,
    READER,
    SECRETS,
    WRITER,
    HttpCaller,
    call_api,
    make_application,
    stored_caller,
)
from tests.support.ledgers import Clock

ROUTES = [
    ("POST", "/chats", {"message_text": "hello"}, "chats:write"),
    ("GET", "/chats", None, "chats:read"),
    ("GET", "/chats/aich_1", None, "chats:read"),
    ("PATCH", "/chats/aich_1", {"title": None}, "chats:write"),
    ("DELETE", "/chats/aich_1", None, "chats:write"),
]


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        LOCAL,
        f"Basic {LOCAL}",
        f"Bearer\t{LOCAL}",
        "Bearer wrong",
        f"Bearer {LOCAL}x",
        f"Bearer {LOCAL[:-1]}",
        f"Bearer {LOCAL} {LOCAL}",
        f"Bearer {LOCAL},Bearer {LOCAL}",
        f"Bearer wrong, Bearer {LOCAL}",
        "Bearer " + "x" * 513,
        "Bearer " + "x" * 1_000_000,
        "Bearer tökén",
        "Bearer \ud800",
        "Bearer \x00",
    ],
)
def test_a_token_that_is_missing_or_wrong_is_401(api: HttpCaller, whop: ScriptedTransport, header: str | None) -> None:
    answer = api("POST", "/chats", {"message_text": "hello"}, token=header)

    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert whop.requests == []


def test_a_refusal_does_not_repeat_the_token(api: HttpCaller) -> None:
    assert "wrong-token" not in api("GET", "/chats", token="Bearer wrong-token").body


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/nowhere", {}),
        ("PUT", "/chats", {}),
        ("OPTIONS", "/chats", {}),
        ("GET", "/chats/..%2f", {}),
        ("POST", "/chats", {"content-type": "text/plain"}),
        ("POST", "/health/", {}),
    ],
)
def test_without_a_token_no_other_error_is_shown(
    api: HttpCaller, method: str, path: str, headers: dict[str, str]
) -> None:
    assert api(method, path, "{", token=None, headers=headers).status == 401


@pytest.mark.parametrize("header", [f"bearer {LOCAL}", f"BEARER {LOCAL}", f"Bearer   {LOCAL} "])
def test_the_scheme_is_taken_in_any_case(header: str) -> None:
    assert call_api(ScriptedTransport(page()))("GET", "/chats", token=header).status == 200


def test_the_header_is_found_however_its_name_is_spelt() -> None:
    api = call_api(ScriptedTransport(page()))

    assert api("GET", "/chats", token=None, headers={"Authorization": f"Bearer {LOCAL}"}).status == 200


@pytest.mark.parametrize("path", ["/", "/health", "/openapi.json", "/docs", "/docs/problems", "/favicon.ico"])
def test_what_is_public_needs_no_token(api: HttpCaller, path: str) -> None:
    assert api("GET", path, token=None).status in (200, 204)


@pytest.mark.parametrize(("method", "path", "body", "scope"), ROUTES)
def test_each_route_takes_the_scope_that_it_names_and_no_other(
    whop: ScriptedTransport, method: str, path: str, body: object, scope: str
) -> None:
    right, wrong = (READER, WRITER) if scope == "chats:read" else (WRITER, READER)
    whop.script += [page()] if (method, path) == ("GET", "/chats") else [ok(ai_chat()), ok(ai_chat())]
    api = call_api(whop)

    rejected = api(method, path, body, token=f"Bearer {wrong}")

    assert rejected.status == 403
    assert scope in rejected.json["detail"]
    assert whop.requests == []
    assert api(method, path, body, token=f"Bearer {right}").status < 300


def test_a_missing_scope_is_reported_before_bad_input(api: HttpCaller) -> None:
    assert api("POST", "/chats", "{", token=f"Bearer {READER}").status == 403
    assert api("DELETE", "/chats/nonsense", token=f"Bearer {READER}").status == 403


def test_a_token_that_was_made_or_revoked_is_so_within_half_a_minute_of_the_last_look() -> None:
    clock, secrets = FakeClock(), FakeSecretsManager(SECRETS)
    application = make_application(ScriptedTransport(page()), secrets)
    application.secrets.clock = clock
    api = HttpCaller(create_api(application).resolve)
    assert api("GET", "/chats", token="Bearer new-token").status == 401
    secrets.values[CALLERS_SECRET] = {"new": stored_caller("new-token", "chats:read")}

    clock.sleep(29)
    assert api("GET", "/chats", token="Bearer new-token").status == 401
    clock.sleep(1)
    assert api("GET", "/chats", token="Bearer new-token").status == 200
    assert api("GET", "/chats").status == 401


def test_a_token_is_valid_until_its_end_and_only_its_owner_learns_that_it_has_expired(clock: Clock) -> None:
    ending = stored_caller("new-token", "chats:read") | {
        "expires_at": to_text(clock() + timedelta(days=90)),
        "previous": {**_hash_of("old-token"), "expires_at": to_text(clock() + timedelta(hours=24))},
    }
    secrets = FakeSecretsManager({**SECRETS, CALLERS_SECRET: {"crm": ending}})
    app = make_application(ScriptedTransport(page(), page(), page()), secrets, clock=clock)
    api = HttpCaller(create_api(app).resolve)

    clock.forward(hours=23, minutes=59, seconds=59)
    assert [api("GET", "/chats", token=f"Bearer {token}").status for token in ("new-token", "old-token")] == [200, 200]
    clock.forward(seconds=1)
    old, stranger = (api("GET", "/chats", token=f"Bearer {token}") for token in ("old-token", "guess"))
    assert (old.status, stranger.status, api("GET", "/chats", token="Bearer new-token").status) == (401, 401, 200)
    assert old.headers["www-authenticate"] == "Bearer"
    assert old.json["detail"] == (
        "this token of the caller crm expired at 2026-11-21T12:00:00Z. Use its newest token. "
        "To create a new one, type: aichats admin callers rotate crm --expires 90d --stack <stack>"
    )
    assert stranger.json["detail"] == "the token is unknown"
    clock.forward(days=89)
    assert "this token of the caller crm expired" in api("GET", "/chats", token="Bearer new-token").body


def _hash_of(token: str) -> Json:
    return {"sha256": stored_caller(token)["sha256"]}


def test_with_no_callers_yet_every_token_is_wrong() -> None:
    api = call_api(ScriptedTransport(), FakeSecretsManager({**SECRETS, CALLERS_SECRET: {}}))

    assert api("GET", "/chats").status == 401


@pytest.mark.parametrize(
    "value",
    [
        aws_error("ResourceNotFoundException"),
        aws_error("AccessDeniedException"),
        aws_error("InternalServiceError"),
        "not JSON",
        "[]",
        b"binary",
        {"local": {"sha256": "short", "scopes": []}},
        {"local": stored_caller(LOCAL, "chats:everything")},
        {"local": "a-token-in-clear-text"},
    ],
    ids=str,
)
def test_strangers_learn_nothing_of_callers_that_cannot_be_read_but_the_log_does(
    value: SecretValue, caplog: pytest.LogCaptureFixture
) -> None:
    api = call_api(ScriptedTransport(), FakeSecretsManager({**SECRETS, CALLERS_SECRET: value}))

    answer = api("GET", "/chats", token="Bearer of-a-stranger")

    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert not re.search("secret|local|make|json|callers/", answer.body.lower())
    logs = str([vars(record) for record in caplog.records])
    assert CALLERS_SECRET in logs
    assert "clear-text" not in answer.body + logs
