"""The same occurrence always meets the same run, and no other occurrence meets it."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aichats.runs.model import run_id, scheduled_runs
from aichats.runs.schedule_models import ScheduleEvent

EVENT: dict[str, Any] = {
    "automation": "weekly-revenue",
    "scheduled_time": "2026-11-23T14:00:00Z",
    "action": {"type": "whop.create_chat", "message_text": "How was the week?"},
    "targets": ["biz_A"],
}

parts = st.lists(st.none() | st.text(), max_size=5)
triggers = st.sampled_from(["schedule", "http"])
times = st.integers(946_771_200, 32_503_507_200).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
offsets = st.timedeltas(timedelta(hours=-14), timedelta(hours=14)).map(
    lambda offset: timezone(timedelta(minutes=offset // timedelta(minutes=1)))
)


def the_run_id(**changes: object) -> str:
    [run] = scheduled_runs(ScheduleEvent.model_validate(EVENT | changes), "2026-07-08-1")
    return run.run_id


def test_an_id_is_32_small_letters_and_digits_and_never_changes_between_releases() -> None:
    assert the_run_id() == "z5h6zk4kerckzcgj6hok5e4wxn66ekez"


def test_an_event_that_arrives_twice_meets_the_same_run() -> None:
    assert the_run_id() == the_run_id()


@pytest.mark.parametrize(
    "change",
    [
        {"automation": "weekly-churn"},
        {"scheduled_time": "2026-11-23T14:00:01Z"},
        {"scheduled_time": "2026-11-23T14:00:00+01:00"},
        {"targets": ["biz_B"]},
        {"targets": ["biz_a"]},
        {"targets": [None]},
    ],
)
def test_another_automation_slot_or_target_is_another_run(change: dict[str, object]) -> None:
    assert the_run_id(**change) != the_run_id()


def test_what_is_to_be_done_does_not_make_another_run() -> None:
    action = {"type": "whop.create_chat", "message_text": "And this week?", "title": "Week"}

    assert the_run_id(action=action) == the_run_id()


def test_no_target_is_another_run_than_a_target_that_reads_like_none() -> None:
    assert run_id("schedule", "a", "slot", None) != run_id("schedule", "a", "slot", "null")


@given(triggers, parts, triggers, parts)
def test_only_the_same_parts_make_the_same_id(trigger: Any, first: Any, other: Any, second: Any) -> None:
    same = (trigger, first) == (other, second)

    assert (run_id(trigger, *first) == run_id(other, *second)) is same


@given(st.text(min_size=2), st.text(min_size=2), st.data())
def test_moving_characters_from_one_part_to_the_next_makes_another_id(first: str, second: str, data: Any) -> None:
    joined = first + second
    cut = data.draw(st.integers(0, len(joined)))
    assume(cut != len(first))

    assert run_id("http", first, second) != run_id("http", joined[:cut], joined[cut:])
    assert run_id("http", first, second) != run_id("http", joined)


@given(times, offsets)
def test_a_slot_is_the_same_whatever_offset_it_is_written_with(time: datetime, offset: timezone) -> None:
    here, there = time.isoformat(), time.astimezone(offset).isoformat()

    assert the_run_id(scheduled_time=here) == the_run_id(scheduled_time=there)


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-23T14:00:00Z",
        "2026-11-23T14:00:00+00:00",
        "2026-11-23T14:00Z",
        "2026-11-23T14:00:00.000Z",
        "2026-11-23T09:00:00-05:00",
        "2026-11-23T19:45:00+05:45",
        "2026-11-24T00:00:00+10:00",
    ],
)
def test_a_slot_is_written_in_utc(written: str) -> None:
    [run] = scheduled_runs(ScheduleEvent.model_validate(EVENT | {"scheduled_time": written}), "2026-07-08-1")

    assert run.slot == "2026-11-23T14:00:00Z"
