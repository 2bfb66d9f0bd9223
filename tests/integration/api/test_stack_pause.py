"""``POST /pause``, ``POST /resume`` and ``GET /pause``: nothing of the stack runs for a while."""

from typing import Any

import pytest

from aichats.api.app import create_api
from tests.support.fakes import Json
from tests.support.lambda_calls import Answer, HttpCaller
from tests.support.ledgers import dynamodb
from tests.support.output import Output
from tests.support.runs_api import CREATE, end
from tests.support.stack_in_memory import NAME, StackInMemory, hourly

CHAT = {"message_text": "How was the week?"}
STARTING: list[tuple[str, Json | None]] = [
    ("/chats", CHAT),
    ("/runs", {"action": CREATE, "targets": ["biz_A", "biz_B"]}),
    (
        "/chats/notification-preference",
        {"notification_preference": "none", "ids": ["aich_1"], "until": "2026-11-27T00:00Z"},
    ),
    ("/kodey/chats", {"agent_id": "agent_1", "message_text": "Hi"}),
    ("/kodey/chats/chat_1/messages", {"content": "Hi"}),
    (f"/automations/{NAME}/run", None),
    ("/runs/replay", {"filter": {"status": ["failed"]}}),
]


@pytest.fixture
def api(stack: StackInMemory) -> HttpCaller:
    stack.put(hourly())
    return HttpCaller(create_api(stack.app).resolve)


def items(stack: StackInMemory) -> list[Any]:
    """Return everything that is stored, except the last use of a caller."""
    tables = (stack.app.ledger.table, stack.app.automation_table.table)
    found = [item for table in tables for item in dynamodb().scan(TableName=table)["Items"]]
    return sorted(str(item) for item in found if "used_at" not in item)


def problem(answer: Answer) -> str:
    assert answer.status == 422, answer.body
    return str(answer.json["detail"])


def test_it_is_paused_until_somebody_resumes(api: HttpCaller) -> None:
    time = "2026-11-20T12:00:00Z"
    window = {"from": time, "until": None, "by": "local", "at": time, "reason": "Too many chats"}
    paused = {"state": "paused", "paused": window, "pauses": [window], "ended": []}
    assert api("POST", "/pause", {"reason": "Too many chats"}).json == paused
    assert api("GET", "/pause").json == paused


def test_who_paused_and_who_resumed_is_kept(api: HttpCaller, stack: StackInMemory) -> None:
    api("POST", "/pause", {"reason": "Too many chats"})
    stack.clock.forward(hours=1)
    answer = api("POST", "/resume")
    assert (answer.json["state"], answer.json["paused"], answer.json["pauses"]) == ("active", None, [])
    [ended] = api("GET", "/pause").json["ended"]
    assert (ended["by"], ended["reason"], ended["resumed_by"]) == ("local", "Too many chats", "local")
    assert ended["until"] == "2026-11-20T13:00:00Z"


def test_both_are_logged(api: HttpCaller, output: Output) -> None:
    for path in ("/pause", "/pause", "/resume", "/resume"):
        assert api("POST", path).status == 200
    logged = [(line["message"], line["caller"]) for line in output.logs if line["message"].startswith("stack ")]
    assert logged == [("stack paused", "local"), ("stack resumed", "local")]


def test_a_planned_pause_is_in_utc_and_can_be_removed(api: HttpCaller) -> None:
    answer = api("POST", "/pause", {"from": "2026-12-24", "until": "2026-12-27T06:00"})
    [window] = answer.json["pauses"]
    assert (window["from"], window["until"]) == ("2026-12-24T00:00:00Z", "2026-12-27T06:00:00Z")
    assert (answer.json["state"], answer.json["paused"]) == ("active", None)
    assert api("POST", "/resume", {"from": "2026-12-24"}).json["pauses"] == []
    assert "no pause begins at" in problem(api("POST", "/resume", {"from": "2026-12-24"}))
    assert "until: must be later than from" in problem(api("POST", "/pause", {"until": "2020-01-01"}))


def test_an_automation_is_shown_as_paused_with_its_stack(api: HttpCaller) -> None:
    api("POST", "/pause", {"until": "2026-11-20T15:00"})
    answer = api("POST", f"/automations/{NAME}/resume")
    assert (answer.json["state"], answer.json["paused"]["scope"], answer.json["pauses"]) == ("paused", "stack", [])
    assert answer.json["next_at"] == "2026-11-20T15:00:00Z"


# ---------------------------------------------------------------------------------------------- calls that start runs


@pytest.mark.parametrize(("path", "body"), STARTING)
@pytest.mark.parametrize("key", [None, "key-1"])
def test_a_call_that_starts_runs_is_answered_with_503_and_stores_nothing(
    api: HttpCaller, stack: StackInMemory, path: str, body: Json | None, key: str | None
) -> None:
    api("POST", "/pause", {"reason": "Too many chats"})
    before = items(stack)
    answer = api("POST", path, body, headers={"idempotency-key": key})
    assert (answer.status, answer.json["type"], answer.headers["retry-after"]) == (
        503,
        "/docs/problems#stack-paused",
        "60",
    )
    assert "the stack is paused by local: Too many chats" in answer.json["detail"]
    assert "POST /resume" in answer.json["detail"]
    assert items(stack) == before
    assert (stack.sqs.sent, stack.whop.requests) == ([], [])

    api("POST", "/resume")
    assert api("POST", path, body, headers={"idempotency-key": key}).status in (201, 202)


def test_the_client_may_wait_until_the_pause_ends(api: HttpCaller) -> None:
    api("POST", "/pause", {"until": "2026-11-20T12:30"})
    assert api("POST", "/chats", CHAT).headers["retry-after"] == "1800"


def test_a_repeat_of_a_call_that_has_ended_is_answered_as_before(api: HttpCaller, stack: StackInMemory) -> None:
    first = api("POST", "/chats", CHAT, headers={"idempotency-key": "key-1"})
    many = api("POST", "/runs", STARTING[1][1], headers={"idempotency-key": "key-1"})
    sent = list(stack.sqs.sent)
    api("POST", "/pause")
    again = api("POST", "/chats", CHAT, headers={"idempotency-key": "key-1"})
    assert (again.status, again.json) == (200, first.json)
    assert again.headers["idempotent-replayed"] == "true"
    assert api("POST", "/chats", CHAT | {"title": "x"}, headers={"idempotency-key": "key-1"}).status == 422
    assert api("POST", "/runs", STARTING[1][1], headers={"idempotency-key": "key-1"}).json == many.json
    assert (first.status, len(stack.whop.chats)) == (201, 1)
    assert [message.run_id for message in sent] == many.json["run_ids"]


def test_a_repeat_of_a_call_that_died_before_its_run_was_stored_waits_for_the_end_of_the_pause(
    api: HttpCaller, stack: StackInMemory
) -> None:
    first = api("POST", "/chats", CHAT, headers={"idempotency-key": "key-1"})
    dynamodb().delete_item(TableName=stack.app.ledger.table, Key={"run_id": {"S": first.headers["x-run-id"]}})
    api("POST", "/pause")
    again = api("POST", "/chats", CHAT, headers={"idempotency-key": "key-1"})
    assert (again.status, again.json["status"], len(stack.whop.chats)) == (202, "pending", 1)


def test_a_run_is_not_replayed_while_the_stack_is_paused(api: HttpCaller, stack: StackInMemory) -> None:
    run_id = end(stack.app, "failed")
    api("POST", "/pause")
    answer = api("POST", f"/runs/{run_id}/replay")
    assert (answer.status, answer.json["type"]) == (503, "/docs/problems#stack-paused")
    assert api("GET", f"/runs/{run_id}").json["status"] == "failed"
    assert api("POST", f"/runs/{'a' * 32}/replay").status == 404


def test_runs_are_cancelled_while_the_stack_is_paused(api: HttpCaller, stack: StackInMemory) -> None:
    [first, second] = api("POST", "/runs", STARTING[1][1]).json["run_ids"]
    api("POST", "/pause")
    assert api("POST", f"/runs/{first}/cancel").json["status"] == "cancelled"
    everything = {"since": "2026-11-20T00:00Z", "until": "2026-11-21T00:00Z"}
    assert api("POST", "/runs/cancel", {"filter": everything | {"status": ["pending"]}}).status == 202
    stack.work()
    assert api("GET", f"/runs/{second}").json["status"] == "cancelled"


def test_everything_else_goes_on(api: HttpCaller, stack: StackInMemory) -> None:
    chat = api("POST", "/chats", CHAT).json["id"]
    run_id = end(stack.app, "unknown")
    api("POST", "/pause")
    assert api("GET", f"/chats/{chat}").status == 200
    assert api("PATCH", f"/chats/{chat}", {"notification_preference": "none"}).status == 200
    assert api("DELETE", f"/chats/{chat}").status == 204
    assert api("GET", "/runs").status == 200
    assert api("POST", f"/runs/{run_id}/resolve", {"outcome": "failed"}).status == 200
    assert api("PUT", f"/automations/{NAME}", hourly("biz_B")).status == 200
    assert api("POST", f"/automations/{NAME}/pause").status == 200
    assert api("DELETE", f"/automations/{NAME}").status == 204
