"""The text of a run in ``GET /runs/{run_id}``."""

from copy import replace
from datetime import timedelta

import pytest

from aichats.bootstrap import Application
from aichats.runs.action import Action
from tests.support.actions import kodey_create_chat, kodey_send_message, whop_create_chat, whop_update_chat
from tests.support.lambda_calls import HttpCaller
from tests.support.ledgers import MUTE, NOON, Clock, dynamodb, make_run
from tests.support.runs_api import end

LONG = "How was the week? " * 100
TITLE_ONLY = whop_update_chat(title="Week 47")


@pytest.mark.parametrize(
    ("action", "title", "message"),
    [
        (whop_create_chat(title="Week", message_text="Hi"), "Week", "Hi"),
        (whop_create_chat(message_text=LONG), None, LONG),
        (TITLE_ONLY, "Week 47", None),
        (kodey_create_chat(message_text="Hi"), None, "Hi"),
        (kodey_send_message(content="Hi"), None, "Hi"),
    ],
)
def test_the_text_of_a_run_is_shown_for_each_kind_of_action(
    api: HttpCaller, app: Application, action: Action, title: str | None, message: str | None
) -> None:
    run_id = end(app, "failed", make_run(action=action))

    assert api("GET", f"/runs/{run_id}").json["sent"] == {"title": title, "message": message}


def test_a_run_without_a_text_shows_none(api: HttpCaller, app: Application) -> None:
    unrendered = make_run("2")
    app.ledger.add_ended([(unrendered, {"type": "RenderError", "message": "is null"})], "failed", unrendered=True)

    for run_id in (end(app, "succeeded", make_run(action=MUTE)), unrendered.run_id):
        assert api("GET", f"/runs/{run_id}").json["sent"] is None


def test_an_open_run_shows_what_it_will_send(api: HttpCaller, app: Application) -> None:
    run = make_run()
    app.ledger.add([run], lambda _: NOON)

    assert api("GET", f"/runs/{run.run_id}").json["sent"] == {"title": "Week", "message": "How was the week?"}


def test_the_list_of_runs_shows_no_text(api: HttpCaller, app: Application) -> None:
    end(app, "failed")

    listed = api("GET", "/runs", query="since=2026-11-19T00:00:00Z&until=2026-11-21T00:00:00Z")

    assert len(listed.json["data"]) == 1
    assert "sent" not in listed.json["data"][0]
    assert "How was the week?" not in listed.body


@pytest.mark.parametrize("text", ["Hi", LONG])
def test_a_text_is_not_shown_after_its_time(api: HttpCaller, app: Application, clock: Clock, text: str) -> None:
    run_id = end(app, "failed", make_run(action=whop_create_chat(message_text=text)))
    clock.forward(days=30)

    assert api("GET", f"/runs/{run_id}").json["sent"] is None


@pytest.mark.parametrize(
    ("verb", "reason"),
    [
        ("replay", "can't be replayed, because its text is no longer kept (parameter KeepTextsDays)"),
        ("cancel", "can't be cancelled, because its text is no longer kept (parameter KeepTextsDays)"),
    ],
)
def test_a_replay_or_cancellation_after_the_text_is_deleted_says_so(
    api: HttpCaller, app: Application, verb: str, reason: str
) -> None:
    run_id = end(app, "unknown", make_run(action=whop_create_chat(message_text=LONG)))
    [key] = [
        found["run_id"]
        for found in dynamodb().scan(TableName=app.ledger.table)["Items"]
        if found["run_id"]["S"].startswith("action:")
    ]
    dynamodb().delete_item(TableName=app.ledger.table, Key={"run_id": key})

    answer = api("POST", f"/runs/{run_id}/{verb}")

    assert answer.status == 409
    assert answer.json["detail"].startswith(f"run {run_id} has an unknown outcome and {reason}")
    assert api("GET", f"/runs/{run_id}").json["status"] == "unknown"


def test_without_retention_a_run_that_succeeded_shows_its_chat_and_no_text(app: Application, api: HttpCaller) -> None:
    app.ledger = replace(app.ledger, keep_texts=timedelta(0))
    run_id = end(app, "succeeded")

    shown = api("GET", f"/runs/{run_id}").json

    assert (shown["sent"], shown["chat_id"], shown["action"]) == (None, "aich_1", "whop.create_chat")
