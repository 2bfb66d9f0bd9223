"""`aichats auto show`: an automation as people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aichats_cli.commands.auto.group import Name, app, local_time, path_to, time_of_last_run
from aichats_cli.output import Format
from aichats_cli.session import Session, command
from aichats_cli.trigger_words import in_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aichats_cli.models import Attachment, AutomationView, Budget, RunStatus, RunView, ShownPause, StoredAutomation

MOST_TARGETS = 10
LAST_RUNS = 5
ACTIONS = {
    "whop.create_chat": "creates a Whop chat",
    "whop.update_chat": "changes a Whop chat",
    "kodey.create_chat": "creates a Kodey chat",
    "kodey.send_message": "sends a message to a Kodey chat",
}


@command(app, "show", examples=["aichats auto show daily-numbers", "aichats auto show daily-numbers -o yaml"])
def show_automation(session: Session, name: Name) -> None:
    """Show an automation: when it runs, for whom, what it sends, and its last runs."""
    found: AutomationView = session.api.get(path_to(name))
    changed = f"{session.when(found['updated_at'])} by {found['updated_by'] or 'an unknown client'}"
    session.output.item(found, fields_of(session, found) | {"changed": changed})
    if session.output.format is not Format.table:
        return
    runs: list[RunView] = session.api.get("/runs", automation=name, limit=LAST_RUNS)["data"]
    if not runs:
        return
    session.output.lines(["", "Last runs"])
    session.output.items(
        runs,
        {
            "time": lambda each: session.when(each["slot"] or each["created_at"]),
            "for": lambda each: each["target"],
            "status": lambda each: each["status"],
            "run": lambda each: each["run_id"],
        },
    )


def fields_of(session: Session, each: AutomationView | StoredAutomation, times: int = 5) -> dict[str, object]:
    """Return the fields of an automation as people read them."""
    trigger: Mapping[str, Any] = each["trigger"]
    action: Mapping[str, Any] = each["action"]
    last = each["last_run"]
    return {
        "name": each["name"],
        "state": each["state"],
        "paused": paused_words(session, each),
        "when": in_words(each["trigger"]),
        "from": session.when(trigger.get("start")),
        "until": session.when(trigger.get("end")),
        "next": "\n".join(local_time(session, **time) for time in each["next"][:times]),
        "for": targets_words(each["targets"]),
        "action": action_words(action),
        "title": action.get("title"),
        "message": action.get("message_text") or action.get("content"),
        "attaches": [attachment_words(file) for file in action.get("attachments") or []],
        "missed": "runs late" if each.get("missed") == "run" else None,
        "overlap": "is skipped" if each.get("overlap") == "skip" else None,
        "budget": budget_words(each.get("budget")),
        "labels": [f"{key}={value}" for key, value in (each.get("labels") or {}).items()],
        "about": each.get("description"),
        "managed by": each.get("managed_by"),
        "pauses": "\n".join(pause_words(session, pause) for pause in planned_pauses(each)),
        "last run": last and f"{session.when(time_of_last_run(each))}, {counts_words(last['counts'])}",
    }


def paused_words(session: Session, each: AutomationView | StoredAutomation) -> str | None:
    """Return the pause that is effective now; ``None`` if there is none."""
    pause = each["paused"]
    if pause is None:
        return None
    if pause["scope"] == "trigger":
        return f"until you type: aichats auto resume {each['name']}"
    return ("the whole stack, " if pause["scope"] == "stack" else "") + pause_words(session, pause)


def planned_pauses(each: AutomationView | StoredAutomation) -> list[ShownPause]:
    """Return the pauses besides the one that is effective now."""
    now = each["paused"] and (each["paused"]["from"], each["paused"]["until"])
    return [pause for pause in each["pauses"] if (pause["from"], pause["until"]) != now]


def pause_words(session: Session, pause: ShownPause) -> str:
    """Return a pause in words."""
    until = session.when(pause["until"]) or "you resume"
    by = f", by {pause['by']}" if pause["by"] else ""
    return f"from {session.when(pause['from'])} until {until}{by}" + (f": {pause['reason']}" if pause["reason"] else "")


def targets_words(targets: list[str | None]) -> list[str]:
    """Return the first targets, and how many there are besides."""
    shown = [target or "no company" for target in targets[:MOST_TARGETS]]
    return shown + ([f"and {len(targets) - MOST_TARGETS} more"] if len(targets) > MOST_TARGETS else [])


def action_words(action: Mapping[str, Any]) -> str:
    """Return an action in words."""
    preference = action.get("notification_preference")
    muted = {"none": ", muted", "all": ", with notifications"}.get(str(preference), "")
    awaits = ", and awaits the reply" if action.get("await_reply") else ""
    return f"{ACTIONS.get(action['type'], action['type'])}{muted}{awaits}"


def attachment_words(attachment: Attachment) -> str:
    """Return the id or the address of a file."""
    return attachment if isinstance(attachment, str) else str(attachment.get("url") or attachment.get("s3"))


def budget_words(budget: Budget | None) -> str | None:
    """Return a budget in words; ``None`` if there is none."""
    if budget is None:
        return None
    limits = [f"{limit} {kind}" for kind in ("runs", "tokens") if (limit := budget.get(kind)) is not None]
    return f"{' and '.join(limits)} per {budget['per']}"


def counts_words(counts: Mapping[RunStatus, int]) -> str:
    """Return numbers of runs by status, such as ``2 succeeded, 1 failed``."""
    return ", ".join(f"{number} {status}" for status, number in counts.items())
