"""`aichats auto pause` and `aichats auto resume`."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aichats_cli.commands.auto.group import Zone, app, path_to
from aichats_cli.commands.auto.showing import pause_words
from aichats_cli.complete import automation_names
from aichats_cli.dates import read_future
from aichats_cli.errors import UsageError
from aichats_cli.session import Session, command
from aichats_cli.zones import zone_named

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from aichats_cli.models import AutomationView, StackState

Names = Annotated[
    list[str] | None, typer.Argument(metavar="NAME...", help="The automations.", autocompletion=automation_names)
]
All = Annotated[bool, typer.Option("--all", help="The whole stack: all automations, and all that waits.")]


@command(
    app,
    "pause",
    examples=[
        "aichats auto pause daily-numbers",
        'aichats auto pause daily-numbers --from "24 dec" --until "2 jan" --reason Holidays',
        "aichats auto pause --all",
    ],
)
def pause(
    session: Session,
    names: Names = None,
    *,
    everything: All = False,
    begins: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help='The first time that is skipped, such as "24 dec".')
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help='The first time that runs again, such as "mon 9:00".')
    ] = None,
    tz: Zone = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="The reason, for people.")] = None,
) -> None:
    """Pause automations or the whole stack, now or in advance, until a time or until you resume."""
    body = pause_times(session, begins, until, zone_named(tz) if tz else None)
    if reason:
        body["reason"] = reason
    change(session, names, "pause", body, everything=everything)


def pause_times(session: Session, begins: str | None, until: str | None, zone: ZoneInfo | None) -> dict[str, str]:
    """Return the times of a pause as the API reads them. From Monday until Friday is until the Friday after it."""
    now = session.now(zone)
    times = {"from": read_future(begins, now)} if begins else {}
    if until:
        times["until"] = read_future(until, now)
        if "from" in times and times["until"] <= times["from"]:
            times["until"] = read_future(until, times["from"])
    return {name: time.isoformat(timespec="seconds") for name, time in times.items()}


@command(app, "resume", examples=["aichats auto resume daily-numbers", "aichats auto resume --all"])
def resume(
    session: Session,
    names: Names = None,
    *,
    everything: All = False,
    begins: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Remove the planned pause that begins then.")
    ] = None,
    tz: Zone = None,
) -> None:
    """End the pauses of automations. Times that were skipped stay skipped."""
    zone = zone_named(tz) if tz else None
    change(session, names, "resume", {"from": session.future(begins, zone)} if begins else {}, everything=everything)


def change(session: Session, names: Sequence[str] | None, verb: str, body: dict[str, str], *, everything: bool) -> None:
    """Pause or resume automations or the stack, and show their pauses.

    Raises:
        UsageError: neither automations nor the stack are named, or both.
        CommandError: an automation can't be changed. Those before it were.
    """
    if bool(names) == everything:
        raise UsageError(f"write the names of automations, or --all for the whole stack: aichats auto {verb} --all")
    if everything:
        show_stack(session, session.api.post(f"/{verb}", body).body)
        return
    paths = [path_to(name, verb) for name in names or ()]
    changed = [changed_automation(session, path, verb, body) for path in paths]
    session.output.items(
        changed,
        {
            "name": lambda each: each["name"],
            "state": lambda each: each["state"],
            "next": lambda each: session.when(each["next_at"]),
            "pauses": lambda each: "\n".join(pause_words(session, pause) for pause in each["pauses"]),
        },
    )


def changed_automation(session: Session, path: str, verb: str, body: dict[str, str]) -> AutomationView:
    """Pause or resume an automation. One that is disabled is enabled instead."""
    from aichats_cli.api import ApiError

    try:
        changed: AutomationView = session.api.post(path, body).body
    except ApiError as error:
        if verb != "resume" or error.status != HTTPStatus.CONFLICT or body:
            raise
        changed = enabled(session, path.removesuffix("/resume"))
    session.note(change_words(changed, verb, body))
    return changed


def change_words(changed: AutomationView, verb: str, body: dict[str, str]) -> str:
    """Return what happened to an automation, as its state is now."""
    name = changed["name"]
    is_paused = changed["state"] == "paused"
    if verb == "pause":
        return f"Paused {name}." if is_paused else f"Planned a pause of {name}."
    if "from" in body:
        return f"Removed a planned pause of {name}."
    if is_paused:
        return f"{name} stays paused, because the whole stack is paused. To resume it: aichats auto resume --all"
    if changed["pauses"]:
        begins = changed["pauses"][0]["from"]
        return f"Resumed {name}. It has a planned pause. To remove it: aichats auto resume {name} --from {begins}"
    return f"Resumed {name}."


def enabled(session: Session, path: str) -> AutomationView:
    """Enable an automation whose trigger is disabled, unless it changes meanwhile."""
    answer = session.api.call("GET", path, query={"view": "input"})
    body: Any = answer.body
    body["trigger"]["enabled"] = True
    stored: AutomationView = session.api.call("PUT", path, body, headers={"If-Match": answer.headers["ETag"]}).body
    return stored


def show_stack(session: Session, stack: StackState) -> None:
    """Show the pauses of the stack."""
    session.output.item(
        stack,
        {
            "stack": stack["state"],
            "pauses": "\n".join(pause_words(session, pause) for pause in stack["pauses"]),
            "resume with": "aichats auto resume --all" if stack["state"] == "paused" else None,
        },
        name="state",
    )
