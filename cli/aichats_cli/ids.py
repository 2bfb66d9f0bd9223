"""The IDs of runs, jobs and chats that people type or pipe into a command."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aichats_cli.errors import UsageError
from aichats_cli.messages import STANDARD_INPUT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aichats_cli.session import Session

RUN_ID = re.compile(r"[a-z2-7]{32}")
"""The IDs of runs and of jobs."""


def read_ids(session: Session, texts: Iterable[str]) -> list[str]:
    """Return the typed IDs, each once.

    Args:
        session: the session of the command.
        texts: IDs, IDs with commas or spaces between them, and `-` for those of standard input.

    Raises:
        UsageError: standard input is a terminal.
    """
    typed = list(dict.fromkeys(texts))
    if STANDARD_INPUT in typed and session.system.stdin.isatty():
        raise UsageError("- reads IDs from a pipe, and there is none", "aichats … list -o name | aichats … -")
    read = (session.system.stdin.read() if text == STANDARD_INPUT else text for text in typed)
    return list(dict.fromkeys(" ".join(read).replace(",", " ").split()))


def read_run_ids(session: Session, texts: Iterable[str]) -> list[str]:
    """Return the typed IDs of runs, each once.

    Raises:
        UsageError: a text isn't the ID of a run, or standard input is a terminal.
    """
    run_ids = read_ids(session, texts)
    for run_id in run_ids:
        path_to_run(run_id)
    return run_ids


def path_to_run(run_id: str) -> str:
    """Return the path of a run in the API.

    Raises:
        UsageError: no run can have this ID.
    """
    if not RUN_ID.fullmatch(run_id):
        raise UsageError(f"{run_id!r} is not the ID of a run", "list the runs: aichats runs list")
    return f"/runs/{run_id}"


def path_to_job(job_id: str) -> str:
    """Return the path of a job in the API.

    Raises:
        UsageError: no job can have this ID.
    """
    if not RUN_ID.fullmatch(job_id):
        raise UsageError(f"{job_id!r} is not the ID of a job", "the command that started the job printed its ID")
    return f"/jobs/{job_id}"
