"""The OpenAPI document, and the pages of the documentation."""

import gzip
import json
import re
from base64 import b64decode
from collections.abc import Iterator
from copy import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any, get_args

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from aichats.api.app import create_api
from aichats.api.documentation import problems
from aichats.api.every_operation import OPERATIONS
from aichats.api.operation import Operation
from aichats.api.problems import Kind
from aichats.api.requests import KEY_PATTERN
from aichats.api.routing import indexed_operations
from aichats.automations.definition_models import AutomationModel
from aichats.runs.ledger.times import utc_now
from aichats.schedules.pauses import PauseWindow
from aichats.whop.event_examples import EXAMPLE_ACCOUNT
from local.generate import (
    INDEX_FILE,
    MODELS,
    OPENAPI_JSON,
    SERVED_JSON,
    index_module,
    models,
    openapi_json,
    served_json,
)
from tests.support.automations import automation, listening, scheduled
from tests.support.fakes import Json, ScriptedTransport, ai_chat
from tests.support.lambda_calls import HttpCaller, call_api, http_event, make_application, make_context, openapi
from tests.support.own_webhook import with_own_webhook
from tests.support.runs_api import end
from tests.support.subscriptions import subscription
from tests.support.whop_in_memory import WhopInMemory

DOCUMENTED = [operation for operation in OPERATIONS if operation.answers]
EACH = pytest.mark.parametrize("operation", DOCUMENTED, ids=lambda operation: f"{operation.method} {operation.path}")
ERRORS = {"401", "403", "404", "422", "429", "500", "502", "503", "504"}


@pytest.fixture
def api() -> HttpCaller:
    return call_api(ScriptedTransport())


def described(operation: Operation[Any, Any]) -> Json:
    found: Json = openapi()["paths"][operation.path][operation.method.lower()]
    return found


def test_the_document_is_valid_openapi_3_1() -> None:
    assert openapi()["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(openapi()).iter_errors()) == []


def test_the_document_describes_each_route_the_webhook_and_health() -> None:
    paths = {(method.upper(), path) for path, methods in openapi()["paths"].items() for method in methods}

    others = {("POST", "/webhooks/whop"), ("GET", "/health")}
    # An automation can have this name, and a fixed path hides the path with a parameter.
    others |= {(method, "/automations/preview") for method in ("GET", "PUT", "DELETE")}
    assert paths == {(operation.method, operation.path) for operation in DOCUMENTED} | others


def test_names_of_operations_are_unique() -> None:
    names = [operation["operationId"] for methods in openapi()["paths"].values() for operation in methods.values()]

    assert len(names) == len(set(names))


@EACH
def test_an_operation_needs_a_token_with_its_scope(operation: Operation[Any, Any]) -> None:
    assert described(operation)["security"] == [{"bearer": []}]
    assert described(operation)["x-scopes"] == list(operation.scopes)
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
    assert set(webhook["responses"]) == {"202", "400", "401", "429", "500"}
    assert webhook["responses"]["202"]["content"]["application/json"]["schema"]["$ref"].endswith("/StartedRuns")
    event = openapi()["components"]["schemas"]["WebhookEvent"]
    assert event["required"] == ["id", "type", "timestamp", "data"]


@EACH
def test_an_operation_names_every_status_and_every_refusal_is_a_problem(operation: Operation[Any, Any]) -> None:
    responses = described(operation)["responses"]

    successes = {str(int(status)) for status in operation.answers}
    errors = ERRORS | ({"409"} if operation.conflicts else set()) | ({"412"} if operation.conditional else set())
    assert set(responses) == errors | successes
    for status in errors - {"429"}:
        name = responses[status]["$ref"].rpartition("/")[2]
        problem = openapi()["components"]["responses"][name]["content"]
        assert problem == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


@EACH
def test_an_operation_names_its_reply_and_each_parameter_in_its_path(operation: Operation[Any, Any]) -> None:
    status, model = next(iter(operation.answers.items()))
    reply = described(operation)["responses"][str(int(status))]
    in_path = [parameter for parameter in described(operation)["parameters"] if parameter["in"] == "path"]

    assert ("content" in reply) is (model is not None)
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
        "await_reply",
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


def test_a_parameter_of_a_query_has_its_bounds_and_its_default() -> None:
    parameters = {each["name"]: each for each in openapi()["paths"]["/runs"]["get"]["parameters"]}

    assert parameters["limit"] == {
        "name": "limit",
        "in": "query",
        "required": False,
        "description": "The maximum number of runs in a page",
        "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 50},
    }
    assert parameters["trigger"]["schema"]["enum"] == ["schedule", "http", "webhook"]
    assert re.fullmatch(parameters["status"]["schema"]["pattern"], "failed,cancelled")
    assert parameters["cursor"]["schema"] == {"type": "string", "minLength": 1, "maxLength": 2000}


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", "/runs"), ("get", "/automations"), ("put", "/automations/{name}"), ("get", "/automations/{name}/preview")],
)
def test_each_parameter_of_a_query_says_what_it_does(method: str, path: str) -> None:
    parameters = openapi()["paths"][path][method]["parameters"]

    assert [each["name"] for each in parameters if each["in"] == "query" and not each.get("description")] == []


@EACH
def test_a_description_is_for_callers_not_for_readers_of_the_code(operation: Operation[Any, Any]) -> None:
    description = described(operation)["description"]

    assert not re.search(r"Raises:|Args:", description)
    assert all(f"`{scope}`" in description.rpartition("\n\n")[2] for scope in operation.scopes)


def test_fields_that_are_not_rendered_say_so() -> None:
    assert "is rendered only in automations" in openapi()["paths"]["/runs"]["post"]["description"]


def test_a_create_may_be_replayed_come_later_or_be_in_progress() -> None:
    responses = openapi()["paths"]["/chats"]["post"]["responses"]

    replies = {status: answer["content"]["application/json"] for status, answer in responses.items() if status < "3"}
    assert {status: reply["schema"]["$ref"].rpartition("/")[2] for status, reply in replies.items()} == {
        "200": "AiChat",
        "201": "AiChat",
        "202": "RunView",
    }
    assert "409" in responses


def test_what_starts_runs_or_deliveries_or_rotates_a_secret_takes_an_idempotency_key() -> None:
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
        ("post", "/runs/replay"),
        ("post", "/runs/cancel"),
        ("post", "/automations/{name}/run"),
        ("post", "/events/test"),
        ("post", "/subscriptions/{name}/rotate"),
        ("post", "/subscriptions/{name}/redeliver"),
        ("post", "/kodey/chats"),
        ("post", "/kodey/chats/{chat_id}/messages"),
    }


def test_the_pattern_of_a_key_is_the_one_that_is_checked() -> None:
    keys = [each for each in openapi()["paths"]["/runs"]["post"]["parameters"] if each["name"] == "Idempotency-Key"]

    assert [key["schema"]["pattern"] for key in keys] == [KEY_PATTERN]


def test_what_changes_an_automation_or_a_subscription_takes_conditions_and_only_that() -> None:
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
        ("put", "/subscriptions/{name}"): ["If-Match", "If-None-Match"],
        ("delete", "/subscriptions/{name}"): ["If-Match"],
    }


def test_an_automation_is_written_with_the_fields_of_the_contract_and_no_other() -> None:
    schemas = openapi()["components"]["schemas"]
    body = openapi()["paths"]["/automations/{name}"]["put"]["requestBody"]["content"]["application/json"]["schema"]

    schema = schemas[body["$ref"].rpartition("/")[2]]
    assert schema["additionalProperties"] is False
    read_only = {name for name, field in schema["properties"].items() if field.get("$ref", "").endswith("/ReadOnly")}
    assert schemas["ReadOnly"]["readOnly"]
    assert set(schema["properties"]) - read_only == {
        *("trigger", "action", "targets", "missed", "overlap", "description", "labels", "managed_by", "budget")
    }
    assert read_only == set(schemas["StoredAutomation"]["properties"]) - set(AutomationModel.model_fields)
    assert schema["required"] == ["trigger", "action", "targets"]
    assert schema["properties"]["trigger"]["discriminator"]["mapping"].keys() == {"schedule", "webhook"}
    assert schemas["ScheduleTrigger"]["required"] == ["type", "expression"]


def test_a_preview_is_a_bare_array_of_at_most_a_hundred_or_an_object() -> None:
    for method, path in (("get", "/automations/{name}/preview"), ("post", "/automations/preview")):
        operation = openapi()["paths"][path][method]
        [count] = [each for each in operation["parameters"] if each["name"] == "count"]

        assert (count["schema"]["minimum"], count["schema"]["maximum"]) == (1, 100)
        [answer] = operation["responses"]["200"]["content"].values()
        array, whole = openapi()["components"]["schemas"][answer["schema"]["$ref"].rpartition("/")[2]]["anyOf"]
        assert (array["type"], whole) == ("array", {"$ref": "#/components/schemas/RenderedPreview"})


def test_the_etag_that_a_condition_names_is_documented() -> None:
    methods = openapi()["paths"]["/automations/{name}"]

    assert "ETag" in methods["get"]["responses"]["200"]["headers"]
    for status in ("200", "201"):
        assert {"ETag", "Location"} == methods["put"]["responses"][status]["headers"].keys()


def test_the_headers_of_pauses_are_documented_so_that_pages_may_read_them() -> None:
    paths = openapi()["paths"]

    for verb in ("pause", "resume"):
        assert "ETag" in paths[f"/automations/{{name}}/{verb}"]["post"]["responses"]["200"]["headers"]
    assert "Paused" in paths["/automations/{name}/preview"]["get"]["responses"]["200"]["headers"]


def test_what_is_answered_of_an_automation_says_what_its_action_is() -> None:
    schemas = openapi()["components"]["schemas"]

    for name in ("AutomationBody", "StoredAutomation", "AutomationView"):
        assert schemas[name]["properties"]["action"] == {"$ref": "#/components/schemas/Action"}


def test_no_two_models_have_one_name() -> None:
    # If two models have one name, pydantic adds their modules to it.
    assert [name for name in openapi()["components"]["schemas"] if "__" in name] == []


def test_the_api_serves_the_document(api: HttpCaller) -> None:
    answer = api("GET", "/openapi.json", token=None)

    assert answer.headers["content-type"] == "application/json"
    assert answer.json == openapi()


def test_the_committed_document_is_that_of_the_code() -> None:
    assert OPENAPI_JSON.read_text() == openapi_json(), "run `make generate`"
    assert SERVED_JSON.read_text() == served_json(), "run `make generate`"


def test_the_committed_index_is_that_of_the_operations() -> None:
    assert INDEX_FILE.read_text() == index_module(), "run `make generate`"


def test_each_module_of_routes_has_operations_in_the_index() -> None:
    modules = {file.stem for file in INDEX_FILE.parent.glob("*.py")}

    assert modules - {each.module for each in indexed_operations()} == {"__init__", "index", "webhooks"}


def test_the_types_of_the_command_are_those_of_the_document() -> None:
    assert MODELS.read_text() == models(), "run `make generate`"


def test_the_reference_explains_each_kind_of_problem() -> None:
    text = OPENAPI_JSON.with_name("errors.md").read_text()

    assert sorted(re.findall(r"^## `(.+)`$", text, re.MULTILINE)) == sorted(problems())


def test_the_license_and_a_contact_are_named() -> None:
    info = openapi()["info"]

    assert (info["license"]["identifier"], bool(info["contact"]["name"])) == ("MIT", True)


def test_tags_are_described_with_automations_first_and_kodey_last() -> None:
    tags = openapi()["tags"]

    assert (tags[0]["name"], tags[-1]["name"]) == ("automations", "kodey")
    assert all(tag["description"] for tag in tags)
    used = {
        tag for methods in openapi()["paths"].values() for operation in methods.values() for tag in operation["tags"]
    }
    assert used == {tag["name"] for tag in tags}


@EACH
def test_an_operation_is_named_like_a_method_of_a_client(operation: Operation[Any, Any]) -> None:
    assert re.fullmatch(
        "(list|get|put|create|update|delete|preview|start|run|replay|cancel|resolve|send|set|pause|resume|rotate|test|redeliver)_[a-z_]+",
        described(operation)["operationId"],
    )


def texts(node: Any) -> Iterator[str]:
    """Return each description and summary of the document."""
    if isinstance(node, dict):
        yield from (text for name, text in node.items() if name in ("description", "summary") and isinstance(text, str))
        for child in node.values():
            yield from texts(child)
    if isinstance(node, list):
        for child in node:
            yield from texts(child)


def test_no_text_speaks_of_python_or_its_libraries() -> None:
    words = re.compile(r"(?<!-)\b(None|True|False|pydantic|validator|docstring|dict|str)\b|``|:\w+:`|Raises:|Args:")

    assert [text for text in texts(openapi()) if words.search(text)] == []


def bodies() -> Iterator[tuple[str, str, str, Json]]:
    for path, methods in openapi()["paths"].items():
        for method, operation in methods.items():
            for name, example in (
                operation.get("requestBody", {})
                .get("content", {})
                .get("application/json", {})
                .get("examples", {})
                .items()
            ):
                yield method.upper(), path, name, example["value"]


def test_each_body_has_an_example() -> None:
    documented = {(method, path) for method, path, _, _ in bodies()}

    with_body = {
        (method.upper(), path)
        for path, methods in openapi()["paths"].items()
        for method, operation in methods.items()
        if "requestBody" in operation
    }
    assert documented == with_body


EXAMPLES = [example for example in bodies() if example[1] != "/webhooks/whop"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [(method, path, body) for method, path, _, body in EXAMPLES],
    ids=[f"{method} {path} {name}" for method, path, name, _ in EXAMPLES],
)
def test_each_example_is_valid(method: str, path: str, body: Json) -> None:
    app, _ = with_own_webhook(WhopInMemory(ai_chat(id="aich_1")))
    # Kodey's runs are not performed here, so their answer is 202.
    app.__dict__["dispatcher"] = replace(app.dispatcher, sleep=lambda _: None)
    run_id = end(app, "unknown")
    trigger = listening() if "event" in body else scheduled()
    app.automation_table.put("example", automation(trigger | {"targets": [EXAMPLE_ACCOUNT]}))
    app.subscriptions.put("example", subscription())
    planned = PauseWindow(datetime(2030, 12, 24, tzinfo=UTC), None, "ops", utc_now())
    app.automation_table.change_pauses("example", lambda row: row.pauses.add(planned, utc_now()))
    filled = path.format(name="example", chat_id="chat_1" if "kodey" in path else "aich_1", run_id=run_id)
    # The ids in the examples are valid, although no such chat exists.
    answer = HttpCaller(create_api(app).resolve)(method, filled, body)

    assert answer.status < 300, answer.body


def test_each_kind_of_problem_has_a_paragraph_to_which_its_type_leads(api: HttpCaller) -> None:
    page = api("GET", "/docs/problems", token=None)
    problem = api("GET", "/chats", token=None).json

    assert tuple(problems()) == get_args(Kind.__value__)
    assert re.findall('id="(.+?)"', page.body) == list(problems())
    assert problem["type"] == "/docs/problems#unauthorized"
    assert problem["title"] == "Unauthorized"
    assert "url(" not in page.body
    assert "src=" not in page.body


def test_a_browser_finds_no_icon_and_asks_only_once_a_day(api: HttpCaller) -> None:
    answer = api("GET", "/favicon.ico", token=None)

    assert (answer.status, answer.headers["cache-control"]) == (204, "public, max-age=86400")


def test_docs_keeps_the_token_follows_the_colors_of_the_system_and_fits_a_phone(api: HttpCaller) -> None:
    page = api("GET", "/docs", token=None).body

    assert "persistAuthorization: true" in page
    assert 'matchMedia("(prefers-color-scheme: dark)")' in page
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page


def test_health_answers_ok(api: HttpCaller) -> None:
    assert api("GET", "/health", token=None).json == {"status": "ok"}


class _Page(HTMLParser):
    """The addresses that a browser would fetch for a page, its style, and its last script."""

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


def test_docs_is_one_page_that_contains_the_document_and_fetches_nothing(api: HttpCaller) -> None:
    answer = api("GET", "/docs", token=None)
    page = _Page()
    page.feed(answer.body)

    assert answer.headers["content-type"] == "text/html"
    assert page.fetched == []
    assert ".swagger-ui" in page.style
    assert re.findall(r"@import|url\((?![\"']?data:)", page.style) == []
    # Swagger UI has a badge that calls a validator on another host. This layout doesn't show it.
    assert not re.search(r"getComponent\([\"']onlineValidatorBadge", answer.body, re.IGNORECASE)
    assert "url:" not in page.script
    shown = json.JSONDecoder().raw_decode(page.script.partition("spec: ")[2])[0]
    assert shown == openapi()


@pytest.mark.parametrize("path", ["/docs", "/docs/problems", "/openapi.json"])
def test_a_page_is_built_once_and_not_at_each_request(
    api: HttpCaller, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = api("GET", path, token=None)
    for name in ("page_text", "problems", "swagger_ui"):
        monkeypatch.delattr(f"aichats.api.documentation.{name}")

    assert api("GET", path, token=None) == first


def test_docs_fits_into_an_answer_of_lambda_and_is_compressed_for_those_who_can(api: HttpCaller) -> None:
    plain = api("GET", "/docs", token=None)
    event = http_event("GET", "/docs", token=None, headers={"accept-encoding": "gzip, br"})
    reply = create_api(make_application(ScriptedTransport())).resolve(event, make_context())

    assert len(plain.body) < 6_000_000
    assert reply["isBase64Encoded"] is True
    assert gzip.decompress(b64decode(reply["body"])).decode() == plain.body
