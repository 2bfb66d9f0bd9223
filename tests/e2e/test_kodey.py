"""Kodey's chats: a schedule makes them, the HTTP API does all that Kodey can, and each answer is kept in its run."""

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from local.cloud.scheduler import Scheduler
from local.system import System
from tests.support.mock_servers import MockServer
from tests.support.waiting import until

CHATS = "/kodey/chats"
TEXT = "Summarize last week."
ANSWER = f"You said: {TEXT}"
LONG_ANSWER_SECONDS = 40
"""Longer than the API waits."""


def chat_for(agent: str) -> dict[str, str]:
    """Return the body of a call that creates a chat."""
    return {"agent_id": agent, "message_text": TEXT}


def said(chat: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the roles and texts of the messages in a chat of the mock server."""
    return [(message["role"], message["content"]) for message in chat["messages"]]


def ended(api: httpx.Client, run_id: str) -> dict[str, Any]:
    """Return a run when it has ended; until then nothing."""
    run: dict[str, Any] = api.get(f"/runs/{run_id}").json()
    return {} if run["status"] in {"pending", "performing"} else run


def test_a_schedule_of_the_group_creates_a_chat_with_an_answer(system: System, kodey: MockServer) -> None:
    clients, outputs = system.emulator.clients, system.stack.outputs
    function = clients.functions.get_function(FunctionName=outputs["RunScheduleFunction"])["Configuration"]
    name, group = f"kodey-{uuid.uuid4().hex[:8]}", outputs["ScheduleGroup"]
    event = {
        "automation": name,
        "scheduled_time": "<aws.scheduler.scheduled-time>",
        "action": {"type": "kodey.create_chat", "message_text": TEXT},
        "targets": ["agent_scheduled"],
    }
    slot = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=2)
    clients.schedules.create_schedule(
        Name=name,
        GroupName=group,
        ScheduleExpression=f"at({slot:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": function["FunctionArn"], "RoleArn": function["Role"], "Input": json.dumps(event)},
    )
    try:
        Scheduler(clients, print, lambda: slot).tick()
        (chat,) = until(lambda: [chat for chat in kodey.state()["chats"] if len(chat["messages"]) == 2])
    finally:
        clients.schedules.delete_schedule(Name=name, GroupName=group)
    assert (chat["agentId"], said(chat)) == ("agent_scheduled", [("user", TEXT), ("assistant", ANSWER)])


def test_a_chat_is_created_found_continued_and_deleted(api: httpx.Client, kodey: MockServer) -> None:
    created = api.post(CHATS, json=chat_for("agent_six"))
    assert (created.status_code, created.json()["reply"]["content"]) == (201, ANSWER)
    chat_id = created.json()["chat"]["id"]
    path = f"{CHATS}/{chat_id}"
    assert created.headers["Location"] == path
    assert [chat["id"] for chat in api.get(CHATS).json()["data"]] == [chat_id]
    assert api.get(path).json()["agentId"] == "agent_six"
    sent = api.post(f"{path}/messages", json={"content": "And this week?"})
    assert (sent.status_code, sent.json()["content"]) == (201, "You said: And this week?")
    contents = {message["content"] for message in api.get(f"{path}/messages").json()["data"]}
    assert contents == {TEXT, ANSWER, "And this week?", "You said: And this week?"}
    rejected = api.patch(path, json={"notification_preference": "none"})
    assert rejected.status_code == 422
    assert "not supported by Kodey" in rejected.json()["detail"]
    assert api.delete(path).status_code == 204
    assert kodey.state()["chats"] == []
    assert api.get(path).status_code == 404


def test_an_answer_that_takes_longer_than_the_api_waits_is_kept_in_the_run(
    api: httpx.Client, kodey: MockServer
) -> None:
    kodey.mode(answer_seconds=LONG_ANSWER_SECONDS)
    api.get("/health")  # a cold start is not what is timed
    begun = time.monotonic()
    accepted = api.post(CHATS, json=chat_for("agent_slow"))
    assert accepted.status_code == 202
    assert time.monotonic() - begun > 20
    run_id = accepted.headers["X-Run-Id"]
    assert accepted.headers["Location"] == f"/runs/{run_id}"
    assert api.get(f"/runs/{run_id}").json()["status"] == "performing"
    run = until(lambda: ended(api, run_id))
    (chat,) = kodey.state()["chats"]
    assert (run["status"], run["chat_id"], run["reply"]["content"]) == ("succeeded", chat["id"], ANSWER)
    assert said(chat) == [("user", TEXT), ("assistant", ANSWER)]


def test_20_calls_at_once_with_one_key_create_one_chat_with_one_message(
    api: httpx.Client, crowded_api: httpx.Client, kodey: MockServer
) -> None:
    kodey.mode(answer_seconds=1.0)
    key = {"Idempotency-Key": uuid.uuid4().hex}
    with ThreadPoolExecutor(20) as pool:
        calls = [pool.submit(crowded_api.post, CHATS, json=chat_for("agent_once"), headers=key) for _ in range(20)]
        answers = [call.result() for call in calls]
    assert {answer.status_code for answer in answers} <= {200, 201, 202, 409}
    assert len({answer.headers["X-Run-Id"] for answer in answers}) == 1
    until(lambda: ended(api, answers[0].headers["X-Run-Id"]))
    (chat,) = kodey.state()["chats"]
    assert said(chat) == [("user", TEXT), ("assistant", ANSWER)]
    again = api.post(CHATS, json=chat_for("agent_once"), headers=key)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert again.json()["chat"]["id"] == chat["id"]


def test_a_fan_out_gives_each_agent_a_chat_with_an_answer(api: httpx.Client, kodey: MockServer) -> None:
    agents = [f"agent_{number}" for number in range(12)]
    body = {"action": {"type": "kodey.create_chat", "message_text": TEXT}, "targets": agents}
    runs = api.post("/runs", json=body).json()["run_ids"]
    until(lambda: all(ended(api, run) for run in runs))
    assert {api.get(f"/runs/{run}").json()["status"] for run in runs} == {"succeeded"}
    chats = kodey.state()["chats"]
    assert sorted(chat["agentId"] for chat in chats) == sorted(agents)
    assert all(said(chat) == [("user", TEXT), ("assistant", ANSWER)] for chat in chats)
