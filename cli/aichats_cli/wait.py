"""Waits until runs end, and says what they do meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from aichats_cli.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aichats_cli.models import RunView
    from aichats_cli.session import Session

ENDED = frozenset({"succeeded", "failed", "unknown", "missed", "skipped", "cancelled"})
"""The statuses of runs that are no longer performed."""
SHORTEST_SECONDS, LONGEST_SECONDS = 0.2, 5.0
"""The wait between two requests for a run, which grows by half each time."""


def wait_for_runs(
    session: Session, run_ids: Sequence[str], *, limit: timedelta = timedelta(minutes=15)
) -> list[RunView]:
    """Return runs when all have ended. Print each change of a status to standard error.

    Raises:
        CommandError: a run hasn't ended after ``limit``. It is still performed.
    """
    until = session.now() + limit
    runs: dict[str, RunView] = {}
    for run_id in run_ids:
        wait = SHORTEST_SECONDS
        while (run := session.api.get(f"/runs/{run_id}"))["status"] not in ENDED:
            if run_id not in runs or runs[run_id]["status"] != run["status"]:
                session.note(f"{run_id}  {run['status']}")
            runs[run_id] = run
            if session.now() >= until:
                raise CommandError(
                    f"run {run_id} hasn't ended yet, it is {run['status']}", f"aichats runs watch {run_id}"
                )
            session.system.sleep(wait)
            wait = min(wait * 1.5, LONGEST_SECONDS)
        runs[run_id] = run
        session.note(f"{run_id}  {run['status']}")
    return list(runs.values())
