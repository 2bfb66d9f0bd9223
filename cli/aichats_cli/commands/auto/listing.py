"""`aichats auto list` and `aichats auto next`."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aichats_cli.commands.auto.group import app, local_time, path_to, time_of_last_run
from aichats_cli.complete import automation_names
from aichats_cli.errors import CommandError
from aichats_cli.labels import label_filter
from aichats_cli.session import Session, command
from aichats_cli.trigger_words import in_words, joined

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aichats_cli.models import AutomationView

LISTED_TIMES = 5
"""The number of next times that an automation has in the list."""


class State(StrEnum):
    """The states of automations."""

    active = "active"
    paused = "paused"
    done = "done"


Label = Annotated[
    str | None, typer.Option(metavar="KEY=VALUE", help="Only automations with this label, such as team=growth.")
]


@command(app, "list", examples=["aichats auto list", "aichats auto list --label team=growth -o name"])
def list_automations(
    session: Session,
    *,
    label: Label = None,
    state: Annotated[State | None, typer.Option(help="Only automations in this state.")] = None,
) -> None:
    """List automations with their state, their next time and their last run."""
    found = [
        each
        for each in session.api.pages("/automations", label=label_filter(label))
        if state is None or each["state"] == state
    ]
    show_automations(session, found)


def show_automations(session: Session, automations: Sequence[AutomationView]) -> None:
    """Print automations."""
    session.output.items(
        automations,
        {
            "name": lambda each: each["name"],
            "state": lambda each: each["state"],
            "next": lambda each: session.when(each["next_at"]),
            "last run": lambda each: session.when(time_of_last_run(each)),
            "result": lambda each: (each["last_run"] or {}).get("status"),
            "when": lambda each: in_words(each["trigger"]),
        },
        empty="no automations yet: aichats auto create --help",
    )


@command(app, "next", examples=["aichats auto next", "aichats auto next daily-numbers --count 20"])
def show_next(
    session: Session,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The automation.", autocompletion=automation_names)
    ] = None,
    *,
    count: Annotated[int, typer.Option(min=1, max=100, help="How many times.")] = 10,
) -> None:
    """Show the next times of an automation, or of all automations in their order."""
    times = next_times(session, name, count) if name else next_of_all(session, count)
    session.output.items(
        times,
        {
            "time": lambda time: local_time(session, time["utc"], time["local"]),
            "automation": lambda time: time["automation"],
        },
        name="automation",
    )


def next_times(session: Session, name: str, count: int) -> list[dict[str, Any]]:
    """Return the next times of an automation.

    Raises:
        CommandError: it doesn't exist, or listens for events.
    """
    from aichats_cli.api import ApiError

    try:
        answer = session.api.call("GET", path_to(name, "preview"), query={"count": count})
    except ApiError as error:
        if error.status != HTTPStatus.UNPROCESSABLE_ENTITY:
            raise
        raise CommandError(
            f"{name} listens for events, so it has no next times", f"aichats auto show {name}"
        ) from error
    if paused := answer.headers.get("Paused"):
        session.note(f"Times of {name} are left out, because it is paused {intervals_words(session, paused)}")
    return [{"automation": name, **time} for time in answer.body]


def intervals_words(session: Session, intervals: str) -> str:
    """Return the intervals of the header ``Paused`` in words."""
    pairs = (each.split("/") for each in intervals.split(", "))
    return joined(
        [
            f"from {session.when(begins)} until {'you resume' if end == '..' else session.when(end)}"
            for begins, end in pairs
        ]
    )


def next_of_all(session: Session, count: int) -> list[dict[str, Any]]:
    """Return the next times of all automations, the earliest first."""
    automations: list[AutomationView] = list(session.api.pages("/automations"))
    times = [{"automation": each["name"], **time} for each in automations for time in each["next"]]
    last = latest_shown(times, count)
    for each in automations:
        # The list has few times of each. More of them may come before those of the others.
        if len(each["next"]) == LISTED_TIMES < count and (last is None or instant(each["next"][-1]) < last):
            known = instant(each["next"][-1])  # Not a number of times: the first may have passed meanwhile.
            times += [time for time in next_times(session, each["name"], count) if instant(time) > known]
    return sorted(times, key=lambda time: (instant(time), time["automation"]))[:count]


def latest_shown(times: Sequence[Mapping[str, Any]], count: int) -> datetime | None:
    """Return the last of the earliest ``count`` times; ``None`` if there are fewer."""
    earliest = sorted(map(instant, times))[:count]
    return earliest[-1] if len(earliest) == count else None


def instant(time: Mapping[str, Any]) -> datetime:
    """Return a time of the API. Times can't be compared as texts."""
    return datetime.fromisoformat(time["utc"])
