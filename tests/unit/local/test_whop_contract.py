import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from local.standins.whop.versions import VERSIONS
from tests.support.mock_servers import AI_CHATS, NEW, OLD, Json, WhopInProcess

CONTRACTS = {
    version: json.loads((Path(__file__).parents[2] / "contracts" / f"whop-{name}.json").read_text())
    for version, name in ((OLD, "2026-05"), (NEW, "2026-09"))
}
BOTH = pytest.mark.parametrize("version", [OLD, NEW])
COMPANY = {OLD: "current_company_id", NEW: "current_account_id"}
UNDOCUMENTED = {OLD: {409, 429}, NEW: {409}}
"""Statuses that come all the same, with errors in the same shape."""


def validator(version: str, *pointer: str) -> Draft202012Validator:
    """Checks against the part of the contract that the pointer leads to, references included."""
    resource = DRAFT202012.create_resource(CONTRACTS[version])
    escaped = "/".join(part.replace("~", "~0").replace("/", "~1") for part in pointer)
    registry: Registry[Any] = Registry().with_resource("contract:", resource)
    formats = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator({"$ref": f"contract:#/{escaped}"}, registry=registry, format_checker=formats)


def schema_of(version: str, operation: str, status: int) -> Draft202012Validator:
    """Return the contract for the body of a response."""
    method, path = operation.split()
    responses = CONTRACTS[version]["paths"][path][method.lower()]["responses"]
    if str(status) not in responses and status in UNDOCUMENTED[version]:
        return validator(version, "components", "schemas", "Error")
    name = responses[str(status)]["$ref"].rpartition("/")[2]
    return validator(version, "components", "responses", name, "content", "application/json", "schema")


def assert_conforms(version: str, operation: str, reply: httpx.Response) -> None:
    assert reply.headers["content-type"] == "application/json"
    schema_of(version, operation, reply.status_code).validate(reply.json())


@BOTH
def test_the_contract_is_valid_openapi(version: str) -> None:
    validate(CONTRACTS[version])


@BOTH
def test_the_contract_notices_what_is_wrong(version: str) -> None:
    assert not schema_of(version, "GET /ai_chats/{id}", 200).is_valid({"id": "aich_1"})
    assert not schema_of(version, "DELETE /ai_chats/{id}", 200).is_valid({"deleted": True})
    assert not schema_of(version, "POST /ai_chats", 400).is_valid({"error": {"type": "invalid_request_error"}})


@BOTH
def test_every_operation_answers_as_the_contract_says(whop: WhopInProcess, version: str) -> None:
    body = {"message_text": "hello", "title": "Weekly", COMPANY[version]: "biz_A"}
    created = whop.call("POST", json=body, version=version)
    path = f"/{created.json()['id']}"
    update = {"title": None, "notification_preference": "none"}

    replies = {
        "POST /ai_chats": created,
        "GET /ai_chats": whop.call("GET", version=version),
        "GET /ai_chats/{id}": whop.call("GET", path, version=version),
        "PATCH /ai_chats/{id}": whop.call("PATCH", path, json=update, version=version),
        "DELETE /ai_chats/{id}": whop.call("DELETE", path, version=version),
    }

    for operation, reply in replies.items():
        assert reply.status_code == 200
        assert_conforms(version, operation, reply)


@BOTH
def test_an_empty_list_answers_as_the_contract_says(whop: WhopInProcess, version: str) -> None:
    assert_conforms(version, "GET /ai_chats", whop.call("GET", version=version))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_chat_has_the_fields_of_its_contract_and_no_others(whop: WhopInProcess, version: str) -> None:
    contract = CONTRACTS[NEW if version >= "2026-09-15" else OLD]

    assert set(whop.create(version=version)) == set(contract["components"]["schemas"]["AiChat"]["properties"])


@BOTH
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500])
@pytest.mark.parametrize("operation", ["GET /ai_chats", "POST /ai_chats", "GET /ai_chats/{id}", "PATCH /ai_chats/{id}"])
def test_every_error_has_the_shape_of_the_contract(
    whop: WhopInProcess, version: str, status: int, operation: str
) -> None:
    method, template = operation.split()
    path = template.removeprefix("/ai_chats").replace("{id}", "aich_1")
    whop.faults({"method": method, "path": AI_CHATS + path, "fault": f"status:{status}"})

    reply = whop.call(method, path, version=version)

    assert reply.status_code == status
    assert_conforms(version, operation, reply)


@BOTH
def test_the_refusals_that_calls_bring_on_themselves_have_the_shape_of_the_contract(
    whop: WhopInProcess, version: str
) -> None:
    hello = {"message_text": "hello"}
    whop.call("POST", json=hello, version=version, key="k")
    replies = [
        whop.call("POST", json={}, version=version),
        whop.call("POST", content=b"{", version=version),
        whop.call("POST", json={"message_text": "other"}, version=version, key="k"),
        whop.call("POST", json=hello, version=version, key="k" * 256),
        whop.call("POST", json=hello, version=version, token=None),
    ]
    whop.mode(api_keys="forbidden")
    replies.append(whop.call("POST", json=hello, version=version))
    whop.mode(rate_limit=0)
    replies.append(whop.call("POST", json=hello, version=version))

    assert [reply.status_code for reply in replies] == [400, 400, 400, 400, 401, 403, 429]
    for reply in replies:
        assert_conforms(version, "POST /ai_chats", reply)


VALUES = st.none() | st.booleans() | st.integers() | st.sampled_from(["all", "manual", "support", "biz_A", ""])
ATTACHMENTS = st.lists(st.sampled_from([{"id": "file_1"}, {"id": "file_1", "name": "x"}, {"id": 1}, {}, "file_1"]))
NAMES = ["title", "current_company_id", "current_account_id", "agent_identifier", "message_source", "elsewhere"]
BODIES = st.fixed_dictionaries(
    {"message_text": st.just("hello")},
    optional=dict.fromkeys([*NAMES, "notification_preference"], VALUES) | {"message_attachments": ATTACHMENTS},
)
UPDATES = st.dictionaries(st.sampled_from([*NAMES, "notification_preference", "message_text"]), VALUES)


@given(body=BODIES | UPDATES, version=st.sampled_from([OLD, NEW]))
def test_a_create_is_taken_exactly_when_the_contract_takes_it(body: Json, version: str) -> None:
    allowed = validator(version, "components", "schemas", "CreateAiChat").is_valid(body)
    with WhopInProcess() as whop:
        assert whop.call("POST", json=body, version=version).status_code == (200 if allowed else 400)


@given(body=UPDATES, version=st.sampled_from([OLD, NEW]))
def test_an_update_is_taken_exactly_when_the_contract_takes_it(body: Json, version: str) -> None:
    allowed = validator(version, "components", "schemas", "UpdateAiChat").is_valid(body)
    with WhopInProcess() as whop:
        path = f"/{whop.create()['id']}"
        assert whop.call("PATCH", path, json=body, version=version).status_code == (200 if allowed else 400)


@BOTH
def test_a_list_takes_the_query_of_the_contract_and_nothing_else(whop: WhopInProcess, version: str) -> None:
    samples = {
        "after": "MTphaWNoXzE=",
        "before": "MTphaWNoXzE=",
        "first": "1",
        "last": "1",
        "only_active_crons": "false",
        "agent_identifier": "support",
        "limit": "1",
    }
    taken = {
        name
        for name, value in samples.items()
        if whop.call("GET", params={name: value}, version=version).status_code == 200
    }

    parameters = CONTRACTS[version]["paths"]["/ai_chats"]["get"]["parameters"]
    assert taken == {parameter["name"] for parameter in parameters}
