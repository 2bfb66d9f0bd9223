"""Pauses are windows of time whose slots are neither run nor missed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from aichats.schedules.fire_times import fire_times
from aichats.schedules.pauses import KEEP_WINDOWS, MAX_ENDED, MAX_WINDOWS, Pauses, PauseWindow
from aichats.schedules.periods import Period

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def window(begins: float, until: float | None, reason: str | None = None, by: str | None = None) -> PauseWindow:
    """Return a window whose times are hours from now. ``by`` is the client that resumed."""
    end = None if until is None else NOW + until * HOUR
    return PauseWindow(NOW + begins * HOUR, end, "ops", NOW, reason, by)


def pauses(*windows: PauseWindow) -> Pauses:
    value = Pauses()
    for each in windows:
        value = value.add(each, NOW)
    return value


def hourly(after: datetime) -> Iterator[datetime]:
    return fire_times("cron(0 * * * ? *)", after=after)


def hours(slots: Iterator[datetime], count: int = 3) -> list[float]:
    return [(slot - NOW) / HOUR for slot in islice(slots, count)]


def test_a_window_has_its_first_time_and_not_its_end() -> None:
    value = pauses(window(1, 3))
    assert [value.at(NOW + hour * HOUR) is not None for hour in (0, 1, 2, 3)] == [False, True, True, False]


def test_of_overlapping_windows_the_last_to_end_counts() -> None:
    value = pauses(window(0, 4, "long"), window(1, 2, "short"), window(1, 3, "middle"))
    found = value.at(NOW + HOUR)
    assert found is not None
    assert found.reason == "long"
    assert pauses(window(0, 4), window(0, None)).at(NOW) == window(0, None)


def test_resume_ends_every_window_that_contains_now() -> None:
    value = pauses(window(-2, None), window(-1, 5), window(1, 2)).resumed(NOW, "zoe")
    assert value.windows == (window(-2, 0, by="zoe"), window(-1, 0, by="zoe"), window(1, 2))
    assert value.resumed(NOW, "zoe") == value


def test_a_pause_that_ends_as_it_begins_leaves_nothing() -> None:
    assert pauses(window(0, None)).resumed(NOW, "zoe") == Pauses()


def test_a_planned_window_can_be_removed() -> None:
    value = pauses(window(1, 2), window(3, 4))
    assert value.without(NOW + HOUR, NOW, "zoe").windows == (window(3, 4),)


def test_a_window_that_has_begun_ends_now_when_it_is_removed() -> None:
    assert pauses(window(-1, 2)).without(NOW - HOUR, NOW, "zoe").windows == (window(-1, 0, by="zoe"),)


def test_removing_a_window_that_does_not_exist_or_has_ended_is_an_error() -> None:
    others = "the pauses begin at 2026-11-20T13:00:00Z"
    with pytest.raises(LookupError, match=f"no pause begins at 2026-11-20T11:00:00Z; {others}"):
        pauses(window(1, 2)).resumed(NOW, "zoe").without(NOW - HOUR, NOW, "zoe")
    with pytest.raises(LookupError, match="no pause begins at 2026-11-20T11:00:00Z; there is no pause"):
        pauses(window(-1, 2)).resumed(NOW, "zoe").without(NOW - HOUR, NOW, "zoe")


def test_there_are_at_most_twenty_open_windows() -> None:
    value = pauses(*(window(hour, hour + 1) for hour in range(MAX_WINDOWS)))
    with pytest.raises(ValueError, match="there are 20 pauses already"):
        value.add(window(30, 31), NOW)
    assert value.add(window(30, 31), NOW + HOUR).after(NOW + HOUR)[-1] == window(30, 31)


def test_ended_windows_are_kept_for_a_month() -> None:
    ended, until = pauses(window(-2, -1)), NOW - HOUR + KEEP_WINDOWS
    new = PauseWindow(until, None, "ops", until)
    assert ended.add(new, until - timedelta(seconds=1)).windows == (window(-2, -1), new)
    assert ended.add(new, until).windows == (new,)


def test_at_most_fifty_ended_windows_are_kept() -> None:
    ended = Pauses(tuple(window(hour, hour + 1) for hour in range(-100, 0)))
    kept = ended.add(window(5, 6), NOW)
    assert len(kept.windows) == MAX_ENDED + 1
    assert kept.windows[0] == window(-MAX_ENDED, 1 - MAX_ENDED)


def test_the_text_keeps_all_fields() -> None:
    value = pauses(window(0, None, "Weihnachten, zu ☃"), window(1, 2, by="zoe"))
    assert Pauses.from_text(value.to_text()) == value
    assert Pauses.from_text(None) == Pauses()


def test_unknown_fields_in_a_text_are_ignored() -> None:
    text = '[{"from":"2026-11-20T12:00:00Z","until":null,"by":"ops","at":"2026-11-20T12:00:00Z","new":1}]'
    assert Pauses.from_text(text) == pauses(window(0, None))


@pytest.mark.parametrize(
    "text", ["{", "1", "[1]", '["x"]', "[{}]", '[{"from":"2026-11-20T12:00:00","until":null,"by":"x","at":"x"}]']
)
def test_a_malformed_text_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Pauses.from_text(text)


def test_slots_in_windows_are_skipped() -> None:
    assert hours(pauses(window(2, 4)).skip(hourly, NOW)) == [1, 4, 5]
    assert hours(pauses(window(1, 3), window(2, 5)).skip(hourly, NOW)) == [5, 6, 7]


def test_after_a_window_without_an_end_there_are_no_slots() -> None:
    assert hours(pauses(window(2, None)).skip(hourly, NOW)) == [1]


def test_a_long_window_is_skipped_at_once() -> None:
    asked: list[datetime] = []

    def every_minute(after: datetime) -> Iterator[datetime]:
        for slot in fire_times("cron(* * * * ? *)", after=after):
            asked.append(slot)
            yield slot

    value = pauses(window(0, 5 * 366 * 24))
    assert hours(value.skip(every_minute, NOW), 1) == [5 * 366 * 24]
    assert len(asked) == 2


def test_a_window_says_who_paused_until_when_and_why() -> None:
    assert window(0, None).in_words() == "paused by ops"
    assert window(0, 1, "holidays").in_words() == "paused by ops until 2026-11-20T13:00:00Z: holidays"
    assert window(0, None, "Wrong texts. ").in_words() == "paused by ops: Wrong texts"


def test_a_window_of_a_budget_says_that_the_budget_is_used_up() -> None:
    of_budget = Period.at(NOW, "day").paused(pauses(), NOW).windows[0]
    assert of_budget.in_words() == "paused until 2026-11-21T00:00:00Z, because its budget is used up"
