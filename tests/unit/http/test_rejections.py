"""The common parts of all providers' rejections, for any body."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aichats.http import Headers
from aichats.http.client import HttpStyle
from aichats.http.rejections import NOTHING_TO_HIDE
from aichats.kodey.errors import KODEY_STYLE
from aichats.whop.errors import WHOP_STYLE

each_provider = pytest.mark.parametrize("provider", [WHOP_STYLE, KODEY_STYLE], ids=["whop", "kodey"])


@each_provider
def test_the_ray_of_the_proxy_stands_in_for_a_missing_request_id(provider: HttpStyle) -> None:
    both = {"x-request-id": "req_1", "cf-ray": "ray_1"}
    assert provider.error(400, Headers(both), b"{}", NOTHING_TO_HIDE, "").request_id == "req_1"
    assert provider.error(400, Headers({"cf-ray": "ray_1"}), b"{}", NOTHING_TO_HIDE, "").request_id == "ray_1"
    assert provider.error(400, Headers(), b"{}", NOTHING_TO_HIDE, "").request_id is None


@each_provider
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"17",
        b"[]",
        b'"text"',
        b"{}",
        b'{"error": null}',
        b'{"error": []}',
        b'{"error": {}}',
        b'{"error": {"message": null, "type": 5, "code": {}, "param": []}}',
        b'{"error": 5, "message": {}, "retryAfter": "soon"}',
        b"<html><body>502 Bad Gateway</body></html>",
        b"\xff\xfe\x00\x01",
        b"[" * 200_000,
        b'{"error": ' * 50_000,
        b"9" * 5_000,
    ],
    ids=lambda content: repr(content[:24]),
)
def test_a_body_that_says_nothing_leaves_the_words_of_the_status(content: bytes, provider: HttpStyle) -> None:
    error = provider.error(422, Headers(), content, NOTHING_TO_HIDE, "")
    assert (error.code, error.error_type, error.param, error.retry_after) == (None, None, None, None)
    assert str(error) == f"{provider.name}: 422: Unprocessable Content"


@each_provider
@pytest.mark.parametrize(("status", "words"), [(499, "no reason given"), (308, "Permanent Redirect")])
def test_any_status_has_words(status: int, words: str, provider: HttpStyle) -> None:
    assert str(provider.error(status, Headers(), b"", NOTHING_TO_HIDE, "")) == f"{provider.name}: {status}: {words}"


@each_provider
def test_long_words_are_cut(provider: HttpStyle) -> None:
    endless = {"message": "x" * 100_000, "error": {"message": "x" * 100_000}}
    assert len(str(provider.error(400, Headers(), json.dumps(endless).encode(), NOTHING_TO_HIDE, ""))) < 600


json_values: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
details = st.dictionaries(st.sampled_from(["type", "message", "code", "param"]), json_values)
envelopes = st.fixed_dictionaries(
    {}, optional={"error": details | json_values, "message": json_values, "retryAfter": json_values}
)


@given(
    provider=st.sampled_from([WHOP_STYLE, KODEY_STYLE]),
    status=st.integers(300, 999),
    content=st.binary() | envelopes.map(lambda body: json.dumps(body).encode()),
)
def test_any_bytes_make_an_error_with_the_status(provider: HttpStyle, status: int, content: bytes) -> None:
    error = provider.error(status, Headers(), content, NOTHING_TO_HIDE, "")
    assert error.status == status
    assert str(error).startswith(f"{provider.name}: {status}")
    assert error.retry_after is None or error.retry_after >= 0.0
