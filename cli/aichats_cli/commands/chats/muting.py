"""`aichats chats mute` and `unmute`."""

from __future__ import annotations

from itertools import batched
from typing import TYPE_CHECKING, Annotated

import typer

from aichats_cli.chats import chats_of, is_of_whop, named_chats
from aichats_cli.commands.chats.group import app
from aichats_cli.errors import CommandError, UsageError
from aichats_cli.output import Format
from aichats_cli.session import Session, command
from aichats_cli.wait import ENDED, check_success, ending_of, wait_for_runs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aichats_cli.models import NotificationPreference, PreferenceRuns, RunView

MAX_IDS = 1000
"""The maximum number of chats in one request."""
NOTED = 50
"""After so many changed chats, a wait prints their number."""

STATES: Mapping[NotificationPreference, str] = {"none": "muted", "all": "unmuted"}

Chats = Annotated[list[str] | None, typer.Argument(metavar="CHAT", help="The IDs of chats.")]
Ids = Annotated[
    str | None, typer.Option(metavar="IDS", help="The IDs, with commas between them; - reads them from standard input.")
]
All = Annotated[bool, typer.Option("--all", help="All chats that the stack's Whop credential sees.")]
Company = Annotated[
    str | None,
    typer.Option(
        "--for", metavar="BIZ_ID", help="With --all: only chats that aichats created for it in the last 90 days."
    ),
]
Until = Annotated[
    str | None, typer.Option(metavar="TIME", help='The time when aichats undoes it, such as "mon 9:00" or "in 3h".')
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="List the chats, and change nothing.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until the chats are changed. Whop takes about 8 a second.")]


@command(
    app,
    "mute",
    examples=[
        'aichats chats mute --all --for biz_A --until "mon 9:00"',
        "aichats chats mute aich_xxxxxxxxxxxxx aich_yyyyyyyyyyyyy",
        "aichats chats list -o name | aichats chats mute --ids - --wait",
    ],
)
def mute_chats(
    session: Session,
    chats: Chats = None,
    *,
    ids: Ids = None,
    everything: All = False,
    company: Company = None,
    until: Until = None,
    dry_run: DryRun = False,
    wait: Wait = False,
) -> None:
    """Mute chats, until you unmute them or until a time."""
    end = session.future(until) if until else None
    selected = _select(session, "none", chats, ids, company, everything=everything)
    _set(session, "none", selected, end, dry_run=dry_run, wait=wait)


@command(
    app,
    "unmute",
    examples=["aichats chats unmute aich_xxxxxxxxxxxxx", "aichats chats unmute --all --for biz_A"],
)
def unmute_chats(
    session: Session,
    chats: Chats = None,
    *,
    ids: Ids = None,
    everything: All = False,
    company: Company = None,
    until: Until = None,
    dry_run: DryRun = False,
    wait: Wait = False,
) -> None:
    """Unmute chats, until you mute them or until a time."""
    end = session.future(until) if until else None
    selected = _select(session, "all", chats, ids, company, everything=everything)
    _set(session, "all", selected, end, dry_run=dry_run, wait=wait)


def _select(
    session: Session,
    preference: NotificationPreference,
    chats: Sequence[str] | None,
    ids: str | None,
    company: str | None,
    *,
    everything: bool,
) -> list[str]:
    """Return the IDs of the chats to change.

    With `--all`, chats that have the preference already are left out. Otherwise `--until` would change chats that were
    muted before.

    Raises:
        UsageError: chats are named in no way or in several ways, or are not Whop's.
    """
    if bool(chats) + (ids is not None) + everything != 1:
        raise UsageError("name the chats in one way", "write their IDs, or --ids, or --all with or without --for")
    if company is not None and not everything:
        raise UsageError("--for goes with --all", "list the chats: aichats chats list --for …")
    if everything:
        found = {chat["id"]: chat["notification_preference"] for chat in chats_of(session, company)}
        to_change = [chat_id for chat_id, current in found.items() if current != preference]
        if len(to_change) < len(found):
            session.note(f"{len(found) - len(to_change)} of {len(found)} chats are {STATES[preference]} already.")
        return to_change
    named = named_chats(session, chats or [ids or ""])
    for chat_id in named:
        if not is_of_whop(chat_id):
            raise UsageError(f"{chat_id} is not a chat of Whop (aich_…). Kodey's chats can't be muted")
    return named


def _set(
    session: Session,
    preference: NotificationPreference,
    chat_ids: Sequence[str],
    until: str | None,
    *,
    dry_run: bool,
    wait: bool,
) -> None:
    """Set the preference of chats, as many as a request takes at a time, and print what was started."""
    number, state = f"{len(chat_ids)} chat{'' if len(chat_ids) == 1 else 's'}", STATES[preference]
    if dry_run:
        session.output.items([{"id": each} for each in chat_ids], {"chat": lambda each: each["id"]}, name="id")
        session.note(
            f"{number} would be {state}{f' until {session.when(until)}' if until else ''}. Nothing is changed."
        )
        return
    started: list[PreferenceRuns] = []
    changes = {"notification_preference": preference} | ({"until": until} if until else {})
    try:
        for ids in batched(chat_ids, MAX_IDS, strict=False):
            started.append(session.api.post("/chats/notification-preference", changes | {"ids": ids}).body)
            done = MAX_IDS * (len(started) - 1) + len(ids)
            session.note(f"{done} of {number} are being {state}, about 8 a second.")
    except (CommandError, KeyboardInterrupt) as error:
        if started or not isinstance(error, CommandError) or error.is_temporary:
            session.note(f"Chats may be left that are not {state}. Type the same command again: it is safe to repeat.")
        raise
    finally:
        _show(session, started, until)
    if not chat_ids:
        session.note(f"There are no chats that have to be {state}.")
    if until:
        _note_end(session, started, state, session.when(until))
    if wait:
        _wait(session, started)


def _wait(session: Session, started: Sequence[PreferenceRuns]) -> None:
    """Wait until all chats are changed. Print how many are, and those that failed.

    Raises:
        CommandError: a chat could not be changed.
    """
    run_ids = [run_id for each in started for run_id in each["run_ids"]]
    ended: set[str] = set()

    def note(run: RunView) -> None:
        if run["status"] not in ENDED or run["run_id"] in ended:
            return
        ended.add(run["run_id"])
        if run["status"] != "succeeded":
            session.note(f"{run['target']} {ending_of(run)}")
        if len(ended) % NOTED == 0 or len(ended) == len(run_ids):
            session.note(f"{len(ended)} of {len(run_ids)} chats are done.")

    check_success(wait_for_runs(session, run_ids, show=note, limit=None))


def _show(session: Session, started: Sequence[PreferenceRuns], until: str | None) -> None:
    """Print the runs that were started, and the automations that undo them."""
    if session.output.format is Format.name:
        session.output.lines(run_id for each in started for run_id in each["run_ids"])
    elif started or session.output.format is not Format.table:
        session.output.items(
            started,
            {
                "chats": lambda each: len(each["run_ids"]),
                "until": lambda _: session.when(until),
                "undone by": lambda each: each["automation"],
            },
        )


def _note_end(session: Session, started: Sequence[PreferenceRuns], state: str, until: str) -> None:
    """Print how the automations that undo a change can be run sooner, or not at all."""
    for automation in (each["automation"] for each in started):
        session.note(f"To undo it before {until}: aichats auto run {automation}")
        session.note(f"To keep the chats {state} after {until}: aichats auto delete {automation}")
