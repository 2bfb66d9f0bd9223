"""Repeated, concurrent and invalid triggers: each is performed once, and the ledger shows it."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from aichats.aws.clients import converting
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.model import Run, run_id
from aichats.runs.queue_messages import RunMessage, body_of
from local.cloud.functions import Answer
from local.system import System
from tests.support.actions import an_action
from tests.support.connections import WITH_EACH_CREDENTIAL
from tests.support.ledgers import GONE
from tests.support.mock_servers import AI_CHATS, MockServer
from tests.support.running_automations import company
from tests.support.waiting import turns, until

ACTION = {"type": "whop.create_chat", "title": "Weekly revenue", "message_text": "Summarize last week."}


@pytest.fixture
def ledger(system: System) -> Ledger:
    """The ledger of the deployed stack, to put runs into states that take long to come about."""
    return Ledger(
        converting(system.emulator.clients.dynamodb), system.stack.outputs["RunsTable"], timedelta(seconds=60)
    )


def run_for(target: str) -> Run:
    """Return a run that creates a chat."""
    action = an_action(**ACTION)
    identifier = run_id("http", "local", "POST /chats", target, target)
    return Run(run_id=identifier, trigger="http", action=action, target=target, api_version="2026-07-08-1")


def schedule_event(automation: str, target: str, **changes: object) -> dict[str, Any]:
    """Return the event of a schedule."""
    event = {"automation": automation, "scheduled_time": "2026-11-23T09:00:00Z", "action": ACTION, "targets": [target]}
    return event | changes


def chats_of(whop: MockServer, target: str) -> list[dict[str, Any]]:
    """Return the company's chats."""
    return [chat for chat in whop.state()["chats"] if chat["company_id"] == target]


def at_once[T](times: int, call: Callable[[], T]) -> list[T]:
    """Make ``number`` calls at the same time, and return their results."""
    with ThreadPoolExecutor(times) as pool:
        return [job.result() for job in [pool.submit(call) for _ in range(times)]]


def problem(answer: httpx.Response, status: int) -> str:
    """Return the detail of an error."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    detail: str = answer.json()["detail"]
    return detail


# ---- the same trigger, many times


def test_a_schedule_event_delivered_20_times_at_once_creates_one_chat(
    system: System, invoke_in_turn: Callable[[str, object], Answer], whop: MockServer
) -> None:
    whop.mode(latency=0.2)
    target = company()
    event = schedule_event("weekly", target)
    function = system.stack.outputs["RunScheduleFunction"]
    answers = at_once(20, lambda: invoke_in_turn(function, event).value["runs"])
    assert len(chats_of(whop, target)) == 1
    assert {runs[0]["run_id"] for runs in answers} == {answers[0][0]["run_id"]}
    assert {runs[0]["status"] for runs in answers} <= {"succeeded", "in_progress"}


@WITH_EACH_CREDENTIAL
def test_50_calls_at_once_with_one_key_create_one_chat_and_each_answer_names_the_run(
    crowded_api: httpx.Client, whop: MockServer
) -> None:
    whop.mode(latency=0.5)
    target = company()
    body, headers = {"message_text": "Hello", "company_id": target}, {"Idempotency-Key": target}
    answers = at_once(50, lambda: crowded_api.post("/chats", json=body, headers=headers))
    assert len(chats_of(whop, target)) == 1
    assert {answer.status_code for answer in answers} <= {200, 201, 202, 409}
    assert [answer.status_code for answer in answers].count(201) == 1
    assert len({answer.headers["X-Run-Id"] for answer in answers}) == 1
    again = crowded_api.post("/chats", json=body, headers=headers)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")


@WITH_EACH_CREDENTIAL
def test_the_same_fan_out_twice_creates_each_chat_once(api: httpx.Client, whop: MockServer) -> None:
    targets = [company() for _ in range(3)]
    body, headers = {"action": ACTION, "targets": [*targets, targets[0]]}, {"Idempotency-Key": targets[0]}
    first, second = (api.post("/runs", json=body, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    runs = first.json()["run_ids"]
    until(lambda: all(api.get(f"/runs/{run}").json()["status"] == "succeeded" for run in runs))
    assert [len(chats_of(whop, target)) for target in targets] == [1, 1, 1]


# ---- rejected calls


@pytest.mark.parametrize(("path", "body"), [("/chats", {"message_text": "Hello"}), ("/runs", None)])
def test_a_key_that_was_used_with_another_body_is_rejected(
    api: httpx.Client, whop: MockServer, path: str, body: dict[str, Any] | None
) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first, other = ({"action": ACTION, "targets": [target]} for target in (company(), company()))
    assert api.post(path, json=body or first, headers=key).is_success
    changed = other if body is None else body | {"message_text": "Goodbye"}
    assert "Idempotency-Key: already used with a different body" in problem(
        api.post(path, json=changed, headers=key), 422
    )
    assert "Goodbye" not in {chat["message_text"] for chat in whop.state()["chats"]}


@pytest.mark.parametrize("key", ["", "k" * 256])
@pytest.mark.parametrize("path", ["/chats", "/runs"])
def test_a_key_that_is_empty_or_too_long_is_rejected(api: httpx.Client, path: str, key: str) -> None:
    body = {"message_text": "Hello"} if path == "/chats" else {"action": ACTION, "targets": [company()]}
    answer = api.post(path, json=body, headers={"Idempotency-Key": key})
    assert "Idempotency-Key" in problem(answer, 422)


def test_more_than_1000_targets_are_rejected(api: httpx.Client) -> None:
    targets = [f"biz_{number}" for number in range(1001)]
    assert "targets" in problem(api.post("/runs", json={"action": ACTION, "targets": targets}), 422)


@pytest.mark.parametrize(
    ("action", "target"),
    [(ACTION, "aich_1"), ({"type": "whop.update_chat", "notification_preference": "none"}, "biz_1")],
)
def test_targets_of_the_wrong_kind_are_rejected(api: httpx.Client, action: dict[str, Any], target: str) -> None:
    assert "targets" in problem(api.post("/runs", json={"action": action, "targets": [target]}), 422)


def test_a_run_that_does_not_exist_is_not_found(api: httpx.Client) -> None:
    path = f"/runs/{GONE}"
    problem(api.get(path), 404)
    problem(api.post(f"{path}/replay"), 404)
    problem(api.post(f"{path}/cancel"), 404)
    problem(api.post(f"{path}/resolve", json={"outcome": "failed"}), 404)


# ---- replay and resolve


def test_an_open_run_cannot_be_replayed(api: httpx.Client, ledger: Ledger) -> None:
    run = run_for(company())
    ledger.add([run], lambda _: datetime.now(UTC) + timedelta(hours=1))
    assert f"run {run.run_id} is pending" in problem(api.post(f"/runs/{run.run_id}/replay"), 409)


def test_a_run_that_succeeded_cannot_be_replayed_and_its_chat_is_named(api: httpx.Client, whop: MockServer) -> None:
    created = api.post("/chats", json={"message_text": "Hello", "company_id": company()})
    refusal = problem(api.post(f"/runs/{created.headers['X-Run-Id']}/replay"), 409)
    assert "has already succeeded" in refusal
    assert created.json()["id"] in refusal
    assert len(whop.state()["chats"]) == 1


def test_a_failed_run_can_be_replayed_and_keeps_its_id(api: httpx.Client, whop: MockServer) -> None:
    target = company()
    whop.faults({"method": "POST", "path": AI_CHATS, "fault": "status:403"})
    key = {"Idempotency-Key": target}
    rejected = api.post("/chats", json={"message_text": "Hello", "company_id": target}, headers=key)
    run = rejected.json()["run_id"]
    assert api.get(f"/runs/{run}").json()["status"] == "failed"
    assert api.post(f"/runs/{run}/replay").json() == {"run_ids": [run]}
    until(lambda: api.get(f"/runs/{run}").json()["status"] == "succeeded")
    assert len(chats_of(whop, target)) == 1


def test_a_run_of_unknown_outcome_is_resolved_once(api: httpx.Client, ledger: Ledger) -> None:
    run = run_for(company())
    claimed = ledger.claim(run, timedelta(seconds=30))
    ledger.finish(claimed, "unknown", error={"type": "AichatsError", "message": "several chats carry its mark"})
    path = f"/runs/{run.run_id}/resolve"
    assert "chat_id" in problem(api.post(path, json={"outcome": "succeeded"}), 422)
    resolved = api.post(path, json={"outcome": "succeeded", "chat_id": "aich_1"})
    assert (resolved.status_code, resolved.json()["status"], resolved.json()["chat_id"]) == (200, "succeeded", "aich_1")
    assert "has already succeeded (chat aich_1)" in problem(api.post(path, json={"outcome": "failed"}), 409)


# ---- the history


def test_pages_of_runs_are_stable_while_new_runs_come_in(system: System, api: httpx.Client, whop: MockServer) -> None:
    automation = f"stable-{uuid.uuid4().hex[:8]}"

    def create() -> str:
        (run,) = system.invoke("RunScheduleFunction", schedule_event(automation, company()))["runs"]
        identifier: str = run["run_id"]
        return identifier

    made = [create() for _ in range(5)]
    query: dict[str, str | int] = {"automation": automation, "limit": 2}
    pages: list[list[str]] = []
    cursor: str | None = ""
    turn = turns(10)
    while cursor is not None:
        next(turn)
        page = api.get("/runs", params=query | ({"cursor": cursor} if cursor else {})).json()
        pages.append([run["run_id"] for run in page["data"]])
        cursor = page["next_cursor"]
        create()
    assert [run for page in pages for run in page] == made[::-1]
    assert len(whop.state()["chats"]) == 5 + len(pages)


def test_runs_are_filtered_by_status_and_time(system: System, api: httpx.Client, whop: MockServer) -> None:
    automation = f"filtered-{uuid.uuid4().hex[:8]}"
    whop.faults({"method": "POST", "path": AI_CHATS, "fault": "status:403"})
    failed, succeeded = (
        system.invoke("RunScheduleFunction", schedule_event(automation, company()))["runs"][0] for _ in range(2)
    )

    def found(**query: str) -> list[str]:
        page = api.get("/runs", params={"automation": automation, **query}).json()
        return [run["run_id"] for run in page["data"]]

    assert found(status="failed") == [failed["run_id"]]
    assert found(status="succeeded") == [succeeded["run_id"]]
    created = api.get(f"/runs/{succeeded['run_id']}").json()["created_at"]
    assert found(since=created) == [succeeded["run_id"]]
    assert found(until="2026-01-02T00:00:00Z", since="2026-01-01T00:00:00Z") == []
    problem(api.get("/runs", params={"cursor": "nobody's"}), 422)
    problem(api.get("/runs", params={"since": "2026-01-01T00:00:00Z", "until": "2026-06-01T00:00:00Z"}), 422)


# ---- the queue


def test_a_message_that_cannot_be_read_goes_to_the_dead_letters_and_the_others_are_performed(
    system: System, ledger: Ledger, whop: MockServer
) -> None:
    run = run_for(company())
    ledger.add([run], lambda _: datetime.now(UTC))
    records = [
        {"messageId": "unreadable", "body": '{"version": 99}'},
        {"messageId": "good", "body": body_of(RunMessage(run_id=run.run_id))},
    ]
    assert system.invoke("PerformRunsFunction", {"Records": records}) == {"batchItemFailures": []}
    assert len(chats_of(whop, str(run.target))) == 1
    queues, dead_letters = system.emulator.clients.queues, system.stack.outputs["RunDeadLetters"]
    (letter,) = until(
        lambda: queues.receive_message(QueueUrl=dead_letters, MessageAttributeNames=["All"], WaitTimeSeconds=1).get(
            "Messages"
        )
    )
    queues.delete_message(QueueUrl=dead_letters, ReceiptHandle=letter["ReceiptHandle"])
    assert letter["Body"] == '{"version": 99}'
    assert "version" in letter["MessageAttributes"]["reason"]["StringValue"]
