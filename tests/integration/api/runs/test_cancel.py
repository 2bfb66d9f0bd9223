"""Cancelling a run through the API."""

import pytest

from aichats.bootstrap import Application
from aichats.runs.ledger.rows import EndStatus
from tests.support.fakes import FakeSqs
from tests.support.lambda_calls import HttpCaller
from tests.support.ledgers import LEASE, make_run
from tests.support.runs_api import CREATE, end


def started(api: HttpCaller) -> str:
    """Start a run, and return its id."""
    return str(api("POST", "/runs", {"action": CREATE, "targets": ["biz_A"]}).json["run_ids"][0])


def test_a_run_that_has_not_begun_ends_and_says_who_cancelled_it_and_why(api: HttpCaller) -> None:
    run_id = started(api)

    answer = api("POST", f"/runs/{run_id}/cancel", {"reason": "wrong text"})

    assert (answer.status, answer.json["status"], answer.headers["location"]) == (200, "cancelled", f"/runs/{run_id}")
    assert answer.json["error"]["type"] == "Cancelled"
    assert answer.json["error"]["message"].startswith("cancelled by ")
    assert answer.json["error"]["message"].endswith(": wrong text")
    assert api("GET", f"/runs/{run_id}").json["status"] == "cancelled"


def test_a_reason_is_optional_and_a_second_cancellation_changes_nothing(api: HttpCaller) -> None:
    run_id = started(api)

    first = api("POST", f"/runs/{run_id}/cancel")
    second = api("POST", f"/runs/{run_id}/cancel", {"reason": "again"})

    assert (first.status, second.status) == (200, 200)
    assert first.json == second.json


def test_a_cancelled_run_cannot_be_replayed(api: HttpCaller) -> None:
    run_id = started(api)
    api("POST", f"/runs/{run_id}/cancel")

    answer = api("POST", f"/runs/{run_id}/replay")

    assert answer.status == 409
    assert "is cancelled and can't be replayed" in answer.json["detail"]


def test_an_unknown_outcome_is_looked_up_first(api: HttpCaller, app: Application, sqs: FakeSqs) -> None:
    run_id = end(app, "unknown")

    answer = api("POST", f"/runs/{run_id}/cancel")

    assert (answer.status, answer.json["status"]) == (202, "pending")
    assert [sent.run_id for sent in sqs.sent] == [run_id]


def test_a_run_that_is_being_performed_is_cancelled_later_without_another_message(
    api: HttpCaller, app: Application, sqs: FakeSqs
) -> None:
    run = make_run()
    app.ledger.claim(run, LEASE)

    answer = api("POST", f"/runs/{run.run_id}/cancel")

    assert (answer.status, answer.json["status"]) == (202, "performing")
    assert sqs.sent == []


@pytest.mark.parametrize("status", ["succeeded", "failed", "missed", "skipped"])
def test_a_run_that_has_ended_is_not_cancelled(api: HttpCaller, app: Application, status: EndStatus) -> None:
    run_id = end(app, status)

    answer = api("POST", f"/runs/{run_id}/cancel")

    assert answer.status == 409
    assert "can't be cancelled" in answer.json["detail"]


def test_a_run_that_has_begun_is_not_cancelled_and_the_answer_names_its_chat(api: HttpCaller, app: Application) -> None:
    run = make_run()
    app.ledger.record(app.ledger.claim(run, LEASE), "aich_1", {})

    answer = api("POST", f"/runs/{run.run_id}/cancel")

    assert answer.status == 409
    assert "(chat aich_1) and can't be cancelled, because it has begun and its chat exists" in answer.json["detail"]


def test_a_run_that_does_not_exist_is_not_found(api: HttpCaller) -> None:
    assert api("POST", f"/runs/{'a' * 32}/cancel").status == 404


def test_a_bad_reason_is_rejected_with_its_field(api: HttpCaller) -> None:
    run_id = started(api)

    answer = api("POST", f"/runs/{run_id}/cancel", {"reason": ""})

    assert answer.status == 422
    assert [problem["field"] for problem in answer.json["errors"]] == ["reason"]
    assert api("GET", f"/runs/{run_id}").json["status"] == "pending"


def test_the_calls_of_a_run_are_shown_with_the_run_alone(api: HttpCaller, app: Application) -> None:
    run_id = end(app, "succeeded")

    assert api("GET", f"/runs/{run_id}").json["attempts_log"] == []
    listed = api("GET", "/runs", query="since=2026-11-20T00:00:00Z&until=2026-11-21T00:00:00Z").json["data"]
    assert [("attempts_log" in run, run["run_id"]) for run in listed] == [(False, run_id)]
