"""The time without an event, and how much of it the schedules explain."""

from copy import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aichats.automations.heartbeat import HEARTBEAT, NOTHING_EXPECTED, Heartbeat, Silence
from aichats.automations.model import Automation
from aichats.automations.row import AutomationRow, next_row
from aichats.automations.table import Contents
from aichats.aws.observability import metrics
from aichats.errors import UnreadableError
from aichats.runs.ledger.times import from_text, to_text
from aichats.schedules.pauses import Pauses, PauseWindow
from tests.support.automations import WEBHOOK, at, automation, scheduled
from tests.support.fakes import Json
from tests.support.ledgers import Clock

pytestmark = pytest.mark.usefixtures("no_metrics")

SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
MONDAY = datetime(2026, 11, 30, tzinfo=UTC)
NINE = MONDAY + 9 * HOUR
LONG_AGO = MONDAY - 100 * DAY
SLACK = 15 * MINUTE
"""The excess from which the alarm goes off."""


class StackAt:
    """A stack at a time: its newest event, its pauses, and what the sweep has kept."""

    def __init__(self, now: datetime, event: datetime | None = None) -> None:
        self.clock = Clock(now)
        self.event = event
        self.pauses: Pauses | None = Pauses()
        self.kept: dict[str, str] = {HEARTBEAT: to_text(LONG_AGO)}
        self.puts = 0
        self.asked: list[datetime] = []

    def newest_event(self, since: datetime) -> datetime | None:
        """Return the newest event of the day of ``since`` or later, as the stored events do."""
        self.asked.append(since)
        return self.event if self.event and self.event.date() >= since.date() else None

    def read(self) -> Pauses:
        if self.pauses is None:
            raise UnreadableError("the stack's pauses can't be read")
        return self.pauses

    def get(self, part: str) -> str:
        return self.kept.get(part, "")

    def put(self, part: str, name: str) -> None:
        self.puts += 1
        self.kept[part] = name

    @property
    def heartbeat(self) -> Heartbeat:
        me: Any = self
        return Heartbeat(self.newest_event, me, me, self.clock)

    def silence(self, *rows: AutomationRow) -> Silence:
        return self.heartbeat.silence(rows)


def window(begins: datetime, until: datetime | None) -> PauseWindow:
    return PauseWindow(begins, until, "ops", begins)


def row(
    expression: str | Automation, written: datetime = LONG_AGO, *pauses: PauseWindow, **trigger: Any
) -> AutomationRow:
    definition = expression if isinstance(expression, Automation) else automation(scheduled(expression, **trigger))
    made = next_row("weekly", definition, None, written)
    return replace(made, pauses_text=Pauses(pauses).to_text() if pauses else None)


EVERY_MINUTE = row("cron(* * * * ? *)")
DAILY = row("cron(0 9 * * ? *)")
WORKING_HOURS = row("cron(* 9-17 ? * MON-FRI *)")
YEARLY = row("cron(0 9 1 1 ? *)")


def test_the_gap_between_two_slots_explains_a_silence() -> None:
    event = NINE + 5 * SECOND

    silence = StackAt(NINE + 23 * HOUR, event).silence(DAILY)

    assert silence == Silence(23 * HOUR - 5 * SECOND, DAY)
    assert silence.excess < timedelta()


def test_a_silence_that_lasts_longer_than_the_gap_exceeds_it_by_the_rest() -> None:
    silence = StackAt(NINE + DAY + 20 * MINUTE, NINE + MINUTE).silence(DAILY)

    assert silence.excess == 19 * MINUTE


def test_of_several_schedules_the_most_frequent_one_expects_the_next_event_first() -> None:
    stack = StackAt(NINE + HOUR, NINE)

    assert stack.silence(YEARLY, EVERY_MINUTE, DAILY) == Silence(HOUR, MINUTE)
    assert stack.silence(YEARLY, DAILY).slot_gap == DAY


@pytest.mark.parametrize("late", [SECOND, 20 * MINUTE, 59 * MINUTE])
def test_runs_that_always_take_long_do_not_exceed_the_gap(late: timedelta) -> None:
    hourly = row("cron(0 * * * ? *)")
    stack = StackAt(NINE + HOUR + late - SECOND, NINE + late)

    assert stack.silence(hourly).excess < timedelta()
    stack.clock.now += 16 * MINUTE
    assert stack.silence(hourly).excess > SLACK


def test_a_schedule_that_was_just_written_expects_no_event_from_before() -> None:
    written = NINE + 30 * SECOND
    stack = StackAt(NINE + MINUTE, NINE - 5 * DAY)

    assert stack.silence(row("cron(* * * * ? *)", written)) == Silence(30 * SECOND, MINUTE)


def test_a_schedule_that_begins_later_expects_no_event_before() -> None:
    later = row("cron(* * * * ? *)", NINE, start=(MONDAY + 21 * DAY).isoformat())
    stack = StackAt(MONDAY + 20 * DAY, NINE - DAY)

    assert stack.silence(later).excess < timedelta()
    stack.clock.now = MONDAY + 21 * DAY + HOUR
    assert stack.silence(later).excess == HOUR


@pytest.mark.parametrize(
    "idle",
    [
        row("cron(0 9 * * ? *)", enabled=False),
        row(at(NINE + DAY), NINE),
        row(WEBHOOK),
        row("cron(0 9 * * ? *)", end=NINE.isoformat()),
    ],
    ids=["disabled", "at", "webhook", "ended"],
)
def test_what_has_no_gap_between_slots_expects_nothing(idle: AutomationRow) -> None:
    assert StackAt(NINE + 30 * DAY, NINE).silence(idle) == NOTHING_EXPECTED


def test_without_automations_nothing_is_expected() -> None:
    assert StackAt(NINE, LONG_AGO).silence() == NOTHING_EXPECTED


def test_the_night_and_the_weekend_explain_the_silence_of_a_schedule_for_working_hours() -> None:
    friday_evening = MONDAY - 3 * DAY + 17 * HOUR + 59 * MINUTE
    stack = StackAt(NINE, friday_evening + 4 * SECOND)

    assert stack.silence(WORKING_HOURS).slot_gap == 2 * DAY + 15 * HOUR + MINUTE
    assert stack.silence(WORKING_HOURS).excess < timedelta()
    stack.clock.now = NINE + 20 * MINUTE
    assert stack.silence(WORKING_HOURS).excess > SLACK


# ---------------------------------------------------------------------------------------------- clock changes

SPRING = datetime(2027, 3, 28, tzinfo=UTC)
"""The Sunday on which clocks in Berlin skip the time from 2:00 to 3:00."""
AUTUMN = datetime(2026, 10, 25, tzinfo=UTC)
"""The Sunday on which the hour from 2:00 to 3:00 comes twice in Berlin."""


def test_a_slot_that_clocks_skip_makes_the_gap_longer() -> None:
    nightly = row("cron(30 2 * * ? *)", timezone="Europe/Berlin")
    saturday = SPRING - DAY + 90 * MINUTE

    silence = StackAt(SPRING + 20 * HOUR, saturday + SECOND).silence(nightly)

    assert silence.slot_gap == 47 * HOUR
    assert silence.excess < timedelta()


@pytest.mark.parametrize(
    ("expression", "before", "gap"),
    [("cron(0 9 * * ? *)", -17 * HOUR, 25 * HOUR), ("cron(0 * * * ? *)", timedelta(), 2 * HOUR)],
)
def test_an_hour_that_comes_twice_makes_the_gap_longer(expression: str, before: timedelta, gap: timedelta) -> None:
    berlin = row(expression, datetime(2026, 1, 1, tzinfo=UTC), timezone="Europe/Berlin")
    event = AUTUMN + before + MINUTE

    assert StackAt(event + gap - MINUTE, event).silence(berlin) == Silence(gap - MINUTE, gap)


# ---------------------------------------------------------------------------------------------- pauses


def test_a_paused_automation_expects_nothing() -> None:
    paused = row("cron(* * * * ? *)", LONG_AGO, window(NINE, None))

    assert StackAt(NINE + DAY, NINE).silence(paused) == NOTHING_EXPECTED


def test_after_a_pause_the_silence_begins_again() -> None:
    resumed = row("cron(* * * * ? *)", LONG_AGO, window(NINE, NINE + 5 * HOUR))

    assert StackAt(NINE + 5 * HOUR + 40 * SECOND, NINE).silence(resumed) == Silence(40 * SECOND, MINUTE)


def test_a_planned_pause_changes_nothing_before_it_begins() -> None:
    planned = row("cron(* * * * ? *)", LONG_AGO, window(NINE + 2 * HOUR, None))

    assert StackAt(NINE + HOUR, NINE).silence(planned) == Silence(HOUR, MINUTE)


def test_while_the_stack_is_paused_nothing_is_expected() -> None:
    stack = StackAt(NINE + DAY, NINE)
    stack.pauses = Pauses((window(NINE, None),))

    assert stack.silence(EVERY_MINUTE) == NOTHING_EXPECTED


def test_after_a_pause_of_the_stack_the_silence_begins_again() -> None:
    stack = StackAt(NINE + 5 * HOUR + 40 * SECOND, NINE)
    stack.pauses = Pauses((window(NINE, NINE + 2 * HOUR), window(NINE, NINE + 5 * HOUR)))

    assert stack.silence(EVERY_MINUTE) == Silence(40 * SECOND, MINUTE)


def test_if_the_pauses_of_the_stack_can_not_be_read_nothing_is_measured() -> None:
    stack = StackAt(NINE, NINE)
    stack.pauses = None

    with pytest.raises(UnreadableError):
        stack.heartbeat.measure(Contents([EVERY_MINUTE], {"weekly"}))

    assert "SecondsSinceEvent" not in metrics.metric_set


# ---------------------------------------------------------------------------------------------- the newest event


def test_a_new_stack_expects_no_event_from_before_its_first_sweep() -> None:
    stack = StackAt(NINE)
    stack.kept = {}

    assert stack.silence(EVERY_MINUTE).since_event == timedelta()
    stack.clock.now += HOUR
    assert stack.silence(EVERY_MINUTE) == Silence(HOUR, MINUTE)


def test_the_time_of_the_newest_event_outlives_the_event() -> None:
    stack = StackAt(NINE + MINUTE, NINE)
    monthly = row("cron(0 9 1 * ? *)")
    stack.silence(monthly)
    stack.event = None
    stack.clock.now = MONDAY + 40 * DAY

    silence = stack.silence(monthly)

    assert from_text(stack.kept[HEARTBEAT]) == NINE
    assert silence == Silence(40 * DAY - 9 * HOUR, 30 * DAY)
    assert silence.excess > SLACK


def test_schedules_that_only_fire_once_a_year_explain_months() -> None:
    stack = StackAt(NINE, datetime(2026, 1, 1, 9, 0, 1, tzinfo=UTC))

    assert stack.silence(row("cron(0 9 1 1 ? *)", datetime(2025, 1, 1, tzinfo=UTC))).excess < timedelta()


def test_the_time_of_the_newest_event_is_stored_once_a_day() -> None:
    stack = StackAt(NINE, NINE)
    for _ in range(12 * 24):
        stack.clock.forward(minutes=5)
        stack.event = stack.clock.now - MINUTE
        stack.silence(EVERY_MINUTE)

    assert stack.puts == 2
    assert stack.asked[-1].date() == stack.clock.now.date(), "no older event is looked for"


def test_an_event_of_a_clock_that_is_ahead_is_no_negative_silence() -> None:
    assert StackAt(NINE, NINE + SECOND).silence(EVERY_MINUTE).since_event == timedelta()


@pytest.mark.parametrize(("silent_for", "overdue"), [(HOUR, 3540.0), (30 * SECOND, 0.0)])
def test_the_times_are_metrics_in_seconds(silent_for: timedelta, overdue: float) -> None:
    StackAt(NINE + silent_for, NINE).heartbeat.measure(Contents([EVERY_MINUTE, YEARLY], {"weekly"}))

    measured: Json = {**metrics.serialize_metric_set()}
    assert measured["SecondsSinceEvent"] == [silent_for.total_seconds()]
    assert measured["LongestSlotGap"] == [60.0]
    assert measured["EventsOverdue"] == [overdue]
