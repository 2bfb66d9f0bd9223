"""Retries of ``POST /chats`` with the same key: the answer follows the state of the run."""

from aichats.bootstrap import Application
from aichats.http.deadline import time_limit
from aichats.runs.providers.marks import key_base
from tests.support.fakes import ScriptedTransport, ai_chat, error_response, ok, page
from tests.support.lambda_calls import HttpCaller
from tests.support.ledgers import LEASE, Clock
from tests.support.runs_api import ERROR


def test_a_create_whose_outcome_stays_unknown_is_202_again_and_again(
    api: HttpCaller, clock: Clock, whop: ScriptedTransport
) -> None:
    key = {"idempotency-key": "k"}
    whop.script = [error_response(409)]
    first = api("POST", "/chats", {"message_text": "hello"}, headers=key)
    mark = f"{key_base('runs', first.headers['x-run-id'])[:10]} · hello"
    clock.forward(minutes=2)
    whop.script = [page(ai_chat(id="aich_1", title=mark), ai_chat(id="aich_2", title=mark))]

    second, third = (api("POST", "/chats", {"message_text": "hello"}, headers=key) for _ in range(2))

    assert [answer.status for answer in (first, second, third)] == [202, 202, 202]
    assert [answer.json["status"] for answer in (first, second, third)] == ["pending", "unknown", "unknown"]


def test_a_create_that_a_person_resolved_answers_the_chat(
    api: HttpCaller, app: Application, clock: Clock, whop: ScriptedTransport
) -> None:
    key = {"idempotency-key": "k"}
    whop.script = [error_response(409)]
    run_id = api("POST", "/chats", {"message_text": "hello"}, headers=key).headers["x-run-id"]
    clock.forward(minutes=2)
    app.ledger.finish(app.ledger.claim(run_id, LEASE), "unknown", error=ERROR)
    api("POST", f"/runs/{run_id}/resolve", {"outcome": "succeeded", "chat_id": "aich_7"})
    whop.script = [ok(ai_chat(id="aich_7"))]

    answer = api("POST", "/chats", {"message_text": "hello"}, headers=key)

    assert (answer.status, answer.json["id"], answer.headers["idempotent-replayed"]) == (200, "aich_7", "true")


def test_a_create_that_is_given_up_is_502_with_the_reason(api: HttpCaller, clock: Clock) -> None:
    key = {"idempotency-key": "k"}
    with time_limit(1.0):
        first = api("POST", "/chats", {"message_text": "hello"}, headers=key)
        clock.forward(hours=25)
        answer = api("POST", "/chats", {"message_text": "hello"}, headers=key)

    assert (first.status, answer.status) == (202, 502)
    assert answer.json["run_id"] == first.headers["x-run-id"]
    assert "gave up after 0 attempts; the last error: no attempt reached the provider" in answer.json["detail"]


def test_a_create_in_progress_is_409_and_names_its_run(api: HttpCaller, whop: ScriptedTransport) -> None:
    key = {"idempotency-key": "k"}
    whop.script = [ZeroDivisionError()]
    assert api("POST", "/chats", {"message_text": "hello"}, headers=key).status == 202

    answer = api("POST", "/chats", {"message_text": "hello"}, headers=key)

    assert answer.status == 409
    assert answer.json["run_id"] == answer.headers["x-run-id"]
    assert f"from /runs/{answer.json['run_id']}" in answer.json["detail"]
