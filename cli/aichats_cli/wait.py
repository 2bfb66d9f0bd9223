"""Waits until runs end, and says what they do meanwhile. A failure of the network that passes ends no wait."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from aichats_cli.errors import CommandError
from aichats_cli.ids import path_to_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from aichats_cli.models import RunView
    from aichats_cli.session import Session

ENDED = frozenset({"succeeded", "failed", "unknown", "missed", "skipped", "cancelled"})
"""The statuses of runs that are no longer performed."""
SHORTEST_SECONDS, LONGEST_SECONDS = 0.2, 5.0
"""The wait between two requests, which grows by half each time."""
PATIENCE = timedelta(minutes=2)
"""The time for which a wait goes on while the API can't be reached."""

MAX_NAMED = 10
"""The number of runs that an error or a command to type names."""


def turns(session: Session, *, longest: float = LONGEST_SECONDS) -> Iterator[None]:
    """Yield again and again, without an end, with waits of at most ``longest`` seconds between."""
    wait = SHORTEST_SECONDS
    while True:
        yield
        session.system.sleep(wait)
        wait = min(wait * 1.5, longest)


def patiently[T](session: Session, read: Callable[[], T]) -> T:
    """Return what ``read`` returns. If it fails for a time, call it again.

    Raises:
        CommandError: the API rejects the request, or can't be reached for :data:`PATIENCE`.
    """
    failing = timedelta()
    while True:
        begun = session.system.now()
        try:
            return read()
        except CommandError as error:
            if not error.is_temporary or failing >= PATIENCE:
                raise
            if not failing:
                session.note(f"{error.message}; trying again")
        session.system.sleep(LONGEST_SECONDS)
        # A laptop that wakes up after hours is patient with a network that comes back later than it.
        failing += min(max(session.system.now() - begun, timedelta(seconds=LONGEST_SECONDS)), PATIENCE / 4)


def wait_for_runs(
    session: Session,
    run_ids: Sequence[str],
    *,
    show: Callable[[RunView], None] | None = None,
    limit: timedelta | None = timedelta(minutes=15),
) -> list[RunView]:
    """Return runs when all have ended.

    Args:
        session: the session of the command.
        run_ids: the runs.
        show: gets each run whenever it is read; ``None``: each change of a status is printed to standard error.
        limit: the longest wait.

    Raises:
        CommandError: a run hasn't ended after ``limit``. It is still performed.
        KeyboardInterrupt: the person pressed Ctrl-C. The runs are still performed.
    """
    statuses: dict[str, str] = {}

    def note(run: RunView) -> None:
        if statuses.get(run["run_id"]) != run["status"]:
            session.note(f"{run['run_id']}  {run['status']}")
        statuses[run["run_id"]] = run["status"]

    try:
        return follow_runs(session, run_ids, show or note, limit=limit)
    except KeyboardInterrupt:
        session.note(f"The runs go on without this command. To look again: {look_again(run_ids)}")
        raise


def follow_runs(
    session: Session, run_ids: Sequence[str], show: Callable[[RunView], None], *, limit: timedelta | None = None
) -> list[RunView]:
    """Return runs when all have ended. Pass each run to ``show`` whenever it is read.

    Raises:
        CommandError: a run hasn't ended after ``limit``. It is still performed.
    """
    runs: dict[str, RunView] = {}
    open_ids = list(dict.fromkeys(run_ids))
    until = session.system.now() + limit if limit else None
    for _ in turns(session):
        for run_id in open_ids:
            runs[run_id] = patiently(session, partial(session.api.get, path_to_run(run_id)))
            show(runs[run_id])
        open_ids = [run_id for run_id in open_ids if runs[run_id]["status"] not in ENDED]
        if not open_ids:
            break
        if until and session.system.now() >= until:
            others = f", and {len(open_ids) - 1} more" if len(open_ids) > 1 else ""
            status = runs[open_ids[0]]["status"]
            raise CommandError(f"run {open_ids[0]} hasn't ended yet, it is {status}{others}", look_again(open_ids))
    return [runs[run_id] for run_id in dict.fromkeys(run_ids)]


def look_again(run_ids: Sequence[str]) -> str:
    """Return the command that shows runs that may be open."""
    if len(run_ids) > MAX_NAMED:
        return "aichats runs list --status pending,performing"
    return f"aichats runs watch {' '.join(run_ids)}"


def check_success(runs: Sequence[RunView]) -> None:
    """Check that all runs succeeded.

    Raises:
        CommandError: one of them ended in another way.
    """
    others = [run for run in runs if run["status"] != "succeeded"]
    if not others:
        return
    lines = [f"{len(others)} of {len(runs)} runs did not succeed"] if len(runs) > 1 else []
    lines += [f"run {run['run_id']} {ending_of(run)}" for run in others[:MAX_NAMED]]
    lines += [f"and {len(others) - MAX_NAMED} more"] if len(others) > MAX_NAMED else []
    raise CommandError("\n  ".join(lines), f"aichats runs explain {others[0]['run_id']}")


def ending_of(run: RunView) -> str:
    """Return how a run ended, as the end of a sentence about it."""
    verb = "failed" if run["status"] == "failed" else f"is {run['status']}"
    reason = (run["error"] or {}).get("message")
    return f"{verb}: {reason}" if reason else verb
