"""``GET /runs/{run_id}``: one run."""

from decimal import Decimal

import pytest

from aichats.bootstrap import Application
from aichats.runs.action import Action
from aichats.runs.ledger.replies import store_result
from aichats.runs.ledger.rows import EndStatus
from aichats.runs.model import Run
from tests.support.fakes import Json
from tests.support.lambda_calls import HttpCaller
from tests.support.ledgers import CREATE, GONE, LEASE, make_run
from tests.support.runs_api import ERROR, end
from tests.support.watching import AWAITING


def test_a_run_is_shown_with_its_chat(api: HttpCaller, app: Application) -> None:
    run_id = end(app, "succeeded")

    answer = api("GET", f"/runs/{run_id}")

    shown = answer.json
    assert (shown["run_id"], shown["status"], shown["chat_id"]) == (run_id, "succeeded", "aich_1")
    assert shown["chat"]["id"] == "aich_1"
    assert (shown["action"], shown["target"], shown["attempts"]) == ("whop.create_chat", "biz_A", 1)
    assert (shown["error"], shown["due_at"]) == (None, None)


def test_a_chat_and_a_reply_are_shown_as_their_provider_gave_them_whatever_their_shape(
    api: HttpCaller, app: Application
) -> None:
    result = {"chat": {"conversation": 7, "of": ["a", None]}, "reply": {"text": "Seven.", "score": 0.5}}
    run = make_run()
    app.ledger.finish(app.ledger.claim(run, LEASE), "succeeded", chat_id="aich_1", result=result)

    shown = api("GET", f"/runs/{run.run_id}").json

    assert {name: shown[name] for name in result} == result


def test_a_run_that_failed_is_shown_with_the_reason(api: HttpCaller, app: Application) -> None:
    shown = api("GET", f"/runs/{end(app, 'failed')}").json

    assert (shown["status"], shown["error"], shown["chat"]) == ("failed", ERROR, None)


@pytest.mark.parametrize("rest", ["", "/replay", "/resolve"])
def test_a_run_that_does_not_exist_is_404(api: HttpCaller, rest: str) -> None:
    method = "POST" if rest else "GET"
    body = {"outcome": "failed"} if rest == "/resolve" else None

    answer = api(method, f"/runs/{GONE}{rest}", body)

    assert answer.status == 404


@pytest.mark.parametrize("run_id", ["short", "A" * 32, "1" * 32, "key:" + "a" * 28])
def test_an_id_that_no_run_can_have_is_422(api: HttpCaller, run_id: str) -> None:
    answer = api("GET", f"/runs/{run_id}")

    assert (answer.status, answer.fields) == (422, ["run_id"])


REPLIED = {"replied_at": "2026-11-20T12:00:09.500Z", "reply_seconds": Decimal("9.5"), "tokens": Decimal("123.450001")}
OVERDUE = {"reply_overdue_at": "2026-11-20T14:00:00.000Z", "reply_overdue_reason": "the chat doesn't exist any more"}


def stored_reply(app: Application, result: Json) -> Run:
    """Store a run whose watch has this result; without one, the run awaits its reply."""
    run = make_run(action=AWAITING)
    end(app, "succeeded", run)
    if result:
        assert store_result(app.ledger.items, run.run_id, result)
    return run


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        ({}, {"reply_status": "awaited"}),
        (
            REPLIED,
            {
                "reply_status": "replied",
                "replied_at": "2026-11-20T12:00:09.500000Z",
                "reply_seconds": 9.5,
                "tokens": "123.450001",
            },
        ),
        (OVERDUE, OVERDUE | {"reply_status": "overdue", "reply_overdue_at": "2026-11-20T14:00:00Z"}),
    ],
)
def test_a_run_shows_what_became_of_its_reply(api: HttpCaller, app: Application, result: Json, shown: Json) -> None:
    run = stored_reply(app, result)
    nothing = dict.fromkeys(("replied_at", "reply_seconds", "tokens", "reply_overdue_at", "reply_overdue_reason"), None)

    one = api("GET", f"/runs/{run.run_id}").json
    [listed] = api("GET", "/runs", query="since=2026-11-20T00:00:00Z&until=2026-11-21T00:00:00Z").json["data"]

    for answer in (one, listed):
        assert {name: answer[name] for name in nothing | shown} == nothing | shown


@pytest.mark.parametrize(("status", "action"), [("failed", AWAITING), ("succeeded", CREATE)])
def test_a_run_that_failed_or_never_awaited_a_reply_awaits_none(
    api: HttpCaller, app: Application, status: EndStatus, action: Action
) -> None:
    run_id = end(app, status, make_run(action=action))

    assert api("GET", f"/runs/{run_id}").json["reply_status"] is None
