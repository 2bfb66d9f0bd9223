"""The story of a run in plain sentences."""

from datetime import UTC, datetime
from typing import Any

import pytest

from aichats_cli.models import RunDetails
from aichats_cli.runs.story import Story, status_text

AT = "2026-11-20T12:00:00Z"
LATER = "2026-11-20T12:05:00Z"


def story(**changes: Any) -> Story:
    """Return the story of a run of an automation that succeeded, with changed fields."""
    run: RunDetails = {
        "run_id": "a" * 32,
        "status": "succeeded",
        "trigger": "schedule",
        "automation": "weekly",
        "slot": AT,
        "action": "whop.create_chat",
        "target": "biz_A",
        "labels": {},
        "attempts": 1,
        "chat_id": "aich_1",
        "chat": None,
        "reply": None,
        "files": [],
        "reply_status": None,
        "replied_at": None,
        "reply_seconds": None,
        "tokens": None,
        "reply_overdue_at": None,
        "reply_overdue_reason": None,
        "error": None,
        "created_at": AT,
        "due_at": None,
        "finished_at": LATER,
        "sent": None,
        "attempts_log": [],
    }
    changed: Any = run | changes
    return Story(changed, lambda text: text or "", datetime(2026, 11, 20, 12, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("changes", "beginning"),
    [
        ({}, "The schedule fired for the slot"),
        ({"status": "missed"}, "The schedule did not fire for the slot"),
        ({"trigger": "webhook"}, "An event of Whop's webhook started weekly"),
        ({"trigger": "manual"}, "An API client ran weekly by hand"),
        ({"trigger": "api", "automation": None}, "An API client requested it"),
    ],
)
def test_it_begins_with_the_reason_for_the_run(changes: dict[str, Any], beginning: str) -> None:
    assert story(**changes).moments[0].text.startswith(beginning)


@pytest.mark.parametrize(
    ("changes", "outlook"),
    [
        ({"status": "performing"}, "A function performs it now."),
        ({"status": "missed"}, "aichats performs it only if you replay it."),
        ({"status": "skipped"}, "aichats performs it only if you replay it."),
        ({"status": "failed"}, "aichats does nothing more with it."),
        (
            {"status": "unknown"},
            "aichats doesn't know whether it was done, and does nothing more until you decide.",
        ),
    ],
)
def test_it_ends_with_what_aichats_does_next(changes: dict[str, Any], outlook: str) -> None:
    assert story(**changes).outlook == outlook


@pytest.mark.parametrize(
    ("due_at", "then"),
    [
        (AT, "It is due now, so aichats continues within seconds, unless the stack is paused."),
        (LATER, f"aichats continues at {LATER}. You don't need to do anything."),
    ],
)
def test_a_run_that_waits_says_until_when(due_at: str, then: str) -> None:
    assert then in story(status="pending", due_at=due_at, finished_at=None).outlook


def test_replies_are_part_of_the_story() -> None:
    replied = story(replied_at=LATER, reply_seconds=3.0, reply_status="replied")
    overdue = story(reply_overdue_at=LATER, reply_status="overdue")

    assert replied.moments[-1].text == "The agent replied after 3.0 s."
    assert overdue.moments[-1].text == "aichats stopped waiting for the agent's reply: its time was over."


def test_a_status_without_a_name_is_its_number() -> None:
    assert status_text(422) == "422 Unprocessable Content"
    assert status_text(599) == "599"
