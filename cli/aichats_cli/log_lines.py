"""Lines of the functions' logs: which of them are wanted, and how people read them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from aichats_cli.output import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    type Paint = Callable[[str, str], str]
    """Returns a text in a style, such as ``dim``."""

PLATFORM = re.compile(r"(START|END|REPORT) RequestId: |INIT_(START|REPORT) ")
"""The beginning of Lambda's own lines about an invocation."""
NOT_SHOWN = {
    *("level", "message", "exception"),  # shown at fixed positions
    *("timestamp", "location", "service", "cold_start", "xray_trace_id", "exception_name", "stack_trace"),
    *("function_name", "function_memory_size", "function_arn", "function_request_id"),
}
REQUEST_ID = "function_request_id"
"""The field that has the id of the invocation; problem documents have it too."""
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
"""The levels, from the least important one on."""
STYLES = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red", "INFO": "green", "DEBUG": "dim"}


class LogLine(NamedTuple):
    """A line of a log."""

    timestamp: int
    """Milliseconds since 1970."""
    function: str
    """The function's name without that of the stack."""
    message: str
    """The text, JSON if the function wrote it with its logger."""

    def as_json(self) -> dict[str, Any]:
        """Return the line as an object, as ``GET /_local/logs`` answers it."""
        return {"timestamp": self.timestamp, "function": self.function, "message": self.message}

    @property
    def at(self) -> datetime:
        """The time."""
        return datetime.fromtimestamp(self.timestamp / 1000, UTC)


def fields_of(line: LogLine) -> dict[str, Any] | None:
    """Return the fields of a structured line, or ``None`` for another line."""
    try:
        fields = json.loads(line.message)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


@dataclass(frozen=True)
class Wanted:
    """The lines that a person asked for."""

    texts: Sequence[str] = ()
    """Texts that a line must contain, such as the id of a run."""
    functions: Sequence[str] = ()
    """The functions whose lines are wanted: none of them means all."""
    level: str = "DEBUG"
    """The least important level."""

    def matches(self, line: LogLine) -> bool:
        """Return whether a line is wanted. Lambda's own lines about an invocation, and metrics, never are."""
        if PLATFORM.match(line.message) or (self.functions and line.function not in self.functions):
            return False
        fields = fields_of(line)
        if fields is not None and "_aws" in fields:
            return False
        return level_of(fields) >= LEVELS.index(self.level) and all(text in line.message for text in self.texts)


def level_of(fields: dict[str, Any] | None) -> int:
    """Return the place of a line's level in :data:`LEVELS`.

    Python or Lambda write a line without fields, mostly because the function didn't start or end. So it is an error.
    """
    level = "ERROR" if fields is None else str(fields.get("level", "INFO"))
    return LEVELS.index(level) if level in LEVELS else LEVELS.index("INFO")


def as_object(line: LogLine) -> dict[str, Any]:
    """Return a line as programs read it: its time, its function, and the fields, or else the text as ``message``."""
    fields = fields_of(line)
    return {
        "at": line.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "function": line.function,
        **({"message": line.message} if fields is None else fields),
    }


def run_of(line: LogLine) -> str | None:
    """Return the id of the run that a line is about."""
    run_id = (fields_of(line) or {}).get("run_id")
    return run_id if isinstance(run_id, str) else None


def readable(line: LogLine, when: Callable[[datetime], str], paint: Paint) -> list[str]:
    """Return the lines to show for a line of a log: none for Lambda's own and for metrics, several for an exception."""
    if PLATFORM.match(line.message):
        return []
    begin = paint(f"{when(line.at)} {line.function}", "dim")
    fields = fields_of(line)
    if fields is None:
        first, *others = line.message.splitlines() or [""]
        return [f"{begin} {visible(first)}", *(f"    {visible(other)}" for other in others)]
    if "_aws" in fields:
        return []
    level = visible(str(fields.get("level", "")))
    rest = [(key, value) for key, value in fields.items() if key not in NOT_SHOWN]
    if REQUEST_ID in fields and fields.get("request_id") != fields[REQUEST_ID]:
        rest.append(("request_id", fields[REQUEST_ID]))
    shown = [f"{paint(f'{visible(key)}=', 'dim')}{visible(value_of(value))}" for key, value in rest]
    head = [begin, paint(level, STYLES.get(level, "bold")), visible(str(fields.get("message", ""))), *shown]
    return [" ".join(head), *(f"    {visible(each)}" for each in str(fields.get("exception", "")).splitlines())]


def value_of(value: object) -> str:
    """Return the value of a field as people read it: of an error, its message."""
    return str(value["message"] if isinstance(value, dict) and "message" in value else value)


def visible(text: str) -> str:
    """Return a text on one line, without characters that control a terminal. A request may have put them there."""
    return printable(text).replace("\n", "\\n")
