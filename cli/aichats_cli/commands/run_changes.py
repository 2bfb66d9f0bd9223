"""`aichats runs replay`, `cancel`, `resolve` and `job`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aichats_cli.errors import UsageError
from aichats_cli.ids import path_to_job, read_run_ids
from aichats_cli.output import Format, text_of
from aichats_cli.runs.options import (
    CANCELLABLE,
    REPLAYABLE,
    DryRun,
    ForTarget,
    OfAutomation,
    OfTrigger,
    OneRun,
    RunIds,
    Since,
    Until,
    WithLabel,
    WithStatus,
    Yes,
)
from aichats_cli.session import Session

if TYPE_CHECKING:
    from aichats_cli.models import JobView, MatchingRuns
    from aichats_cli.runs.selection import Selection

EXPLAINED_RUNS = 100
"""The number of runs whose reasons a replay shows, at most."""


def replay_runs(
    session: Session,
    runs: RunIds = None,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="Replay failed runs.")] = False,
    missed: Annotated[bool, typer.Option("--missed", help="Replay runs whose schedule did not fire.")] = False,
    status: WithStatus = None,
    automation: OfAutomation = None,
    since: Since = None,
    until: Until = None,
    target: ForTarget = None,
    label: WithLabel = None,
    trigger: OfTrigger = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the named runs end.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Perform runs again: those that you name, or all that match, by default those of the last seven days."""
    from aichats_cli.runs.changes import change_each, check_changed, preview_replay, replay
    from aichats_cli.runs.selection import select, with_flags
    from aichats_cli.wait import check_success, wait_for_runs

    statuses = with_flags(status, failed=failed, missed=missed)
    conditions = {"automation": automation, "target": target, "trigger": trigger}
    check_choice(runs, [*statuses, since, until, label, *conditions.values()], "--failed")
    if not runs:
        if wait:
            raise UsageError("--wait is for runs that you name. To follow the others: aichats runs watch")
        if not statuses:
            raise UsageError("say which runs to replay: --failed, --missed, or --status skipped or unknown")
        selection = select(session, statuses, conditions, since=since, until=until, label=label)
        perform_job(session, "replay", selection, dry_run=dry_run, yes=yes)
        return
    results = change_each(session, read_run_ids(session, runs), preview_replay if dry_run else replay)
    ended = wait_for_runs(session, [run_id for each in results for run_id in each["run_ids"]]) if wait else []
    check_changed(results)
    check_success(ended)


def cancel_runs(
    session: Session,
    runs: RunIds = None,
    *,
    status: WithStatus = None,
    automation: OfAutomation = None,
    since: Since = None,
    until: Until = None,
    target: ForTarget = None,
    label: WithLabel = None,
    trigger: OfTrigger = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why, for people; for named runs.")] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Cancel runs that have not begun: those that you name, or all that match."""
    from aichats_cli.runs.changes import canceller, change_each, check_changed
    from aichats_cli.runs.jobs import runs_text
    from aichats_cli.runs.selection import select

    conditions = {"automation": automation, "target": target, "trigger": trigger}
    check_choice(runs, [*(status or ()), since, until, label, *conditions.values()], "--auto, --for or --since")
    if not runs:
        statuses = status or ["pending", "performing"]
        # A run that was replayed is open, although it may have been created long ago.
        selection = select(session, statuses, conditions, since=since, until=until, label=label, default_since="31d")
        perform_job(session, "cancel", selection, dry_run=dry_run, yes=yes)
        return
    run_ids = read_run_ids(session, runs)
    if dry_run:
        raise UsageError("--dry-run is for runs that match. To see a run that you name: aichats runs show RUN")
    session.confirm(f"Cancel {runs_text(len(run_ids))}? This is final.", yes=yes or not run_ids)
    check_changed(change_each(session, run_ids, canceller(reason)))


def check_choice(runs: list[str] | None, conditions: list[str | None], example: str) -> None:
    """Check that a command has either runs or conditions.

    Raises:
        UsageError: it has both or none.
    """
    if bool(runs) == any(conditions):
        raise UsageError(
            "name runs or say which ones, not both" if runs else f"name runs, or say which ones with {example}"
        )


def perform_job(session: Session, verb: str, selection: Selection, *, dry_run: bool, yes: bool) -> None:
    """Replay or cancel the runs of a selection as a job, and follow it.

    Raises:
        UsageError: runs with one of the statuses can't be changed so.
    """
    from aichats_cli.runs.jobs import DONE, bodies, count_runs, follow_job, runs_text, start_job

    allowed = REPLAYABLE if verb == "replay" else CANCELLABLE
    if wrong := [status for status in selection.statuses if status not in allowed]:
        raise UsageError(f"a run that is {wrong[0]} can't be changed so. It must be {' or '.join(sorted(allowed))}")
    total, matching = count_runs(session, verb, bodies(selection))
    what = f"{runs_text(total['count'])} ({', '.join(selection.statuses)}) {selection.in_words(session)}"
    if verb == "replay" and matching:
        note_reasons_of(session, selection)
    if dry_run:
        show_matching(session, total)
        session.note(f"{verb} would change {what}")
        return
    if not matching:
        session.note(f"Nothing to do: {what}. A run that was {DONE[verb]} already no longer matches.")
        print_jobs(session, [])
        return
    final = " This is final." if verb == "cancel" else ""
    session.confirm(f"{verb.capitalize()} {what}?{final}", yes=yes)
    started = [start_job(session, verb, body) for body in matching]
    print_jobs(session, [follow_job(session, job["job_id"]) for job in started])
    if verb == "replay":
        session.note("The replayed runs are performed now. To see them: aichats runs list --status pending,performing")


def note_reasons_of(session: Session, selection: Selection) -> None:
    """Print why the newest runs of a selection did not succeed, before they are performed again."""
    from aichats_cli.runs.selection import find_runs
    from aichats_cli.runs.views import note_reasons

    if session.output.format is Format.table:
        note_reasons(session, find_runs(session, selection, EXPLAINED_RUNS)[0])


def show_matching(session: Session, total: MatchingRuns) -> None:
    """Print how many runs match, and some of them."""
    if session.output.format is Format.name:
        session.output.lines(total["sample"])
    else:
        fields = {
            "runs": total["count"],
            "more may match": total["has_more"] or None,
            "for example": "\n".join(total["sample"]),
        }
        session.output.item(total, fields)


def print_jobs(session: Session, jobs: list[JobView]) -> None:
    """Print finished jobs. Nearly always, it is one."""
    if not jobs and session.output.format is Format.table:
        return
    session.output.items(
        jobs,
        {
            "job": lambda job: job["job_id"],
            "runs": lambda job: job["count"],
            "done": lambda job: job["done"],
            "left as before": lambda job: job["left"],
        },
        name="job_id",
    )


def resolve(
    session: Session,
    run: OneRun,
    *,
    succeeded: Annotated[bool, typer.Option("--succeeded", help="The chat exists.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="The chat doesn't exist.")] = False,
    chat: Annotated[str | None, typer.Option(metavar="CHAT", help="The ID of the chat, with --succeeded.")] = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why, for people, with --failed.")] = None,
) -> None:
    """Record what you found out about a run whose outcome is unknown."""
    from aichats_cli.runs.changes import resolve_run

    if succeeded == failed:
        raise UsageError("say what you found: --succeeded --chat CHAT, or --failed")
    if succeeded != bool(chat):
        raise UsageError("--chat CHAT belongs to --succeeded: it is the chat that you found")
    if reason and not failed:
        raise UsageError("--reason belongs to --failed")
    found = resolve_run(session, run, {"chat_id": chat} if chat else {"reason": reason} if reason else {})
    fields = {"run": run, "status": found["status"], "chat": found["chat_id"]}
    session.output.item(found, fields, name="run_id")
    if failed:
        session.note(f"To perform it again: aichats runs replay {run}")


def show_job(
    session: Session,
    job: Annotated[str, typer.Argument(metavar="JOB", help="The ID of a job.")],
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Show its progress until it has handled each run.")] = False,
) -> None:
    """Show the progress of a job that replays or cancels many runs."""
    from aichats_cli.runs.jobs import follow_job

    found: JobView = follow_job(session, job) if wait else session.api.get(path_to_job(job))
    fields = {
        "job": job,
        "does": found["verb"],
        "runs": found["count"],
        "done": found["done"],
        "left as before": found["left"],
        "ready": found["is_done"],
        "more may match": found["has_more"],
        "filter": ", ".join(f"{name} {text_of(value)}" for name, value in found["filter"].items()),
        "by": found["by"],
        "created": session.when(found["created_at"]),
    }
    session.output.item(found, fields, name="job_id")
