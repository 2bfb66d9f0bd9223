"""Collect the functions' logs, and show them."""

from __future__ import annotations

import threading
import uuid
from collections import deque
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING

from aichats_cli.log_lines import LogLine, readable
from aichats_cli.output import CODES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from local.cloud.clients import Clients
    from local.cloud.deploy import Stack
    from local.console import Console

KEPT = 20_000
"""Lines that are kept, the newest."""
LOOKBACK = 2_000
"""Milliseconds. An invocation is stamped before it is stored, so one that is older than the newest may come later."""


class LogStore:
    """The lines of some log groups, in the order in which they were found. Several threads may use it.

    Args:
        clients: of the local AWS.
        groups: names of the log groups.
        prefix: the beginning of these names, which lines don't have.
    """

    def __init__(self, clients: Clients, groups: Sequence[str], *, prefix: str) -> None:
        self._clients = clients
        self._latest = dict.fromkeys(groups, 0)
        self._seen: set[str] = set()
        self._prefix = prefix
        self._lines: deque[LogLine] = deque(maxlen=KEPT)
        self._count = 0
        self._id = uuid.uuid4().hex
        self._lock = threading.Lock()

    @property
    def functions(self) -> list[str]:
        """The names of the functions, as lines have them."""
        return sorted(group.removeprefix(self._prefix) for group in self._latest)

    def after(self, cursor: str) -> tuple[list[LogLine], str]:
        """Return the lines that were found after a cursor, and the cursor of the last one.

        With an empty cursor, or one of another start of the system, it returns all lines that are kept.
        """
        with self._lock:
            self._collect()
            start, _, number = cursor.partition("-")
            seen = int(number) if start == self._id and number.isdecimal() else 0
            first_kept = self._count - len(self._lines)
            return list(islice(self._lines, max(0, seen - first_kept), None)), f"{self._id}-{self._count}"

    def _collect(self) -> None:
        """Add the invocations that ended since the last call, the oldest first."""
        new = [line for group in self._latest for line in self._new_of(group)]
        self._lines.extend(sorted(new, key=attrgetter("timestamp")))
        self._count += len(new)

    def _new_of(self, group: str) -> list[LogLine]:
        """Return the new invocations of a log group. The emulator writes the stream of each at its end."""
        start = max(0, self._latest[group] - LOOKBACK)
        events = self._clients.logs.filter_log_events(logGroupName=group, startTime=start)["events"]
        new = [event for event in events if event["logStreamName"] not in self._seen]
        self._seen |= {event["logStreamName"] for event in new}
        self._latest[group] = max([self._latest[group], *(event["timestamp"] for event in new)])
        name = group.removeprefix(self._prefix)
        return [LogLine(event["timestamp"], name, event["message"]) for event in new]


def log_store(clients: Clients, stack: Stack) -> LogStore:
    """Return the logs of a stack's functions."""
    groups = [value for name, value in stack.outputs.items() if name.endswith("Logs")]
    return LogStore(clients, groups, prefix=f"/aws/lambda/{stack.name}-")


class Logs:
    """Shows the new lines of a store."""

    def __init__(self, store: LogStore, console: Console) -> None:
        self._store = store
        self._console = console
        self._cursor = ""

    def show_new(self) -> None:
        """Show the lines that were found since the last call."""
        lines, self._cursor = self._store.after(self._cursor)
        for line in lines:
            for text in readable(line, clock_time, self._paint):
                self._console.line(text)

    def _paint(self, text: str, style: str) -> str:
        return self._console.colored(text, CODES[style])


def clock_time(at: datetime) -> str:
    """Return the time of a day, in UTC."""
    return f"{at:%H:%M:%S}"
