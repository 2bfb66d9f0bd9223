"""Paths: 404, 405, and ids that look like paths. API Gateway decodes the paths."""

import re

import pytest

from tests.support.fakes import FakeSecretsManager, ScriptedTransport
from tests.support.lambda_calls import CALLERS_SECRET, SECRETS, HttpCaller, call_api, openapi, stored_caller

NOWHERE = ["", "/nowhere", "/webhooks", "/webhooks/whop/", "/webhooks/whop/x", "/docs/x", "/\ud800"]
NEARLY_SOMEWHERE = ["/Chats", "//chats", "/chats/", "/chats\n", "/chats/aich_1/", "/chats/aich_1/\n", "/chats/aich_1/x"]

CLIMBING = [".", "..", "../x", "x/..", "../\n", "../../health", "aich_1/../aich_2", "..\\x"]
ENCODED = ["%2e%2e", "%2e%2e%2fx", "%252e%252e", "aich_1%2Fx", "aich_1%00", "aich_1%0a", "aich_%C3%A9"]
WITH_ODD_CHARACTERS = ["aich_1" + odd for odd in "\n \t\r\x00\x7f?#;\"'`\\%<>{}é\u0661\ud800"] + ["\naich_1", " aich_1"]
OF_ANOTHER_FORM = ["x", "aich", "aich_", "AICH_1", "biz_1", "aich_" + "x" * 101, "aich_" + "x" * 9000]


@pytest.mark.parametrize(
    "path",
    [*NOWHERE, *NEARLY_SOMEWHERE],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_path_that_is_not_there_is_404(api: HttpCaller, whop: ScriptedTransport, method: str, path: str) -> None:
    answer = api(method, path, {"message_text": "hello"})

    assert answer.status == 404
    assert "/docs" in answer.json["detail"]
    assert whop.requests == []


@pytest.mark.parametrize(
    ("path", "methods", "allowed"),
    [
        ("/chats", ["PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW"], "GET, POST"),
        ("/chats/aich_1", ["PUT", "POST", "HEAD", "OPTIONS"], "DELETE, GET, PATCH"),
        ("/chats/\ud800", ["PUT"], "DELETE, GET, PATCH"),
        ("/health", ["POST", "HEAD", "DELETE"], "GET"),
        ("/openapi.json", ["POST"], "GET"),
        ("/docs", ["PUT"], "GET"),
        ("/", ["POST", "HEAD"], "GET"),
        ("/webhooks/whop", ["GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"], "POST"),
    ],
)
def test_another_method_is_405_and_says_which_are_allowed(
    api: HttpCaller, path: str, methods: list[str], allowed: str
) -> None:
    for method in methods:
        answer = api(method, path)

        assert (answer.status, answer.headers["allow"]) == (405, allowed), method


METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"]
FILLED = {"chat_id": "aich_1", "run_id": "a" * 32, "job_id": "a" * 32, "name": "weekly", "file_id": "file_1"}
FIXED_THAT_FIT_AN_ID = ["/chats/notification-preference", "/automations/preview", "/kodey/chats"]


def filled(path: str) -> str:
    """Return a path of the document with ids instead of its parameters."""
    ids = FILLED | ({"chat_id": "chat_1"} if path.startswith("/kodey") else {})
    return re.sub(r"{(\w+)}", lambda found: ids[found[1]], path)


@pytest.mark.parametrize("path", sorted(openapi()["paths"]))
def test_each_method_on_each_path_is_the_operation_that_the_document_names_or_405_with_the_others(path: str) -> None:
    callers = {**SECRETS, CALLERS_SECRET: {"nobody": stored_caller("powerless")}}
    api = call_api(ScriptedTransport(), FakeSecretsManager(callers))
    named = {method.upper(): operation for method, operation in openapi()["paths"][path].items()}
    allowed = sorted(named | ({"PATCH": None} if path == "/kodey/chats/{chat_id}" else {}))
    # Another function gets each POST to the webhook.
    for method in set(METHODS) - ({"POST"} if path == "/webhooks/whop" else set()):
        answer = api(method, filled(path), token="Bearer powerless")

        if method not in allowed:
            assert (answer.status, answer.headers["allow"]) == (405, ", ".join(allowed)), method
        elif scopes := named.get(method, {}).get("x-scopes"):
            assert (answer.status, answer.json["detail"].partition("the scope ")[2]) == (403, " and ".join(scopes))


@pytest.mark.parametrize("path", FIXED_THAT_FIT_AN_ID)
def test_a_fixed_path_is_never_taken_for_an_id_that_nothing_can_have(api: HttpCaller, path: str) -> None:
    answer = api("PATCH", path, {"title": None})

    assert answer.status == 405
    assert "PATCH" not in answer.headers["allow"]


def test_the_root_says_without_a_token_where_to_read_on(api: HttpCaller) -> None:
    found = api("GET", "/", token=None)

    assert found.status == 200
    assert found.json == {"console": "/console", "docs": "/docs", "openapi": "/openapi.json"}
    for path in found.json.values():
        assert api("GET", path, token=None).status == 200


def test_the_root_leads_a_browser_to_the_console(api: HttpCaller) -> None:
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

    found = api("GET", "/", token=None, headers={"accept": accept})

    assert (found.status, found.headers["location"], found.headers["vary"]) == (302, "/console", "Accept")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/webhooks/whop", 405),
        ("PUT", "/webhooks/whop", 405),
        ("DELETE", "/webhooks/whop", 405),
        ("POST", "/webhooks/whop/", 404),
        ("GET", "/webhooks/whop/", 404),
    ],
)
@pytest.mark.parametrize("token", [None, "Bearer wrong"])
def test_a_wrong_call_of_the_webhook_gets_the_reason_and_is_not_asked_for_a_token(
    api: HttpCaller, method: str, path: str, status: int, token: str | None
) -> None:
    answer = api(method, path, token=token)

    assert answer.status == status
    assert "www-authenticate" not in answer.headers
    assert answer.headers.get("allow") == ("POST" if status == 405 else None)


@pytest.mark.parametrize("path", ["/webhooks/whop/x", "/webhooks/whop//", "/webhooks/whopper", "/webhooks", "//"])
def test_nothing_beside_the_webhook_is_open(api: HttpCaller, path: str) -> None:
    assert api("POST", path, token=None).status == 401


@pytest.mark.parametrize(
    "chat_id",
    [*CLIMBING, *ENCODED, *WITH_ODD_CHARACTERS, *OF_ANOTHER_FORM],
)
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_an_id_that_no_chat_can_have_is_422_and_goes_nowhere(
    api: HttpCaller, whop: ScriptedTransport, method: str, chat_id: str
) -> None:
    answer = api(method, f"/chats/{chat_id}", {})

    assert answer.status == 422
    assert answer.fields == ["chat_id"]
    assert whop.requests == []
