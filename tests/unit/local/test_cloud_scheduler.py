"""The scheduler of the local AWS, with schedules, functions and queues in memory and a clock that is set by hand."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self, cast

import pytest
from botocore.exceptions import ClientError

from local.cloud.clients import Clients
from local.cloud.scheduler import Scheduler

ARN = "arn:aws:scheduler:eu-west-1:000000000000:schedule/group"
FUNCTION = "arn:aws:lambda:eu-west-1:000000000000:function:run-schedule"
QUEUE = "arn:aws:sqs:eu-west-1:000000000000:runs"
MADE = datetime(2026, 3, 2, 12, 0, 20, tzinfo=UTC)


@dataclass
class FakeAws:
    """In place of the clients: Scheduler, Lambda and SQS at once."""

    definitions: dict[str, dict[str, Any]] = field(default_factory=dict)
    handed_over: list[tuple[str, Any]] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)
    reads: int = 0

    @property
    def schedules(self) -> Self:
        return self

    @property
    def functions(self) -> Self:
        return self

    @property
    def queues(self) -> Self:
        return self

    def add(self, name: str, expression: str, *, target: str = FUNCTION, changed: datetime = MADE, **more: Any) -> None:
        self.definitions[name] = {
            "Arn": f"{ARN}/{name}",
            "Name": name,
            "GroupName": "group",
            "ScheduleExpression": expression,
            "ScheduleExpressionTimezone": "UTC",
            "State": "ENABLED",
            "CreationDate": MADE,
            "LastModificationDate": changed,
            "Target": {"Arn": target, "Input": json.dumps([name, "<aws.scheduler.scheduled-time>"])},
        } | more

    def list_schedules(self, **_page: int) -> dict[str, Any]:
        keys = {"Arn", "Name", "GroupName", "LastModificationDate"}
        return {"Schedules": [{key: each[key] for key in keys} for each in self.definitions.values()]}

    def get_schedule(self, **which: str) -> dict[str, Any]:
        self.reads += 1
        assert which["GroupName"] == "group"
        return self.definitions[which["Name"]]

    def delete_schedule(self, **which: str) -> None:
        assert which["GroupName"] == "group"
        del self.definitions[which["Name"]]

    def invoke(self, **call: Any) -> None:
        assert call["InvocationType"] == "Event"
        if call["FunctionName"] in self.missing:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no such function"}}, "Invoke")
        self.handed_over.append((call["FunctionName"], json.loads(call["Payload"])))

    def get_queue_url(self, **which: str) -> dict[str, str]:
        return {"QueueUrl": f"http://queues/{which['QueueName']}"}

    def send_message(self, **message: str) -> None:
        self.handed_over.append((message["QueueUrl"], json.loads(message["MessageBody"])))

    def fired(self) -> list[tuple[str, str]]:
        """Name and time of every slot that was handed over, from the default input."""
        return [(name, at) for _, (name, at) in self.handed_over]


class Clock:
    """The scheduler with its clock."""

    def __init__(self, aws: FakeAws) -> None:
        self.now = MADE
        self.printed: list[str] = []
        self._scheduler = Scheduler(cast("Clients", aws), self.printed.append, lambda: self.now, quiet=["sweep"])

    def tick(self, time: str) -> None:
        """Set the clock, and run a tick of the scheduler."""
        self.now = datetime.fromisoformat(time + "+00:00" * ("+" not in time))
        self._scheduler.tick()


@pytest.fixture
def aws() -> FakeAws:
    return FakeAws()


@pytest.fixture
def clock(aws: FakeAws) -> Clock:
    return Clock(aws)


def test_a_slot_fires_once_and_not_before_its_time(aws: FakeAws, clock: Clock) -> None:
    aws.add("nine", "cron(0 9 * * ? *)")
    clock.tick("2026-03-03T08:59:59")
    assert aws.fired() == []
    clock.tick("2026-03-03T09:00:00")
    clock.tick("2026-03-03T09:00:01")
    assert aws.fired() == [("nine", "2026-03-03T09:00:00Z")]


def test_a_schedule_that_is_quiet_fires_without_a_line(aws: FakeAws, clock: Clock) -> None:
    aws.add("nine", "cron(0 9 * * ? *)")
    aws.add("sweep", "cron(0 9 * * ? *)")
    clock.tick("2026-03-03T08:59:59")
    clock.tick("2026-03-03T09:00:00")
    assert [name for name, _ in aws.fired()] == ["nine", "sweep"]
    assert clock.printed == ["schedule nine fired for 2026-03-03T09:00:00Z"]


@pytest.mark.parametrize(
    ("day", "utc"),
    [("2026-03-06", "14:00:00"), ("2026-03-09", "13:00:00")],
    ids=["before daylight saving", "after it began"],
)
def test_a_cron_follows_the_wall_clock_of_its_zone(aws: FakeAws, clock: Clock, day: str, utc: str) -> None:
    aws.add("nine", "cron(0 9 * * ? *)", ScheduleExpressionTimezone="America/New_York")
    clock.tick("2026-03-02T12:00:21")
    hour = timedelta(hours=1)
    slot = datetime.fromisoformat(f"{day}T{utc}")
    clock.tick((slot - hour).isoformat())
    before = len(aws.fired())
    clock.tick(slot.isoformat())
    assert aws.fired()[before:] == [("nine", f"{day}T{utc}Z")]


def test_a_rate_without_a_start_begins_at_the_whole_minute_after_it_was_made(aws: FakeAws, clock: Clock) -> None:
    aws.add("often", "rate(2 minutes)")
    for seconds in range(0, 300, 10):
        clock.tick((MADE + timedelta(seconds=10 + seconds)).isoformat())
    assert [at for _, at in aws.fired()] == ["2026-03-02T12:01:00Z", "2026-03-02T12:03:00Z", "2026-03-02T12:05:00Z"]


def test_a_rate_is_counted_from_its_start(aws: FakeAws, clock: Clock) -> None:
    aws.add("often", "rate(1 hour)", StartDate=datetime(2026, 3, 2, 13, 7, tzinfo=UTC))
    clock.tick("2026-03-02T13:06:59")
    clock.tick("2026-03-02T13:07:00")
    clock.tick("2026-03-02T14:07:00")
    assert [at for _, at in aws.fired()] == ["2026-03-02T13:07:00Z", "2026-03-02T14:07:00Z"]


def test_nothing_fires_after_the_end(aws: FakeAws, clock: Clock) -> None:
    aws.add("often", "rate(1 minute)", EndDate=datetime(2026, 3, 2, 12, 1, 30, tzinfo=UTC))
    clock.tick("2026-03-02T12:01:00")
    clock.tick("2026-03-02T12:02:00")
    assert [at for _, at in aws.fired()] == ["2026-03-02T12:01:00Z"]


def test_a_schedule_that_is_switched_off_does_not_fire(aws: FakeAws, clock: Clock) -> None:
    aws.add("off", "rate(1 minute)", State="DISABLED", ActionAfterCompletion="DELETE")
    clock.tick("2026-03-02T12:01:00")
    assert aws.fired() == []
    assert "off" in aws.definitions


def test_an_at_fires_once_in_its_zone_and_is_deleted_if_it_says_so(aws: FakeAws, clock: Clock) -> None:
    once: dict[str, Any] = {"ScheduleExpressionTimezone": "Asia/Tokyo"}
    aws.add("kept", "at(2026-03-02T21:05:00)", **once)
    aws.add("gone", "at(2026-03-02T21:05:00)", ActionAfterCompletion="DELETE", **once)
    clock.tick("2026-03-02T12:04:59")
    assert set(aws.definitions) == {"kept", "gone"}
    clock.tick("2026-03-02T12:05:00")
    clock.tick("2026-03-02T12:05:01")
    assert aws.fired() == [("kept", "2026-03-02T12:05:00Z"), ("gone", "2026-03-02T12:05:00Z")]
    assert set(aws.definitions) == {"kept"}


def test_all_placeholders_are_filled(aws: FakeAws, clock: Clock) -> None:
    names = ["scheduled-time", "schedule-arn", "execution-id", "attempt-number"]
    target = {"Arn": FUNCTION, "Input": json.dumps({name: f"<aws.scheduler.{name}>" for name in names})}
    aws.add("nine", "cron(0 9 * * ? *)", Target=target)
    clock.tick("2026-03-02T12:00:21")
    clock.tick("2026-03-03T09:00:00")
    ((_, filled),) = aws.handed_over
    execution = filled.pop("execution-id")
    assert filled == {
        "scheduled-time": "2026-03-03T09:00:00Z",
        "schedule-arn": f"{ARN}/nine",
        "attempt-number": "1",
    }
    assert len(execution) == 32
    assert "<" not in execution


def test_a_schedule_that_is_created_while_it_runs_fires_too(aws: FakeAws, clock: Clock) -> None:
    clock.tick("2026-03-02T12:00:30")
    aws.add("new", "cron(1 12 * * ? *)", changed=datetime(2026, 3, 2, 12, 0, 59, tzinfo=UTC))
    clock.tick("2026-03-02T12:01:00")
    assert aws.fired() == [("new", "2026-03-02T12:01:00Z")]


def test_a_changed_schedule_fires_as_it_says_now(aws: FakeAws, clock: Clock) -> None:
    aws.add("daily", "cron(0 13 * * ? *)")
    clock.tick("2026-03-02T12:30:00")
    aws.add("daily", "cron(0 14 * * ? *)", changed=datetime(2026, 3, 2, 12, 45, tzinfo=UTC))
    clock.tick("2026-03-02T13:00:00")
    clock.tick("2026-03-02T14:00:00")
    assert [at for _, at in aws.fired()] == ["2026-03-02T14:00:00Z"]


def test_a_deleted_schedule_fires_no_more(aws: FakeAws, clock: Clock) -> None:
    aws.add("daily", "cron(0 13 * * ? *)")
    clock.tick("2026-03-02T12:30:00")
    del aws.definitions["daily"]
    clock.tick("2026-03-02T13:00:00")
    assert aws.fired() == []


def test_a_schedule_is_read_again_only_when_it_changed(aws: FakeAws, clock: Clock) -> None:
    aws.add("daily", "cron(0 13 * * ? *)")
    clock.tick("2026-03-02T12:30:00")
    clock.tick("2026-03-02T12:31:00")
    assert aws.reads == 1
    aws.add("daily", "cron(0 13 * * ? *)", changed=datetime(2026, 3, 2, 12, 31, tzinfo=UTC))
    clock.tick("2026-03-02T12:32:00")
    assert aws.reads == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"ScheduleExpression": "cron(0 9 * * * *)"},
        {"ScheduleExpression": "every day"},
        {"ScheduleExpressionTimezone": "Mars/Olympus"},
    ],
    ids=["two days in a cron", "no expression", "no such zone"],
)
def test_a_wrong_schedule_is_reported_once_and_stops_no_other(
    aws: FakeAws, clock: Clock, wrong: dict[str, str]
) -> None:
    aws.add("wrong", "rate(1 minute)")
    aws.definitions["wrong"] |= wrong | {"ActionAfterCompletion": "DELETE"}
    aws.add("right", "rate(1 minute)")
    clock.tick("2026-03-02T12:01:00")
    clock.tick("2026-03-02T12:02:00")
    assert [name for name, _ in aws.fired()] == ["right", "right"]
    assert len([line for line in clock.printed if "schedule wrong never fires" in line]) == 1
    assert "wrong" in aws.definitions


def test_a_target_that_rejects_is_reported_once_and_stops_no_other(aws: FakeAws, clock: Clock) -> None:
    aws.missing = {"arn:aws:lambda:eu-west-1:000000000000:function:gone"}
    aws.add("lost", "rate(1 minute)", target=next(iter(aws.missing)))
    aws.add("right", "rate(1 minute)")
    clock.tick("2026-03-02T12:01:00")
    clock.tick("2026-03-02T12:02:00")
    assert [name for name, _ in aws.fired()] == ["right", "right"]
    (line,) = [line for line in clock.printed if "lost" in line]
    assert "no such function" in line
    aws.missing = set()
    clock.tick("2026-03-02T12:03:00")
    assert ("lost", "2026-03-02T12:03:00Z") in aws.fired()


def test_a_queue_gets_the_input_as_a_message(aws: FakeAws, clock: Clock) -> None:
    aws.add("queued", "rate(1 minute)", target=QUEUE)
    clock.tick("2026-03-02T12:01:00")
    assert aws.handed_over == [("http://queues/runs", ["queued", "2026-03-02T12:01:00Z"])]


def test_a_target_of_another_service_is_reported(aws: FakeAws, clock: Clock) -> None:
    aws.add("stuck", "rate(1 minute)", target="arn:aws:states:eu-west-1:000000000000:stateMachine:machine")
    clock.tick("2026-03-02T12:01:00")
    assert aws.handed_over == []
    assert "supports functions and queues as targets, not states" in clock.printed[0]


def test_slots_that_passed_while_the_machine_slept_do_not_fire_all_at_once(aws: FakeAws, clock: Clock) -> None:
    aws.add("often", "rate(1 minute)")
    clock.tick("2026-03-02T12:00:30")
    clock.tick("2026-03-02T12:04:30")
    assert [at for _, at in aws.fired()] == ["2026-03-02T12:04:00Z"]
    assert [line for line in clock.printed if "did not fire" in line] == [
        f"schedule often did not fire for 2026-03-02T12:0{minute}:00Z: the time is too long ago" for minute in (1, 2, 3)
    ]


def test_a_clock_that_is_set_back_is_reported_and_stops_no_schedule(aws: FakeAws, clock: Clock) -> None:
    aws.add("minutely", "rate(1 minute)")
    aws.add("hourly", "cron(30 * * * ? *)")
    clock.tick("2026-03-02T12:02:00")
    assert aws.fired() == [("minutely", "2026-03-02T12:01:00Z"), ("minutely", "2026-03-02T12:02:00Z")]
    aws.handed_over.clear()
    clock.printed.clear()
    # Before the schedules were made.
    clock.tick("2026-03-02T10:00:00")
    assert clock.printed == [
        "the clock was set back from 2026-03-02T12:02:00Z to 2026-03-02T10:00:00Z: schedules fire from the new time on"
    ]
    clock.tick("2026-03-02T10:01:00")
    clock.tick("2026-03-02T10:30:00")
    assert ("minutely", "2026-03-02T10:01:00Z") in aws.fired()
    assert ("hourly", "2026-03-02T10:30:00Z") in aws.fired()
    assert all(at.startswith("2026-03-02T10") for _, at in aws.fired())


def test_a_clock_that_is_corrected_by_some_seconds_fires_nothing_twice(aws: FakeAws, clock: Clock) -> None:
    aws.add("minutely", "rate(1 minute)")
    clock.tick("2026-03-02T12:01:01")
    clock.tick("2026-03-02T12:00:58")
    clock.tick("2026-03-02T12:01:02")
    assert aws.fired() == [("minutely", "2026-03-02T12:01:00Z")]


def test_after_the_clock_was_set_back_no_slot_of_the_time_before_is_reported_as_late(
    aws: FakeAws, clock: Clock
) -> None:
    aws.add("minutely", "rate(1 minute)")
    clock.tick("2026-03-02T12:01:00")
    clock.tick("2026-03-02T14:00:00")
    clock.printed.clear()
    clock.tick("2026-03-02T13:00:00")
    clock.tick("2026-03-02T13:01:00")
    assert [line for line in clock.printed if "too long ago" in line] == []
    assert aws.fired()[-1] == ("minutely", "2026-03-02T13:01:00Z")
