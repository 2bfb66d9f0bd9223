"""Automations for tests: definitions, tables in the local cloud's DynamoDB, and a scheduler in memory."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from aichats.automations.definition_models import validated_automation
from aichats.automations.model import Automation
from aichats.automations.reconcile import AutomationService, Change
from aichats.automations.scheduler import Schedules
from aichats.automations.sweep_part import SweepPart, SweepProgress
from aichats.automations.table import AutomationTable
from aichats.aws.table import DynamoDB, Table
from aichats.runs.ledger.times import utc_now
from aichats.schedules.fire_times import fire_times
from tests.support.fakes import Json, aws_error
from tests.support.ledgers import dynamodb, make_table

ACTION = {"type": "whop.create_chat", "message_text": "How was the week?"}
STACK = "dev"
TARGET = "arn:aws:lambda:eu-west-1:000000000000:function:run-schedule"
ROLE = "arn:aws:iam::000000000000:role/scheduler"
DEAD_LETTERS = "arn:aws:sqs:eu-west-1:000000000000:schedule-dead-letters"
PAST = timedelta(minutes=5)
"""The largest age of a StartDate that Scheduler accepts."""
PAGE = 3
"""The number of schedules on a page of the list."""


def scheduled(expression: str = "cron(0 9 ? * MON *)", *, message: str = "How was the week?", **trigger: Any) -> Json:
    """Return the definition of an automation with a schedule."""
    return {
        "trigger": {"type": "schedule", "expression": expression, **trigger},
        "action": {**ACTION, "message_text": message},
        "targets": ["biz_A"],
    }


def listening(*events: str, targets: tuple[str | None, ...] = ("biz_A",), **trigger: Any) -> Json:
    """Return the definition of an automation with a webhook."""
    return {
        "trigger": {"type": "webhook", "events": list(events or ["payment.failed"]), **trigger},
        "action": ACTION,
        "targets": list(targets),
    }


def automation(definition: Json) -> Automation:
    return validated_automation(definition, max_message_bytes=131072)


CRON = automation(scheduled())
RATE = automation(scheduled("rate(5 minutes)"))
WEBHOOK = automation(listening())


def at(time: datetime) -> Automation:
    """Return an automation that fires once, at this time."""
    return automation(scheduled(f"at({time:%Y-%m-%dT%H:%M:%S})"))


def make_store(clock: Callable[[], datetime] = utc_now, client: DynamoDB | None = None) -> AutomationTable:
    """Return a new table, as the template creates it. A test may pass a client that wraps DynamoDB."""
    return AutomationTable(client or dynamodb(), make_table("AutomationsTable"), clock)


def make_schedules(client: Any, clock: Callable[[], datetime] = utc_now, stack: str = STACK) -> Schedules:
    return Schedules(client, stack, TARGET, ROLE, DEAD_LETTERS, clock)


def one_by_one[T, R](function: Callable[[T], R], values: Sequence[T]) -> list[R]:
    """Call a function for each value in turn, so that the order of calls is the same each time."""
    return [function(value) for value in values]


def sweep_part(name: str, client: Any = None) -> SweepPart:
    """Return a part of the sweep without a time limit."""
    return SweepPart(name, SweepProgress(Table(client, "runs")), lambda: False, one_by_one)


def reconcile(service: AutomationService) -> list[Change]:
    """Repair automations and schedules, as the sweep does."""
    return service.reconcile(service.store.contents(), sweep_part("schedules"))


class FakeScheduler:
    """Stand-in for EventBridge Scheduler's control plane, with one group. It fires one-off schedules only.

    Attributes:
        schedules: by name, each as requested, with its dates.
        calls: the names of all calls, in order.
        fired: name and expression of each one-off that fired.
        down: the error that every call raises, if any.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self.schedules: dict[str, Json] = {}
        self.calls: list[str] = []
        self.fired: list[tuple[str, str]] = []
        self.down: Exception | None = None

    def create_schedule(self, **request: Any) -> Json:
        self._called("create")
        if request["Name"] in self.schedules:
            raise aws_error("ConflictException", f"Schedule {request['Name']} already exists.")
        self._write(request, created=self._clock())
        return {}

    def get_schedule(self, **request: Any) -> Json:
        self._called("get")
        return dict(self._found(request))

    def update_schedule(self, **request: Any) -> Json:
        self._called("update")
        self._write(request, created=self._found(request)["CreationDate"])
        return {}

    def delete_schedule(self, **request: Any) -> Json:
        self._called("delete")
        del self.schedules[self._found(request)["Name"]]
        return {}

    def list_schedules(self, **request: Any) -> Json:
        self._called("list")
        begin = int(request.get("NextToken", 0))
        named = [each for name, each in sorted(self.schedules.items()) if name.startswith(request["NamePrefix"])]
        following = {"NextToken": str(begin + PAGE)} if named[begin + PAGE :] else {}
        shown = ("Name", "State", "CreationDate", "LastModificationDate")
        return {"Schedules": [{key: each[key] for key in shown} for each in named[begin : begin + PAGE]], **following}

    def fire(self) -> None:
        """Fire the one-off schedules that are due, and delete them as they require."""
        for name, each in list(self.schedules.items()):
            fires = each["State"] == "ENABLED" and each["ActionAfterCompletion"] == "DELETE"
            if fires and next_time(each, self._clock()) is None:
                self.fired.append((name, each["ScheduleExpression"]))
                del self.schedules[name]

    def _called(self, call: str) -> None:
        self.calls.append(call)
        if self.down is not None:
            raise self.down

    def _found(self, request: Json) -> Json:
        if request["Name"] not in self.schedules:
            raise aws_error("ResourceNotFoundException", f"Schedule {request['Name']} does not exist.")
        return self.schedules[request["Name"]]

    def _write(self, request: Json, created: datetime) -> None:
        now = self._clock()
        if request.get("StartDate", now) < now - PAST:
            raise aws_error("ValidationException", "The StartDate you specify cannot be earlier than 5 minutes ago.")
        # AWS rejects a one-off without a future time. For any other schedule it would be a mistake of the code.
        if next_time(request, now) is None:
            raise aws_error("ValidationException", f"Invalid Schedule Expression {request['ScheduleExpression']}.")
        self.schedules[request["Name"]] = {**request, "CreationDate": created, "LastModificationDate": now}


def next_time(schedule: Json, after: datetime) -> datetime | None:
    """Return the next time at which a schedule fires, as its request defines; ``None`` if it does not."""
    expression, zone = schedule["ScheduleExpression"], schedule["ScheduleExpressionTimezone"]
    start, end = schedule.get("StartDate"), schedule.get("EndDate")
    return next(fire_times(expression, zone, start=start, end=end, after=after), None)
