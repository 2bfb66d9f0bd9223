"""`aichats logs`: the logs of the functions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from aichats_cli.commands.admin_extra import StackOption
from aichats_cli.errors import CommandError, UsageError
from aichats_cli.groups import new_group
from aichats_cli.ids import path_to_run
from aichats_cli.log_lines import Wanted, as_object, readable, run_of
from aichats_cli.output import Format
from aichats_cli.session import Session, command

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aichats_cli.log_lines import LogLine
    from aichats_cli.log_sources import LogSource

DEFAULT_SINCE = "15m"

app = new_group("Show the logs of the functions.")


class Level(StrEnum):
    """The levels of log lines, from the least important one on."""

    debug = "debug"
    info = "info"
    warning = "warning"
    error = "error"


@command(
    app,
    "logs",
    examples=[
        "aichats logs -f",
        "aichats logs --level error --since 24h",
        "aichats logs --run RUN_ID -o json",
        "aichats logs --function http-api --since 'yesterday 9:00' --profile prod",
    ],
)
def show_logs(
    session: Session,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Show new lines as they come, until you press Ctrl-C.")
    ] = False,
    run: Annotated[str | None, typer.Option(metavar="RUN_ID", help="Only lines about this run.")] = None,
    request: Annotated[
        str | None, typer.Option(metavar="REQUEST_ID", help="Only lines of this request, whose id is in its error.")
    ] = None,
    function: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this function, such as http-api; repeat it for more.")
    ] = None,
    level: Annotated[Level, typer.Option(help="Only lines of this level and above.")] = Level.debug,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="The time of the oldest line. [default: 15m; with --run: when the run was created]"
        ),
    ] = None,
    stack: StackOption = None,
) -> None:
    """Show the logs of the functions. With -o json, each line is an object.

    For a stack on AWS this reads CloudWatch Logs, with your AWS credentials and the extra `admin`.
    """
    from aichats_cli.log_sources import source_of

    wanted = Wanted([text for text in (run, request) if text], function or (), level.upper())
    source = source_of(session, stack, oldest(session, since, run), wanted)
    if unknown := set(wanted.functions) - set(source.functions):
        raise UsageError(f"no function is named {', '.join(sorted(unknown))}", f"use {', '.join(source.functions)}")
    printer = Printer(session, wanted)
    printer.show(source.new())
    if follow:
        printer.follow(source)
    elif not printer.shown:
        session.note("No line was found. To look further back: --since 24h")


def oldest(session: Session, since: str | None, run: str | None) -> datetime:
    """Return the time of the oldest line.

    Raises:
        UsageError: ``since`` isn't a time.
        CommandError: the run doesn't exist.
    """
    if since is None and run is not None:
        return datetime.fromisoformat(session.api.get(path_to_run(run))["created_at"]).astimezone(UTC)
    return datetime.fromisoformat(session.past(since or DEFAULT_SINCE)).astimezone(UTC)


class Printer:
    """Prints the wanted lines in the format of the session."""

    def __init__(self, session: Session, wanted: Wanted) -> None:
        self._session, self._wanted = session, wanted
        self._named: set[str] = set()
        self.shown = 0
        """The number of lines that were printed."""

    def show(self, lines: Iterable[LogLine]) -> None:
        """Print the lines that are wanted."""
        for line in lines:
            if self._wanted.matches(line):
                self._print(line)
                self.shown += 1

    def follow(self, source: LogSource) -> None:
        """Print new lines as they come, until Ctrl-C. A source that can't be read for a time is asked again.

        Raises:
            CommandError: the source can't be read.
        """
        failed = False
        try:
            while True:
                self._session.system.sleep(source.pause_seconds)
                failed = not self._poll(source, failed=failed)
        except KeyboardInterrupt:
            return

    def _poll(self, source: LogSource, *, failed: bool) -> bool:
        try:
            self.show(source.new())
        except CommandError as error:
            if not error.is_temporary:
                raise
            if not failed:
                self._session.note(f"{error.message}. Trying again …")
            return False
        if failed:
            self._session.note("The logs can be read again.")
        return True

    def _print(self, line: LogLine) -> None:
        output = self._session.output
        match output.format:
            case Format.json:
                output.lines([json.dumps(as_object(line))])
            case Format.yaml:
                output.lines(["---"])
                output.data(as_object(line))
            case Format.name:
                if (run_id := run_of(line)) and run_id not in self._named:
                    self._named.add(run_id)
                    output.lines([run_id])
            case _:
                output.lines(readable(line, self._time, output.paint))

    def _time(self, at: datetime) -> str:
        """Return the time of a line, with its day unless that is today."""
        now = self._session.now()
        local = at.astimezone(now.tzinfo)
        return f"{local:%H:%M:%S}" if local.date() == now.date() else f"{local:%a} {local.day} {local:%b %H:%M:%S}"
