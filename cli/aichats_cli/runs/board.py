"""The live view of runs: a table that changes on a terminal, a line for each change in a pipe."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from aichats_cli.output import COLORS, Format
from aichats_cli.wait import ENDED, patiently, turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aichats_cli.models import RunPage, RunView
    from aichats_cli.session import Session

    type Show = Callable[[RunView], None]

OVERLAP = timedelta(seconds=30)
"""The time that two requests for new runs both cover, because the list may be late by some seconds."""
REMEMBERED_RUNS = 100_000
"""The number of runs whose last state is kept, which are more than begin or end within :data:`OVERLAP`."""
LONGEST_SECONDS = 2.0
TITLES = ("run", "status", "target", "automation", "detail")
LONGEST_STATUS = len("performing")


def live(session: Session) -> AbstractContextManager[Show]:
    """Return what shows runs while they change, in the form that was asked for."""
    is_table = session.output.format is Format.table and session.output.is_terminal
    return table(session) if is_table else nullcontext(Changes(session, printer(session)).show)


@dataclass
class Changes:
    """Passes on each run that has changed since it was shown last."""

    session: Session
    pass_on: Show
    remembered: int = REMEMBERED_RUNS
    seen: dict[str, tuple[object, ...]] = field(default_factory=dict)
    """The state of each run when it was read last, the run that was read last at the end."""

    def show(self, run: RunView) -> None:
        """Pass on a run if it has changed."""
        state = (run["status"], run["attempts"], run["reply_status"], run["error"])
        earlier = self.seen.pop(run["run_id"], None)
        self.seen[run["run_id"]] = state
        if len(self.seen) > self.remembered:
            del self.seen[next(iter(self.seen))]
        if earlier != state:
            self.pass_on(run)


def printer(session: Session) -> Show:
    """Return what prints a changed run: as a line, as JSON in one line, as YAML, or its ID when it has ended."""

    def show(run: RunView) -> None:
        match session.output.format:
            case Format.json:
                session.output.lines([json.dumps(run, ensure_ascii=False)])
            case Format.yaml:
                session.output.lines(["---"])
                session.output.data(run)
            case Format.name:
                session.output.lines([run["run_id"]] if run["status"] in ENDED else [])
            case Format.table:
                now = f"{session.now():%H:%M:%S}"
                session.output.lines(["  ".join(filter(None, (now, *cells(session, run))))])

    return show


def cells(session: Session, run: RunView) -> tuple[str, ...]:
    """Return what a row shows of a run."""
    names = run["target"] or "", run["automation"] or ""
    return run["run_id"], run["status"].ljust(LONGEST_STATUS), *names, " ".join(detail(session, run).split())


def detail(session: Session, run: RunView) -> str:
    """Return the chat of a run, the reason why it waits or did not succeed, or when it continues."""
    if run["status"] == "succeeded":
        reply = f", reply {run['reply_status']}" if run["reply_status"] else ""
        return f"{run['chat_id'] or ''}{reply}"
    if run["error"]:
        return str(run["error"].get("message", ""))
    due_at = run["due_at"]
    waits = due_at is not None and datetime.fromisoformat(due_at) > session.now()
    return f"continues at {session.when(due_at)}" if waits and run["status"] == "pending" else ""


@contextmanager
def table(session: Session) -> Iterator[Show]:
    """Yield what shows runs in a table that changes in place. It has the newest runs, if there are many."""
    from rich.console import Console
    from rich.live import Live

    rows: dict[str, tuple[str, ...]] = {}
    console = Console(file=session.system.stdout, no_color=not session.output.has_colors, highlight=False)
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as view:

        def show(run: RunView) -> None:
            rows[run["run_id"]] = cells(session, run)
            if len(rows) > max(1, console.height - 2):
                rows.pop(next(iter(rows)))
            view.update(grid(list(rows.values())), refresh=True)

        yield Changes(session, show).show


def grid(rows: list[tuple[str, ...]]) -> Any:
    """Return rows of cells as lines of rich. The end of a line is cut at the edge of the terminal.

    A column is left out if it says nothing: it is empty, or all runs are of one automation.
    """
    from rich.console import Group
    from rich.text import Text

    columns = [
        (title.upper(), *cells)
        for title, cells in zip(TITLES, zip(*rows, strict=True), strict=True)
        if any(cells) and not (title == "automation" and len(rows) > 1 and len(set(cells)) == 1)
    ]
    widths = [max(map(len, column)) for column in columns]
    lines = []
    for number, row in enumerate(zip(*columns, strict=True)):
        line = Text(no_wrap=True, overflow="ellipsis")
        for cell, width in zip(row, widths, strict=True):
            line.append(f"{cell:{width}}  ", COLORS.get(cell.strip(), "") if number else "bold")
        line.rstrip()
        lines.append(line)
    return Group(*lines)


def watch_new(session: Session, automation: str | None, show: Show) -> None:
    """Show the runs that begin or end from now on, until Ctrl-C."""
    # The first answer has the time of the API, which counts.
    begin = datetime.fromisoformat(session.api.get("/runs", automation=automation, limit=1)["until"])
    latest = begin
    for _ in turns(session, longest=LONGEST_SECONDS):
        since = max(begin, latest - OVERLAP).isoformat()
        pages: list[RunPage] = [patiently(session, partial(page_of_runs, session, automation, since))]
        while cursor := pages[-1]["next_cursor"]:
            pages.append(patiently(session, partial(page_of_runs, session, automation, since, cursor)))
        for page in reversed(pages):
            for run in reversed(page["data"]):
                show(run)
        latest = datetime.fromisoformat(pages[0]["until"])


def page_of_runs(session: Session, automation: str | None, since: str, cursor: str | None = None) -> RunPage:
    """Return a page of the runs that began or ended since a time."""
    page: RunPage = session.api.get("/runs", since=since, automation=automation, limit=100, cursor=cursor)
    return page
