"""The sources of log lines: a local stack, or CloudWatch Logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from aichats_cli.errors import CommandError
from aichats_cli.local_stack import describe, is_on_this_machine
from aichats_cli.log_lines import LogLine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from aichats_cli.log_lines import Wanted
    from aichats_cli.session import Session

INSTALL = "pip install 'aichats-cli[admin]', or with uv: uvx --from 'aichats-cli[admin]' aichats logs"


class LogSource(Protocol):
    """The logs of a stack from a time on."""

    @property
    def functions(self) -> Sequence[str]:
        """The names of the stack's functions, without that of the stack."""

    @property
    def pause_seconds(self) -> float:
        """The time after which to look for new lines."""

    def new(self) -> Iterable[LogLine]:
        """Return the lines that came since the last call, the oldest first.

        Raises:
            CommandError: they can't be read. The next call returns the lines that this one didn't.
        """


class LocalLogs:
    """The logs of a local stack."""

    pause_seconds = 1.0

    def __init__(self, session: Session, since: datetime) -> None:
        self.functions = describe(session).functions
        self._api = session.api
        self._since = since
        self._cursor: str | None = None

    def new(self) -> Iterator[LogLine]:
        """Return the lines that came since the last call. After a restart of the stack, these are all of its lines."""
        answer = self._api.get("/_local/logs", cursor=self._cursor)
        self._cursor = answer["cursor"]
        lines = (LogLine(**line) for line in answer["lines"])
        yield from (line for line in lines if line.at >= self._since)


def source_of(session: Session, stack: str | None, since: datetime, wanted: Wanted) -> LogSource:
    """Return the logs of the stack named ``stack``, or else of the profile's.

    Raises:
        CommandError: the stack doesn't exist or can't be read, or the extra `admin` isn't installed.
        UsageError: no stack is named.
    """
    if stack is None and is_on_this_machine(session.profile):
        return LocalLogs(session, since)
    try:
        from aichats_cli.admin.logs import StackLogs
        from aichats_cli.admin.target import find_stack
    except ModuleNotFoundError as error:
        raise CommandError(
            f"the logs of a stack on AWS need the extra `admin`: the package {error.name} is missing", INSTALL
        ) from None
    return StackLogs(find_stack(session, stack), since, wanted, session.now)
