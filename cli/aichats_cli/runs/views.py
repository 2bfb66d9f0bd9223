"""Runs as people read them: a list, one run, and its story."""

from __future__ import annotations

import re
import shlex
import textwrap
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aichats_cli.output import Format
from aichats_cli.runs.advice import advice, next_commands
from aichats_cli.runs.options import REPLAYABLE
from aichats_cli.runs.story import Story, seconds_text, work_of
from aichats_cli.wait import check_success, wait_for_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aichats_cli.models import RunDetails, RunView
    from aichats_cli.output import Row
    from aichats_cli.runs.selection import Selection
    from aichats_cli.session import Session

MAX_OWNERS = 3
"""The number of automations that a reason names."""
MAX_REASONS = 5
"""The number of reasons that a list of runs explains."""


def show_list(session: Session, runs: Sequence[RunView], hidden: Sequence[str] = (), *, empty: str = "no runs") -> None:
    """Print runs, each with the time of its slot, or else that of its creation.

    In a pipe, each has its whole reason. On a terminal, the reasons are in :func:`note_reasons`.

    Args:
        session: prints them.
        runs: the runs.
        hidden: columns that are not needed, because all runs have the same.
        empty: what a person reads in place of a list without runs.
    """
    columns: dict[str, Callable[[Row], object]] = {
        "run": lambda run: run["run_id"],
        "status": lambda run: run["status"],
        "time": lambda run: session.when(run["slot"] or run["created_at"]),
        "automation": lambda run: run["automation"],
        "target": lambda run: run["target"],
        "reason": reason_of,
    }
    for name in hidden:
        del columns[name]
    if session.output.is_terminal:
        del columns["reason"]
    session.output.items(runs, columns, name="run_id", empty=empty)


def reason_of(run: Row) -> str:
    """Return the reason why a run did not succeed or waits, in one line."""
    return " ".join(str((run["error"] or {}).get("message", "")).split())


def note_reasons(session: Session, runs: Sequence[RunView]) -> None:
    """Print why runs did not succeed, the most frequent reason first, with what to do about each."""
    if session.output.format is not Format.table:
        return
    groups: dict[tuple[str, str], list[RunView]] = {}
    for run in runs:
        if run["error"] and run["status"] not in {"succeeded", "pending", "performing"}:
            groups.setdefault((run["status"], without_ids(reason_of(run))), []).append(run)
    ordered = sorted(groups.items(), key=lambda group: -len(group[1]))
    for (status, reason), members in ordered[:MAX_REASONS]:
        owners = list(dict.fromkeys(run["automation"] or "API" for run in members))
        others = f" and {len(owners) - MAX_OWNERS} others" if len(owners) > MAX_OWNERS else ""
        session.note(f"{len(members)} {status} ({', '.join(owners[:MAX_OWNERS])}{others}): {reason}")
        session.note(f"  → {advice(members[0])}")
    if len(ordered) > MAX_REASONS:
        session.note(f"and {len(ordered) - MAX_REASONS} more reasons: aichats runs explain RUN")


def replay_command(selection: Selection, since: str | None, until: str | None) -> str | None:
    """Return the command that replays a selection: ``None`` if not all its runs can be replayed."""
    if not selection.statuses or not REPLAYABLE.issuperset(selection.statuses):
        return None
    flags = [f"--{status}" if status in {"failed", "missed"} else f"--status {status}" for status in selection.statuses]
    named = {"automation": "auto", "target": "for"}
    options = {named.get(name, name): value for name, value in selection.conditions.items()}
    options |= {name: value for name, value in (("since", since), ("until", until)) if value}
    return " ".join(
        ["aichats runs replay", *flags, *(f"--{name} {shlex.quote(value)}" for name, value in options.items())]
    )


def without_ids(reason: str) -> str:
    """Return a reason without the ID of the request, so that the same reasons are equal."""
    return re.sub(r" \(request [^)]*\)", "", reason)


def show_ended(session: Session, run_ids: list[str]) -> None:
    """Wait for runs, and show them.

    Raises:
        CommandError: a run did not succeed.
    """
    runs: list[RunView] = wait_for_runs(session, run_ids)
    session.output.items(
        runs,
        {
            "for": lambda run: run["target"],
            "status": lambda run: run["status"],
            "chat": lambda run: run["chat_id"],
            "error": lambda run: (run["error"] or {}).get("message"),
            "run": lambda run: run["run_id"],
        },
        name="run_id",
    )
    check_success(runs)


def show_run(session: Session, run: RunDetails) -> None:
    """Print a run."""
    error, sent = run["error"] or {}, dict(run["sent"] or {})
    fields: Mapping[str, object] = {
        "run": run["run_id"],
        "status": run["status"],
        "automation": run["automation"],
        "trigger": run["trigger"],
        "slot": session.when(run["slot"]),
        "work": work_of(run),
        "chat": run["chat_id"],
        "title": sent.get("title"),
        "message": sent.get("message"),
        "labels": [f"{key}={value}" for key, value in run["labels"].items()],
        "files": run["files"],
        "attempts": run["attempts"],
        "reply": reply_text(session, run),
        "tokens": run["tokens"],
        "created": session.when(run["created_at"]),
        "due": session.when(run["due_at"]),
        "ended": session.when(run["finished_at"]),
        "error": ": ".join(filter(None, (error.get("type"), error.get("message")))),
        "next step": advice(run),
    }
    session.output.item(run, fields, name="run_id")
    if session.output.format is Format.table:
        for typed, effect in next_commands(run).items():
            session.note(f"  → {typed}  ({effect})")


def reply_text(session: Session, run: RunDetails) -> str:
    """Return what is known about the agent's reply."""
    status = run["reply_status"]
    if status == "replied":
        took = f", after {seconds_text(run['reply_seconds'] * 1000)}" if run["reply_seconds"] is not None else ""
        content = (run["reply"] or {}).get("content")
        return f"{session.when(run['replied_at'])}{took}{f': {content}' if content else ''}"
    return f"overdue: {run['reply_overdue_reason'] or 'its time was over'}" if status == "overdue" else status or ""


def show_story(session: Session, run: RunDetails) -> None:
    """Print the story of a run, as text or as data."""
    story = Story(run, session.when, session.now())
    commands = next_commands(run)
    if session.output.format is Format.name:
        session.output.lines([run["run_id"]])
    elif session.output.format is Format.table:
        session.output.lines(story_lines(session, story, commands))
    else:
        told: dict[str, Any] = {
            "run": run,
            "story": [{"at": moment.at, "text": moment.text} for moment in story.moments],
            "outlook": story.outlook,
            "advice": advice(run),
            "commands": list(commands),
        }
        session.output.data(told)


def story_lines(session: Session, story: Story, commands: Mapping[str, str]) -> list[str]:
    """Return the story of a run as paragraphs, not wider than the terminal."""
    lines = [*(session.output.paint(line, "bold") for line in folded(session, story.title)), ""]
    for moment in story.moments:
        at = f"{session.when(moment.at)}:{datetime.fromisoformat(moment.at):%S}  "
        lines += folded(session, moment.text, at)
    lines += ["", *folded(session, story.outlook)]
    if (text := advice(story.run)) is not None:
        lines += folded(session, text)
    width = max(map(len, commands), default=0)
    lines += [""] if commands else []
    return lines + [f"  {typed.ljust(width)}  # {effect}" for typed, effect in commands.items()]


def folded(session: Session, text: str, beginning: str = "") -> list[str]:
    """Return a text in lines that fit on the terminal. In a pipe, it is one line."""
    if not session.output.is_terminal:
        return [beginning + text]
    width = min(session.output.width, 100)
    return textwrap.wrap(text, width, initial_indent=beginning, subsequent_indent=" " * len(beginning))
