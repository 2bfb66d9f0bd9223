"""``/chats``: the requests to Whop, and the answers if Whop succeeds."""

import httpx
import pytest

from aichats.api.app import create_api
from aichats.http import retry
from aichats.runs.providers.marks import key_base
from aichats.whop.models import AiChat
from tests.support.fakes import ScriptedTransport, ai_chat, error_response, ok, page
from tests.support.lambda_calls import LOCAL, WRITER, Answer, HttpCaller, call_api, make_application
from tests.support.ledgers import LEASE, Clock

CHAT = "/chats/aich_1"
WHOP_CHATS = "/api/v1/ai_chats"
FACTS = {"message_text": "How was the week?", "company_id": "biz_A"}


def creating(**chat: object) -> ScriptedTransport:
    """Return a Whop that creates a chat and then sets its title."""
    return ScriptedTransport(*(ok(ai_chat(id="aich_1", **chat)) for _ in range(2)))


def base(answer: Answer) -> str:
    return key_base("runs", answer.headers["x-run-id"])


def mark(answer: Answer) -> str:
    return f"{base(answer)[:10]} · "


def test_a_change_over_http_is_not_undone_by_a_run_that_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "MAX_ATTEMPTS", 1)
    whop = ScriptedTransport(error_response(429), ok(ai_chat(id="aich_1")))
    clock = Clock()
    app = make_application(whop, clock=clock)
    api = HttpCaller(create_api(app).resolve)
    mute = {"type": "whop.update_chat", "notification_preference": "none"}
    [run_id] = api("POST", "/runs", {"action": mute, "targets": ["aich_1"]}).json["run_ids"]
    app.dispatcher.perform(run_id, LEASE)
    clock.forward(seconds=1)

    assert api("PATCH", CHAT, {"notification_preference": "all"}).status == 200
    clock.forward(minutes=10)
    app.dispatcher.perform(run_id, LEASE)

    assert [method for method, _ in whop.calls] == ["PATCH", "PATCH"]
    assert api("GET", f"/runs/{run_id}").json["error"]["type"] == "SupersededError"


def test_create_answers_201_with_the_chat_where_it_is_and_the_run_that_made_it() -> None:
    whop = creating(title="Week")

    answer = call_api(whop)("POST", "/chats", FACTS | {"title": "Week"})

    assert answer.status == 201
    assert answer.json["id"] == "aich_1"
    assert answer.headers["location"] == "/chats/aich_1"
    assert len(answer.headers["x-run-id"]) == 32
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


def test_create_sends_the_company_under_whops_name_and_a_key_of_the_run() -> None:
    whop = creating()

    answer = call_api(whop)("POST", "/chats", FACTS)

    assert whop.calls == [("POST", WHOP_CHATS), ("PATCH", f"{WHOP_CHATS}/aich_1")]
    assert whop.bodies == [
        {
            "message_text": "How was the week?",
            "current_company_id": "biz_A",
            "title": mark(answer) + "How was the week?",
        },
        {"title": None},
    ]
    assert whop.requests[0].headers["idempotency-key"] == base(answer) + ".1"


def test_create_passes_on_every_field_that_whop_takes() -> None:
    whop = creating()
    body = FACTS | {
        "title": "Week",
        "attachments": ["file_1", "file_2"],
        "message_source": "suggestion",
        "suggestion_type": "weekly",
        "agent_identifier": "general",
    }

    answer = call_api(whop, whop_api_version="2026-10-15-1")("POST", "/chats", body)

    assert answer.status == 201
    assert whop.bodies == [
        {
            "message_text": "How was the week?",
            "title": mark(answer) + "Week",
            "message_source": "suggestion",
            "suggestion_type": "weekly",
            "agent_identifier": "general",
            "current_account_id": "biz_A",
            "message_attachments": [{"id": "file_1"}, {"id": "file_2"}],
        },
        {"title": "Week"},
    ]


@pytest.mark.parametrize("company", [{}, {"company_id": None}])
def test_create_without_a_company_names_none_to_whop(company: dict[str, None]) -> None:
    whop = creating()

    answer = call_api(whop)("POST", "/chats", {"message_text": "hello"} | company)

    assert whop.bodies[0] == {"message_text": "hello", "title": mark(answer) + "hello"}


@pytest.mark.parametrize(
    ("company", "key"), [("biz_own", "whop-key-of-biz-own"), ("biz_A", "whop-key-of-all"), (None, "whop-key-of-all")]
)
def test_create_uses_the_companys_own_credential_where_it_has_one(company: str | None, key: str) -> None:
    whop = creating()

    call_api(whop)("POST", "/chats", {"message_text": "hello", "company_id": company})

    assert whop.requests[0].headers["authorization"] == f"Bearer {key}"


def test_create_decodes_a_body_in_base64_first() -> None:
    whop = creating()

    answer = call_api(whop)("POST", "/chats", {"message_text": "Grüße 🎉"}, in_base64=True)

    assert answer.status == 201
    assert whop.bodies[0]["message_text"] == "Grüße 🎉"


@pytest.mark.parametrize("media_type", ["application/json", "Application/JSON; charset=utf-8", "application/json ;a=b"])
def test_create_takes_json_however_its_media_type_is_spelt(media_type: str) -> None:
    whop = creating()

    assert call_api(whop)("POST", "/chats", FACTS, headers={"content-type": media_type}).status == 201


def test_the_message_may_be_as_long_as_the_setting_says() -> None:
    whop = creating()

    answer = call_api(whop, max_message_bytes=100_000)("POST", "/chats", {"message_text": "x" * 100_000})

    assert answer.status == 201


def test_a_repeated_key_replays_the_first_answer() -> None:
    whop = creating(title="Week")
    api = call_api(whop)

    first, second = (api("POST", "/chats", FACTS, headers={"idempotency-key": "k"}) for _ in range(2))

    assert (first.status, second.status) == (201, 200)
    assert second.json == first.json
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    for name in ("x-run-id", "location"):
        assert first.headers[name] == second.headers[name]
    assert len(whop.requests) == 2


def test_a_key_that_was_used_with_another_body_is_rejected() -> None:
    api = call_api(creating())
    key = {"idempotency-key": "k"}
    api("POST", "/chats", FACTS, headers=key)

    for changed in ({"company_id": "biz_B"}, {"title": "Week"}, {"message_text": "Another?"}):
        answer = api("POST", "/chats", FACTS | changed, headers=key)
        assert (answer.status, answer.fields) == (422, ["Idempotency-Key"])


def test_another_key_or_caller_is_another_run_and_so_is_each_call_without_a_key() -> None:
    api = call_api(ScriptedTransport(*(ok(ai_chat()) for _ in range(10))))
    key = {"idempotency-key": "k"}

    answers = [
        api("POST", "/chats", FACTS, headers=key),
        api("POST", "/chats", FACTS, headers={"idempotency-key": "K"}),
        api("POST", "/chats", FACTS, headers=key, token=f"Bearer {WRITER}"),
        api("POST", "/chats", FACTS),
        api("POST", "/chats", FACTS),
    ]

    assert len({answer.headers["x-run-id"] for answer in answers}) == 5


def test_create_muted_is_a_post_and_then_a_patch() -> None:
    whop = creating(notification_preference="none")

    answer = call_api(whop)("POST", "/chats", FACTS | {"notification_preference": "none"})

    assert answer.json["notification_preference"] == "none"
    assert whop.calls == [("POST", WHOP_CHATS), ("PATCH", WHOP_CHATS + "/aich_1")]
    assert "notification_preference" not in whop.bodies[0]
    assert whop.bodies[1] == {"title": None, "notification_preference": "none"}


def test_list_passes_the_query_on_and_answers_the_page() -> None:
    whop = ScriptedTransport(page(ai_chat(id="aich_1"), ai_chat(id="aich_2"), end_cursor="c 2", has_next_page=True))

    answer = call_api(whop)("GET", "/chats", query="first=2&after=a%2Bb%20c&only_active_crons=false")

    assert answer.status == 200
    assert [chat["id"] for chat in answer.json["data"]] == ["aich_1", "aich_2"]
    assert answer.json["page_info"] | {"end_cursor": "c 2", "has_next_page": True} == answer.json["page_info"]
    assert dict(whop.requests[0].url.params) == {"first": "2", "after": "a+b c", "only_active_crons": "false"}


def test_list_takes_every_parameter_of_the_contract() -> None:
    whop = ScriptedTransport(page())

    answer = call_api(whop, whop_api_version="2026-10-15-1")(
        "GET", "/chats", query="before=b&last=100&agent_identifier=support"
    )

    assert answer.json["data"] == []
    assert dict(whop.requests[0].url.params) == {"before": "b", "last": "100", "agent_identifier": "support"}


def test_retrieve_answers_the_chat_with_what_we_do_not_know_yet() -> None:
    whop = ScriptedTransport(ok(ai_chat(id="aich_1", blended_token_usage="123.4500", mood="sunny")))

    answer = call_api(whop)("GET", CHAT)

    assert answer.status == 200
    assert answer.json["mood"] == "sunny"
    assert answer.json["blended_token_usage"] == "123.4500"
    assert whop.calls == [("GET", WHOP_CHATS + "/aich_1")]


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ({"notification_preference": "none"}, {"notification_preference": "none"}),
        ({"title": None}, {"title": None}),
        ({"title": "New", "company_id": "biz_A"}, {"title": "New", "current_company_id": "biz_A"}),
        ({}, {}),
    ],
)
def test_update_sends_only_what_was_given_and_null_clears(body: object, sent: object) -> None:
    whop = ScriptedTransport(ok(ai_chat()))

    answer = call_api(whop)("PATCH", CHAT, body)

    assert answer.status == 200
    assert whop.calls == [("PATCH", WHOP_CHATS + "/aich_1")]
    assert whop.bodies == [sent]


def test_delete_answers_204_without_a_body() -> None:
    whop = ScriptedTransport(ok(body=True))

    answer = call_api(whop)("DELETE", CHAT)

    assert (answer.status, answer.body) == (204, "")
    assert "content-type" not in answer.headers
    assert whop.calls == [("DELETE", WHOP_CHATS + "/aich_1")]


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_chats_id_goes_to_whop_as_it_is(method: str) -> None:
    whop = ScriptedTransport(ok(ai_chat()))

    call_api(whop)(method, "/chats/aich_aA0-_", {} if method == "PATCH" else None, token=f"Bearer {LOCAL}")

    assert whop.calls == [(method, WHOP_CHATS + "/aich_aA0-_")]


@pytest.mark.parametrize(
    "answer_of_get", [error_response(503), error_response(429), ok({"id": "aich_1"}), httpx.ReadTimeout("slow")]
)
def test_a_chat_that_was_created_and_cannot_be_shown_is_answered_with_202(
    answer_of_get: httpx.Response | Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "MAX_ATTEMPTS", 1)
    whop = ScriptedTransport(ok(ai_chat(id="aich_1")), ok({"id": "aich_1"}), answer_of_get)

    answer = call_api(whop)("POST", "/chats", FACTS)

    assert answer.status == 202
    assert (answer.json["status"], answer.json["chat_id"]) == ("succeeded", "aich_1")


@pytest.mark.parametrize("agent", [{}, {"agent_identifier": None}, {"agent_identifier": "support"}])
def test_the_answer_of_a_new_chat_is_what_the_model_of_a_chat_writes(agent: dict[str, str | None]) -> None:
    exact = {"title": "\u00dc \u2713 \x01", "blended_token_usage": "12345678901234567890.10", "future": 1.5}

    answer = call_api(creating(**exact, **agent))("POST", "/chats", FACTS)

    assert answer.status == 201
    assert AiChat.model_validate_json(answer.body).model_dump_json() == answer.body
    assert answer.json["agent_identifier"] == agent.get("agent_identifier")
