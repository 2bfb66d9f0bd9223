"""Replay of runs without success, and resolving of unknown outcomes."""

from datetime import timedelta

import pytest

from aichats.bootstrap import Application
from aichats.runs.ledger.rows import EndStatus
from tests.support.fakes import FakeSqs
from tests.support.lambda_calls import HttpCaller
from tests.support.ledgers import Clock, make_run
from tests.support.runs_api import end


@pytest.mark.parametrize("status", ["failed", "missed"])
def test_what_ended_without_success_is_replayed_at_once(
    api: HttpCaller, app: Application, sqs: FakeSqs, status: EndStatus
) -> None:
    run_id = end(app, status)

    answer = api("POST", f"/runs/{run_id}/replay")

    assert (answer.status, answer.json, answer.headers["location"]) == (202, {"run_ids": [run_id]}, f"/runs/{run_id}")
    assert [(sent.run_id, sent.delay) for sent in sqs.sent] == [(run_id, 0)]
    assert api("GET", f"/runs/{run_id}").json["status"] == "pending"


def test_an_unknown_outcome_is_replayed_when_it_can_be_settled(
    api: HttpCaller, app: Application, sqs: FakeSqs, clock: Clock
) -> None:
    run_id = end(app, "unknown")
    clock.forward(seconds=15)

    assert api("POST", f"/runs/{run_id}/replay").status == 202

    assert [(sent.run_id, sent.delay) for sent in sqs.sent] == [(run_id, 45)]


@pytest.mark.parametrize("state", ["pending", "performing", "succeeded"])
def test_a_replay_of_what_is_open_or_succeeded_names_state_and_chat(
    api: HttpCaller, app: Application, sqs: FakeSqs, state: str
) -> None:
    run = make_run()
    if state == "succeeded":
        end(app, "succeeded", run)
    else:
        app.ledger.record(app.ledger.claim(run, timedelta(0)), "aich_1", {})
        if state == "pending":
            row = app.ledger.get(run.run_id)
            assert row is not None
            app.ledger.put_back(row, app.ledger.clock(), unsettled_at=None, error=None)

    answer = api("POST", f"/runs/{run.run_id}/replay")

    assert answer.status == 409
    has = "has already" if state == "succeeded" else "is"
    assert f"run {run.run_id} {has} {state} (chat aich_1) and can't be replayed" in answer.json["detail"]
    assert sqs.sent == []


def test_a_replay_of_a_run_without_a_kept_event_says_what_to_fix(
    api: HttpCaller, app: Application, sqs: FakeSqs
) -> None:
    run = make_run()
    app.ledger.add_ended([(run, {"type": "RenderError", "message": "is null"})], "failed", unrendered=True)

    replay = api("POST", f"/runs/{run.run_id}/replay")
    resolve = api("POST", f"/runs/{run.run_id}/resolve", {"outcome": "failed"})

    assert (replay.status, resolve.status) == (409, 409)
    assert replay.json["detail"] == (
        f"run {run.run_id} failed and can't be replayed, because its texts couldn't be rendered and its event is not "
        "stored. Fix the automation; its next run uses the fix"
    )
    assert resolve.json["detail"] == f"run {run.run_id} failed and can't be resolved"
    assert sqs.sent == []


def test_a_person_resolves_an_unknown_outcome_with_the_chat(api: HttpCaller, app: Application) -> None:
    run_id = end(app, "unknown")

    answer = api("POST", f"/runs/{run_id}/resolve", {"outcome": "succeeded", "chat_id": "aich_7"})

    assert (answer.status, answer.json["status"], answer.json["chat_id"]) == (200, "succeeded", "aich_7")


def test_a_person_resolves_an_unknown_outcome_as_failed(api: HttpCaller, app: Application) -> None:
    answer = api("POST", f"/runs/{end(app, 'unknown')}/resolve", {"outcome": "failed"})

    assert (answer.json["status"], answer.json["error"]["message"]) == ("failed", "resolved as failed by local")


def test_a_failure_that_a_person_found_has_their_reason(api: HttpCaller, app: Application) -> None:
    body = {"outcome": "failed", "reason": "no such chat"}
    answer = api("POST", f"/runs/{end(app, 'unknown')}/resolve", body)

    assert answer.json["error"]["message"] == "resolved as failed by local: no such chat"


def test_a_success_needs_no_reason(api: HttpCaller, app: Application) -> None:
    body = {"outcome": "succeeded", "chat_id": "aich_7", "reason": "found"}

    assert api("POST", f"/runs/{end(app, 'unknown')}/resolve", body).fields == ["reason"]


def test_only_an_unknown_outcome_is_resolved(api: HttpCaller, app: Application) -> None:
    run_id = end(app, "failed")

    answer = api("POST", f"/runs/{run_id}/resolve", {"outcome": "failed"})

    assert answer.status == 409
    assert f"run {run_id} failed and can't be resolved" in answer.json["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {"outcome": "succeeded"},
        {"outcome": "failed", "chat_id": "aich_1"},
        {"outcome": "succeeded", "chat_id": "biz_1"},
    ],
)
def test_a_success_names_its_chat_and_a_failure_none(api: HttpCaller, app: Application, body: object) -> None:
    answer = api("POST", f"/runs/{end(app, 'unknown')}/resolve", body)

    assert (answer.status, answer.fields) == (422, ["chat_id"])
