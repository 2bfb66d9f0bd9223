"""The OpenAPI document and the page that shows it."""

import gzip
import json
import re
from base64 import b64decode
from html.parser import HTMLParser
from http import HTTPStatus
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from aichats.api.app import OPERATIONS, create_api
from aichats.api.operation import Operation
from tests.support.fakes import Json, ScriptedTransport
from tests.support.lambda_calls import HttpCaller, call_api, http_event, make_application, make_context, openapi

EACH = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: f"{operation.method} {operation.path}")
NEVER_SUCCEEDS = ("PATCH", "/kodey/chats/{chat_id}")
"""What is there to say that a provider does not have it."""
REFUSALS = {"401", "403", "404", "422", "500", "502", "503", "504"}


@pytest.fixture
def api() -> HttpCaller:
    return call_api(ScriptedTransport())


def described(operation: Operation[Any, Any]) -> Json:
    found: Json = openapi()["paths"][operation.path][operation.method.lower()]
    return found


def is_refused(operation: Operation[Any, Any]) -> bool:
    return (operation.method, operation.path) == NEVER_SUCCEEDS


def test_the_document_is_valid_openapi_3_1() -> None:
    assert openapi()["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(openapi()).iter_errors()) == []


def test_the_document_describes_each_route_the_webhook_and_health() -> None:
    paths = {(method.upper(), path) for path, methods in openapi()["paths"].items() for method in methods}

    others = {("POST", "/webhooks/whop"), ("GET", "/health")}
    # An automation may have this name, and a fixed path hides the one with parameters.
    others |= {(method, "/automations/preview") for method in ("GET", "PUT", "DELETE")}
    assert paths == {(operation.method, operation.path) for operation in OPERATIONS} | others


def test_names_of_operations_are_unique() -> None:
    names = [operation["operationId"] for methods in openapi()["paths"].values() for operation in methods.values()]

    assert len(names) == len(set(names))


@EACH
def test_an_operation_needs_a_token_with_its_scope(operation: Operation[Any, Any]) -> None:
    assert described(operation)["security"] == [{"bearer": list(operation.scopes)}]
    assert openapi()["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


@pytest.mark.parametrize(("method", "path"), [("get", "/health"), ("post", "/webhooks/whop")])
def test_what_needs_no_token_says_so(method: str, path: str) -> None:
    assert openapi()["paths"][path][method]["security"] == []


def test_the_webhook_names_the_headers_that_are_verified_and_every_answer() -> None:
    webhook = openapi()["paths"]["/webhooks/whop"]["post"]

    assert [(each["name"], each["in"], each["required"]) for each in webhook["parameters"]] == [
        ("webhook-id", "header", True),
        ("webhook-timestamp", "header", True),
        ("webhook-signature", "header", True),
    ]
    assert set(webhook["responses"]) == {"202", "400", "401", "500"}
    assert webhook["responses"]["202"]["content"]["application/json"]["schema"]["$ref"].endswith("/Started")
    event = openapi()["components"]["schemas"]["WebhookEvent"]
    assert event["required"] == ["id", "type", "timestamp", "data"]


@EACH
def test_an_operation_names_every_status_and_every_refusal_is_a_problem(operation: Operation[Any, Any]) -> None:
    responses = described(operation)["responses"]

    promised = (*operation.also,) if is_refused(operation) else (operation.status, *operation.also)
    successes = {str(int(status)) for status in promised}
    refusals = REFUSALS | ({"409"} if operation.conflicts else set()) | ({"412"} if operation.conditional else set())
    assert set(responses) == refusals | successes
    for status in refusals:
        assert responses[status] == {"$ref": "#/components/responses/Problem"}
    problem = openapi()["components"]["responses"]["Problem"]["content"]
    assert problem == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


@EACH
def test_an_operation_names_its_reply_and_each_parameter_in_its_path(operation: Operation[Any, Any]) -> None:
    reply = described(operation)["responses"].get(str(int(operation.status)), {})
    in_path = [parameter for parameter in described(operation)["parameters"] if parameter["in"] == "path"]

    answers_nothing = operation.status == HTTPStatus.NO_CONTENT or is_refused(operation)
    assert ("content" in reply) is not answers_nothing
    assert [parameter["name"] for parameter in in_path] == re.findall(r"{(\w+)}", operation.path)
    assert all(parameter["required"] and "pattern" in parameter["schema"] for parameter in in_path)


def test_create_takes_the_body_of_the_contract_and_no_other_field() -> None:
    schema = openapi()["components"]["schemas"]["CreateChat"]

    assert schema["additionalProperties"] is False
    assert schema["required"] == ["message_text"]
    assert set(schema["properties"]) == {
        "message_text",
        "company_id",
        "title",
        "notification_preference",
        "attachments",
        "message_source",
        "suggestion_type",
        "agent_identifier",
    }


def test_list_takes_the_query_of_the_contract() -> None:
    parameters = openapi()["paths"]["/chats"]["get"]["parameters"]

    assert [parameter["name"] for parameter in parameters if parameter["in"] == "query"] == [
        "after",
        "before",
        "first",
        "last",
        "only_active_crons",
        "agent_identifier",
    ]
    assert next(p for p in parameters if p["name"] == "first")["schema"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 100,
    }


def test_a_parameter_of_a_query_tells_its_bounds_and_its_default() -> None:
    parameters = {each["name"]: each for each in openapi()["paths"]["/runs"]["get"]["parameters"]}

    assert parameters["limit"] == {
        "name": "limit",
        "in": "query",
        "required": False,
        "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 50},
    }
    assert parameters["status"]["schema"]["enum"] == [
        "pending",
        "performing",
        "succeeded",
        "failed",
        "unknown",
        "missed",
    ]
    assert parameters["cursor"]["schema"] == {"type": "string", "minLength": 1, "maxLength": 2000}


@EACH
def test_a_description_is_for_callers_not_for_readers_of_the_code(operation: Operation[Any, Any]) -> None:
    description = described(operation)["description"]

    assert not re.search(r"Raises:|Args:", description)
    assert all(f"`{scope}`" in description.rpartition("\n\n")[2] for scope in operation.scopes)


def test_what_is_not_rendered_is_told() -> None:
    assert "is rendered in automations alone" in openapi()["paths"]["/runs"]["post"]["description"]


def test_a_create_may_be_replayed_come_later_or_be_in_progress() -> None:
    responses = openapi()["paths"]["/chats"]["post"]["responses"]

    replies = {status: answer["content"]["application/json"] for status, answer in responses.items() if status < "3"}
    assert {status: reply["schema"]["$ref"].rpartition("/")[2] for status, reply in replies.items()} == {
        "200": "AiChat",
        "201": "AiChat",
        "202": "RunView",
    }
    assert "409" in responses


def test_what_starts_runs_takes_an_idempotency_key() -> None:
    with_key = {
        (method, path)
        for path, methods in openapi()["paths"].items()
        for method, operation in methods.items()
        if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", ()))
    }

    assert with_key == {
        ("post", "/chats"),
        ("post", "/chats/notification-preference"),
        ("post", "/runs"),
        ("post", "/automations/{name}/run"),
        ("post", "/kodey/chats"),
        ("post", "/kodey/chats/{chat_id}/messages"),
    }


def test_what_changes_an_automation_takes_conditions_and_only_that() -> None:
    conditions = {
        (method, path): names
        for path, methods in openapi()["paths"].items()
        for method, operation in methods.items()
        if (names := [each["name"] for each in operation.get("parameters", ()) if each["name"].startswith("If-")])
    }

    assert conditions == {
        ("put", "/automations/{name}"): ["If-Match", "If-None-Match"],
        ("delete", "/automations/{name}"): ["If-Match"],
        ("put", "/automations/preview"): ["If-Match", "If-None-Match"],
        ("delete", "/automations/preview"): ["If-Match"],
    }


def test_an_automation_is_written_with_the_fields_of_the_contract_and_no_other() -> None:
    schemas = openapi()["components"]["schemas"]
    body = openapi()["paths"]["/automations/{name}"]["put"]["requestBody"]["content"]["application/json"]["schema"]

    schema = schemas[body["$ref"].rpartition("/")[2]]
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == {"trigger", "action", "targets", "missed", "description"}
    assert schema["required"] == ["trigger", "action", "targets"]
    assert schema["properties"]["trigger"]["discriminator"]["mapping"].keys() == {"schedule", "webhook"}
    assert schemas["ScheduleTrigger"]["required"] == ["type", "expression"]


def test_a_preview_is_a_bare_array_of_at_most_a_hundred() -> None:
    for method, path in (("get", "/automations/{name}/preview"), ("post", "/automations/preview")):
        operation = openapi()["paths"][path][method]
        [count] = [each for each in operation["parameters"] if each["name"] == "count"]

        assert (count["schema"]["minimum"], count["schema"]["maximum"]) == (1, 100)
        [answer] = operation["responses"]["200"]["content"].values()
        assert openapi()["components"]["schemas"][answer["schema"]["$ref"].rpartition("/")[2]]["type"] == "array"


def test_the_etag_that_a_condition_names_is_documented() -> None:
    methods = openapi()["paths"]["/automations/{name}"]

    assert "ETag" in methods["get"]["responses"]["200"]["headers"]
    for status in ("200", "201"):
        assert {"ETag", "Location"} == methods["put"]["responses"][status]["headers"].keys()


def test_what_is_answered_of_an_automation_says_what_its_action_is() -> None:
    schemas = openapi()["components"]["schemas"]

    for name in ("Automation", "Written", "Listed"):
        assert schemas[name]["properties"]["action"] == {"$ref": "#/components/schemas/Action"}


def test_no_two_models_have_one_name() -> None:
    # Where two have, pydantic puts their modules before it.
    assert [name for name in openapi()["components"]["schemas"] if "__" in name] == []


def test_the_api_serves_the_document(api: HttpCaller) -> None:
    answer = api("GET", "/openapi.json", token=None)

    assert answer.headers["content-type"] == "application/json"
    assert answer.json == openapi()


def test_health_answers_ok(api: HttpCaller) -> None:
    assert api("GET", "/health", token=None).json == {"status": "ok"}


class _Page(HTMLParser):
    """What a browser would fetch for a page, its style, and its last script."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.style = self.script = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [f"{tag} {name}={value}" for name, value in attrs if name in {"src", "href", "srcset", "data"}]

    def handle_data(self, data: str) -> None:
        if self.lasttag == "style":
            self.style += data
        if self.lasttag == "script" and data.strip():
            self.script = data


def test_docs_is_one_page_that_holds_the_document_and_fetches_nothing(api: HttpCaller) -> None:
    answer = api("GET", "/docs", token=None)
    page = _Page()
    page.feed(answer.body)

    assert answer.headers["content-type"] == "text/html"
    assert page.fetched == []
    assert ".swagger-ui" in page.style
    assert re.findall(r"@import|url\((?![\"']?data:)", page.style) == []
    # Swagger UI brings a badge that asks a validator elsewhere; nothing in this layout shows it.
    assert not re.search(r"getComponent\([\"']onlineValidatorBadge", answer.body, re.IGNORECASE)
    assert "url:" not in page.script
    shown = json.JSONDecoder().raw_decode(page.script.partition("spec: ")[2])[0]
    assert shown == openapi()


def test_docs_fits_into_an_answer_of_lambda_and_is_compressed_for_those_who_can(api: HttpCaller) -> None:
    plain = api("GET", "/docs", token=None)
    event = http_event("GET", "/docs", token=None, headers={"accept-encoding": "gzip, br"})
    reply = create_api(make_application(ScriptedTransport())).resolve(event, make_context())

    assert len(plain.body) < 6_000_000
    assert reply["isBase64Encoded"] is True
    assert gzip.decompress(b64decode(reply["body"])).decode() == plain.body
