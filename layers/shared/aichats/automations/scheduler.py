"""The schedules of automations in EventBridge Scheduler, in the stack's own group.

A schedule is called ``<stack>-automation-<name>``; if that is over 64 characters, a hash stands for the name. Roles may
only touch schedules whose names begin so: the template's own schedules in the same group are not among them.

A schedule carries only the automation's name: what is to be done is looked up when it fires, so an old schedule cannot
do what an automation said once.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Literal

from aichats.automations.model import ScheduleTrigger
from aichats.automations.row import AutomationRow
from aichats.aws.errors import AWS_ERRORS, code_of, message_of
from aichats.aws.scheduler import ScheduleGroup, SchedulerClient
from aichats.errors import AichatsError, ConfigurationError
from aichats.runs.ledger.times import utc_now
from aichats.schedules.expressions import Rate, parse

MAX_NAME = 64
MAX_STACK = 41
"""Characters that the stack's name may have: so many leave room for ten characters of a hash."""
MAX_EVENT_AGE = timedelta(hours=1)
"""How long Scheduler tries to hand an event over."""
MAX_ATTEMPTS = 20

REMEDIES = {
    "ValidationException": "Change the automation's trigger",
    "ServiceQuotaExceededException": "Delete schedules, or ask AWS for more",
    "AccessDeniedException": "Allow the function scheduler:*Schedule on the stack's group, and iam:PassRole",
}
REPEAT = "Repeat the request: it goes on where this one stopped; the sweep does so by itself within minutes"


class SchedulerError(AichatsError):
    """EventBridge Scheduler did not do what was asked.

    Attributes:
        name: the automation or the schedule.
        code: AWS's code, or the kind of error if there was no answer.
    """

    def __init__(self, name: str, code: str, reason: str) -> None:
        super().__init__(f"schedule of {name}: {code}: {reason}. {REMEDIES.get(code, REPEAT)}")
        self.name = name
        self.code = code


@dataclass(frozen=True)
class Schedules:
    """The schedules of one stack's automations.

    Args:
        stack: the stack's name, with which schedules' names begin.
        group: the schedule group.
        target_arn: of the function that takes the events.
        role_arn: with which Scheduler calls it.
        dead_letters_arn: of the queue for events that could not be handed over.
    """

    client: SchedulerClient
    stack: str
    group: str
    target_arn: str
    role_arn: str
    dead_letters_arn: str
    clock: Callable[[], datetime] = utc_now

    def __post_init__(self) -> None:
        """Check that schedules can be named.

        Raises:
            ConfigurationError: the stack's name is too long.
        """
        if len(self.stack) > MAX_STACK:
            raise ConfigurationError(
                f"SCHEDULE_GROUP: {self.stack!r} has {len(self.stack)} characters, and {MAX_STACK} are allowed: "
                "names of schedules begin with it. Deploy the stack under a shorter name"
            )

    def ensure(self, row: AutomationRow) -> Literal["created", "updated", "unchanged"]:
        """Make the schedule of an active row as the row wants it. The row must have a slot that is still to come.

        Raises:
            SchedulerError: it is not sure that it is.
        """
        if self._create(row):
            return "created"
        # It is there; perhaps by our own call, repeated because its answer got lost. Or it was, a moment ago.
        return self.correct(row) or ("created" if self._create(row) else "unchanged")

    def correct(self, row: AutomationRow) -> Literal["updated", "unchanged"] | None:
        """Make a schedule as the row wants it, if it differs. ``None`` if there is none.

        Raises:
            SchedulerError: it is not sure that it is.
        """
        wanted = self._wanted(row)
        with _naming(row.name):
            found = self._group.get(wanted["Name"])
            if found is None:
                return None
            if self._is_as(found, wanted, row):
                return "unchanged"
            return "updated" if self._group.update(wanted) else None

    def remove(self, schedule: str) -> bool:
        """Delete a schedule by its own name. Whether there was one.

        Raises:
            SchedulerError: it is not sure that it is gone.
        """
        with _naming(schedule):
            return self._group.delete(schedule)

    def changed(self) -> dict[str, datetime]:
        """When each schedule of an automation changed last, by its own name.

        The local cloud tells of 100 at the most.

        Raises:
            SchedulerError: they could not be read.
        """
        with _naming("all automations"):
            listed = list(self._group.list(self._prefix))
        return {each["Name"]: max(each["CreationDate"], each["LastModificationDate"]) for each in listed}

    def state(self, row: AutomationRow, changed: datetime) -> str:
        """Return what tells the state of an active row's schedule from any other.

        It has the time at which the schedule changed last, and a hash of what the row and this stack want of it: a
        schedule that somebody changes, a row that changes, and a deployment that changes roles or queues give another
        state. The StartDate is left out, because what is wanted of it depends on the present time.
        """
        wanted = {name: value for name, value in self._wanted(row).items() if name != "StartDate"}
        digest = hashlib.sha256(json.dumps(wanted, default=str).encode()).hexdigest()[:16]
        return f"{changed.astimezone(UTC).isoformat()} {digest}"

    def owner(self, schedule: str) -> str | None:
        """Return the name of the automation that a schedule belongs to; ``None`` if there is no such schedule.

        Raises:
            SchedulerError: it could not be read.
        """
        name = schedule.removeprefix(self._prefix)
        if not name.startswith("."):
            return name
        with _naming(schedule):
            found = self._group.get(schedule)
        return str(json.loads(found["Target"]["Input"])["automation"]) if found else None

    def schedule_name(self, name: str) -> str:
        """What the schedule of an automation is called."""
        plain = f"{self._prefix}{name}"
        if len(plain) <= MAX_NAME:
            return plain
        # The dot keeps it apart from every name that is short enough.
        unique = base64.b32encode(hashlib.sha256(name.encode()).digest()).decode().lower()
        return f"{self._prefix}.{unique}"[:MAX_NAME]

    @property
    def _prefix(self) -> str:
        return f"{self.stack}-automation-"

    @cached_property
    def _group(self) -> ScheduleGroup:
        return ScheduleGroup(self.client, self.group)

    def _create(self, row: AutomationRow) -> bool:
        """Whether there was none."""
        with _naming(row.name):
            return self._group.create(self._wanted(row))

    def _wanted(self, row: AutomationRow) -> dict[str, Any]:
        """The request that makes the schedule of a row."""
        trigger = _schedule(row)
        start, end = self._start(row, trigger), trigger.end
        return {
            "Name": self.schedule_name(row.name),
            "GroupName": self.group,
            "ScheduleExpression": trigger.expression,
            "ScheduleExpressionTimezone": trigger.timezone,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "State": "ENABLED" if trigger.enabled else "DISABLED",
            "ActionAfterCompletion": "DELETE" if trigger.expression.startswith("at(") else "NONE",
            "Target": {
                "Arn": self.target_arn,
                "RoleArn": self.role_arn,
                "Input": json.dumps({"automation": row.name, "scheduled_time": "<aws.scheduler.scheduled-time>"}),
                "DeadLetterConfig": {"Arn": self.dead_letters_arn},
                "RetryPolicy": {
                    "MaximumEventAgeInSeconds": int(MAX_EVENT_AGE.total_seconds()),
                    "MaximumRetryAttempts": MAX_ATTEMPTS,
                },
            },
            **({"StartDate": start} if start else {}),
            **({"EndDate": end} if end else {}),
        }

    def _start(self, row: AutomationRow, trigger: ScheduleTrigger) -> datetime | None:
        """The StartDate to write. Scheduler refuses one that is over five minutes old.

        A rate's is then the next slot, from which the same slots follow; for cron one that is over says nothing.
        """
        now = self.clock()
        if row.rate_start:
            return row.next_slot(now)
        return trigger.start if trigger.start and trigger.start > now else None

    def _is_as(self, found: Mapping[str, Any], wanted: Mapping[str, Any], row: AutomationRow) -> bool:
        target = {name: found["Target"].get(name) for name in wanted["Target"]}
        plain = [name for name in wanted if name not in ("StartDate", "EndDate", "Target")]
        return (
            all(found.get(name) == wanted[name] for name in plain)
            and target == wanted["Target"]
            and found.get("EndDate") == wanted.get("EndDate")
            and self._starts_alike(found.get("StartDate"), wanted.get("StartDate"), row)
        )

    def _starts_alike(self, found: datetime | None, wanted: datetime | None, row: AutomationRow) -> bool:
        """Whether the same slots are still to come."""
        if found == wanted:
            return True
        if found is None:
            return False
        if wanted is None:
            return found <= self.clock()
        rate = parse(_schedule(row).expression)
        if row.rate_start is None or not isinstance(rate, Rate):
            return False
        return row.rate_start <= found <= wanted and (wanted - found) % rate.period == timedelta(0)


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Let an error of AWS name the automation or the schedule.

    Raises:
        SchedulerError: a call to AWS failed.
    """
    try:
        yield
    except AWS_ERRORS as error:
        raise SchedulerError(name, code_of(error), message_of(error)) from error


def _schedule(row: AutomationRow) -> ScheduleTrigger:
    if row.schedule is None:
        raise ValueError(f"automation {row.name} has no schedule, or is not active")
    return row.schedule
