"""Deliveries to the stack's own webhook."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aichats.errors import ProviderError
from aichats.whop.own_delivery import OwnWebhook
from aichats.whop.webhooks import SignatureError, verify
from tests.support.fakes import ScriptedTransport, ok

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
URL = "https://aichats.invalid/webhooks/whop"
SECRETS = ["ws_" + "a" * 64, "ws_" + "b" * 64]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def delivered(event: dict[str, object], *secrets: str) -> httpx.Request:
    """Deliver an event. Return the request."""
    transport = ScriptedTransport(ok({"run_ids": []}))
    OwnWebhook(URL, transport).deliver("msg_test_1", event, secrets, NOW)
    [request] = transport.requests
    return request


@settings(derandomize=True, deadline=None, max_examples=50)
@given(data=st.dictionaries(st.text(), JSON, max_size=3))
def test_any_event_arrives_as_it_is_with_a_valid_signature(data: dict[str, object]) -> None:
    request = delivered({"type": "payment.failed", "data": data}, *SECRETS)

    assert str(request.url) == URL
    assert json.loads(request.content) == {"type": "payment.failed", "data": data}
    for secret in SECRETS:
        assert verify(request.headers, request.content, [secret], now=NOW) == "msg_test_1"


def test_it_is_signed_only_with_the_given_secrets_and_for_now() -> None:
    request = delivered({}, SECRETS[0])

    with pytest.raises(SignatureError):
        verify(request.headers, request.content, [SECRETS[1]], now=NOW)
    with pytest.raises(SignatureError):
        verify(request.headers, request.content, [SECRETS[0]], now=NOW + timedelta(minutes=6))
    assert "authorization" not in request.headers


def test_a_rejection_shows_the_reason_and_nothing_of_the_event() -> None:
    rejected = httpx.Response(400, json={"detail": "data: must be an object, not private-note-of-a-user"})
    event = {"data": {"title": "private-note-of-a-user"}}

    with pytest.raises(ProviderError) as caught:
        OwnWebhook(URL, ScriptedTransport(rejected)).deliver("msg_test_1", event, SECRETS, NOW)

    assert "data: must be an object" in str(caught.value)
    assert "private" not in str(caught.value)
