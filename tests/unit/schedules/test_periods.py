"""The periods of budgets are days and months in UTC, and their pauses last until a period ends."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from aichats.schedules.pauses import BY_BUDGET, Pauses, PauseWindow
from aichats.schedules.periods import Per, Period

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
DAY, MONTH = Period.at(NOON, "day"), Period.at(NOON, "month")
NONE = Pauses()


@pytest.mark.parametrize(
    ("time", "per", "name", "ends"),
    [
        ("2026-11-30T00:00:00+00:00", "day", "2026-11-30", "2026-12-01T00:00:00+00:00"),
        ("2026-11-30T23:59:59.999999+00:00", "day", "2026-11-30", "2026-12-01T00:00:00+00:00"),
        ("2026-12-31T12:00:00+00:00", "day", "2026-12-31", "2027-01-01T00:00:00+00:00"),
        ("2026-11-30T12:00:00+00:00", "month", "2026-11", "2026-12-01T00:00:00+00:00"),
        ("2028-02-29T12:00:00+00:00", "month", "2028-02", "2028-03-01T00:00:00+00:00"),
        ("2026-12-31T23:59:59+00:00", "month", "2026-12", "2027-01-01T00:00:00+00:00"),
        ("2026-12-01T00:30:00+01:00", "month", "2026-11", "2026-12-01T00:00:00+00:00"),
    ],
)
def test_a_period_is_a_day_or_a_month_in_utc(time: str, per: Per, name: str, ends: str) -> None:
    period = Period.at(datetime.fromisoformat(time), per)

    assert (period.name, period.ends.isoformat()) == (name, ends)
    assert Period.named(name) == period


def test_a_day_has_24_hours_although_clocks_change() -> None:
    changed = Period.at(datetime(2026, 10, 25, 1, tzinfo=timezone(timedelta(hours=2))), "day")

    assert changed.ends - changed.begins == timedelta(hours=24)


@pytest.mark.parametrize("name", ["", "2026", "2026-13", "2026-11-31", "today"])
def test_other_names_are_no_periods(name: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Period.named(name)


def test_a_pause_by_a_budget_lasts_until_the_period_ends() -> None:
    assert DAY.paused(NONE, NOON).windows == (PauseWindow(NOON, DAY.ends, BY_BUDGET, NOON, BY_BUDGET),)


def test_a_second_pause_in_a_period_changes_nothing() -> None:
    paused = DAY.paused(NONE, NOON)

    assert DAY.paused(paused, NOON + timedelta(hours=1)) == paused


def test_a_pause_of_a_period_that_has_ended_changes_nothing() -> None:
    assert DAY.paused(NONE, DAY.ends) == NONE


def test_a_clock_that_is_behind_pauses_the_next_period_from_its_beginning() -> None:
    tomorrow = Period.at(DAY.ends, "day")
    paused = tomorrow.paused(NONE, DAY.ends - timedelta(seconds=2))

    assert (paused.at(NOON), [window.begins for window in paused.windows]) == (None, [tomorrow.begins])


@pytest.mark.parametrize("period", [DAY, MONTH])
def test_a_budget_that_was_resumed_is_lifted_until_the_period_ends(period: Period) -> None:
    resumed = period.paused(NONE, NOON).resumed(NOON + timedelta(minutes=1), "ops")

    assert period.is_lifted(resumed)
    assert period.paused(resumed, NOON + timedelta(hours=1)) == resumed
    assert not Period.at(period.ends, period.per).is_lifted(resumed)


def test_a_pause_by_a_client_that_was_resumed_lifts_no_budget() -> None:
    paused = NONE.add(PauseWindow(NOON, None, "ops", NOON), NOON)

    assert not DAY.is_lifted(paused.resumed(NOON + timedelta(minutes=1), "ops"))


def test_a_budget_pauses_although_there_are_many_planned_pauses() -> None:
    pauses = NONE
    for number in range(1, 21):
        begins = NOON + timedelta(days=number)
        pauses = pauses.add(PauseWindow(begins, begins + timedelta(hours=1), "ops", NOON), NOON)

    assert DAY.paused(pauses, NOON).at(NOON) is not None


def test_only_the_pauses_by_a_budget_end_when_it_is_raised() -> None:
    by_hand = NONE.add(PauseWindow(NOON, None, "ops", NOON), NOON)
    later = NOON + timedelta(hours=1)
    ended = DAY.paused(by_hand, NOON).ended_by(BY_BUDGET, later)

    assert [(window.by, window.until) for window in ended.windows] == [("budget", later), ("ops", None)]
    assert not DAY.is_lifted(ended)
