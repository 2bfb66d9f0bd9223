"""The schedules of automations in EventBridge Scheduler, in the stack's own group.

The schedule of an automation is called ``<stack>-automation-<name>``. If this has more than 64 characters, a hash
replaces the name. Roles may only change schedules with such names, so the template's own schedules in the same group
are safe.

A schedule contains only the automation's name. aichats reads the automation when the schedule fires, so an outdated
schedule cannot run an outdated definition.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Literal

from aichats.automations.model import ScheduleTrigger
from aichats.automations.row import AutomationRow
from aichats.aws.errors import AwsError, aws_message, code_of
from aichats.aws.scheduler import ScheduleGroup, SchedulerClient
from aichats.errors import AichatsError, ConfigurationError
from aichats.frozen import frozen
from aichats.runs.ledger.times import utc_now
from aichats.schedules.expressions import Rate, parse_schedule

MAX_SCHEDULE_NAME_CHARACTERS = 64
MAX_STACK_NAME_CHARACTERS = 41
"""The length of a stack name that leaves room for ten characters of a hash."""
MAX_EVENT_AGE = timedelta(hours=1)
"""The time after which EventBridge Scheduler stops retrying the delivery of an event."""
MAX_DELIVERY_RETRIES = 20

REMEDIES = {
    "ValidationException": "Change the automation's trigger",
    "ServiceQuotaExceededException": "Delete schedules, or ask AWS to raise the quota",
    "AccessDeniedException": "Allow the function scheduler:*Schedule on the stack's group, and iam:PassRole",
}
RETRY = "Retry the request. If you don't, the sweep completes it within minutes"


class SchedulerError(AichatsError):
    """EventBridge Scheduler rejected a call or did not respond.

    Args:
        name: the name of the automation or the schedule.
        code: AWS's error code, or the type of the error if there was no response.
        reason: AWS's message.
    """

    def __init__(self, name: str, code: str, reason: str) -> None:
        super().__init__(f"schedule of {name}: {code}: {reason}. {REMEDIES.get(code, RETRY)}")


@frozen
class Schedules:
    """The schedules of one stack's automations.

    Args:
        group: the schedule group, which has the stack's name. The names of schedules begin with it.
        target_arn: the function that receives the events.
        role_arn: the role with which EventBridge Scheduler calls the function.
        dead_letters_arn: the queue for events that could not be delivered.
    """

    client: SchedulerClient
    group: str
    target_arn: str
    role_arn: str
    dead_letters_arn: str
    clock: Callable[[], datetime] = utc_now

    def __post_init__(self) -> None:
        """Check that the names of schedules are short enough.

        Raises:
            ConfigurationError: the stack's name is too long.
        """
        if len(self.group) > MAX_STACK_NAME_CHARACTERS:
            raise ConfigurationError(
                f"SCHEDULE_GROUP: {self.group!r} has {len(self.group)} characters. At most "
                f"{MAX_STACK_NAME_CHARACTERS} are allowed. Deploy the stack under a shorter name"
            )

    def ensure(self, row: AutomationRow) -> Literal["created", "updated", "unchanged"]:
        """Create or update the schedule of an active row with a future slot, as the row requires.

        Raises:
            SchedulerError: the state of the schedule is unknown.
        """
        if self._create(row):
            return "created"
        # The schedule exists. Perhaps the client repeated this call after a lost response.
        return self.correct(row) or ("created" if self._create(row) else "unchanged")

    def correct(self, row: AutomationRow) -> Literal["updated", "unchanged"] | None:
        """Update the schedule of a row if it is not as the row requires. Return ``None`` if the row has no schedule.

        Raises:
            SchedulerError: the state of the schedule is unknown.
        """
        expected = self._request(row)
        with _naming(row.name):
            current = self._group.get(expected["Name"])
            if current is None:
                return None
            if self._is_as_expected(current, expected, row):
                return "unchanged"
            return "updated" if self._group.update(expected) else None

    def remove(self, schedule: str) -> bool:
        """Delete the schedule with this name. Return whether it existed.

        Raises:
            SchedulerError: the schedule may still exist.
        """
        with _naming(schedule):
            return self._group.delete(schedule)

    def changed(self) -> dict[str, datetime]:
        """Return the time of the last change of each automation's schedule, by the schedule's name.

        The local cloud lists at most 100.

        Raises:
            SchedulerError: the schedules could not be listed.
        """
        with _naming("all automations"):
            schedules = list(self._group.list(self._prefix))
        return {
            schedule["Name"]: max(schedule["CreationDate"], schedule["LastModificationDate"]) for schedule in schedules
        }

    def state(self, row: AutomationRow, changed: datetime) -> str:
        """Return a text that identifies the state of an active row's schedule.

        The text contains the time of the schedule's last change, and a hash of the request that would create it. So it
        changes if the schedule or the row changes, or if a deployment changes roles or queues. The hash leaves out
        StartDate, which depends on the current time.
        """
        request = {name: value for name, value in self._request(row).items() if name != "StartDate"}
        digest = hashlib.sha256(json.dumps(request, default=str).encode()).hexdigest()[:16]
        return f"{changed.astimezone(UTC).isoformat()} {digest}"

    def owner(self, schedule: str) -> str | None:
        """Return the name of the automation that a schedule belongs to; ``None`` if the schedule does not exist.

        Raises:
            SchedulerError: the schedule could not be read.
        """
        name = schedule.removeprefix(self._prefix)
        if not name.startswith("."):
            return name
        with _naming(schedule):
            current = self._group.get(schedule)
        return str(json.loads(current["Target"]["Input"])["automation"]) if current else None

    def schedule_name(self, name: str) -> str:
        """Return the name of an automation's schedule."""
        plain = f"{self._prefix}{name}"
        if len(plain) <= MAX_SCHEDULE_NAME_CHARACTERS:
            return plain
        # The names of automations contain no dots, so a hash after a dot never equals a name.
        unique = base64.b32encode(hashlib.sha256(name.encode()).digest()).decode().lower()
        return f"{self._prefix}.{unique}"[:MAX_SCHEDULE_NAME_CHARACTERS]

    @property
    def _prefix(self) -> str:
        return f"{self.group}-automation-"

    @cached_property
    def _group(self) -> ScheduleGroup:
        return ScheduleGroup(self.client, self.group)

    def _create(self, row: AutomationRow) -> bool:
        """Create the schedule of a row. Return ``False`` if it exists already."""
        with _naming(row.name):
            return self._group.create(self._request(row))

    def _request(self, row: AutomationRow) -> dict[str, Any]:
        """Return the request that creates or updates the schedule of a row."""
        trigger = _schedule(row)
        start, end = self._start(row, trigger), trigger.end
        return {
            "Name": self.schedule_name(row.name),
            "GroupName": self.group,
            "ScheduleExpression": trigger.expression,
            "ScheduleExpressionTimezone": trigger.timezone,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "State": "ENABLED" if trigger.enabled else "DISABLED",
            "ActionAfterCompletion": "DELETE" if trigger.is_once else "NONE",
            "Target": {
                "Arn": self.target_arn,
                "RoleArn": self.role_arn,
                "Input": json.dumps({"automation": row.name, "scheduled_time": "<aws.scheduler.scheduled-time>"}),
                "DeadLetterConfig": {"Arn": self.dead_letters_arn},
                "RetryPolicy": {
                    "MaximumEventAgeInSeconds": int(MAX_EVENT_AGE.total_seconds()),
                    "MaximumRetryAttempts": MAX_DELIVERY_RETRIES,
                },
            },
            **({"StartDate": start} if start else {}),
            **({"EndDate": end} if end else {}),
        }

    def _start(self, row: AutomationRow, trigger: ScheduleTrigger) -> datetime | None:
        """Return the StartDate to write. EventBridge Scheduler rejects a StartDate more than five minutes in the past.

        For a rate, this is the next slot, because the same slots follow from it. A past start has no effect on a cron
        expression, so it is left out.
        """
        now = self.clock()
        if row.rate_start:
            return row.next_slot(now)
        return trigger.start if trigger.start and trigger.start > now else None

    def _is_as_expected(self, current: Mapping[str, Any], expected: Mapping[str, Any], row: AutomationRow) -> bool:
        target = {name: current["Target"].get(name) for name in expected["Target"]}
        plain = [name for name in expected if name not in ("StartDate", "EndDate", "Target")]
        return (
            all(current.get(name) == expected[name] for name in plain)
            and target == expected["Target"]
            and current.get("EndDate") == expected.get("EndDate")
            and self._same_future_slots(current.get("StartDate"), expected.get("StartDate"), row)
        )

    def _same_future_slots(self, current: datetime | None, expected: datetime | None, row: AutomationRow) -> bool:
        """Return whether two StartDates give the same future slots."""
        if current == expected:
            return True
        if current is None:
            return False
        if expected is None:
            return current <= self.clock()
        rate = parse_schedule(_schedule(row).expression)
        if row.rate_start is None or not isinstance(rate, Rate):
            return False
        return row.rate_start <= current <= expected and (expected - current) % rate.period == timedelta(0)


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Add the name of an automation or a schedule to an error of a call to AWS.

    Raises:
        SchedulerError: a call to AWS failed.
    """
    try:
        yield
    except AwsError as error:
        raise SchedulerError(name, code_of(error), aws_message(error)) from error


def _schedule(row: AutomationRow) -> ScheduleTrigger:
    if row.schedule is None:
        raise ValueError(f"automation {row.name} has no schedule, or is not active")
    return row.schedule
