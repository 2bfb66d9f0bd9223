"""Schedules of automations contain the name only, are corrected if they differ, and errors say how to fix them."""

import json
from collections.abc import Iterator
from copy import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from aichats.automations.model import Automation
from aichats.automations.row import AutomationRow, next_row
from aichats.automations.scheduler import SchedulerError, Schedules
from aichats.aws.clients import converting
from aichats.aws.errors import NoResponseError
from aichats.errors import ConfigurationError
from aichats.runs.ledger.times import utc_now
from tests.support.automations import (
    CRON,
    DEAD_LETTERS,
    RATE,
    ROLE,
    TARGET,
    WEBHOOK,
    FakeScheduler,
    at,
    automation,
    make_schedules,
    next_time,
    scheduled,
)
from tests.support.fakes import Json, aws_error
from tests.support.ledgers import NOON, Clock

NAME = "dev-automation-weekly"


@pytest.fixture
def schedules(scheduler: FakeScheduler, clock: Clock) -> Schedules:
    return make_schedules(scheduler, clock)


def row(definition: Automation, now: datetime = NOON, name: str = "weekly") -> AutomationRow:
    return next_row(name, definition, None, now)


def changed(definition: Json, before: AutomationRow, now: datetime) -> AutomationRow:
    return next_row(before.name, automation(definition), before, now)


# ---------------------------------------------------------------------------------------------- content


def test_a_schedule_contains_only_the_automations_name(schedules: Schedules, scheduler: FakeScheduler) -> None:
    definition = scheduled(timezone="America/New_York", start="2026-12-01T00:00:00Z", end="2027-12-01T00:00:00Z")

    assert schedules.ensure(row(automation(definition))) == "created"

    assert scheduler.schedules == {
        NAME: {
            "Name": NAME,
            "GroupName": "dev",
            "ScheduleExpression": "cron(0 9 ? * MON *)",
            "ScheduleExpressionTimezone": "America/New_York",
            "StartDate": datetime(2026, 12, 1, tzinfo=UTC),
            "EndDate": datetime(2027, 12, 1, tzinfo=UTC),
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "State": "ENABLED",
            "ActionAfterCompletion": "NONE",
            "Target": {
                "Arn": TARGET,
                "RoleArn": ROLE,
                "Input": '{"automation": "weekly", "scheduled_time": "<aws.scheduler.scheduled-time>"}',
                "DeadLetterConfig": {"Arn": DEAD_LETTERS},
                "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 20},
            },
            "CreationDate": NOON,
            "LastModificationDate": NOON,
        }
    }


def test_a_disabled_schedule_still_exists(schedules: Schedules, scheduler: FakeScheduler) -> None:
    schedules.ensure(row(automation(scheduled(enabled=False))))

    assert scheduler.schedules[NAME]["State"] == "DISABLED"


def test_the_schedule_of_a_one_off_deletes_itself(schedules: Schedules, scheduler: FakeScheduler) -> None:
    schedules.ensure(row(at(NOON + timedelta(hours=1))))

    assert scheduler.schedules[NAME]["ActionAfterCompletion"] == "DELETE"
    assert "StartDate" not in scheduler.schedules[NAME]


@pytest.mark.parametrize(
    ("stack", "name", "begins", "length"),
    [
        ("dev", "weekly", "dev-automation-weekly", 21),
        ("dev", "a" * 49, f"dev-automation-{'a' * 49}", 64),
        ("dev", "a" * 50, "dev-automation-.", 64),
        ("s" * 41, "weekly", f"{'s' * 41}-automation-weekly", 59),
        ("s" * 41, "weekly-revenue", f"{'s' * 41}-automation-.", 64),
    ],
)
def test_a_schedule_is_named_after_stack_and_automation_in_64_characters(
    scheduler: FakeScheduler, stack: str, name: str, begins: str, length: int
) -> None:
    found = make_schedules(scheduler, stack=stack).schedule_name(name)

    assert found.startswith(begins)
    assert len(found) == length


@pytest.mark.parametrize("name", ["weekly", "a" * 60])
def test_the_owner_of_a_schedule_is_known_even_if_its_name_is_a_hash(
    schedules: Schedules, scheduler: FakeScheduler, name: str
) -> None:
    schedules.ensure(replace(row(CRON), name=name))

    assert [schedules.owner(schedule) for schedule in scheduler.schedules] == [name]
    assert schedules.owner(schedules.schedule_name("b" * 60)) is None


def test_a_stack_whose_name_is_too_long_is_rejected(scheduler: FakeScheduler) -> None:
    with pytest.raises(ConfigurationError, match=r"has 42 characters\. At most 41 are allowed"):
        make_schedules(scheduler, stack="s" * 42)


def test_long_names_that_begin_alike_have_schedules_of_their_own(schedules: Schedules) -> None:
    names = ["a" * 63 + last for last in "abc"]

    assert len({schedules.schedule_name(name) for name in names}) == 3


# ---------------------------------------------------------------------------------------------- the start


def test_the_slots_of_a_rate_do_not_depend_on_when_its_schedule_is_written(
    schedules: Schedules, scheduler: FakeScheduler, clock: Clock
) -> None:
    first = row(RATE)
    schedules.ensure(first)
    assert scheduler.schedules[NAME]["StartDate"] == NOON + timedelta(minutes=1)
    clock.forward(hours=1)

    muted = changed(scheduled("rate(5 minutes)", enabled=False), first, clock.now)

    assert schedules.ensure(muted) == "updated"
    assert scheduler.schedules[NAME]["StartDate"] == NOON + timedelta(hours=1, minutes=1)


def test_a_rate_that_begins_at_another_start_is_corrected_even_on_the_same_grid(
    schedules: Schedules, scheduler: FakeScheduler, clock: Clock
) -> None:
    early = row(automation(scheduled("rate(1 hour)", start="2026-11-20T13:00:00Z")))
    schedules.ensure(early)

    later = changed(scheduled("rate(1 hour)", start="2026-11-20T15:00:00Z"), early, clock.now)

    assert schedules.ensure(later) == "updated"
    assert next_time(scheduler.schedules[NAME], NOON) == NOON + timedelta(hours=3)


def test_a_past_start_is_left_out(schedules: Schedules, scheduler: FakeScheduler, clock: Clock) -> None:
    begun = row(automation(scheduled(start="2026-11-20T12:00:01Z")))
    schedules.ensure(begun)
    assert scheduler.schedules[NAME]["StartDate"] == NOON + timedelta(seconds=1)
    clock.forward(days=3)

    assert schedules.correct(begun) == "unchanged"
    assert schedules.ensure(changed(scheduled(enabled=False), begun, clock.now)) == "updated"
    assert "StartDate" not in scheduler.schedules[NAME]


# ---------------------------------------------------------------------------------------------- corrections


@pytest.mark.parametrize(
    "definition",
    [
        CRON,
        RATE,
        at(NOON + timedelta(hours=9)),
        automation(scheduled("rate(7 minutes)", start="2026-11-01T00:00:00Z", end="2027-11-01T00:00:00Z")),
        automation(scheduled(start="2026-11-20T13:00:00Z", enabled=False)),
    ],
)
def test_a_schedule_that_is_as_required_is_never_changed(
    schedules: Schedules, scheduler: FakeScheduler, clock: Clock, definition: Automation
) -> None:
    expected = row(definition)
    schedules.ensure(expected)
    for _ in range(8):
        clock.forward(minutes=59)
        assert schedules.ensure(expected) == "unchanged"
        assert schedules.correct(expected) == "unchanged"
    assert "update" not in scheduler.calls


@pytest.mark.parametrize(
    "drift",
    [
        {"State": "DISABLED"},
        {"ScheduleExpression": "cron(0 10 ? * MON *)"},
        {"ScheduleExpressionTimezone": "Europe/London"},
        {"EndDate": NOON + timedelta(days=30)},
        {"StartDate": NOON + timedelta(days=30)},
        {"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5}},
        {"ActionAfterCompletion": "DELETE"},
        {"Target": {"Arn": TARGET, "RoleArn": ROLE, "Input": "{}"}},
    ],
)
@pytest.mark.parametrize("definition", [CRON, RATE])
def test_a_schedule_that_was_changed_elsewhere_is_restored(
    schedules: Schedules, scheduler: FakeScheduler, definition: Automation, drift: Json
) -> None:
    schedules.ensure(row(definition))
    before = dict(scheduler.schedules[NAME])
    scheduler.schedules[NAME] |= drift

    assert schedules.correct(row(definition)) == "updated"
    assert scheduler.schedules[NAME] == before


def test_the_start_of_a_rate_is_restored_if_it_is_missing_or_gives_other_slots(
    schedules: Schedules, scheduler: FakeScheduler
) -> None:
    expected = row(RATE)
    schedules.ensure(expected)
    for start in (NOON - timedelta(minutes=4), NOON + timedelta(seconds=30), NOON + timedelta(minutes=6), None):
        scheduler.schedules[NAME]["StartDate"] = start
        assert schedules.correct(expected) == "updated"
        assert scheduler.schedules[NAME]["StartDate"] == NOON + timedelta(minutes=1)


def test_a_future_start_is_restored(schedules: Schedules, scheduler: FakeScheduler) -> None:
    expected = row(automation(scheduled(start="2026-12-01T00:00:00Z")))
    schedules.ensure(expected)
    scheduler.schedules[NAME]["StartDate"] = NOON

    assert schedules.correct(expected) == "updated"


@pytest.mark.parametrize("definition", [WEBHOOK, CRON])
def test_only_an_active_automation_with_a_schedule_has_one(schedules: Schedules, definition: Automation) -> None:
    other = row(definition)
    done = AutomationRow(**{**vars(other), "state": "done"})

    with pytest.raises(ValueError, match="automation weekly has no schedule, or is not active"):
        schedules.ensure(done)


# ---------------------------------------------------------------------------------------------- the group


def test_a_schedule_is_removed_once(schedules: Schedules, scheduler: FakeScheduler) -> None:
    schedules.ensure(row(CRON))

    assert schedules.remove(NAME)
    assert not schedules.remove(NAME)
    assert scheduler.schedules == {}


def test_all_schedules_of_automations_are_listed_with_their_last_change(
    schedules: Schedules, scheduler: FakeScheduler, clock: Clock
) -> None:
    for number in range(8):
        schedules.ensure(row(CRON, name=f"automation-{number}"))
    scheduler.schedules["dev-sweep"] = scheduler.schedules[schedules.schedule_name("automation-0")]
    clock.forward(minutes=1)
    schedules.ensure(row(RATE, name="automation-3"))

    found = schedules.changed()

    assert set(found) == {f"dev-automation-automation-{number}" for number in range(8)}
    assert {name[-1] for name, time in found.items() if time == clock.now} == {"3"}
    assert scheduler.calls.count("list") == 3


# ---------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (aws_error("ValidationException", "no"), r"schedule of weekly: ValidationException: no\. Change the automat"),
        (aws_error("ServiceQuotaExceededException"), "Delete schedules, or ask AWS to raise the quota"),
        (aws_error("AccessDeniedException"), "iam:PassRole"),
        (aws_error("ThrottlingException"), "Retry the request"),
        (NoResponseError("can't connect to https://scheduler.invalid"), "NoResponseError: .*Retry the"),
    ],
)
def test_an_error_says_how_to_fix_it(
    schedules: Schedules, scheduler: FakeScheduler, error: Exception, message: str
) -> None:
    schedules.ensure(row(CRON))
    scheduler.down = error

    with pytest.raises(SchedulerError, match=message):
        schedules.ensure(row(CRON))
    for act in (lambda: schedules.remove("weekly"), schedules.changed, lambda: schedules.correct(row(CRON))):
        with pytest.raises(SchedulerError):
            act()


# ---------------------------------------------------------------------------------------------- with moto


@pytest.fixture
def moto() -> Iterator[Any]:
    """A client of the scheduler that moto simulates, on the real clock, with the stack's group."""
    with mock_aws():
        client = boto3.client("scheduler")
        client.create_schedule_group(Name="dev")
        yield client


def test_schedules_are_created_read_updated_and_deleted_by_boto3(moto: Any) -> None:
    schedules, now = make_schedules(converting(moto)), utc_now()
    rate, cron = row(RATE, now, "rate"), row(CRON, now, "cron")

    assert [schedules.ensure(each) for each in (rate, cron)] == ["created", "created"]
    assert [schedules.ensure(each) for each in (rate, cron)] == ["unchanged", "unchanged"]
    found = moto.get_schedule(Name="dev-automation-rate", GroupName="dev")
    assert found["StartDate"] == rate.rate_start
    assert json.loads(found["Target"]["Input"])["automation"] == "rate"
    assert schedules.ensure(changed(scheduled(enabled=False), cron, now)) == "updated"
    assert moto.get_schedule(Name="dev-automation-cron", GroupName="dev")["State"] == "DISABLED"
    listed = schedules.changed()
    assert set(listed) == {"dev-automation-rate", "dev-automation-cron"}
    assert all(abs(time - now) < timedelta(minutes=1) for time in listed.values())
    assert [schedules.remove("dev-automation-rate"), schedules.remove("dev-automation-rate")] == [True, False]


def test_a_schedule_is_created_again_long_after_its_start(moto: Any) -> None:
    now = utc_now()
    long_ago = now - timedelta(days=30)
    begun = row(automation(scheduled(start=long_ago.isoformat(timespec="seconds"))), long_ago, "cron")
    rate = row(RATE, long_ago, "rate")
    schedules = make_schedules(converting(moto))

    assert [schedules.ensure(each) for each in (begun, rate)] == ["created", "created"]
    start = moto.get_schedule(Name="dev-automation-rate", GroupName="dev")["StartDate"]
    assert rate.rate_start is not None
    assert start > now
    assert (start - rate.rate_start) % timedelta(minutes=5) == timedelta(0)
