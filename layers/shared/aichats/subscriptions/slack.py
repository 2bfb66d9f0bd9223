"""Events as messages for Slack's incoming webhooks: a line that says what happened, and details below it."""

from collections.abc import Mapping
from typing import Any

from aichats.events.model import SentEvent
from aichats.json_types import Json

MAX_LINE = 2500
"""The maximum number of characters of a text. Slack's limit for a section is 3,000, and escapes count too."""
MAX_VALUE = 300
"""The maximum number of characters of a value, such as an error."""
OTHER = (":bell:", "An event happened")
"""The beginning of a message about a type of event that this version does not know."""
_HEADLINES = {
    "run.succeeded": (":white_check_mark:", "A run succeeded"),
    "run.failed": (":x:", "A run failed"),
    "run.unknown": (":grey_question:", "It is unknown whether a run was performed"),
    "run.missed": (":warning:", "A run was missed"),
    "run.skipped": (":fast_forward:", "A run was skipped"),
    "run.cancelled": (":no_entry_sign:", "A run was cancelled"),
    "run.replied": (":speech_balloon:", "The agent replied"),
    "run.reply_overdue": (":hourglass:", "The agent has not replied"),
    "slot.finished": (":checkered_flag:", "All runs of a slot ended"),
    "automation.created": (":sparkles:", "An automation was created"),
    "automation.changed": (":pencil2:", "An automation was changed"),
    "automation.paused": (":double_vertical_bar:", "An automation was paused"),
    "automation.resumed": (":arrow_forward:", "An automation was resumed"),
    "automation.deleted": (":wastebasket:", "An automation was deleted"),
    "automation.unreadable": (":rotating_light:", "An automation can't be read by the deployed version"),
    "connection.broken": (":rotating_light:", "A connection to a Whop account broke"),
    "connection.restored": (":white_check_mark:", "A connection to a Whop account works again"),
    "budget.reached": (":moneybag:", "A budget was reached"),
    "subscription.test": (":wave:", "This is a test of aichats"),
}
_SHOWN = (
    *("automation", "connection", "target", "slot", "runs", "kind", "percent", "used", "limit", "per", "until"),
    *("reason", "reply_seconds", "tokens", "reply_overdue_reason", "reply"),
)
"""The fields of an event that a message shows, in this order. One that is empty is left out."""


def slack_message(event: SentEvent, api_url: str | None) -> Json:
    """Return the body of a request to Slack.

    Args:
        event: the event.
        api_url: the URL of the HTTP API, for a link to the run; ``None``: without a link.
    """
    emoji, words = _HEADLINES.get(event.type, OTHER)
    headline = f"{emoji} *{words}*"
    details = [f"{name}: {_escaped(event.data[name])}" for name in _SHOWN if _has(event.data, name)]
    details += _counts(event.data) + _error(event.data)
    sections = [headline, *details]
    run_id = event.data.get("run_id")
    place = f"<{api_url}/runs/{run_id}|{_escaped(run_id)}>" if api_url and run_id else _escaped(run_id or event.id)
    footer = f"{_escaped(event.stack)} · {event.envelope['timestamp']} · {place}"
    return {
        "text": _bounded(f"{emoji} {words}" + "".join(f" · {detail}" for detail in details)),
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": _bounded("\n".join(sections))}},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": _bounded(footer)}]},
        ],
    }


def _has(data: Mapping[str, Any], name: str) -> bool:
    return data.get(name) not in (None, "")


def _counts(data: Mapping[str, Any]) -> list[str]:
    counts = data.get("counts")
    if not isinstance(counts, Mapping):
        return []
    return [", ".join(f"{_escaped(number)} {_escaped(status)}" for status, number in counts.items() if number)]


def _error(data: Mapping[str, Any]) -> list[str]:
    error = data.get("error")
    return [f"error: {_escaped(error.get('message'))}"] if isinstance(error, Mapping) else []


def _escaped(value: object) -> str:
    """Return the beginning of a value as one line, without characters that begin links and mentions in Slack."""
    text = " ".join(str(value).split())
    short = text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}…"
    return short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _bounded(text: str) -> str:
    return text if len(text) <= MAX_LINE else f"{text[:MAX_LINE]}…"
