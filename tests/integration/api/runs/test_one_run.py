"""``GET /runs/{run_id}``: one run."""

import pytest

from aichats.bootstrap import Application
from tests.support.lambda_calls import HttpCaller
from tests.support.ledgers import GONE, LEASE, make_run
from tests.support.runs_api import ERROR, end


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
