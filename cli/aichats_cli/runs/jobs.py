"""Jobs: replays and cancellations of many runs, which go on without the command."""

from __future__ import annotations

from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from aichats_cli.errors import CommandError
from aichats_cli.ids import path_to_job
from aichats_cli.wait import patiently, turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aichats_cli.models import JobView, MatchingRuns, StartedJob
    from aichats_cli.runs.selection import Selection
    from aichats_cli.session import Session

    type Body = dict[str, Any]

MAX_RUNS = 10_000
"""The maximum number of runs in a job."""
DONE = {"replay": "replayed", "cancel": "cancelled"}
LONGEST_SECONDS = 2.0
REPEAT = "Type the same command again: it is safe, because a run that was {done} no longer matches."


def bodies(selection: Selection) -> list[Body]:
    """Return the requests for the jobs of a selection. Nearly always, it is one."""
    statuses = list(selection.statuses)
    return [{"filter": {**only, "status": statuses}, "limit": MAX_RUNS} for only in selection.filters]


def count_runs(session: Session, verb: str, wanted: list[Body]) -> tuple[MatchingRuns, list[Body]]:
    """Return the runs that match now, and the requests that match some."""
    counted = [session.api.post(f"/runs/{verb}", {**body, "dry_run": True}).body for body in wanted]
    sample = dict.fromkeys(run_id for each in counted for run_id in each["sample"])
    total: MatchingRuns = {
        "dry_run": True,
        "count": sum(each["count"] for each in counted),
        "has_more": any(each["has_more"] for each in counted),
        "sample": list(sample)[:10],
    }
    return total, [body for body, each in zip(wanted, counted, strict=True) if each["count"]]


def start_job(session: Session, verb: str, body: Body) -> StartedJob:
    """Start a job. Each retry of the request has the same idempotency key, so it starts one job.

    Raises:
        CommandError: the API rejected the request, or aichats doesn't know whether the job started.
    """
    try:
        job: StartedJob = session.api.post(f"/runs/{verb}", body).body
    except CommandError as error:
        if not error.is_temporary:
            raise
        message = f"the job may have started, but its answer got lost: {error.message}"
        raise CommandError(message, REPEAT.format(done=DONE[verb])) from error
    session.note(f"Job {job['job_id']} changes {runs_text(job['count'])}, even if this command is stopped.")
    return job


def follow_job(session: Session, job_id: str) -> JobView:
    """Return a job when it has handled each of its runs, and show its progress until then.

    Raises:
        KeyboardInterrupt: the person pressed Ctrl-C. The job goes on.
    """
    try:
        with progress(session) as show:
            for job in read_often(session, job_id):
                show(job)
                if job["is_done"]:
                    break
    except (KeyboardInterrupt, CommandError):
        session.note(f"The job goes on without this command. To look again: aichats runs job {job_id} --wait")
        raise
    note_rest(session, job)
    return job


def read_often(session: Session, job_id: str) -> Iterator[JobView]:
    """Yield a job again and again, without an end, with waits between."""
    for _ in turns(session, longest=LONGEST_SECONDS):
        yield patiently(session, partial(session.api.get, path_to_job(job_id)))


def note_rest(session: Session, job: JobView) -> None:
    """Print what a finished job did not do."""
    if job["left"]:
        session.note(
            f"{runs_text(job['left'])} left as before: changed meanwhile, or can't be {DONE[job['verb']]}. "
            f"To see why, {job['verb']} one alone: aichats runs {job['verb']} RUN"
        )
    if job["has_more"]:
        session.note(f"More runs may match than this job has. {REPEAT.format(done=DONE[job['verb']])}")


def progress(session: Session) -> AbstractContextManager[Callable[[JobView], None]]:
    """Return what shows the progress of a job on standard error: a bar on a terminal, or a line for each change."""
    return bar(session) if session.system.stderr.isatty() else nullcontext(lines(session))


def lines(session: Session) -> Callable[[JobView], None]:
    """Return a function that prints a line when more runs are handled."""
    last = -1

    def show(job: JobView) -> None:
        nonlocal last
        handled = job["done"] + job["left"]
        if handled != last:
            session.note(f"{job['done']} of {job['count']} runs {DONE[job['verb']]}")
        last = handled

    return show


@contextmanager
def bar(session: Session) -> Iterator[Callable[[JobView], None]]:
    """Yield a function that moves a bar."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(file=session.system.stderr, no_color=bool(session.system.variables.get("NO_COLOR")))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("runs"))
    with Progress(*columns, console=console, auto_refresh=False) as shown:

        def show(job: JobView) -> None:
            if not shown.task_ids:
                shown.add_task(DONE[job["verb"]], total=job["count"])
            shown.update(shown.task_ids[0], completed=job["done"] + job["left"], refresh=True)

        yield show


def runs_text(number: int) -> str:
    """Return a number of runs, such as `1 run` or `3 runs`."""
    return "1 run" if number == 1 else f"{number:,} runs"
