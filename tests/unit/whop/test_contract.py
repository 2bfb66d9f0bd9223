"""The client against Whop's published contract, before and after companies became accounts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_schema_validator import OAS31Validator

from aichats.whop.client import WhopClient
from aichats.whop.models import CreateAiChat, ListAiChats, UpdateAiChat
from tests.support.fakes import Json, ScriptedTransport, ai_chat, ok, page
from tests.support.request_fields import fields_of

CONTRACTS = Path(__file__).parents[2] / "contracts"
OLD, NEW = (json.loads((CONTRACTS / f"whop-2026-{month}.json").read_text()) for month in ("05", "09"))
VERSIONS: dict[str, Json] = {
    "2025-01-01": OLD,
    "2026-07-08-1": OLD,
    "2026-09-02-2": OLD,
    "2026-09-15": NEW,
    "2026-10-15-1": NEW,
}
"""API versions, each with the contract that it belongs to."""

each_version = pytest.mark.parametrize("version", VERSIONS)
some = settings(max_examples=30)


def validate(schema: Json, value: Any, contract: Json) -> None:
    OAS31Validator(schema | {"components": contract["components"]}).validate(value)


def check(request: httpx.Request, version: str) -> None:
    """Check path, query, body and headers of a request."""
    contract = VERSIONS[version]
    path = request.url.path.removeprefix("/api/v1")
    template = "/ai_chats/{id}" if path.startswith("/ai_chats/") else path
    operation = contract["paths"][template][request.method.lower()]
    schemas = {parameter["name"]: parameter["schema"] for parameter in operation.get("parameters", [])}
    for name, value in request.url.params.items():
        is_text = name in ("after", "before", "agent_identifier")
        validate(schemas[name], value if is_text else json.loads(value), contract)
    if request.content:
        body = operation["requestBody"]["content"]["application/json"]["schema"]
        validate(body, json.loads(request.content), contract)
    assert request.headers["api-version-date"] == version
    assert request.headers["authorization"] == "Bearer a-token"
    assert ("idempotency-key" in request.headers) == (request.method == "POST")


def request_of(version: str, answer: httpx.Response, act: Callable[[WhopClient], object]) -> httpx.Request:
    """Return the one request of an act."""
    transport = ScriptedTransport(answer)
    act(WhopClient(token="a-token", api_version=version, transport=transport))
    [request] = transport.requests
    return request


def any_of(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    """Objects with some of the fields; one that is there may be null."""
    return st.fixed_dictionaries({}, optional={name: st.none() | values for name, values in fields.items()})


ids = st.text("abcXYZ019_-", min_size=1, max_size=20)
messages = st.text(min_size=1, max_size=100).map(lambda text: f"{text}!")
titles = st.text(min_size=1, max_size=50)
companies = ids.map(lambda unique: f"biz_{unique}")
files = st.lists(ids.map(lambda unique: f"file_{unique}"), max_size=3)
sources = any_of(message_source=st.sampled_from(["manual", "link"])) | st.just(
    {"message_source": "suggestion", "suggestion_type": "Welcome"}
)
creates = st.tuples(
    st.fixed_dictionaries({"message_text": messages}),
    any_of(company_id=companies, title=titles, attachments=files),
    sources,
).map(lambda parts: parts[0] | parts[1] | parts[2])
updates = any_of(title=titles, notification_preference=st.sampled_from(["all", "none"]), company_id=companies)
queries = any_of(
    after=st.text(min_size=1), before=st.text(min_size=1), first=st.integers(1, 100), only_active_crons=st.booleans()
)


@each_version
@some
@given(fields=creates)
def test_every_create_fits_the_contract(version: str, fields: Json) -> None:
    chat = fields_of(CreateAiChat.model_validate(fields))
    check(
        request_of(version, ok(ai_chat()), lambda whop: whop.create_ai_chat(chat, idempotency_key="k")),
        version,
    )


@each_version
@some
@given(fields=updates)
def test_every_update_fits_the_contract(version: str, fields: Json) -> None:
    changes = UpdateAiChat.model_validate(fields)
    check(request_of(version, ok(ai_chat()), lambda whop: whop.update_ai_chat("aich_1", fields_of(changes))), version)


@each_version
@some
@given(fields=queries)
def test_every_list_fits_the_contract(version: str, fields: Json) -> None:
    query = ListAiChats.model_validate(fields)
    check(request_of(version, page(ai_chat()), lambda whop: whop.list_page(query)), version)


@each_version
def test_retrieving_and_deleting_fit_the_contract(version: str) -> None:
    check(request_of(version, ok(ai_chat()), lambda whop: whop.retrieve_ai_chat("aich_1")), version)
    check(request_of(version, httpx.Response(200, json=True), lambda whop: whop.delete_ai_chat("aich_1")), version)


@pytest.mark.parametrize("agent", ["general", "support"])
def test_an_agent_fits_the_newer_contract(agent: str) -> None:
    version = "2026-09-15"
    chat = fields_of(CreateAiChat.model_validate({"message_text": "Hi", "agent_identifier": agent}))
    query = ListAiChats.model_validate({"agent_identifier": agent})
    check(
        request_of(version, ok(ai_chat()), lambda whop: whop.create_ai_chat(chat, idempotency_key="k")),
        version,
    )
    check(request_of(version, page(), lambda whop: whop.list_page(query)), version)


@each_version
def test_an_agent_that_is_null_is_not_sent_before_its_time(version: str) -> None:
    chat = fields_of(CreateAiChat(message_text="Hi", agent_identifier=None))
    request = request_of(version, ok(ai_chat()), lambda whop: whop.create_ai_chat(chat, idempotency_key="k"))
    check(request, version)
    assert ("agent_identifier" in json.loads(request.content)) == (VERSIONS[version] is NEW)


@pytest.mark.parametrize(("contract", "chat"), [(OLD, ai_chat()), (NEW, ai_chat(agent_identifier="support"))])
def test_the_chats_of_the_tests_are_as_the_contract_has_them(contract: Json, chat: Json) -> None:
    validate({"$ref": "#/components/schemas/AiChat"}, chat, contract)
    validate({"$ref": "#/components/schemas/AiChatPage"}, page(chat).json(), contract)
