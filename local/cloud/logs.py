"""Follow the functions' logs, and make them readable."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.console import BOLD, DIM, GREEN, RED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from local.cloud.clients import Clients
    from local.console import Console

PLATFORM = re.compile(r"(START|END|REPORT) RequestId: ")
NOT_SHOWN = {
    *("level", "message", "exception"),  # shown at fixed positions
    *("timestamp", "location", "service", "cold_start", "xray_trace_id", "exception_name", "stack_trace"),
    *("function_name", "function_memory_size", "function_arn", "function_request_id"),
}
REQUEST_ID = "function_request_id"
"""The field that has the id of the invocation; problem documents have it too."""
COLORS = {"WARNING": BOLD, "ERROR": RED, "CRITICAL": RED, "INFO": GREEN, "DEBUG": DIM}


class Logs:
    """New lines of some log groups. The names of the groups are shown without ``prefix``."""

    def __init__(self, clients: Clients, groups: Sequence[str], console: Console, *, prefix: str) -> None:
        self._clients = clients
        self._latest = dict.fromkeys(groups, 0)
        self._shown: set[str] = set()
        self._console = console
        self._prefix = prefix

    def show_new(self) -> None:
        """Show the invocations that ended since the last call. The emulator writes the stream of each at its end."""
        for group, latest in self._latest.items():
            events = self._clients.logs.filter_log_events(logGroupName=group, startTime=latest)["events"]
            new = [event for event in events if event["logStreamName"] not in self._shown]
            name = group.removeprefix(self._prefix)
            for event in new:
                for line in readable(event["message"], event["timestamp"], name, self._console.colored):
                    self._console.line(line)
            self._shown |= {event["logStreamName"] for event in new}
            self._latest[group] = max((event["timestamp"] for event in new), default=latest)


def readable(message: str, timestamp: int, name: str, colored: Callable[[str, str], str]) -> list[str]:
    """Return the lines to show for a log line: none for Lambda's own lines and metrics, several for an exception."""
    if PLATFORM.match(message):
        return []
    begin = colored(f"{datetime.fromtimestamp(timestamp / 1000, UTC):%H:%M:%S} {name}", DIM)
    fields = parsed(message)
    if fields is None:
        first, *others = message.splitlines() or [""]
        return [f"{begin} {visible(first)}", *(f"    {visible(line)}" for line in others)]
    if "_aws" in fields:
        return []
    level = visible(str(fields.get("level", "")))
    rest = [f"{visible(key)}={visible(str(value))}" for key, value in fields.items() if key not in NOT_SHOWN]
    if REQUEST_ID in fields and fields.get("request_id") != fields[REQUEST_ID]:
        rest.append(f"request_id={fields[REQUEST_ID]}")
    first = " ".join([begin, colored(level, COLORS.get(level, BOLD)), visible(str(fields.get("message", ""))), *rest])
    return [first, *(f"    {visible(line)}" for line in str(fields.get("exception", "")).splitlines())]


def visible(text: str) -> str:
    """Return a text on one line, without characters that control a terminal. A request may have put them there."""
    return "".join(each if each.isprintable() or each == "\t" else ascii(each)[1:-1] for each in text)


def parsed(message: str) -> dict[str, Any] | None:
    """Return the fields of a structured line, or None for another line."""
    try:
        fields = json.loads(message)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None
