"""Kodey's rejections as errors, and the kinds of its keys. The tests of ``http`` cover the common parts."""

import json
import time

import pytest

from aichats.errors import APIStatusError, AuthenticationError, PermissionDeniedError, RateLimitError
from aichats.http import Headers
from aichats.kodey.credentials import CALLS_PER_MINUTE, KeyKind, key_kind
from aichats.kodey.errors import kodey_error
from tests.support.fakes import Json
from tests.support.kodey_replies import FORBIDDEN, TOO_MANY, UNAUTHORIZED, without


def rejected(status: int, body: object, **headers: str) -> APIStatusError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return kodey_error(status, Headers(named), json.dumps(body).encode())


def test_all_that_kodey_says_is_kept() -> None:
    error = rejected(400, {"error": "Bad Request", "message": "agentId is required."}, x_request_id="req_1")
    assert (error.provider, error.status, error.error_type, error.code) == ("kodey", 400, "Bad Request", None)
    assert (error.request_id, error.retry_after, error.hint) == ("req_1", None, "")
    assert str(error) == "kodey: 400 Bad Request: agentId is required. (request req_1)"


def test_a_rejected_key_has_a_message_alone() -> None:
    error = rejected(401, UNAUTHORIZED)
    assert isinstance(error, AuthenticationError)
    assert (error.error_type, error.reason) == (None, "401: Unauthorized: Invalid API key.")
    assert error.hint == "check the api_key in the secret; it may have been revoked"


@pytest.mark.parametrize(
    ("body", "advised"),
    [
        (FORBIDDEN, "sk_live_"),
        (without(FORBIDDEN, "allowedEndpoints"), "sk_live_"),
        (without(FORBIDDEN, "upgradeInstructions"), "sk_live_"),
        (without(FORBIDDEN, "allowedEndpoints", "upgradeInstructions"), None),
    ],
)
def test_a_secret_key_is_advised_only_where_a_publishable_one_was_rejected(body: Json, advised: str | None) -> None:
    error = rejected(403, body)
    assert isinstance(error, PermissionDeniedError)
    assert advised in error.hint if advised else error.hint == ""


def test_another_refusal_advises_no_other_key() -> None:
    assert rejected(404, FORBIDDEN).hint == ""


# ---- waits


@pytest.mark.parametrize(
    ("body", "headers", "seconds"),
    [
        (TOO_MANY, {}, 60.0),
        (TOO_MANY | {"retryAfter": 7}, {"retry_after": "1", "x_ratelimit_reset": "1"}, 7.0),
        (TOO_MANY | {"retryAfter": "soon"}, {"retry_after": "3"}, 3.0),
        (without(TOO_MANY, "retryAfter"), {}, 60.0),
        ({"error": "Too Many Requests", "message": "Slow down."}, {"x_ratelimit_reset": "1"}, 0.0),
        ({"error": "Too Many Requests", "message": "Slow down."}, {"x_ratelimit_remaining": "0"}, None),
        ({"message": "Slow down.", "retryAfter": -5}, {}, None),
        ({"message": "Slow down.", "retryAfter": True}, {}, None),
        ({"message": "Slow down.", "retryAfter": 10**9}, {}, None),
    ],
)
def test_a_rate_limit_names_its_wait_in_the_body_first(
    body: Json, headers: dict[str, str], seconds: float | None
) -> None:
    error = rejected(429, body, **headers)
    assert isinstance(error, RateLimitError)
    assert error.retry_after == seconds


def test_without_a_wait_in_the_body_the_reset_of_the_limit_is_used() -> None:
    error = rejected(429, {"message": "Slow down."}, x_ratelimit_reset=str(int(time.time()) + 1000))
    assert error.retry_after is not None
    assert 900 < error.retry_after <= 1000


# ---- keys


@pytest.mark.parametrize(
    ("key", "kind", "calls"),
    [
        ("pk_live_1", "publishable", 100),
        ("sk_live_1", "secret", 1000),
        ("usk_live_1", "user secret", 100),
        ("sk_test_1", "unknown", 100),
        ("SK_LIVE_1", "unknown", 100),
        (" sk_live_1", "unknown", 100),
        ("", "unknown", 100),
    ],
)
def test_a_key_is_known_by_how_it_begins(key: str, kind: KeyKind, calls: int) -> None:
    assert (key_kind(key), CALLS_PER_MINUTE[key_kind(key)]) == (kind, calls)
