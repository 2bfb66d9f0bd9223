"""``/kodey/chats``: what is sent to Kodey, what waits on the queue, and what callers are told."""

import contextvars
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from aichats.api.app import create_api
from aichats.bootstrap import Application
from aichats.http import deadline, retry
from aichats.http.deadline import time_limit
from aichats.kodey.models import MAX_METADATA_BYTES
from tests.fakes import FakeClock, FakeSecretsManager, FakeSqs, Json, Step, aws_error
from tests.kodey_in_memory import KodeyInMemory
from tests.lambda_calls import (
    KODEY_KEY,
    KODEY_SECRET,
    READER,
    SECRETS,
    WRITER,
    Answer,
    HttpCaller,
    make_application,
)
from tests.ledgers import LEASE, Clock

CHATS, CHAT, MESSAGES = "/kodey/chats", "/kodey/chats/chat_1", "/kodey/chats/chat_1/messages"
NEW: Json = {"agent_id": "agent_1", "message_text": "How many tickets?"}
SENT: Json = {"content": "How many tickets?"}
KEY = {"idempotency-key": "k"}
SLOW_QUEUE = "https://sqs.invalid/slow-runs"
POSTS = pytest.mark.parametrize(("path", "body"), [(CHATS, NEW), (MESSAGES, SENT)], ids=["create", "send"])


class World:
    """The API, with Kodey in memory and a worker that performs what is queued while the API sleeps."""

    def __init__(self, secrets: FakeSecretsManager | None = None) -> None:
        self.clock, self.timer, self.sqs = Clock(), FakeClock(), FakeSqs()
        self.kodey = KodeyInMemory(self.clock)
        self.kodey.chat()
        self.app: Application = make_application(self.kodey, secrets, clock=self.clock, sqs=self.sqs)
        self.slept: list[float] = []
        self.meanwhile: Callable[[], object] = self.work
        # Sleeping lets somebody else act.
        self.app.__dict__["dispatcher"] = replace(self.app.dispatcher, sleep=self._sleep)
        self._caller = HttpCaller(create_api(self.app).resolve)

    def __call__(self, method: str, path: str, body: object = None, seconds: float = 25.0, **options: object) -> Answer:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(deadline, "time", self.timer)
            with time_limit(seconds):
                return self._caller(method, path, body, **options)

    def work(self) -> None:
        """The function for slow runs takes what is due."""
        for sent in [sent for sent in self.sqs.sent if sent.delay == 0]:
            self.sqs.sent.remove(sent)
            # Another function, to which the deadline of this one means nothing.
            contextvars.Context().run(self.app.dispatcher.perform, sent.run_id, LEASE)

    def settled(self) -> None:
        """The settle time is over, and what waits is performed."""
        for _ in range(3):
            self.clock.forward(minutes=11)
            self.sqs.sent = [replace(sent, delay=0) for sent in self.sqs.sent]
            self.work()

    def until_time_is_up(self) -> None:
        """The worker acts at once, and what is left then takes longer than the call may."""
        self.work()
        self.meanwhile = lambda: None

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.timer.sleep(seconds)
        self.meanwhile()


@pytest.fixture(autouse=True)
def _one_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "MAX_ATTEMPTS", 1)


@pytest.fixture
def api() -> World:
    return World()


def refused(status: int, **fields: object) -> httpx.Response:
    return httpx.Response(status, json={"error": "No", "message": "no"} | fields, headers={"x-request-id": "req_1"})


# ---------------------------------------------------------------------------------------------- making something


def test_create_answers_201_with_the_chat_and_the_assistant_s_answer(api: World) -> None:
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


def test_send_answers_201_with_the_assistant_s_answer(api: World) -> None:
    answer = api("POST", MESSAGES, SENT)

    assert answer.status == 201
    assert answer.json["content"] == "You said: How many tickets?"
    assert answer.headers["location"] == MESSAGES
    assert api.kodey.of_user("chat_1") == ["How many tickets?"]


@POSTS
def test_the_api_itself_sends_no_message_it_goes_to_the_queue_for_slow_runs(api: World, path: str, body: Json) -> None:
    queues: list[str] = []

    def work() -> None:
        queues.extend(sent.queue for sent in api.sqs.sent)
        api.work()

    api.meanwhile = work

    api("POST", path, body)

    assert queues == [SLOW_QUEUE]
    assert api.slept == [0.2]


@POSTS
def test_a_repeat_of_the_key_answers_200_with_the_same_and_does_nothing(api: World, path: str, body: Json) -> None:
    first = api("POST", path, body, headers=KEY)
    calls = len(api.kodey.requests)

    again = api("POST", path, body, headers=KEY)

    assert (again.status, again.headers["idempotent-replayed"]) == (200, "true")
    assert (again.json, again.headers["x-run-id"]) == (first.json, first.headers["x-run-id"])
    assert len(api.kodey.requests) == calls
    assert api("POST", path, body, headers={"idempotency-key": "other"}).status == 201


@POSTS
def test_what_takes_longer_is_answered_202_and_is_found_at_its_location(api: World, path: str, body: Json) -> None:
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


def test_it_looks_less_and_less_often_and_never_longer_than_it_may(api: World) -> None:
    looks = iter(range(7))
    api.meanwhile = lambda: api.work() if next(looks) == 6 else None

    assert api("POST", CHATS, NEW).status == 201
    assert api.slept == pytest.approx([0.2, 0.3, 0.45, 0.675, 1.0, 1.0, 1.0], abs=0.02)


@POSTS
def test_while_a_run_is_performed_a_repeat_of_its_key_is_refused(api: World, path: str, body: Json) -> None:
    api.meanwhile = lambda: None
    run_id = api("POST", path, body, seconds=0.1, headers=KEY).headers["x-run-id"]
    api.app.ledger.claim(run_id, LEASE)

    answer = api("POST", path, body, headers=KEY)

    assert (answer.status, answer.json["run_id"]) == (409, run_id)
    assert "in progress" in answer.json["detail"]


@POSTS
def test_while_it_is_performed_elsewhere_its_own_call_watches_and_answers_202(
    api: World, path: str, body: Json
) -> None:
    def take() -> None:
        api.app.ledger.claim(api.sqs.sent[0].run_id, LEASE)
        api.meanwhile = lambda: None

    api.meanwhile = take

    answer = api("POST", path, body, seconds=0.9)

    assert (answer.status, answer.json["status"]) == (202, "performing")


def test_a_run_that_vanished_is_told_as_our_fault(api: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(api.app.ledger), "get", lambda *_: None)

    assert api("POST", CHATS, NEW).status == 500


def test_where_sqs_takes_no_message_the_caller_is_told_the_run_which_is_performed_later(api: World) -> None:
    api.sqs.down = aws_error("ServiceUnavailable")

    answer = api("POST", CHATS, NEW)

    assert (answer.status, answer.json["status"]) == (202, "pending")
    api.sqs.down = None
    api.clock.forward(minutes=6)
    assert api.app.sweeper.sweep()["resumed"] == 1
    api.work()
    assert api("GET", answer.headers["location"]).json["status"] == "succeeded"
    assert api.kodey.of_user("chat_2") == ["How many tickets?"]


def test_an_answer_that_never_came_is_null_and_the_message_is_not_sent_again(api: World) -> None:
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


def test_a_create_that_a_person_resolved_answers_with_the_chat_as_it_is_now(api: World) -> None:
    api.meanwhile = lambda: None
    run_id = api("POST", CHATS, NEW, seconds=0.1, headers=KEY).headers["x-run-id"]
    row = api.app.ledger.claim(run_id, LEASE)
    api.app.ledger.finish(row, "unknown", error={"type": "E", "message": "?"})
    assert api("POST", CHATS, NEW, headers=KEY).status == 202
    assert api("POST", f"/runs/{run_id}/resolve", {"outcome": "succeeded", "chat_id": "chat_1"}).status == 200

    answer = api("POST", CHATS, NEW, headers=KEY)

    assert (answer.status, answer.json["chat"]["id"], answer.json["reply"]) == (200, "chat_1", None)
    assert answer.headers["location"] == CHAT


# ---------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"agent_id": ""}, "agent_id"),
        ({"agent_id": "../x"}, "agent_id"),
        ({"agent_id": None}, "agent_id"),
        ({"message_text": ""}, "message_text"),
        ({"message_text": " \n"}, "message_text"),
        ({"message_text": "x" * 32_769}, "message_text"),
        ({"message_text": 5}, "message_text"),
        ({"user_id": ""}, "user_id"),
        ({"user_id": "a\nb"}, "user_id"),
        ({"user_id": "x" * 257}, "user_id"),
        ({"metadata": []}, "metadata"),
        ({"metadata": "text"}, "metadata"),
        ({"metadata": {"k": "x" * MAX_METADATA_BYTES}}, "metadata"),
        ({"metadata": {"k": "é" * 2_045}}, "metadata"),
        ({"agentId": "agent_1"}, "agentId"),
        ({"title": "Week"}, "title"),
        ({"notification_preference": "none"}, "notification_preference"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_create_with_a_wrong_field_is_refused_naming_it(api: World, fields: Json, named: str) -> None:
    answer = api("POST", CHATS, NEW | fields)

    assert (answer.status, answer.fields) == (422, [named])
    assert (api.kodey.requests, api.sqs.sent) == ([], [])


def test_metadata_of_just_4_kb_is_taken(api: World) -> None:
    metadata = {"k": "x" * (MAX_METADATA_BYTES - len('{"k":""}'))}

    assert api("POST", CHATS, NEW | {"metadata": metadata}).status == 201


@pytest.mark.parametrize("missing", ["agent_id", "message_text"])
def test_a_create_needs_an_agent_and_a_message(api: World, missing: str) -> None:
    assert api("POST", CHATS, {name: NEW[name] for name in NEW if name != missing}).fields == [missing]


@pytest.mark.parametrize(
    ("body", "named"),
    [({"content": ""}, "content"), ({"content": " "}, "content"), ({}, "content"), (SENT | {"role": "user"}, "role")],
)
def test_a_message_that_is_wrong_is_refused(api: World, body: Json, named: str) -> None:
    assert (api("POST", MESSAGES, body).status, api("POST", MESSAGES, body).fields) == (422, [named])
    assert api.sqs.sent == []


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"notification_preference": "none"}, ["notification_preference"]),
        ({}, ["body"]),
        ({"b": 1, "a": 2}, ["a", "b"]),
    ],
)
def test_muting_and_any_other_change_is_refused_as_not_supported(api: World, body: Json, named: list[str]) -> None:
    answer = api("PATCH", CHAT, body)

    assert (answer.status, answer.fields) == (422, named)
    assert "not supported by Kodey" in answer.json["detail"]
    assert api.kodey.requests == []


def test_of_very_many_and_very_long_fields_only_some_are_named(api: World) -> None:
    answer = api("PATCH", CHAT, {f"{number:03}" + "x" * 2000: 1 for number in range(200)})

    assert answer.status == 422
    assert len(answer.body) < 20_000


@POSTS
def test_a_key_that_was_used_with_another_body_is_refused(api: World, path: str, body: Json) -> None:
    text = "message_text" if path == CHATS else "content"
    api("POST", path, body, headers=KEY)

    answer = api("POST", path, body | {text: "Other words"}, headers=KEY)

    assert (answer.status, answer.fields) == (422, ["Idempotency-Key"])


@pytest.mark.parametrize("chat_id", ["a.b:c-d_1", "0", "x" * 200])
def test_an_id_may_hold_what_needs_no_care_in_a_path(api: World, chat_id: str) -> None:
    api.kodey.chat(id=chat_id)

    assert api("GET", f"{CHATS}/{chat_id}").json["id"] == chat_id
    assert api("POST", f"{CHATS}/{chat_id}/messages", SENT).status == 201


@pytest.mark.parametrize("chat_id", ["..", ".", "-x", "a%2Fb", "a%20b", "a%0A", "%C3%A9", "x" * 201])
@pytest.mark.parametrize(
    ("method", "suffix"), [("GET", ""), ("DELETE", ""), ("GET", "/messages"), ("POST", "/messages")]
)
def test_an_id_that_can_be_none_is_not_looked_for(api: World, method: str, suffix: str, chat_id: str) -> None:
    answer = api(method, f"{CHATS}/{chat_id}{suffix}", SENT if method == "POST" else None)

    assert answer.status in (404, 422)
    assert (api.kodey.requests, api.sqs.sent) == ([], [])


# ---------------------------------------------------------------------------------------------- reading and deleting


def test_chats_are_listed_by_user_and_agent_type(api: World) -> None:
    api.kodey.chat(userId="ann")

    assert [chat["id"] for chat in api("GET", CHATS, query="user_id=ann&agent_type=support").json["data"]] == ["chat_2"]
    assert dict(api.kodey.requests[-1].url.params) == {"userId": "ann", "agentType": "support"}
    assert len(api("GET", CHATS).json["data"]) == 2
    assert dict(api.kodey.requests[-1].url.params) == {}


@pytest.mark.parametrize("query", ["userId=ann", "user_id=", "user_id=a&user_id=b", "first=5"])
def test_a_query_that_is_wrong_is_refused(api: World, query: str) -> None:
    assert api("GET", CHATS, query=query).status == 422
    assert api.kodey.requests == []


def test_a_chat_is_shown_with_its_messages_and_its_messages_alone(api: World) -> None:
    api.kodey.say("chat_1", "Hello")

    assert [message["content"] for message in api("GET", CHAT).json["messages"]] == ["Hello"]
    assert [message["content"] for message in api("GET", MESSAGES).json["data"]] == ["Hello"]


def test_a_chat_is_deleted(api: World) -> None:
    answer = api("DELETE", CHAT)

    assert (answer.status, answer.body) == (204, "")
    assert api("GET", CHAT).status == 404


@pytest.mark.parametrize(
    ("token", "method", "path", "body"),
    [
        (READER, "POST", CHATS, NEW),
        (READER, "POST", MESSAGES, SENT),
        (READER, "PATCH", CHAT, {}),
        (READER, "DELETE", CHAT, None),
        (WRITER, "GET", CHATS, None),
        (WRITER, "GET", CHAT, None),
        (WRITER, "GET", MESSAGES, None),
    ],
)
def test_a_caller_without_the_scope_is_refused(
    api: World, token: str, method: str, path: str, body: Json | None
) -> None:
    assert api(method, path, body, token=f"Bearer {token}").status == 403
    assert api(method, path, body, token=None).status == 401
    assert (api.kodey.requests, api.sqs.sent) == ([], [])


# ---------------------------------------------------------------------------------------------- Kodey refuses

REFUSALS: list[tuple[Step, int]] = [
    (refused(401), 502),
    (refused(403), 502),
    (refused(404), 404),
    (refused(400), 502),
]


@pytest.mark.parametrize(("method", "path"), [("GET", CHATS), ("GET", CHAT), ("GET", MESSAGES), ("DELETE", CHAT)])
@pytest.mark.parametrize(
    ("step", "status"),
    [*REFUSALS, (refused(500), 502), (httpx.ConnectError("no route"), 502), (httpx.ReadTimeout("slow"), 504)],
)
def test_a_call_that_kodey_refuses_is_told_as_for_whop(
    api: World, method: str, path: str, step: Step, status: int
) -> None:
    api.kodey.interfere = lambda _: step

    answer = api(method, path)

    assert answer.status == status
    assert KODEY_KEY not in answer.body
    assert (answer.json.get("upstream") or {"provider": "kodey"})["provider"] == "kodey"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_call_that_kodey_throttles_is_503_with_its_wait(api: World, method: str) -> None:
    api.kodey.interfere = lambda _: refused(429, retryAfter=60)

    answer = api(method, CHAT)

    assert (answer.status, answer.headers["retry-after"]) == (503, "60")


@POSTS
@pytest.mark.parametrize(("step", "status"), REFUSALS)
def test_a_run_that_failed_on_the_queue_is_told_like_a_call_here(
    api: World, path: str, body: Json, step: Step, status: int
) -> None:
    api.kodey.interfere = lambda request: step if request.method == "POST" else None

    first, again = (api("POST", path, body, headers=KEY) for _ in range(2))

    assert isinstance(step, httpx.Response)
    for answer in (first, again):
        assert answer.status == status
        said = {"provider": "kodey", "status": step.status_code, "request_id": "req_1"}
        assert answer.json["upstream"] == said
        assert answer.json["run_id"] == answer.headers["x-run-id"]
        assert "is failed: kodey: " in answer.json["detail"]
    assert first.headers["x-run-id"] == again.headers["x-run-id"]


@POSTS
@pytest.mark.parametrize("step", [refused(429, retryAfter=60), httpx.ConnectError("no route"), refused(500)])
def test_a_run_that_must_wait_is_answered_202(api: World, path: str, body: Json, step: Step) -> None:
    api.kodey.interfere = lambda request: step if request.method == "POST" else None
    api.meanwhile = api.until_time_is_up

    answer = api("POST", path, body, seconds=0.9)

    assert (answer.status, answer.json["status"]) == (202, "pending")
    assert answer.json["error"]["provider"] == "kodey"
    assert [sent.queue for sent in api.sqs.sent] == [SLOW_QUEUE]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({}, "is empty"),
        ({"key": "sk_live_topsecret"}, "is malformed (api_key: missing)"),
        ({"api_key": ""}, "is malformed (api_key: string_pattern_mismatch)"),
        ({"api_key": "sk_live_top secret"}, "is malformed (api_key: string_pattern_mismatch)"),
        ({"api_key": ["sk_live_topsecret"]}, "is malformed (api_key: string_type)"),
        ("sk_live_topsecret", "is not JSON"),
        (b"sk_live_topsecret", "holds binary data"),
    ],
)
@pytest.mark.parametrize(
    ("method", "path", "body"), [("GET", CHATS, None), ("POST", CHATS, NEW), ("POST", MESSAGES, SENT)]
)
def test_a_secret_that_is_wrong_is_told_with_what_to_type_and_nothing_of_the_key(
    value: Json | str | bytes, told: str, method: str, path: str, body: Json | None
) -> None:
    api = World(FakeSecretsManager({**SECRETS, KODEY_SECRET: value}))

    answer = api(method, path, body)

    assert answer.status == 500
    assert f"secret {KODEY_SECRET} {told}" in answer.json["detail"]
    assert "make secret NAME=kodey" in answer.json["detail"]
    assert "sk_live" not in answer.body
    assert "top" not in answer.body
    assert api.kodey.requests == []


# ---------------------------------------------------------------------------------------------- many


CREATE_CHAT = {"type": "kodey.create_chat", "message_text": "How many tickets?"}


@pytest.mark.parametrize(
    ("key", "calls_per_minute"),
    [("sk_live_1", 950), ("pk_live_1", 95), ("usk_live_1", 95), ("other", 95), ("cannot be a key", 95)],
)
@pytest.mark.parametrize(
    ("action", "calls"),
    [(CREATE_CHAT, 2), (CREATE_CHAT | {"user_id": "ann"}, 3), ({"type": "kodey.send_message", **SENT}, 2)],
    ids=["create", "create for a user", "send"],
)
def test_a_fan_out_is_spread_by_the_calls_of_a_run_and_by_what_the_kind_of_key_may(
    action: Json, calls: int, key: str, calls_per_minute: int
) -> None:
    api = World(FakeSecretsManager({**SECRETS, KODEY_SECRET: {"api_key": key}}))
    apart = 60 * calls / calls_per_minute

    answer = api("POST", "/runs", {"action": action, "targets": [f"agent_{number}" for number in range(100)]})

    assert answer.status == 202
    assert {sent.queue for sent in api.sqs.sent} == {SLOW_QUEUE}
    due = [row.due_at for row in api.app.ledger.overdue(api.clock.now + timedelta(hours=1), limit=100)]
    seconds = [(moment - api.clock.now).total_seconds() for moment in due if moment]
    assert seconds == pytest.approx([number * apart for number in range(100)], abs=0.01)
    assert all(sent.delay >= wait for sent, wait in zip(api.sqs.sent, seconds, strict=True))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": {"type": "kodey.create_chat", "message_text": "x"}, "targets": [None]}, "targets"),
        ({"action": {"type": "kodey.create_chat", "message_text": "x"}, "targets": ["a/b"]}, "targets"),
        ({"action": {"type": "kodey.send_message", "content": ""}, "targets": ["chat_1"]}, "action.content"),
        (
            {"action": {"type": "kodey.create_chat", "message_text": "x", "title": "x"}, "targets": ["a"]},
            "action.title",
        ),
        ({"action": {"type": "kodey.update_chat"}, "targets": ["a"]}, "action.type"),
    ],
)
def test_runs_of_kodey_that_cannot_be_are_refused_whole(api: World, body: Json, field: str) -> None:
    answer = api("POST", "/runs", body)

    assert (answer.status, answer.fields) == (422, [field])
    assert api.sqs.sent == []


def test_a_replay_goes_to_the_queue_for_slow_runs(api: World) -> None:
    api.kodey.interfere = lambda _: refused(403)
    run_id = api("POST", CHATS, NEW).headers.get("x-run-id", "")

    assert api("POST", f"/runs/{run_id}/replay").status == 202

    assert [(sent.queue, sent.run_id) for sent in api.sqs.sent] == [(SLOW_QUEUE, run_id)]


def test_the_sweep_sends_a_stranded_run_to_the_queue_for_slow_runs(api: World) -> None:
    api.meanwhile = lambda: None
    run_id = api("POST", CHATS, NEW, seconds=0.1).headers["x-run-id"]
    api.sqs.sent.clear()
    api.clock.forward(minutes=5)

    assert api.app.sweeper.sweep() == {"resumed": 1, "ended": 0}

    assert [(sent.queue, sent.run_id) for sent in api.sqs.sent] == [(SLOW_QUEUE, run_id)]


def test_a_run_whose_reason_was_not_kept_is_told_all_the_same(api: World) -> None:
    api.meanwhile = lambda: None
    run_id = api("POST", CHATS, NEW, seconds=0.1, headers=KEY).headers["x-run-id"]
    api.app.ledger.finish(api.app.ledger.claim(run_id, LEASE), "failed", error=None)

    answer = api("POST", CHATS, NEW, headers=KEY)

    assert answer.status == 502
    assert "no reason was kept" in answer.json["detail"]


@pytest.mark.parametrize(
    ("kind", "status"), [("APITimeoutError", 504), ("SecretError", 500), ("APIConnectionError", 502)]
)
def test_what_a_run_failed_of_decides_the_status(api: World, kind: str, status: int) -> None:
    api.meanwhile = lambda: None
    run_id = api("POST", CHATS, NEW, seconds=0.1, headers=KEY).headers["x-run-id"]
    api.app.ledger.finish(api.app.ledger.claim(run_id, LEASE), "failed", error={"type": kind, "message": "no"})

    assert api("POST", CHATS, NEW, headers=KEY).status == status
