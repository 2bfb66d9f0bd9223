"""Runs of Kodey after the call that started them: many at once, replayed, resumed, and failed."""

import json
from datetime import timedelta

import pytest

from tests.support.fakes import FakeSecretsManager, Json
from tests.support.kodey_api import CHATS, KEY, NEW, SENT, SLOW_QUEUE, KodeyApi, kodey_error
from tests.support.lambda_calls import KODEY_SECRET, SECRETS
from tests.support.ledgers import LEASE, overdue

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
    api = KodeyApi(FakeSecretsManager({**SECRETS, KODEY_SECRET: {"api_key": key}}))
    apart = 60 * calls / calls_per_minute

    answer = api("POST", "/runs", {"action": action, "targets": [f"agent_{number}" for number in range(100)]})

    assert answer.status == 202
    assert [json.loads(sent.body)["slow"] for sent in api.sqs.sent] == [True], "a group, from which they go there"
    due = [row.due_at for row in overdue(api.app.ledger, api.clock.now + timedelta(hours=1))]
    seconds = [(time - api.clock.now).total_seconds() for time in due if time]
    assert seconds == pytest.approx([number * apart for number in range(100)], abs=0.01)
    assert all(delay >= wait for (_, delay), wait in zip(api.sqs.runs, seconds, strict=True))


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
def test_runs_of_kodey_that_cannot_be_are_rejected_whole(api: KodeyApi, body: Json, field: str) -> None:
    answer = api("POST", "/runs", body)

    assert (answer.status, answer.fields) == (422, [field])
    assert api.sqs.sent == []


def test_a_replay_goes_to_the_queue_for_slow_runs(api: KodeyApi) -> None:
    api.kodey.interfere = lambda _: kodey_error(403)
    run_id = api("POST", CHATS, NEW).headers.get("x-run-id", "")

    assert api("POST", f"/runs/{run_id}/replay").status == 202

    assert [(sent.queue, sent.run_id) for sent in api.sqs.sent] == [(SLOW_QUEUE, run_id)]


def test_the_sweep_sends_a_stranded_run_to_the_queue_for_slow_runs(api: KodeyApi) -> None:
    api.meanwhile = lambda: None
    run_id = api("POST", CHATS, NEW, seconds=0.1).headers["x-run-id"]
    api.sqs.sent.clear()
    api.clock.forward(minutes=5)

    assert api.app.stranded_runs.resume() == {"resumed": 1, "ended": 0}

    assert [(sent.queue, sent.run_id) for sent in api.sqs.sent] == [(SLOW_QUEUE, run_id)]


def test_a_run_without_a_stored_reason_is_reported_all_the_same(api: KodeyApi) -> None:
    api.meanwhile = lambda: None
    run_id = api("POST", CHATS, NEW, seconds=0.1, headers=KEY).headers["x-run-id"]
    api.app.ledger.finish(api.app.ledger.claim(run_id, LEASE), "failed", error=None)

    answer = api("POST", CHATS, NEW, headers=KEY)

    assert answer.status == 502
    assert "the reason was not stored" in answer.json["detail"]


@pytest.mark.parametrize(
    ("kind", "status"), [("APITimeoutError", 504), ("SecretError", 502), ("APIConnectionError", 502)]
)
def test_what_a_run_failed_of_decides_the_status(api: KodeyApi, kind: str, status: int) -> None:
    api.meanwhile = lambda: None
    run_id = api("POST", CHATS, NEW, seconds=0.1, headers=KEY).headers["x-run-id"]
    api.app.ledger.finish(api.app.ledger.claim(run_id, LEASE), "failed", error={"type": kind, "message": "no"})

    assert api("POST", CHATS, NEW, headers=KEY).status == status
