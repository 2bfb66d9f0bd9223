"""Messages for Slack: each type of event, escaped, bounded, and as the documentation shows it."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from aichats.events.model import SENT_EVENT_TYPES, SentEvent
from aichats.subscriptions.slack import OTHER, slack_message
from local.setup import ROOT

TIME = datetime(2026, 11, 30, 9, 0, 3, 123000, tzinfo=UTC)
RUN = "rbascgoz2ush3ae44qifvjj3bv2kmnlg"
FAILED = {
    "run_id": RUN,
    "automation": "weekly-revenue",
    "target": "biz_A",
    "status": "failed",
    "error": {"type": "BadRequestError", "message": "whop: 400: the company doesn't exist"},
}


def message(type_: str, data: Any, api_url: str | None = "https://api.example") -> Any:
    return slack_message(SentEvent("evt_1", type_, TIME, "aichats", data), api_url)


def texts(shown: Any) -> str:
    """Return all texts that Slack shows."""
    section, context = shown["blocks"]
    return "\n".join([shown["text"], section["text"]["text"], context["elements"][0]["text"]])


@pytest.mark.parametrize("type_", SENT_EVENT_TYPES)
def test_each_type_of_event_has_an_emoji_and_words_of_its_own(type_: str) -> None:
    shown = message(type_, {"automation": "weekly"})
    [emoji] = re.findall(r"\A:[a-z_0-9]+: ", shown["text"])
    assert shown["blocks"][0]["text"]["text"].startswith(f"{emoji}*")
    assert emoji.strip() != OTHER[0]
    assert "automation: weekly" in shown["text"]


def test_a_type_of_a_newer_version_is_shown_too() -> None:
    assert message("run.praised", {})["text"] == ":bell: An event happened"


def test_the_message_about_a_failed_run_is_the_one_of_the_documentation() -> None:
    page = (ROOT / "docs/reference/subscriptions.md").read_text()
    [example] = [block for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL) if '"blocks"' in block]
    assert message("run.failed", FAILED) == json.loads(example)


def test_characters_with_a_meaning_in_slack_are_escaped() -> None:
    error = {"type": "E", "message": "<!channel> & <https://evil.example|click>"}
    shown = texts(message("run.failed", FAILED | {"error": error, "target": "<@U1>"}))
    assert "&lt;!channel&gt; &amp; &lt;https://evil.example|click&gt;" in shown
    assert "<!channel>" not in shown
    assert "<@U1>" not in shown


def test_a_long_or_broken_text_is_one_short_line() -> None:
    error = {"type": "E", "message": "line one\nline two " + "&" * 10_000}
    shown = message("run.failed", FAILED | {"error": error, "reply": "x" * 100_000})
    assert "error: line one line two" in shown["text"]
    assert all(len(text) <= 3000 for text in (shown["text"], shown["blocks"][0]["text"]["text"]))


def test_the_counts_of_a_slot_and_the_state_of_a_budget_are_shown() -> None:
    slot = message("slot.finished", {"automation": "weekly", "runs": 3, "counts": {"succeeded": 2, "failed": 1}})
    assert "2 succeeded, 1 failed" in slot["text"]
    budget = message("budget.reached", {"automation": None, "percent": 80, "used": 8, "limit": 10, "per": "day"})
    assert "percent: 80 · used: 8 · limit: 10 · per: day" in budget["text"]
    assert "automation" not in budget["text"]


def test_without_the_url_of_the_api_there_is_no_link() -> None:
    assert "<http" not in texts(message("run.failed", FAILED, None))
    assert "evt_1" in texts(message("subscription.test", {"subscription": "alerts"}, None))


@pytest.mark.parametrize(
    ("type_", "data", "shown"),
    [
        ("budget.reached", {"kind": "tokens", "percent": 100}, "kind: tokens · percent: 100"),
        (
            "automation.paused",
            {"until": "2026-12-27T00:00:00.000Z", "reason": "holidays"},
            "until: 2026-12-27T00:00:00.000Z · reason: holidays",
        ),
        ("run.replied", {"reply_seconds": 4.9, "tokens": "123.45"}, "reply_seconds: 4.9 · tokens: 123.45"),
        (
            "run.reply_overdue",
            {"reply_overdue_reason": "the chat doesn't exist any more"},
            "reply_overdue_reason: the chat doesn't exist any more",
        ),
    ],
)
def test_a_message_shows_what_a_person_asks_next(type_: str, data: Any, shown: str) -> None:
    assert message(type_, data)["text"].endswith(f" · {shown}")
