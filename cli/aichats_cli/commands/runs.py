"""`aichats runs`: what automations did, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aichats_cli.commands.run_changes import cancel_runs, replay_runs, resolve, show_job
from aichats_cli.errors import UsageError
from aichats_cli.groups import new_group
from aichats_cli.ids import path_to_run, read_run_ids
from aichats_cli.runs.options import (
    ForTarget,
    OfAutomation,
    OfTrigger,
    OneRun,
    RunIds,
    Since,
    Until,
    WithLabel,
    WithStatus,
)
from aichats_cli.session import Session, command

if TYPE_CHECKING:
    from aichats_cli.models import RunDetails

app = new_group("List, watch, explain, replay and cancel runs.")


@command(
    app,
    "list",
    examples=[
        "aichats runs list --since yesterday",
        "aichats runs list --failed --missed --since 7d --auto daily-numbers",
        "aichats runs list --failed --for biz_A -o name",
    ],
)
def list_runs(
    session: Session,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="Only failed runs.")] = False,
    missed: Annotated[bool, typer.Option("--missed", help="Only runs whose schedule did not fire.")] = False,
    status: WithStatus = None,
    automation: OfAutomation = None,
    since: Since = None,
    until: Until = None,
    target: ForTarget = None,
    label: WithLabel = None,
    trigger: OfTrigger = None,
    limit: Annotated[int, typer.Option(metavar="NUMBER", min=1, help="The maximum number of runs.")] = 50,
    everything: Annotated[bool, typer.Option("--all", help="All runs, not only the newest 50.")] = False,
) -> None:
    """List runs, newest first, and say why they failed. By default, those of the last seven days."""
    from aichats_cli.runs.selection import find_runs, select, with_flags
    from aichats_cli.runs.views import note_reasons, replay_command, show_list

    selection = select(
        session,
        with_flags(status, failed=failed, missed=missed),
        {"automation": automation, "target": target, "trigger": trigger},
        since=since,
        until=until,
        label=label,
    )
    runs, has_more = find_runs(session, selection, None if everything else limit)
    shared = {"automation": automation, "target": target}
    if runs or session.output.format.value in {"json", "yaml"}:
        show_list(session, runs, [name for name, value in shared.items() if value])
    note_reasons(session, runs)
    more = " There are older ones: --all shows all." if has_more else ""
    session.note(f"{len(runs) or 'No'} {'run' if len(runs) == 1 else 'runs'} {selection.in_words(session)}.{more}")
    if runs and (typed := replay_command(selection, since, until)):
        session.note(f"To replay them: {typed}")


@command(app, "show", examples=["aichats runs show RUN", "aichats runs show RUN -o json"])
def show(session: Session, run: OneRun) -> None:
    """Show a run: its work, its status, its error and the next step."""
    from aichats_cli.runs.views import show_run

    details: RunDetails = session.api.get(path_to_run(run))
    show_run(session, details)


@command(app, "explain", examples=["aichats runs explain RUN"])
def explain(session: Session, run: OneRun) -> None:
    """Explain a run: why it started, what happened, what comes next, and what you can do."""
    from aichats_cli.runs.views import show_story

    details: RunDetails = session.api.get(path_to_run(run))
    show_story(session, details)


@command(
    app,
    "watch",
    examples=[
        "aichats runs watch RUN",
        "aichats runs watch --auto daily-numbers",
        "aichats runs replay RUN -o name | aichats runs watch -",
    ],
)
def watch(session: Session, runs: RunIds = None, *, automation: OfAutomation = None) -> None:
    """Show runs while they change: those that you name until they end, or all new ones until Ctrl-C."""
    from aichats_cli.runs.board import live, watch_new
    from aichats_cli.wait import check_success, follow_runs

    if runs and automation:
        raise UsageError("name runs or an automation, not both")
    run_ids = read_run_ids(session, runs or ())
    if not runs:
        session.note("Waiting for runs that begin or end from now on. Press Ctrl-C to stop.")
    with live(session) as display:
        if not runs:
            watch_new(session, automation, display)
        ended = follow_runs(session, run_ids, display)
    check_success(ended)


command(
    app,
    "replay",
    examples=[
        "aichats runs replay --failed --since 7d",
        "aichats runs replay --failed --missed --auto daily-numbers --dry-run",
        "aichats runs replay RUN --wait",
    ],
)(replay_runs)
command(
    app,
    "cancel",
    examples=["aichats runs cancel RUN", "aichats runs cancel --auto daily-numbers --yes"],
)(cancel_runs)
command(
    app,
    "resolve",
    examples=["aichats runs resolve RUN --succeeded --chat aich_123", "aichats runs resolve RUN --failed"],
)(resolve)
command(app, "job", examples=["aichats runs job JOB --wait"])(show_job)
