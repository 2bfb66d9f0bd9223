"""Fire the schedules of the local AWS, as EventBridge Scheduler does on AWS.

The emulator only stores schedules, because its own scheduler ignores time zones and `<aws.scheduler.*>` placeholders.
Two differences to AWS: a failed delivery is reported but not retried, and FlexibleTimeWindow counts as OFF.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from aichats.schedules.fire_times import fire_times

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from mypy_boto3_scheduler.type_defs import GetScheduleOutputTypeDef

    from local.cloud.clients import Clients

MAX_DELAY = timedelta(minutes=1)
"""Maximum delay of a slot. Older slots don't fire, so that a laptop that slept doesn't fire all of them at once."""
SET_BACK = timedelta(seconds=5)
"""Tolerance for a clock that is set back, because that only delays slots."""
ALL = 100_000
"""Page size of the list of schedules: all of them, because the emulator returns no second page."""


@dataclass
class Watched:
    """A schedule as last read, with its remaining slots. An invalid or disabled schedule has none."""

    definition: GetScheduleOutputTypeDef
    slots: Iterator[datetime] | None

    def __post_init__(self) -> None:
        """Find the first slot."""
        self.slot = next(self.slots, None) if self.slots else None

    def advance(self) -> None:
        """Advance to the next slot."""
        self.slot = next(self.slots, None) if self.slots else None

    @property
    def is_completed(self) -> bool:
        """True after the last slot."""
        return self.slots is not None and self.slot is None


class Scheduler:
    """Fires the due slots at each tick. ``report`` is called with a line for people.

    Slots of the schedules in ``quiet`` are not reported when they fire as they should. Slots older than ``max_delay``
    don't fire.
    """

    def __init__(
        self,
        clients: Clients,
        report: Callable[[str], None],
        now: Callable[[], datetime],
        quiet: Collection[str] = (),
        max_delay: timedelta = MAX_DELAY,
    ) -> None:
        self._quiet = quiet
        self._max_delay = max_delay
        self._clients = clients
        self._report = report
        self._now = now
        self._watched: dict[str, Watched] = {}
        self._reported: set[str] = set()
        self._latest = self._since = datetime.fromtimestamp(0, UTC)

    def tick(self) -> None:
        """Fire every slot since the last tick."""
        now = self._now()
        if now < self._latest - SET_BACK:
            self._start_again(now)
        self._latest = now
        self._read()
        for watched in self._watched.values():
            while watched.slot is not None and watched.slot <= now:
                self._fire(watched.definition, watched.slot, late=now - watched.slot > self._max_delay)
                watched.advance()
            if watched.is_completed and watched.definition.get("ActionAfterCompletion") == "DELETE":
                name, group = watched.definition["Name"], watched.definition["GroupName"]
                self._clients.schedules.delete_schedule(Name=name, GroupName=group)

    def _start_again(self, now: datetime) -> None:
        """Find the slots from now on, after the clock was set back."""
        self._report(
            f"the clock was set back from {iso(self._latest)} to {iso(now)}: schedules fire from the new time on"
        )
        self._watched.clear()
        self._since = now

    def _read(self) -> None:
        """Read new and changed schedules, and forget deleted ones."""
        listed = {
            summary["Arn"]: summary for summary in self._clients.schedules.list_schedules(MaxResults=ALL)["Schedules"]
        }
        for arn in self._watched.keys() - listed.keys():
            del self._watched[arn]
        for arn, summary in listed.items():
            watched = self._watched.get(arn)
            if watched is None or watched.definition["LastModificationDate"] != summary["LastModificationDate"]:
                name, group = summary["Name"], summary["GroupName"]
                self._watched[arn] = self._watch(self._clients.schedules.get_schedule(Name=name, GroupName=group))

    def _watch(self, definition: GetScheduleOutputTypeDef) -> Watched:
        """Return a schedule with its slots. An invalid one is reported, and doesn't stop the others."""
        try:
            after = max(min(definition["LastModificationDate"], self._latest), self._since)
            return Watched(definition, slots_of(definition, after) if definition["State"] == "ENABLED" else None)
        except ValueError as error:
            self._report_once(f"schedule {definition['Name']} never fires: {error}")
            return Watched(definition, None)

    def _fire(self, definition: GetScheduleOutputTypeDef, slot: datetime, *, late: bool) -> None:
        name, target = definition["Name"], definition["Target"]
        if late:
            self._report(f"schedule {name} did not fire for {iso(slot)}: the time is too long ago")
            return
        try:
            self._deliver(target["Arn"], filled(target.get("Input", "{}"), definition["Arn"], slot))
            if name not in self._quiet:
                self._report(fired_for(name) + iso(slot))
        except (BotoCoreError, ClientError, ValueError) as error:
            self._report_once(f"schedule {name} can't send its event to {target['Arn']}: {error}")

    def _deliver(self, arn: str, text: str) -> None:
        match arn.split(":")[2]:
            case "lambda":
                self._clients.functions.invoke(FunctionName=arn, InvocationType="Event", Payload=text.encode())
            case "sqs":
                queue = self._clients.queues.get_queue_url(QueueName=arn.rsplit(":", maxsplit=1)[-1])["QueueUrl"]
                self._clients.queues.send_message(QueueUrl=queue, MessageBody=text)
            case service:
                raise ValueError(f"the local AWS supports functions and queues as targets, not {service}")

    def _report_once(self, line: str) -> None:
        if line not in self._reported:
            self._reported.add(line)
            self._report(line)


def slots_of(definition: GetScheduleOutputTypeDef, after: datetime) -> Iterator[datetime]:
    """Return the times after ``after`` when the schedule fires. ``after`` must not be in the future.

    Raises:
        ValueError: its expression or its time zone is invalid.
    """
    fields: Mapping[str, Any] = definition
    # After the clock was set back, the creation may be in the future.
    created = next_whole_minute(min(definition["CreationDate"], after))
    return fire_times(
        definition["ScheduleExpression"],
        fields.get("ScheduleExpressionTimezone", "UTC"),
        start=fields.get("StartDate") or (created if definition["ScheduleExpression"].startswith("rate") else None),
        end=fields.get("EndDate"),
        after=after,
    )


def next_whole_minute(time: datetime) -> datetime:
    """Return the time if it is a whole minute, else the next whole minute."""
    return time + timedelta(seconds=-time.timestamp() % 60)


def filled(text: str, arn: str, slot: datetime) -> str:
    """Return the target's input with its placeholders filled."""
    values = {
        "scheduled-time": iso(slot),
        "schedule-arn": arn,
        "execution-id": uuid.uuid4().hex,
        "attempt-number": "1",
    }
    for name, value in values.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text


def fired_for(name: str) -> str:
    """Return the beginning of the line that reports that a schedule fired. The slot follows."""
    return f"schedule {name} fired for "


def iso(time: datetime) -> str:
    """Return the time as EventBridge Scheduler writes it, such as 2026-11-20T09:00:00Z."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
