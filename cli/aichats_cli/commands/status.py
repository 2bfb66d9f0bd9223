"""`aichats status`: automations, runs and pauses at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aichats_cli.commands.auto.listing import show_automations
from aichats_cli.groups import new_group
from aichats_cli.output import Format
from aichats_cli.runs.views import note_reasons, show_list
from aichats_cli.session import Session, command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aichats_cli.models import AutomationView, RunView, StackState

app = new_group("Show the state of the stack.")
SHOWN = "pending,performing,failed,missed,unknown"
"""The statuses of runs that are open or need a person."""
MOST_RUNS = 100


@command(app, "status", examples=["aichats status", "watch aichats status"])
def show_status(session: Session) -> None:
    """Show pauses, all automations, and the runs of the last seven days that are open, failed, missed or unknown."""
    pauses: StackState = session.api.get("/pause")
    automations: list[AutomationView] = list(session.api.pages("/automations"))
    runs: list[RunView] = list(session.api.pages("/runs", limit=MOST_RUNS + 1, status=SHOWN))
    output = session.output
    if output.format is Format.name:
        output.lines(each["name"] for each in automations)
    elif output.format is Format.table:
        output.lines(pause_lines(session, pauses))
        output.lines([""])
        show_automations(session, automations)
        output.lines([""])
        show_list(session, runs[:MOST_RUNS], empty="no run is open or needs you")
        note_reasons(session, runs[:MOST_RUNS])
        if len(runs) > MOST_RUNS:
            session.note(f"These are the newest {MOST_RUNS} runs. To see all: aichats runs list --all --status {SHOWN}")
    else:
        output.data({"pause": pauses, "automations": automations, "runs": runs[:MOST_RUNS]})


def pause_lines(session: Session, pauses: StackState) -> Iterator[str]:
    """Yield what is paused, and what will be."""
    now = session.output.paint("The stack is paused", "yellow")
    current = pauses["paused"]
    if current is None:
        yield "The stack is not paused."
    for pause in pauses["pauses"]:
        beginning = now if current is not None and pause["from"] == current["from"] else "The stack will be paused"
        until = f"until {session.when(pause['until'])}" if pause["until"] else "until you resume it"
        reason = f": {pause['reason']}" if pause["reason"] else ""
        yield f"{beginning} from {session.when(pause['from'])} {until}, by {pause['by']}{reason}"
