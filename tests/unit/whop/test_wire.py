"""The bytes of requests: they depend on the fields alone, because each attempt must send the same bytes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aichats.whop.client import WhopClient
from aichats.whop.models import CreateAiChat, UpdateAiChat
from tests.support.fakes import ScriptedTransport, ai_chat, ok
from tests.support.request_fields import fields_of

OLD, NEW = "2026-07-08-1", "2026-09-15"
texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(lambda text: text.strip().isprintable())
companies = st.sampled_from([None, "biz_A"])
creates = st.fixed_dictionaries(
    {"message_text": texts.filter(lambda text: any(map(str.isalnum, text))), "message_source": st.just("suggestion")},
    optional={
        "title": st.none() | texts,
        "suggestion_type": st.none() | texts,
        "attachments": st.none() | st.lists(st.sampled_from(["file_1", "file_2"]), max_size=3),
        "company_id": companies,
    },
)
updates = st.fixed_dictionaries(
    {},
    optional={
        "title": st.none() | texts,
        "notification_preference": st.sampled_from([None, "all", "none"]),
        "company_id": companies,
    },
)
orders = st.randoms(use_true_random=False)
each_version = pytest.mark.parametrize("version", [OLD, NEW])


def sent(version: str, fields: dict[str, Any], *, is_new: bool) -> bytes:
    """Return the body of a request."""
    transport = ScriptedTransport(ok(ai_chat()))
    whop = WhopClient(token="a-token", api_version=version, transport=transport)
    if is_new:
        whop.create_ai_chat(fields, idempotency_key="k")
    else:
        whop.update_ai_chat("aich_1", fields)
    return transport.requests[0].content


def expected(version: str, request: CreateAiChat | UpdateAiChat) -> bytes:
    """Return the body of a request, whose fields have the order of its model."""
    fields = fields_of(request)
    if "company_id" in fields:
        fields["current_account_id" if version == NEW else "current_company_id"] = fields.pop("company_id")
    if "attachments" in fields:
        files = fields.pop("attachments")
        fields["message_attachments"] = None if files is None else [{"id": file} for file in files]
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


@each_version
@given(fields=creates, order=orders)
def test_a_create_has_the_bytes_of_its_model_whatever_the_order_of_its_fields(
    version: str, fields: dict[str, Any], order: Any
) -> None:
    names = list(fields)
    order.shuffle(names)

    body = sent(version, {name: fields[name] for name in names}, is_new=True)

    assert body == expected(version, CreateAiChat.model_validate(fields))


@each_version
@given(fields=updates, order=orders)
def test_an_update_has_the_bytes_of_its_model_whatever_the_order_of_its_fields(
    version: str, fields: dict[str, Any], order: Any
) -> None:
    names = list(fields)
    order.shuffle(names)

    body = sent(version, {name: fields[name] for name in names}, is_new=False)

    assert body == expected(version, UpdateAiChat.model_validate(fields))


def test_an_unknown_field_is_never_sent() -> None:
    with pytest.raises(ValueError, match="not in tuple"):
        sent(OLD, {"type": "whop.create_chat"}, is_new=True)
