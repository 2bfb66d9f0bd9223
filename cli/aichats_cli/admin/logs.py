"""The logs of a deployed stack, in CloudWatch Logs."""

from __future__ import annotations

import heapq
from contextlib import contextmanager
from datetime import datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError

from aichats_cli.errors import CommandError
from aichats_cli.log_lines import LogLine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import FilteredLogEventTypeDef

    from aichats_cli.admin.deployed import DeployedStack
    from aichats_cli.log_lines import Wanted

LATE = timedelta(minutes=2)
"""The longest delay after which a line appears in CloudWatch Logs."""
TEMPORARY = frozenset({"ThrottlingException", "Throttling", "ServiceUnavailableException", "InternalFailure"})


class LogsError(CommandError):
    """The logs can't be read."""


class StackLogs:
    """The logs of a deployed stack from a time on.

    Args:
        stack: the stack.
        since: the time of the oldest line.
        wanted: the lines that are wanted. CloudWatch Logs leaves out some of the others.
        now: returns the time.

    Raises:
        DeployedError: the stack doesn't exist, or can't be read.
    """

    pause_seconds = 5.0

    def __init__(self, stack: DeployedStack, since: datetime, wanted: Wanted, now: Callable[[], datetime]) -> None:
        self._stack, self._now = stack.name, now
        self._start, self._seen = since, dict[str, int]()
        self._pattern = " ".join(f'"{text}"' for text in wanted.texts if '"' not in text)
        prefix = f"/aws/lambda/{stack.name}-"
        found = [value for name, value in stack.outputs().items() if name.endswith("Logs")]
        groups = {value.removeprefix(prefix): value for value in found}
        self._client: CloudWatchLogsClient = stack.aws.client("logs")
        self.functions = sorted(groups)
        self._groups = {name: group for name, group in groups.items() if name in (wanted.functions or groups)}

    def new(self) -> Iterator[LogLine]:
        """Return the lines that came since the last call, the oldest first.

        A line is returned once, even if an error ends this call and the next one reads the same time again.

        Raises:
            LogsError: they can't be read.
        """
        begun = self._now()
        with readable_errors(self._stack):
            lines = (self._lines(name, group) for name, group in self._groups.items())
            yield from heapq.merge(*lines, key=attrgetter("timestamp"))
        self._start = max(self._start, begun - LATE)
        oldest = milliseconds(self._start)
        self._seen = {event_id: timestamp for event_id, timestamp in self._seen.items() if timestamp >= oldest}

    def _lines(self, function: str, group: str) -> Iterator[LogLine]:
        pages = self._client.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=milliseconds(self._start), filterPattern=self._pattern
        )
        for page in pages:
            for event in page["events"]:
                if (event_id := id_of(event)) not in self._seen:
                    self._seen[event_id] = event["timestamp"]
                    yield LogLine(event["timestamp"], function, event["message"].rstrip("\n"))


def id_of(event: FilteredLogEventTypeDef) -> str:
    """Return what distinguishes an event from others. The local AWS has no ids of events."""
    return event.get("eventId") or f"{event['logStreamName']} {event['timestamp']} {event['message']}"


@contextmanager
def readable_errors(stack: str) -> Iterator[None]:
    """Replace errors of AWS by errors for people.

    Raises:
        LogsError: AWS rejected a call, or can't be reached.
    """
    try:
        yield
    except ClientError as error:
        shown = LogsError(f"can't read the logs of the stack {stack}: {error.response['Error']['Message']}")
        shown.is_temporary = error.response["Error"]["Code"] in TEMPORARY
        raise shown from error
    except BotoCoreError as error:
        shown = LogsError(f"can't read the logs of the stack {stack}: {error}")
        shown.is_temporary = isinstance(error, exceptions.ConnectionError | exceptions.HTTPClientError)
        raise shown from error


def milliseconds(at: datetime) -> int:
    """Return a time in milliseconds since 1970."""
    return int(at.timestamp() * 1000)
