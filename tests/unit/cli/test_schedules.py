"""Options that describe a schedule become expressions that fire when the options say."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aichats.automations.definition_models import ScheduleTriggerModel
from aichats.schedules.expressions import At, Cron, Rate, parse_schedule
from aichats.schedules.fire_times import fire_times
from aichats_cli.dates import DAYS
from aichats_cli.errors import UsageError
from aichats_cli.schedules import EVERY, TypedTrigger, expression_of, week_days
from aichats_cli.trigger_words import in_words

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 30, 12, 30, tzinfo=BERLIN)
EXPRESSIONS = [
    # --every, --at, the expression, the expression in words
    ("day", "08:30", "cron(30 8 * * ? *)", "every day at 08:30"),
    ("day", "8:00,17:00", "cron(0 8,17 * * ? *)", "every day at 08:00 and 17:00"),
    ("day", "8:00,8:30", "cron(0,30 8 * * ? *)", "every day at 08:00 and 08:30"),
    ("weekday", "08:30", "cron(30 8 ? * MON-FRI *)", "every weekday at 08:30"),
    ("weekdays", "08:30", "cron(30 8 ? * MON-FRI *)", "every weekday at 08:30"),
    ("weekend", "5pm", "cron(0 17 ? * SAT,SUN *)", "every Saturday and Sunday at 17:00"),
    ("Monday", "9", "cron(0 9 ? * MON *)", "every Monday at 09:00"),
    ("mon,wed", "9", "cron(0 9 ? * MON,WED *)", "every Monday and Wednesday at 09:00"),
    ("wed, mon, tues", "9", "cron(0 9 ? * MON,TUE,WED *)", "every Monday, Tuesday and Wednesday at 09:00"),
    ("mon-fri", "9", "cron(0 9 ? * MON-FRI *)", "every weekday at 09:00"),
    ("fri-mon", "9", "cron(0 9 ? * MON,FRI,SAT,SUN *)", "every Monday, Friday, Saturday and Sunday at 09:00"),
    ("weekday,weekend", "9", "cron(0 9 * * ? *)", "every day at 09:00"),
    ("month", "6:00", "cron(0 6 1 * ? *)", "on the 1st of each month at 06:00"),
    ("15th,1st", "6:00", "cron(0 6 1,15 * ? *)", "on the 1st and 15th of each month at 06:00"),
    ("hour", "", "cron(0 * * * ? *)", "every hour"),
    ("hour", "0:15,0:45", "cron(15,45 * * * ? *)", "every hour at :15 and :45"),
    ("minute", "", "rate(1 minute)", "every minute"),
    ("15m", "", "rate(15 minutes)", "every 15 minutes"),
    ("2 hours", "", "rate(2 hours)", "every 2 hours"),
    ("1d", "", "rate(1 day)", "every day"),
]


@pytest.mark.parametrize(
    ("minutes", "words"),
    [("*/15", "every 15 minutes"), ("0/1", "every minute"), ("0/60", "cron(0/60 * * * ? *)"),
     ("*/7", "cron(*/7 * * * ? *)"), ("*/45", "cron(*/45 * * * ? *)")],
)  # fmt: skip
def test_a_step_that_does_not_divide_the_hour_has_no_words(minutes: str, words: str) -> None:
    assert in_words({"type": "schedule", "expression": f"cron({minutes} * * * ? *)"}) == f"{words} (UTC)"


@pytest.mark.parametrize(("every", "at", "expression", "words"), EXPRESSIONS, ids=[each[0] for each in EXPRESSIONS])
def test_days_and_times_are_an_expression(every: str, at: str, expression: str, words: str) -> None:
    trigger = typed(every=every, at=[at])

    assert trigger == {"type": "schedule", "expression": expression, "timezone": "Europe/Berlin"}
    assert isinstance(parse_schedule(expression), Cron | Rate | At)
    assert in_words(trigger).removesuffix(" (Europe/Berlin)") == words


@pytest.mark.parametrize("every", EVERY.split(", "))
def test_each_word_of_the_help_is_known(every: str) -> None:
    has_time = every not in {"hour", "15m", "2h", "3d"}

    assert isinstance(parse_schedule(expression_of(every, [time(8, 30)] if has_time else [])), Cron | Rate | At)


week = st.sets(st.sampled_from(DAYS), min_size=1)
times = st.one_of(
    st.tuples(st.sets(st.integers(0, 23), min_size=1, max_size=3), st.integers(0, 59).map(lambda minute: {minute})),
    st.tuples(st.integers(0, 23).map(lambda hour: {hour}), st.sets(st.integers(0, 59), min_size=1, max_size=3)),
)


@given(week, times)
def test_a_schedule_fires_on_its_days_at_its_times_and_says_so(days: set[str], at: tuple[set[int], set[int]]) -> None:
    clocks = {time(hour, minute) for hour in at[0] for minute in at[1]}
    expression = expression_of(",".join(day[:3] for day in days), sorted(clocks))

    fired = list(islice(fire_times(expression, after=NOW), len(days) * len(clocks)))

    assert {(DAYS[each.weekday()], each.time()) for each in fired} == {(day, clock) for day in days for clock in clocks}
    assert all((each - NOW).days < 7 for each in fired)
    words = in_words({"type": "schedule", "expression": expression})
    assert all(f"{clock:%H:%M}" in words for clock in clocks)
    if len(days) == 1:
        assert next(iter(days)).capitalize() in words


@given(st.sampled_from(DAYS), st.sampled_from(DAYS))
def test_a_span_of_days_goes_from_its_first_to_its_last(first: str, last: str) -> None:
    span = week_days(f"{first}-{last[:3]}")

    assert (span[0], span[-1]) == (first, last)
    assert len(span) == len(set(span)) == (DAYS.index(last) - DAYS.index(first)) % 7 + 1


@given(st.text())
def test_any_text_is_an_expression_or_wrong_usage(text: str) -> None:
    for at in ([], [time(8, 30)]):
        try:
            parse_schedule(expression_of(text, at))
        except UsageError:
            continue


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("24 dec 9:00", "at(2026-12-24T09:00:00)"),
        ("in 3h", "at(2026-11-30T15:30:00)"),
        ("tomorrow 8am", "at(2026-12-01T08:00:00)"),
        ("2027-03-28 2:30", "at(2027-03-28T03:30:00)"),
    ],
)
def test_a_date_is_one_time(text: str, expression: str) -> None:
    assert typed(on=text)["expression"] == expression


def test_a_date_takes_its_time_from_at() -> None:
    assert typed(on="24 dec", at=["9:00"])["expression"] == "at(2026-12-24T09:00:00)"


def test_a_date_is_in_the_zone_of_the_schedule() -> None:
    tokyo = NOW.astimezone(ZoneInfo("Asia/Tokyo"))

    assert TypedTrigger(on="today 22:00").trigger(tokyo, "Asia/Tokyo") == {
        "type": "schedule",
        "expression": "at(2026-11-30T22:00:00)",
        "timezone": "Asia/Tokyo",
    }


def test_an_expression_is_taken_as_it_is() -> None:
    assert typed(schedule="cron(0 9 L * ? *)")["expression"] == "cron(0 9 L * ? *)"


def test_events_are_a_webhook() -> None:
    trigger = typed(events=["payment.failed"], filter="data.amount > `1000`")

    assert trigger == {"type": "webhook", "events": ["payment.failed"], "filter": "data.amount > `1000`"}
    assert in_words(trigger) == "on payment.failed, if data.amount > `1000`"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "Say when it runs. Write one of --every, --on, --schedule and --event"),
    ({"every": "day", "on": "24 dec"}, "You wrote --every and --on. Write one of"),
    ({"schedule": "rate(1 day)", "at": ["9"]}, "--at goes with --every or --on, not with --schedule"),
    ({"every": "day", "at": ["9"], "filter": "x"}, "--filter selects events, so it needs --event"),
    ({"every": "day"}, "--every day needs a time of the day: --at 08:30"),
    ({"every": "fortnight", "at": ["9"]}, "--every 'fortnight' is not known. Write one of these: day, weekday"),
    ({"every": "mon,xyz", "at": ["9"]}, "--every 'mon,xyz' is not known"),
    ({"every": "0th", "at": ["9"]}, "--every '0th' is not known"),
    ({"every": "32nd", "at": ["9"]}, "--every '32nd' is not known"),
    ({"every": "0m"}, "--every 0 minutes: write a number from 1"),
    ({"every": "15m", "at": ["9"]}, "--every 15m counts from the start, so it has no --at"),
    ({"every": "hour", "at": ["9:15"]}, "--every hour takes only minutes: --at 00:30"),
    ({"every": "day", "at": ["08:30,17:00"]}, "08:30 and 17:00 don't fit into one schedule"),
    ({"every": "day", "at": ["8.30"]}, "'8.30' is not a time of the day"),
    ({"on": "2026-11-29 9:00"}, "--on '2026-11-29 9:00' is in the past: 2026-11-29 09:00"),
    ({"on": "now"}, "is in the past"),
    ({"on": "someday"}, "'someday' is not a time"),
]


@pytest.mark.parametrize(("options", "problem"), WRONG, ids=[problem for _, problem in WRONG])
def test_options_that_are_not_one_trigger_are_wrong_usage(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(UsageError) as raised:
        typed(**options)

    assert problem in raised.value.message


WORDS = [
    ("cron(0 9 ? * 2-6 *)", "every weekday at 09:00 (UTC)"),
    ("cron(0 9 ? * 1,7 *)", "every Sunday and Saturday at 09:00 (UTC)"),
    ("cron(00 09 * * ? *)", "every day at 09:00 (UTC)"),
    ("cron(0/15 * * * ? *)", "every 15 minutes (UTC)"),
    ("cron(*/1 * * * ? *)", "every minute (UTC)"),
    ("cron(* * ? * * *)", "every minute (UTC)"),
    ("cron(0 9 L * ? *)", "on the last day of each month at 09:00 (UTC)"),
    ("cron(0 9 2,3,11,22 * ? *)", "on the 2nd, 3rd, 11th and 22nd of each month at 09:00 (UTC)"),
    ("at(2030-01-31T09:00:00)", "once on Thu 31 Jan 2030 at 09:00 (UTC)"),
    # No simple words:
    ("cron(0 9 ? * 2#1 *)", "cron(0 9 ? * 2#1 *) (UTC)"),
    ("cron(0 9 15W * ? *)", "cron(0 9 15W * ? *) (UTC)"),
    ("cron(0 9 1 1 ? *)", "cron(0 9 1 1 ? *) (UTC)"),
    ("cron(0 9 * * ? 2030)", "cron(0 9 * * ? 2030) (UTC)"),
    ("cron(0/15 * ? * MON-FRI *)", "cron(0/15 * ? * MON-FRI *) (UTC)"),
    ("cron(0/15 8-18 * * ? *)", "cron(0/15 8-18 * * ? *) (UTC)"),
    ("cron(1-5 * * * ? *)", "cron(1-5 * * * ? *) (UTC)"),
    ("cron(0 0,1,2,3,4,5,6 * * ? *)", "cron(0 0,1,2,3,4,5,6 * * ? *) (UTC)"),
]


@pytest.mark.parametrize(("expression", "words"), WORDS, ids=[expression for expression, _ in WORDS])
def test_an_expression_is_shown_in_words_if_there_are_simple_ones(expression: str, words: str) -> None:
    assert isinstance(parse_schedule(expression), Cron | Rate | At)
    assert in_words({"type": "schedule", "expression": expression}) == words


def test_several_events_are_a_list_in_words() -> None:
    assert in_words({"type": "webhook", "events": ["a.b", "c.d", "e.f"]}) == "on a.b, c.d or e.f"


def test_the_api_takes_each_schedule() -> None:
    for every, at, expression, _ in EXPRESSIONS:
        fields: Mapping[str, Any] = typed(every=every, at=[at])
        trigger = ScheduleTriggerModel.model_validate(fields, context={"now": datetime.now(UTC)})
        assert trigger.expression == expression


def typed(*, at: Sequence[str] = (), **options: Any) -> Any:
    return TypedTrigger(at=at, **options).trigger(NOW, "Europe/Berlin")
