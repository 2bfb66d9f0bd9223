"""AWS fails while a call starts runs. If a run is stored, the answer names it and is never a 500."""

import re
from collections.abc import Callable
from copy import replace
from typing import Any

import pytest

from aichats.api.app import create_api
from aichats.bootstrap import Application
from tests.support.automations import FakeScheduler, scheduled
from tests.support.fakes import FakeSqs, Json, ScriptedTransport, ai_chat, aws_error, error_response, ok
from tests.support.lambda_calls import Answer, HttpCaller, make_application
from tests.support.ledgers import Clock, dynamodb, make_run
from tests.support.runs_api import CREATE, end, items

TWO = ["biz_A", "biz_B"]
STARTING: dict[str, tuple[str, Json | None]] = {
    "create": ("/chats", {"message_text": "hello"}),
    "kodey create": ("/kodey/chats", {"agent_id": "agent_1", "message_text": "hello"}),
    "kodey send": ("/kodey/chats/chat_1/messages", {"content": "hello"}),
    "runs": ("/runs", {"action": CREATE, "targets": TWO}),
    "mute": ("/chats/notification-preference", {"notification_preference": "none", "ids": ["aich_1", "aich_2"]}),
    "run now": ("/automations/weekly/run", None),
}
EACH = pytest.mark.parametrize(("path", "body"), STARTING.values(), ids=STARTING.keys())
MOST_CALLS = 12


class FailingDynamoDB:
    """DynamoDB that fails some calls, by their numbers, before or after it performs them."""

    def __init__(self) -> None:
        self.calls = 0
        self.failing = range(0)
        self.rejects: Callable[[str], bool] = lambda _: False
        self.after = False

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            self.calls += 1
            fails = self.calls in self.failing or self.rejects(name)
            if fails and not self.after:
                raise aws_error("ThrottlingException")
            answer = getattr(dynamodb(), name)(**request)
            if fails:
                raise aws_error("InternalServerError")
            return answer

        return call


class ApiWithFaults:
    """The API, with a DynamoDB and an SQS that can fail."""

    def __init__(self) -> None:
        self.clock, self.sqs, self.dynamodb = Clock(), FakeSqs(), FailingDynamoDB()
        self.whop = ScriptedTransport()
        scheduler = FakeScheduler(self.clock)
        self.app: Application = make_application(self.whop, clock=self.clock, sqs=self.sqs, scheduler=scheduler)
        self.app.ledger = replace(self.app.ledger, client=self.dynamodb)
        self._call = HttpCaller(create_api(self.app).resolve)
        self("PUT", "/automations/weekly", scheduled() | {"targets": TWO})

    def __call__(self, method: str, path: str, body: object = None, **options: Any) -> Answer:
        self.whop.script = [ok(ai_chat(id="aich_1", title="hello")), ok(ai_chat(id="aich_1", title="hello"))]
        return self._call(method, path, body, **options)

    def runs(self) -> set[str]:
        """Return the ids of the stored runs."""
        return {item["run_id"]["S"] for item in items(self.app) if re.fullmatch("[a-z2-7]{32}", item["run_id"]["S"])}


@pytest.fixture
def world() -> ApiWithFaults:
    return ApiWithFaults()


def named(answer: Answer) -> set[str]:
    """Return the runs that an answer names."""
    one = {answer.headers["x-run-id"]} if "x-run-id" in answer.headers else set()
    return one | set(answer.json.get("run_ids", ()))


def check(world: ApiWithFaults, path: str, body: Json | None, answer: Answer, before: set[str]) -> None:
    """Check that an answer names the stored runs, or a key with which a retry finds them."""
    stored = world.runs() - before
    if answer.status < 300:
        assert stored == named(answer)
        return
    assert answer.status == 503, answer.body
    assert int(answer.headers["retry-after"]) > 0
    key = answer.json["detail"].partition("Idempotency-Key: ")[2].partition(". ")[0]
    assert key or not stored
    if key:
        again = world("POST", path, body, headers={"idempotency-key": key})

        assert again.status < 300 or again.status == 409
        assert stored <= world.runs() - before == named(again)


@EACH
@pytest.mark.parametrize("after", [False, True], ids=["before it took effect", "after it took effect"])
@pytest.mark.parametrize("length", [1, 1000], ids=["once", "from then on"])
def test_whichever_call_to_dynamodb_fails_what_is_stored_is_never_answered_500(
    world: ApiWithFaults, path: str, body: Json | None, *, after: bool, length: int
) -> None:
    world.dynamodb.after = after
    for number in range(1, MOST_CALLS):
        before, first = world.runs(), world.dynamodb.calls + number
        world.dynamodb.failing = range(first, first + length)

        answer = world("POST", path, body)

        none_failed = world.dynamodb.calls < first
        world.dynamodb.failing = range(0)
        check(world, path, body, answer, before)
        if none_failed:
            return
    pytest.fail("the call makes more calls than this test foresees")


@EACH
def test_without_sqs_the_answer_names_the_runs_and_the_sweep_sends_them(
    world: ApiWithFaults, path: str, body: Json | None
) -> None:
    world.sqs.down = aws_error("ServiceUnavailable")

    answer = world("POST", path, body)

    assert answer.status in (201, 202)
    assert world.runs() == named(answer)


def test_a_create_that_must_wait_is_202_although_sqs_takes_no_message(world: ApiWithFaults) -> None:
    world.sqs.down = aws_error("ServiceUnavailable")
    world.whop.script = []
    call = HttpCaller(create_api(world.app).resolve)
    world.whop.script = [error_response(429, headers={"retry-after": "60"})]

    answer = call("POST", "/chats", {"message_text": "hello"})

    assert (answer.status, answer.json["status"]) == (202, "pending")


def test_a_chat_whose_record_fails_is_202_with_its_run_and_made_once(world: ApiWithFaults) -> None:
    world.dynamodb.rejects = lambda name: name == "update_item" and bool(world.whop.requests)

    answer = world("POST", "/chats", {"message_text": "hello"}, headers={"idempotency-key": "k"})

    assert (answer.status, answer.json["status"]) == (202, "performing")
    assert answer.headers["location"] == f"/runs/{answer.headers['x-run-id']}"
    assert [call for call in world.whop.calls if call[0] == "POST"] == [("POST", "/api/v1/ai_chats")]


def test_a_replay_without_sqs_is_202(world: ApiWithFaults) -> None:
    run_id = end(world.app, "failed", make_run())
    world.sqs.down = aws_error("ServiceUnavailable")

    assert world("POST", f"/runs/{run_id}/replay").status == 202


@pytest.mark.parametrize("number", [1, 2])
def test_a_replay_without_dynamodb_is_to_be_repeated(world: ApiWithFaults, number: int) -> None:
    run_id = end(world.app, "failed", make_run())
    world.dynamodb.failing = range(world.dynamodb.calls + number, world.dynamodb.calls + 100)

    answer = world("POST", f"/runs/{run_id}/replay")

    assert (answer.status, "retry-after" in answer.headers) == (503, True)


def test_a_chat_that_is_stored_in_a_form_that_cannot_be_read_is_shown_as_its_run(world: ApiWithFaults) -> None:
    key = {"idempotency-key": "k"}
    run_id = world("POST", "/chats", {"message_text": "hello"}, headers=key).headers["x-run-id"]
    dynamodb().update_item(
        TableName=world.app.ledger.table,
        Key={"run_id": {"S": run_id}},
        UpdateExpression="SET #result = :result",
        ExpressionAttributeNames={"#result": "result"},
        ExpressionAttributeValues={":result": {"S": '{"chat": {"id": "aich_1"}}'}},
    )

    answer = world("POST", "/chats", {"message_text": "hello"}, headers=key)

    assert (answer.status, answer.json["status"], answer.json["chat_id"]) == (202, "succeeded", "aich_1")
