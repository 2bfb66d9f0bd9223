"""The operations: their requests by API version, their results, and their errors."""

import re
from collections.abc import Callable

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aichats.errors import InputError, NotFoundError, PermissionDeniedError, ProtocolError
from aichats.whop.client import WhopClient
from aichats.whop.models import CreateAiChat, ListAiChats, UpdateAiChat
from tests.support.fakes import Json, ScriptedTransport, Step, ai_chat, error_response, ok, page
from tests.support.request_fields import fields_of

OLD, NEW = "2026-07-08-1", "2026-09-15"
ALL_FIELDS = CreateAiChat(
    message_text="Summarize last week's revenue.",
    title="Weekly Revenue Analysis",
    attachments=["file_1", "file_2"],
    message_source="suggestion",
    suggestion_type="Welcome",
    company_id="biz_A",
)


def client(*script: Step, api_version: str = OLD) -> tuple[WhopClient, ScriptedTransport]:
    transport = ScriptedTransport(*script)
    return WhopClient(token="a-token", api_version=api_version, transport=transport), transport


def body_of(request: CreateAiChat | UpdateAiChat, api_version: str = OLD) -> Json:
    """Return the body that is sent for a request."""
    whop, transport = client(ok(ai_chat()), api_version=api_version)
    if isinstance(request, CreateAiChat):
        whop.create_ai_chat(fields_of(request), idempotency_key="run.1")
    else:
        whop.update_ai_chat("aich_1", fields_of(request))
    body: Json = transport.bodies[0]
    return body


# ---- requests


def test_a_create_posts_all_its_fields_under_their_names_on_the_wire() -> None:
    whop, transport = client(ok(ai_chat()))
    whop.create_ai_chat(fields_of(ALL_FIELDS), idempotency_key="run.1")
    assert transport.calls == [("POST", "/api/v1/ai_chats")]
    assert transport.bodies == [
        {
            "message_text": "Summarize last week's revenue.",
            "title": "Weekly Revenue Analysis",
            "message_attachments": [{"id": "file_1"}, {"id": "file_2"}],
            "message_source": "suggestion",
            "suggestion_type": "Welcome",
            "current_company_id": "biz_A",
        }
    ]


def test_every_request_carries_version_token_and_what_it_accepts() -> None:
    whop, transport = client(ok(ai_chat()))
    whop.create_ai_chat(fields_of(ALL_FIELDS), idempotency_key="run.1")
    expected = {
        "authorization": "Bearer a-token",
        "api-version-date": OLD,
        "idempotency-key": "run.1",
        "accept": "application/json",
        "content-type": "application/json",
    }
    assert transport.requests[0].headers.items() >= expected.items()


@pytest.mark.parametrize(
    ("api_version", "name"),
    [
        ("2025-01-01", "current_company_id"),
        ("2026-07-08-1", "current_company_id"),
        ("2026-09-02", "current_company_id"),
        ("2026-09-02-2", "current_company_id"),
        ("2026-09-14-99", "current_company_id"),
        ("2026-09-15", "current_account_id"),
        ("2026-09-15-1", "current_account_id"),
        ("2026-09-22-1", "current_account_id"),
        ("2026-10-15-1", "current_account_id"),
        ("2027-01-01", "current_account_id"),
    ],
)
def test_the_company_is_named_as_the_api_version_wants_it(api_version: str, name: str) -> None:
    create = CreateAiChat(message_text="Hi", company_id="biz_A")
    assert body_of(create, api_version) == {"message_text": "Hi", name: "biz_A"}
    assert body_of(UpdateAiChat(company_id=None), api_version) == {name: None}


@pytest.mark.parametrize(
    "api_version", ["", "2026-09", "2026-9-15", "2026-09-15-", "2026-09-15-x", "latest", OLD + "\n"]
)
def test_an_api_version_of_another_form_is_rejected(api_version: str) -> None:
    with pytest.raises(InputError, match="api_version"):
        client(api_version=api_version)


def test_of_an_update_what_is_unset_stays_out_and_what_is_none_clears() -> None:
    assert body_of(UpdateAiChat(notification_preference="none")) == {"notification_preference": "none"}
    assert body_of(UpdateAiChat(title=None)) == {"title": None}
    assert body_of(UpdateAiChat()) == {}


def test_an_update_patches_the_chat() -> None:
    whop, transport = client(ok(ai_chat(notification_preference="none")))
    changed = whop.update_ai_chat("aich_1", {"notification_preference": "none"})
    assert changed.fields["notification_preference"] == "none"
    assert transport.calls == [("PATCH", "/api/v1/ai_chats/aich_1")]
    assert "idempotency-key" not in transport.requests[0].headers


def test_each_call_about_chats_carries_the_version_that_the_client_was_given() -> None:
    whop, transport = client(ok(ai_chat()), ok(ai_chat()), httpx.Response(200, json=True), page(), page())
    whop.retrieve_ai_chat("aich_1")
    whop.update_ai_chat("aich_1", {"title": "New"})
    whop.delete_ai_chat("aich_1")
    whop.list_page(ListAiChats())
    whop.list_titles(after=None, first=100)
    assert [request.headers["api-version-date"] for request in transport.requests] == [OLD] * 5


@pytest.mark.parametrize(
    ("act", "scope"),
    [
        (lambda whop: whop.create_ai_chat(fields_of(ALL_FIELDS), idempotency_key="k"), "ai_chat:create"),
        (lambda whop: whop.update_ai_chat("aich_1", {"title": "New"}), "ai_chat:update"),
        (lambda whop: whop.delete_ai_chat("aich_1"), "ai_chat:delete"),
        (lambda whop: list(whop.webhooks.list()), "developer:manage_webhook"),
    ],
)
def test_a_forbidden_call_names_the_scope_that_it_needs(act: Callable[[WhopClient], object], scope: str) -> None:
    whop, _ = client(error_response(403, type="forbidden"))
    with pytest.raises(PermissionDeniedError, match=scope):
        act(whop)


@pytest.mark.parametrize("attachments", [None, []])
def test_attachments_may_be_null_or_none_at_all(attachments: list[str] | None) -> None:
    expected = {"message_text": "Hi", "message_attachments": attachments}
    assert body_of(CreateAiChat(message_text="Hi", attachments=attachments)) == expected


def test_an_agent_is_sent_since_the_version_that_knows_it() -> None:
    create = CreateAiChat(message_text="Hi", agent_identifier="general")
    assert body_of(create, NEW) == {"message_text": "Hi", "agent_identifier": "general"}


def test_an_agent_before_its_time_is_rejected_and_nothing_is_sent() -> None:
    whop, transport = client()
    create = CreateAiChat(message_text="Hi", agent_identifier="general")
    with pytest.raises(InputError, match="agent_identifier: needs Whop's API version 2026-09-15 or later"):
        whop.create_ai_chat(fields_of(create), idempotency_key="run.1")
    with pytest.raises(InputError, match="agent_identifier"):
        whop.list_page(ListAiChats(agent_identifier="support"))
    assert transport.requests == []


@pytest.mark.parametrize("key", ["", "k" * 256, "with space", "line\nbreak", "schlüssel"])
def test_an_idempotency_key_that_cannot_be_sent_is_rejected(key: str) -> None:
    whop, transport = client()
    with pytest.raises(InputError, match="idempotency_key: must be 1 to 255 visible ASCII characters"):
        whop.create_ai_chat(fields_of(ALL_FIELDS), idempotency_key=key)
    assert transport.requests == []


def test_the_longest_idempotency_key_is_sent() -> None:
    whop, transport = client(ok(ai_chat()))
    whop.create_ai_chat(fields_of(ALL_FIELDS), idempotency_key="k" * 255)
    assert transport.requests[0].headers["idempotency-key"] == "k" * 255


def test_a_chat_id_is_quoted_in_the_path() -> None:
    whop, transport = client(ok(ai_chat()), httpx.Response(200, json=True))
    whop.retrieve_ai_chat("aich_/../x?y=1#z %")
    whop.delete_ai_chat("aich_ü")
    assert [request.url.raw_path for request in transport.requests] == [
        b"/api/v1/ai_chats/aich_%2F..%2Fx%3Fy%3D1%23z%20%25",
        b"/api/v1/ai_chats/aich_%C3%BC",
    ]


# ---- replies


def test_a_chat_is_retrieved_with_its_digits_as_they_are() -> None:
    digits = "123456789012345678901234567890.10"
    whop, transport = client(ok(ai_chat(blended_token_usage=digits)))
    assert whop.retrieve_ai_chat("aich_1").fields["blended_token_usage"] == digits
    assert transport.calls == [("GET", "/api/v1/ai_chats/aich_1")]


def test_a_delete_gives_nothing_whatever_the_body() -> None:
    whop, transport = client(httpx.Response(200, json=True), httpx.Response(204))
    whop.delete_ai_chat("aich_1")
    whop.delete_ai_chat("aich_1")
    assert transport.calls == [("DELETE", "/api/v1/ai_chats/aich_1")] * 2


def test_a_refusal_of_whop_comes_out_as_its_class() -> None:
    whop, _ = client(error_response(404, "No such chat", type="not_found"))
    with pytest.raises(NotFoundError, match=r"whop: 404 not_found: No such chat \(request req_refused\)"):
        whop.retrieve_ai_chat("aich_1")


def without(field: str) -> Json:
    return {name: value for name, value in ai_chat(id="aich_1").items() if name != field}


@pytest.mark.parametrize(
    ("answer", "chat_id"),
    [
        (httpx.Response(200, json=without("message_count")), "aich_1"),
        (httpx.Response(200, json={"user": {"id": "user_1"}, "id": "aich_1"}), "aich_1"),
        (httpx.Response(200, json=ai_chat(id="aich_1", blended_token_usage="many")), "aich_1"),
        (httpx.Response(200, content=b'{"id" : "aich_1", "title": "cut of'), "aich_1"),
        (httpx.Response(200, json=without("id")), None),
        (httpx.Response(200, json=ai_chat(id=17, title='"id": "aich_2"')), None),
        (httpx.Response(200, content=b"<html>Bad gateway</html>"), None),
        (httpx.Response(200, content=b""), None),
        (httpx.Response(200, content=b"\xff\xfe\x00"), None),
        (httpx.Response(200, content=b"[" * 100_000), None),
        (httpx.Response(200, content=b"null"), None),
        (httpx.Response(200, json=[]), None),
        (httpx.Response(204), None),
    ],
)
def test_a_success_that_cannot_be_read_keeps_the_chat_where_there_is_one(
    answer: httpx.Response, chat_id: str | None
) -> None:
    whop, transport = client(answer)
    with pytest.raises(ProtocolError, match="can't be read") as raised:
        whop.create_ai_chat(fields_of(ALL_FIELDS), idempotency_key="run.1")
    assert raised.value.chat_id == chat_id
    assert len(transport.requests) == 1


def test_a_success_that_cannot_be_read_says_where_without_showing_what() -> None:
    whop, _ = client(ok(ai_chat(title="Confidential", message_count="Confidential"), **{"x-request-id": "req_7"}))
    with pytest.raises(ProtocolError) as raised:
        whop.retrieve_ai_chat("aich_1")
    text = str(raised.value)
    assert text == ("whop: the answer (200) can't be read: message_count: must be a whole number (request req_7)")
    assert raised.value.__cause__ is None


# ---- lists


def test_a_page_that_cannot_be_read_names_no_chat() -> None:
    whop, _ = client(ok({"data": [ai_chat()]}))
    with pytest.raises(ProtocolError, match="page_info: is required") as raised:
        whop.list_page(ListAiChats())
    assert raised.value.chat_id is None


def test_one_page_is_had_by_all_that_the_query_knows() -> None:
    whop, transport = client(page(ai_chat()), api_version=NEW)
    whop.list_page(ListAiChats(before="c9", last=5, agent_identifier="support"))
    assert dict(transport.requests[0].url.params) == {"before": "c9", "last": "5", "agent_identifier": "support"}


@given(version=st.from_regex(r"\A\d{2,5}-\d{1,3}-\d{2}(-\d{0,2}){0,2}\n?\Z") | st.text())
@example(version="2026-07-08")
@example(version="2026-07-08-12")
@example(version="2026-07-08-")
@example(version="2026-07-08-1-1")
def test_a_version_is_a_date_with_or_without_a_number(version: str) -> None:
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}(-\d+)?", version):
        WhopClient("key", api_version=version, transport=ScriptedTransport())
    else:
        with pytest.raises(InputError, match="must be a version such as 2026-07-08"):
            WhopClient("key", api_version=version, transport=ScriptedTransport())
