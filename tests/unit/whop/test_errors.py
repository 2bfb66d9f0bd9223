"""Whop's rejections as errors, for any body."""

import json

import pytest

from aichats.errors import APIStatusError, BadRequestError, PermissionDeniedError, RateLimitError
from aichats.http import Headers
from aichats.whop.errors import whop_error
from tests.support.fakes import Json


def rejected(status: int, body: object = None, *, operation: str = "", **headers: str) -> APIStatusError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return whop_error(status, Headers(named), json.dumps(body).encode(), operation=operation)


def test_all_that_whop_says_is_kept() -> None:
    said = {"type": "invalid_request_error", "message": "Too long.", "code": "parameter_invalid", "param": "title"}
    error = rejected(400, {"error": said}, x_request_id="req_1", cf_ray="ray_1")
    assert isinstance(error, BadRequestError)
    assert (error.error_type, error.reason) == (said["type"], "400 parameter_invalid [title]: Too long.")
    assert (error.status, error.code, error.param) == (400, said["code"], said["param"])
    assert (error.provider, error.request_id, error.retry_after, error.hint) == ("whop", "req_1", None, "")
    assert str(error) == "whop: 400 parameter_invalid [title]: Too long. (request req_1)"


def test_a_missing_type_is_no_matter() -> None:
    assert str(rejected(409, {"error": {"message": "Wait.", "code": "in_use"}})) == "whop: 409 in_use: Wait."


def test_a_rate_limit_names_its_wait_in_words() -> None:
    error = rejected(429, {"error": {"type": "rate_limit_exceeded", "message": "Slow down. Try again in 12 seconds."}})
    assert isinstance(error, RateLimitError)
    assert error.retry_after == 12.0
    assert rejected(429, {"error": None}).retry_after is None
    assert rejected(429, {"error": None}, retry_after="3").retry_after == 3.0


FORBIDDEN: Json = {"error": {"type": "forbidden", "message": "You do not have permission"}}
SCOPES = ("ai_chat:create", "ai_chat:update", "ai_chat:delete", "developer:manage_webhook")


@pytest.mark.parametrize(
    ("operation", "scope"),
    [
        ("POST /api/v1/ai_chats", "ai_chat:create"),
        ("PATCH /api/v1/ai_chats/aich_1", "ai_chat:update"),
        ("DELETE /api/v1/ai_chats/aich_1", "ai_chat:delete"),
    ],
)
def test_a_forbidden_write_names_its_scope_alone_and_says_how_to_connect_a_user(operation: str, scope: str) -> None:
    error = rejected(403, FORBIDDEN, operation=operation)
    assert isinstance(error, PermissionDeniedError)
    assert [named for named in SCOPES if named in error.hint] == [scope]
    assert f"Whop may not give {scope} to API keys" in str(error)
    assert "aichats admin connect --stack … --client-id app_…" in error.hint
    assert "docs/how-to/connect-whop.md" in error.hint


@pytest.mark.parametrize("operation", ["GET /api/v1/webhooks", "POST /api/v1/webhooks/hook_1/replay"])
def test_a_forbidden_call_about_webhooks_asks_for_a_key_with_the_permission(operation: str) -> None:
    hint = rejected(403, FORBIDDEN, operation=operation).hint
    assert [named for named in SCOPES if named in hint] == ["developer:manage_webhook"]
    assert "aichats admin secret set whop --stack …" in hint
    assert "aichats admin connect" not in hint


@pytest.mark.parametrize("operation", ["GET /api/v1/ai_chats", ""])
def test_a_forbidden_read_names_no_scope_because_it_needs_none(operation: str) -> None:
    hint = rejected(403, FORBIDDEN, operation=operation).hint
    assert [named for named in SCOPES if named in hint] == []
    assert "the right user or company" in hint


@pytest.mark.parametrize(
    ("status", "message", "hint"),
    [
        (400, "Unknown Api-Version-Date: 2031-01-01", "WhopApiVersion"),
        (401, "Invalid or missing API key", "token of a connection, aichats renews it"),
        (410, "Gone", "retired"),
    ],
)
def test_other_refusals_hint_at_what_may_help(status: int, message: str, hint: str) -> None:
    error = rejected(status, {"error": {"type": "a_type", "message": message}})
    assert hint in error.hint
    assert str(error).endswith(f"Hint: {error.hint}")


def test_the_parser_asks_only_for_text_fields() -> None:
    body: Json = {"error": {"type": "a_type", "message": ["a", "list"], "code": 7, "param": {"a": "dict"}}}
    error = rejected(400, body)
    assert str(error) == "whop: 400 a_type: Bad Request"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("current_company_id", "company_id"),
        ("current_account_id", "company_id"),
        ("message_attachments", "attachments"),
        ("title", "title"),
    ],
)
def test_a_field_is_named_as_callers_know_it(theirs: str, ours: str) -> None:
    assert rejected(400, {"error": {"type": "t", "message": "m", "param": theirs}}).param == ours
