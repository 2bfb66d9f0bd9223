"""New chats and messages: the requests to Kodey, the queue, and the answers of the API."""

import httpx
import pytest

from tests.support.fakes import Json, Step, aws_error
from tests.support.kodey_api import CHAT, CHATS, KEY, MESSAGES, NEW, POSTS, SENT, SLOW_QUEUE, KodeyApi
from tests.support.lambda_calls import KODEY_KEY
from tests.support.ledgers import LEASE


def test_create_answers_201_with_the_chat_and_the_assistant_s_answer(api: KodeyApi) -> None:
    answer = api("POST", CHATS, NEW | {"user_id": "ann", "metadata": {"source": "shop"}})

    assert answer.status == 201
    assert (answer.json["chat"]["id"], answer.json["chat"]["agentId"]) == ("chat_2", "agent_1")
    assert answer.json["reply"]["content"] == "You said: How many tickets?"
    assert (answer.json["reply"]["role"], answer.json["reply"]["chatId"]) == ("assistant", "chat_2")
    assert answer.headers["location"] == "/kodey/chats/chat_2"
    assert len(answer.headers["x-run-id"]) == 32
    assert "idempotent-replayed" not in answer.headers
    created = api.kodey.bodies[api.kodey.calls.index("POST /chat")]
    assert created == {"agentId": "agent_1", "userId": "ann", "metadata": {"source": "shop"}}
    assert {request.headers["x-api-key"] for request in api.kodey.requests} == {KODEY_KEY}


def test_send_answers_201_with_the_assistant_s_answer(api: KodeyApi) -> None:
    answer = api("POST", MESSAGES, SENT)

    assert answer.status == 201
    assert answer.json["content"] == "You said: How many tickets?"
    assert answer.headers["location"] == MESSAGES
    assert api.kodey.of_user("chat_1") == ["How many tickets?"]


@POSTS
def test_the_api_itself_sends_no_message_it_goes_to_the_queue_for_slow_runs(
    api: KodeyApi, path: str, body: Json
) -> None:
    queues: list[str] = []

    def work() -> None:
        queues.extend(sent.queue for sent in api.sqs.sent)
        api.work()

    api.meanwhile = work

    api("POST", path, body)

    assert queues == [SLOW_QUEUE]
    assert api.slept == [0.2]


@POSTS
def test_a_repeat_of_the_key_answers_200_with_the_same_and_does_nothing(api: KodeyApi, path: str, body: Json) -> None:
    first = api("POST", path, body, headers=KEY)
    calls = len(api.kodey.requests)

    again = api("POST", path, body, headers=KEY)

    assert (again.status, again.headers["idempotent-replayed"]) == (200, "true")
    assert (again.json, again.headers["x-run-id"]) == (first.json, first.headers["x-run-id"])
    assert len(api.kodey.requests) == calls
    api.clock.forward(seconds=1)
    assert api("POST", path, body, headers={"idempotency-key": "other"}).status == 201


@POSTS
def test_what_takes_longer_is_answered_202_and_is_found_at_its_location(api: KodeyApi, path: str, body: Json) -> None:
    api.meanwhile = lambda: None

    answer = api("POST", path, body, seconds=0.6, headers=KEY)

    assert answer.status == 202
    assert answer.headers["location"] == f"/runs/{answer.headers['x-run-id']}"
    assert answer.json["status"] == "pending"
    assert api.slept == []
    assert api("POST", path, body, headers=KEY).status == 202
    assert len(api.sqs.sent) == 1, "a repeat sends no second message"
    api.work()
    run = api("GET", answer.headers["location"]).json
    assert (run["status"], run["reply"]["content"]) == ("succeeded", "You said: How many tickets?")
    assert api("POST", path, body, headers=KEY).status == 200


def test_it_looks_less_and_less_often_and_never_longer_than_it_may(api: KodeyApi) -> None:
    looks = iter(range(7))
    api.meanwhile = lambda: api.work() if next(looks) == 6 else None

    assert api("POST", CHATS, NEW).status == 201
    assert api.slept == pytest.approx([0.2, 0.3, 0.45, 0.675, 1.0, 1.0, 1.0], abs=0.02)


@POSTS
def test_while_a_run_is_performed_a_repeat_of_its_key_is_rejected(api: KodeyApi, path: str, body: Json) -> None:
    api.meanwhile = lambda: None
    run_id = api("POST", path, body, seconds=0.1, headers=KEY).headers["x-run-id"]
    api.app.ledger.claim(run_id, LEASE)

    answer = api("POST", path, body, headers=KEY)

    assert (answer.status, answer.json["run_id"]) == (409, run_id)
    assert "in progress" in answer.json["detail"]


@POSTS
def test_while_it_is_performed_elsewhere_its_own_call_watches_and_answers_202(
    api: KodeyApi, path: str, body: Json
) -> None:
    def take() -> None:
        api.app.ledger.claim(api.sqs.sent[0].run_id, LEASE)
        api.meanwhile = lambda: None

    api.meanwhile = take

    answer = api("POST", path, body, seconds=0.9)

    assert (answer.status, answer.json["status"]) == (202, "performing")


def test_a_run_that_vanished_is_reported_as_an_error_of_the_server(
    api: KodeyApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(api.app.ledger), "get", lambda *_: None)

    assert api("POST", CHATS, NEW).status == 500


def test_if_sqs_accepts_no_message_the_answer_names_the_run_which_is_performed_later(api: KodeyApi) -> None:
    api.sqs.down = aws_error("ServiceUnavailable")

    answer = api("POST", CHATS, NEW)

    assert (answer.status, answer.json["status"]) == (202, "pending")
    api.sqs.down = None
    api.clock.forward(minutes=6)
    assert api.app.stranded_runs.resume()["resumed"] == 1
    api.work()
    assert api("GET", answer.headers["location"]).json["status"] == "succeeded"
    assert api.kodey.of_user("chat_2") == ["How many tickets?"]


def test_an_answer_that_never_came_is_null_and_the_message_is_not_sent_again(api: KodeyApi) -> None:
    def silent(request: httpx.Request) -> Step | None:
        if request.method != "POST" or not request.url.path.endswith("/message"):
            return None
        api.kodey.say(request.url.path.split("/")[2], "How many tickets?")
        return httpx.ReadTimeout("slow")

    api.kodey.interfere = silent
    api.meanwhile = api.until_time_is_up
    keys = {path: {"idempotency-key": path} for path in (CHATS, MESSAGES)}
    for path, body in [(CHATS, NEW), (MESSAGES, SENT)]:
        api.meanwhile = api.until_time_is_up
        assert api("POST", path, body, seconds=0.9, headers=keys[path]).status == 202

    api.settled()

    created, sent = (api("POST", path, body, headers=keys[path]) for path, body in [(CHATS, NEW), (MESSAGES, SENT)])
    assert (created.status, created.json["reply"]) == (200, None)
    assert (sent.status, sent.json["status"], sent.json["reply"]) == (200, "succeeded", None)
    assert [api.kodey.of_user(chat) for chat in ("chat_1", "chat_2")] == [["How many tickets?"]] * 2


def test_a_create_that_a_person_resolved_answers_with_the_chat_as_it_is_now(api: KodeyApi) -> None:
    api.meanwhile = lambda: None
    run_id = api("POST", CHATS, NEW, seconds=0.1, headers=KEY).headers["x-run-id"]
    row = api.app.ledger.claim(run_id, LEASE)
    api.app.ledger.finish(row, "unknown", error={"type": "E", "message": "?"})
    assert api("POST", CHATS, NEW, headers=KEY).status == 202
    assert api("POST", f"/runs/{run_id}/resolve", {"outcome": "succeeded", "chat_id": "chat_1"}).status == 200

    answer = api("POST", CHATS, NEW, headers=KEY)

    assert (answer.status, answer.json["chat"]["id"], answer.json["reply"]) == (200, "chat_1", None)
    assert answer.headers["location"] == CHAT
