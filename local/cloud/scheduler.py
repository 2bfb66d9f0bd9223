"""Fires the schedules of the local AWS, as EventBridge Scheduler does on AWS.

The emulator only stores schedules: its own firing takes every zone for UTC and leaves the `<aws.scheduler.*>` unfilled.
Not done as on AWS: a hand-over that fails is told, not retried, and FlexibleTimeWindow counts as OFF.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from aichats.schedules.fire_times import fire_times

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mypy_boto3_scheduler.type_defs import GetScheduleOutputTypeDef

    from local.cloud.clients import Clients

LATE = timedelta(minutes=1)
"""A slot that is noticed later than this is left out: the machine slept, and nobody wants all of the night at once."""
SET_BACK = timedelta(seconds=5)
"""By so much the clock may go back unnoticed: that only delays what is due."""
ALL = 100_000
"""The emulator's list has no second page, so all schedules are asked for at once."""


@dataclass
class Watched:
    """A schedule as it was last read, and what is left of its slots: none if it is wrong or switched off."""

    definition: GetScheduleOutputTypeDef
    slots: Iterator[datetime] | None

    def __post_init__(self) -> None:
        """Find the first slot."""
        self.slot = next(self.slots, None) if self.slots else None

    def advance(self) -> None:
        """Go on to the next slot."""
        self.slot = next(self.slots, None) if self.slots else None

    @property
    def is_completed(self) -> bool:
        """Whether it fired for the last time."""
        return self.slots is not None and self.slot is None


class Scheduler:
    """Fires what is due at each tick. ``tell`` is called with a line for people."""

    def __init__(self, clients: Clients, tell: Callable[[str], None], now: Callable[[], datetime]) -> None:
        self._clients = clients
        self._tell = tell
        self._now = now
        self._watched: dict[str, Watched] = {}
        self._told: set[str] = set()
        self._latest = self._since = datetime.fromtimestamp(0, UTC)

    def tick(self) -> None:
        """Fire every slot that has come since the last tick."""
        now = self._now()
        if now < self._latest - SET_BACK:
            self._start_again(now)
        self._latest = now
        self._read()
        for watched in self._watched.values():
            while watched.slot is not None and watched.slot <= now:
                self._fire(watched.definition, watched.slot, late=now - watched.slot > LATE)
                watched.advance()
            if watched.is_completed and watched.definition.get("ActionAfterCompletion") == "DELETE":
                name, group = watched.definition["Name"], watched.definition["GroupName"]
                self._clients.schedules.delete_schedule(Name=name, GroupName=group)

    def _start_again(self, now: datetime) -> None:
        """Look for slots from now on: those that were found already are as far away as the clock was set back."""
        self._tell(f"the clock was set back from {iso(self._latest)} to {iso(now)}: schedules fire from there on")
        self._watched.clear()
        self._since = now

    def _read(self) -> None:
        """Read what is new or changed, and forget what is gone."""
        listed = {each["Arn"]: each for each in self._clients.schedules.list_schedules(MaxResults=ALL)["Schedules"]}
        for arn in self._watched.keys() - listed.keys():
            del self._watched[arn]
        for arn, summary in listed.items():
            known = self._watched.get(arn)
            if known is None or known.definition["LastModificationDate"] != summary["LastModificationDate"]:
                name, group = summary["Name"], summary["GroupName"]
                self._watched[arn] = self._watch(self._clients.schedules.get_schedule(Name=name, GroupName=group))

    def _watch(self, definition: GetScheduleOutputTypeDef) -> Watched:
        """Begin to watch a schedule. One that is wrong is told of, and does not stop the others."""
        try:
            after = max(min(definition["LastModificationDate"], self._latest), self._since)
            return Watched(definition, slots_of(definition, after) if definition["State"] == "ENABLED" else None)
        except ValueError as error:
            self._tell_once(f"schedule {definition['Name']} never fires: {error}")
            return Watched(definition, None)

    def _fire(self, definition: GetScheduleOutputTypeDef, slot: datetime, *, late: bool) -> None:
        name, target = definition["Name"], definition["Target"]
        if late:
            self._tell(f"schedule {name} did not fire for {iso(slot)}: that is too long ago")
            return
        try:
            self._hand_over(target["Arn"], filled(target.get("Input", "{}"), definition["Arn"], slot))
            self._tell(f"schedule {name} fired for {iso(slot)}")
        except (BotoCoreError, ClientError, ValueError) as error:
            self._tell_once(f"schedule {name} cannot hand over to {target['Arn']}: {error}")

    def _hand_over(self, arn: str, text: str) -> None:
        match arn.split(":")[2]:
            case "lambda":
                self._clients.functions.invoke(FunctionName=arn, InvocationType="Event", Payload=text.encode())
            case "sqs":
                queue = self._clients.queues.get_queue_url(QueueName=arn.rsplit(":", maxsplit=1)[-1])["QueueUrl"]
                self._clients.queues.send_message(QueueUrl=queue, MessageBody=text)
            case service:
                raise ValueError(f"targets in {service} are not supported here, only functions and queues")

    def _tell_once(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            self._tell(line)


def slots_of(definition: GetScheduleOutputTypeDef, after: datetime) -> Iterator[datetime]:
    """Return when the schedule fires, after a moment that is not in the future.

    Raises:
        ValueError: its expression or its zone is wrong.
    """
    fields: Mapping[str, Any] = definition
    # After the clock was set back it may have been made in the future.
    created = next_whole_minute(min(definition["CreationDate"], after))
    return fire_times(
        definition["ScheduleExpression"],
        fields.get("ScheduleExpressionTimezone", "UTC"),
        start=fields.get("StartDate") or (created if definition["ScheduleExpression"].startswith("rate") else None),
        end=fields.get("EndDate"),
        after=after,
    )


def next_whole_minute(moment: datetime) -> datetime:
    """The moment itself if it is one, else the next."""
    return moment + timedelta(seconds=-moment.timestamp() % 60)


def filled(text: str, arn: str, slot: datetime) -> str:
    """The target's input, its placeholders filled."""
    values = {
        "scheduled-time": iso(slot),
        "schedule-arn": arn,
        "execution-id": uuid.uuid4().hex,
        "attempt-number": "1",
    }
    for name, value in values.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text


def iso(moment: datetime) -> str:
    """As EventBridge Scheduler writes it: 2026-11-20T09:00:00Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
