"""Invalid input: 422 names the field, and Whop gets no request."""

import json
from collections.abc import Mapping

import pytest
from pydantic import TypeAdapter

from aichats.api.app import create_api
from aichats.validation import read_stored
from aichats.whop.actions import WhopCreateChat
from aichats.whop.models import CreateAiChat
from tests.support.fakes import Json, ScriptedTransport
from tests.support.lambda_calls import HttpCaller, call_api, http_event, make_application
from tests.support.runs_api import items

NO_OBJECT = [None, "", " ", "[]", "null", '"text"', "5"]
NO_JSON = ["{", '{"message_text": "hello"', "NaN", "{'message_text': 'hello'}", '{"message_text": "a\nb"}', "\ufeff{}"]
NO_UNICODE = ['{"message_text": "\\ud800"}', '{"message_text": "\ud800"}']
TOO_DEEP = [start + "[" * 100_000 for start in ("", '{"message_text": ', '{"message_text": "hello", "x": ')]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"message_text": ""}, "message_text"),
        ({"message_text": " \t\r\n\u2003"}, "message_text"),
        ({"message_text": None}, "message_text"),
        ({"message_text": 5}, "message_text"),
        ({"message_text": ["hello"]}, "message_text"),
        ({"message_text": "x" * 32_769}, "message_text"),
        ({"message_text": "é" * 16_385}, "message_text"),
        ({"message_text": "x" * 5_000_000}, "message_text"),
        ({"company_id": "A"}, "company_id"),
        ({"company_id": ""}, "company_id"),
        ({"company_id": "biz_"}, "company_id"),
        ({"company_id": "aich_1"}, "company_id"),
        ({"company_id": "biz_A\n"}, "company_id"),
        ({"company_id": "biz_A/../x"}, "company_id"),
        ({"company_id": "biz_" + "A" * 101}, "company_id"),
        ({"company_id": ["biz_A"]}, "company_id"),
        ({"title": ""}, "title"),
        ({"title": "x" * 501}, "title"),
        ({"notification_preference": "loud"}, "notification_preference"),
        ({"notification_preference": "NONE"}, "notification_preference"),
        ({"notification_preference": False}, "notification_preference"),
        ({"attachments": "file_1"}, "attachments"),
        ({"attachments": ["file_1", "x"]}, "attachments.1"),
        ({"attachments": ["file_1"] * 21}, "attachments"),
        ({"message_source": "dream"}, "message_source"),
        ({"suggestion_type": "weekly"}, "suggestion_type"),
        ({"agent_identifier": "spy"}, "agent_identifier"),
        ({"agent_identifier": "support"}, "agent_identifier"),
        ({"companyId": "biz_A"}, "companyId"),
        ({"current_company_id": "biz_A"}, "current_company_id"),
        ({"a.field": 1}, "a.field"),
        ({"x": json.loads("[" * 100 + "]" * 100)}, "x"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_create_rejects_a_field_that_is_wrong(
    api: HttpCaller, whop: ScriptedTransport, fields: Json, named: str
) -> None:
    answer = api("POST", "/chats", {"message_text": "hello"} | fields)

    assert answer.status == 422
    assert answer.fields == [named]
    assert answer.json["detail"].startswith(f"{named}: ")
    assert whop.requests == []


def test_an_agent_before_its_time_writes_no_run_and_uses_no_key(whop: ScriptedTransport) -> None:
    app = make_application(whop)
    body = {"message_text": "hello", "agent_identifier": "support"}

    answer = HttpCaller(create_api(app).resolve)("POST", "/chats", body, headers={"idempotency-key": "k"})

    assert (answer.status, answer.fields) == (422, ["agent_identifier"])
    assert "needs Whop's API version 2026-09-15 or later" in answer.json["detail"]
    assert "x-run-id" not in answer.headers
    assert items(app) == []


@pytest.mark.parametrize(
    ("method", "path", "body", "message"),
    [
        ("POST", "/chats", {"message_text": "hello", "company_id": "A"}, "is not the id of a company (biz_...)"),
        ("POST", "/chats", {"message_text": "hello", "attachments": ["x"]}, "is not the id of a file (file_...)"),
        ("PATCH", "/chats/aich_1", {"company_id": 5}, "is not the id of a company (biz_...)"),
        ("GET", "/chats/biz_1", None, "is not the id of a chat (aich_...)"),
        ("GET", "/kodey/chats/ä", None, "is not the id of a chat of Kodey"),
        ("POST", "/kodey/chats", {"message_text": "hello", "agent_id": "."}, "is not an agent's id"),
        ("GET", "/runs/last", None, "is not the id of a run"),
    ],
)
def test_an_invalid_id_is_named_in_the_error(
    api: HttpCaller, method: str, path: str, body: object, message: str
) -> None:
    answer = api(method, path, body)

    assert [problem["message"] for problem in answer.json["errors"]] == [message]


INVISIBLE = {
    "zero-width space": "\u200b",
    "byte order mark": "\ufeff",
    "zero-width joiners": "\u200d\u200c\u2060",
    "controls": "\x00\x07\x1b\x7f\x85",
    "no-break spaces": "\xa0\u202f\u3000",
    "soft hyphen": "\xad",
    "directions": "\u202e\u2066\u061c",
    "fillers of Hangul": "\u115f\u1160\u3164\uffa0",
    "blank of Braille": "\u2800",
    "variation selectors": "\ufe0f\U000e0100",
    "tags": "\U000e0001\U000e0041\U000e007f",
    "joiner of graphemes": "\u034f",
    "some of each": " \u200b\n\ufeff\u2800 ",
}
VISIBLE = ["x", " \u200bx", "\U0001f44d\ufe0f", "\U0001fae9", "\ue000", "é", "e\u0301", "日", "-", "\u0e33"]


@pytest.mark.parametrize("text", INVISIBLE.values(), ids=INVISIBLE.keys())
@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/chats", {}, "message_text"),
        ("/kodey/chats", {"agent_id": "agent_1"}, "message_text"),
        ("/kodey/chats/chat_1/messages", {}, "content"),
    ],
)
def test_a_message_that_shows_nothing_is_rejected(
    api: HttpCaller, path: str, body: Json, field: str, text: str
) -> None:
    answer = api("POST", path, body | {field: text})

    assert (answer.status, answer.fields) == (422, [field])


def test_a_message_that_shows_nothing_and_was_stored_before_stays_readable() -> None:
    stored = {"type": "whop.create_chat", "message_text": "\u200b"}

    action: WhopCreateChat = read_stored(TypeAdapter(WhopCreateChat).validate_python, stored, "run")

    assert action.message_text == "\u200b"


@pytest.mark.parametrize("text", VISIBLE, ids=ascii)
def test_a_message_that_shows_something_is_taken(text: str) -> None:
    assert CreateAiChat(message_text=text).message_text == text


def test_create_needs_a_message(api: HttpCaller) -> None:
    assert api("POST", "/chats", {"title": "Week"}).fields == ["message_text"]


def test_all_wrong_fields_are_named_at_once(api: HttpCaller) -> None:
    answer = api("POST", "/chats", {"message_text": "", "company_id": "A", "x": 1})

    assert answer.fields == ["message_text", "company_id", "x"]


def test_the_limit_of_the_message_is_a_setting_and_is_in_the_error(whop: ScriptedTransport) -> None:
    answer = call_api(whop, max_message_bytes=10)("POST", "/chats", {"message_text": "elevenchars"})

    assert answer.fields == ["message_text"]
    assert "is 11 bytes long, the limit is 10" in answer.json["detail"]


@pytest.mark.parametrize(
    "body",
    [*NO_OBJECT, *NO_JSON, *NO_UNICODE, *TOO_DEEP],
    ids=lambda value: repr(value)[:40],
)
def test_create_rejects_a_body_that_is_no_json_object(
    api: HttpCaller, whop: ScriptedTransport, body: str | None
) -> None:
    answer = api("POST", "/chats", body)

    assert answer.status == 422
    assert answer.fields == ["body"]
    assert whop.requests == []


@pytest.mark.parametrize("body", ["%%%", "e30", "é", "eyJtZXNzYWdlX3RleHQiOiL/In0=", "\ud800", ""], ids=repr)
def test_create_rejects_invalid_base64_and_base64_without_json(
    api: HttpCaller, whop: ScriptedTransport, body: str
) -> None:
    event = http_event("POST", "/chats") | {"body": body, "isBase64Encoded": True}

    answer = api.send(event)

    assert answer.status == 422
    assert answer.fields == ["body"]
    assert whop.requests == []


@pytest.mark.parametrize(
    "media_type", [None, "", "text/plain", "application/jsonx", "application/x-www-form-urlencoded"]
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/chats"), ("PATCH", "/chats/aich_1")])
def test_a_body_that_is_not_declared_as_json_is_rejected(
    api: HttpCaller, whop: ScriptedTransport, method: str, path: str, media_type: str | None
) -> None:
    answer = api(method, path, {"message_text": "hello"}, headers={"content-type": media_type})

    assert answer.status == 422
    assert answer.fields == ["Content-Type"]
    assert whop.requests == []


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\x00b", "a\n", "\ud800", "a,b", "a,a", "a, b", ","], ids=repr)
def test_an_idempotency_key_is_one_of_printable_ascii_of_at_most_255_bytes(
    api: HttpCaller, whop: ScriptedTransport, key: str
) -> None:
    answer = api("POST", "/chats", {"message_text": "hello"}, headers={"idempotency-key": key})

    assert answer.status == 422
    assert answer.fields == ["Idempotency-Key"]
    assert whop.requests == []


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("first=0", "first"),
        ("first=-1", "first"),
        ("first=101", "first"),
        ("last=101", "last"),
        ("last=1e3", "last"),
        ("first=ten", "first"),
        ("first=", "first"),
        ("first=10&last=10", "last"),
        ("first=1&first=1", "first"),
        ("first=1&%66irst=2", "first"),
        ("after=", "after"),
        ("after=" + "x" * 1001, "after"),
        ("after=\ud800", "after"),
        ("only_active_crons=maybe", "only_active_crons"),
        ("agent_identifier=spy", "agent_identifier"),
        ("agent_identifier=support", "agent_identifier"),
        ("page=2", "page"),
        ("first", "first"),
        ("limit[]=5", "limit[]"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_list_rejects_a_parameter_that_is_wrong(
    api: HttpCaller, whop: ScriptedTransport, query: str, named: str
) -> None:
    answer = api("GET", "/chats", query=query)

    assert answer.status == 422
    assert answer.fields == [named]
    assert whop.requests == []


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/chats"), ("GET", "/chats/aich_1"), ("PATCH", "/chats/aich_1"), ("DELETE", "/chats/aich_1")],
)
def test_what_takes_no_query_rejects_one(api: HttpCaller, whop: ScriptedTransport, method: str, path: str) -> None:
    answer = api(method, path, {"message_text": "hello"}, query="dry_run=true&x=")

    assert answer.fields == ["dry_run", "x"]
    assert whop.requests == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"notification_preference": "loud"}, "notification_preference"),
        ({"company_id": "A"}, "company_id"),
        ({"title": ""}, "title"),
        ({"message_text": "hello"}, "message_text"),
    ],
)
def test_update_rejects_a_field_that_is_wrong(
    api: HttpCaller, whop: ScriptedTransport, changes: Mapping[str, object], named: str
) -> None:
    answer = api("PATCH", "/chats/aich_1", changes)

    assert answer.fields == [named]
    assert whop.requests == []


def test_a_million_wrong_fields_get_a_short_answer(api: HttpCaller) -> None:
    answer = api("POST", "/chats", {"message_text": "hello"} | {f"field{number}": 1 for number in range(100_000)})

    assert answer.status == 422
    assert len(answer.fields) == 20
    assert len(answer.body) < 10_000


def test_a_wrong_field_with_a_long_name_gets_a_short_answer(api: HttpCaller) -> None:
    answer = api("POST", "/chats", {"message_text": "hello", "x" * 1_000_000: 1})

    assert answer.fields == ["x" * 100]
    assert len(answer.body) < 1_000


@pytest.mark.parametrize("path", ["/chats", "/runs"])
def test_a_message_that_no_item_of_a_table_can_hold_is_422_and_not_trouble_with_aws(
    whop: ScriptedTransport, path: str
) -> None:
    """JSON writes a control character as six bytes. Earlier, the answer was to retry, which never helped."""
    action = {"message_text": "a" + "\x01" * 100_000}
    body = action if path == "/chats" else {"action": {"type": "whop.create_chat"} | action, "targets": [None]}

    answer = call_api(whop, max_message_bytes=131_072)("POST", path, body)

    assert (answer.status, [field.removeprefix("action.") for field in answer.fields]) == (422, ["message_text"])


def test_a_long_message_with_line_breaks_and_quotes_is_taken() -> None:
    text = '"\n' * 65_536
    taken = CreateAiChat.model_validate({"message_text": text}, context={"max_message_bytes": 131_072})
    assert taken.message_text == text
