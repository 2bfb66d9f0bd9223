"""Waits until runs end, and says what they do meanwhile. A failure of the network that passes ends no wait."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from aichats_cli.errors import CommandError
from aichats_cli.ids import path_to_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from aichats_cli.models import RunView
    from aichats_cli.session import Session

ENDED = frozenset({"succeeded", "failed", "unknown", "missed", "skipped", "cancelled"})
"""The statuses of runs that are no longer performed."""
SHORTEST_SECONDS, LONGEST_SECONDS = 0.2, 5.0
"""The wait between two requests, which grows by half each time."""
PATIENCE = timedelta(minutes=2)
"""The time for which a wait goes on while the API can't be reached."""

MAX_NAMED = 10
"""The number of runs that an error names."""


def poll[T](session: Session, read: Callable[[], T], *, longest: float = LONGEST_SECONDS) -> Iterator[T]:
    """Yield what ``read`` returns, again and again, with waits of at most ``longest`` seconds between.

    Raises:
        CommandError: the API rejects the request, or can't be reached for :data:`PATIENCE`.
    """
    wait = SHORTEST_SECONDS
    failing_since: datetime | None = None
    while True:
        try:
            value = read()
        except CommandError as error:
            if not error.is_temporary:
                raise
            if failing_since is None:
                session.note(f"{error.message}; trying again")
            failing_since = failing_since or session.system.now()
            if session.system.now() - failing_since >= PATIENCE:
                raise
        else:
            failing_since = None
            yield value
        session.system.sleep(wait)
        wait = min(wait * 1.5, longest)


def wait_for_runs(
    session: Session, run_ids: Sequence[str], *, limit: timedelta = timedelta(minutes=15)
) -> list[RunView]:
    """Return runs when all have ended. Print each change of a status to standard error.

    Raises:
        CommandError: a run hasn't ended after ``limit``. It is still performed.
    """
    statuses: dict[str, str] = {}

    def note(run: RunView) -> None:
        if statuses.get(run["run_id"]) != run["status"]:
            session.note(f"{run['run_id']}  {run['status']}")
        statuses[run["run_id"]] = run["status"]

    return follow_runs(session, run_ids, note, limit=limit)


def follow_runs(
    session: Session, run_ids: Sequence[str], show: Callable[[RunView], None], *, limit: timedelta | None = None
) -> list[RunView]:
    """Return runs when all have ended. Pass each run to ``show`` whenever it is read.

    Raises:
        CommandError: a run hasn't ended after ``limit``. It is still performed.
    """
    runs: dict[str, RunView] = {}
    until = session.system.now() + limit if limit else None

    def read() -> list[str]:
        for run_id in run_ids:
            if run_id not in runs or runs[run_id]["status"] not in ENDED:
                runs[run_id] = session.api.get(path_to_run(run_id))
                show(runs[run_id])
        return [run_id for run_id, run in runs.items() if run["status"] not in ENDED]

    for open_ids in poll(session, read):
        if not open_ids:
            break
        if until and session.system.now() >= until:
            first = runs[open_ids[0]]
            others = f", and {len(open_ids) - 1} more" if len(open_ids) > 1 else ""
            raise CommandError(
                f"run {first['run_id']} hasn't ended yet, it is {first['status']}{others}",
                f"aichats runs watch {' '.join(open_ids)}",
            )
    return [runs[run_id] for run_id in dict.fromkeys(run_ids)]


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
