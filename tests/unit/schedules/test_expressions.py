"""The parser returns the meaning of schedule expressions, and rejects invalid ones with a reason."""

from datetime import datetime, timedelta

import pytest

from aichats.schedules.days import DaysOfMonth, DaysOfWeek, LastDayOfWeek, NthDayOfWeek
from aichats.schedules.expressions import At, Cron, ExpressionError, Rate, parse_schedule


def test_lists_ranges_steps_and_leading_zeros_make_the_minutes_and_hours() -> None:
    cron = parse_schedule("cron(5,50/5,*/30,5 08-12/2,23 * * ? 2030)")
    assert cron == Cron(
        minutes=(0, 5, 30, 50, 55),
        hours=(8, 10, 12, 23),
        days=DaysOfMonth(tuple(range(1, 32))),
        months=tuple(range(1, 13)),
        years=(2030,),
    )


@pytest.mark.parametrize(
    ("day_of_week", "days"),
    [("SUN-TUE", DaysOfWeek((1, 2, 3))), ("FriL", LastDayOfWeek(6)), ("wed#2", NthDayOfWeek(4, 2))],
)
def test_names_of_days_stand_for_numbers_in_any_case(day_of_week: str, days: object) -> None:
    cron = parse_schedule(f"cron(0 9 ? * {day_of_week} *)")
    assert isinstance(cron, Cron)
    assert cron.days == days


@pytest.mark.parametrize(
    ("expression", "period"),
    [
        ("rate(1 minute)", timedelta(minutes=1)),
        ("rate(1 minutes)", timedelta(minutes=1)),
        ("rate(90 minutes)", timedelta(minutes=90)),
        ("rate(1 hour)", timedelta(hours=1)),
        ("rate(7 days)", timedelta(days=7)),
    ],
)
def test_a_rate_is_a_period(expression: str, period: timedelta) -> None:
    assert parse_schedule(expression) == Rate(period)


def test_an_at_is_a_date_and_time_without_a_zone() -> None:
    assert parse_schedule("at(2026-11-20T13:00:00)") == At(datetime.fromisoformat("2026-11-20T13:00:00"))


# Each with a part of the message, which says what is wrong, where, or how to fix it.
BAD_EXPRESSIONS = [
    ("", "cron(minutes hours day-of-month month day-of-week year)"),
    ("every monday", "'every monday' is not a schedule expression"),
    ("0 9 * * ? *", "is not a schedule expression"),
    (" cron(0 9 * * ? *)", "is not a schedule expression"),
    ("CRON(0 9 * * ? *)", "is not a schedule expression"),
    ("cron(0 9 ? * \N{LATIN SMALL LETTER LONG S}UN *)", "is not a schedule expression"),
    ("cron(0 9 * * ? *) ", "is not a schedule expression"),
    ("cron(" + "0," * 200 + "0 9 * * ? *)", "417 characters. At most 256 are allowed"),
    ("cron()", "has 0 fields. EventBridge cron expressions have 6: minutes hours"),
    ("cron(0 9 * * ?)", "has 5 fields. EventBridge cron expressions have 6: cron(0 9 * * ? *)"),
    ("cron(0 0 9 * * ? *)", "has 7 fields. EventBridge cron expressions have 6: minutes hours"),
    (
        "cron(0 9 * * * *)",
        "day-of-month is '*' and day-of-week is '*'. Exactly one of them must be '?', as in cron(0 9 * * ? *)",
    ),
    ("cron(0 9 * * 1-5 *)", "Exactly one of them must be '?', as in cron(0 9 ? * 1-5 *), where 1 is Sunday"),
    ("cron(0 9 ? * ? *)", "Exactly one of them must be '?', as in cron(0 9 ? * MON *) or"),
    ("cron(0 9 1 * MON *)", "Exactly one of them must be '?', as in cron(0 9 ? * MON *) or"),
    ("cron(60 9 * * ? *)", "minutes has '60'. Allowed: 0 to 59"),
    ("cron(-5 9 * * ? *)", "minutes has ''. Allowed: 0 to 59"),
    ("cron(? 9 * * ? *)", "minutes has '?'"),
    ("cron(0 24 * * ? *)", "hours has '24'. Allowed: 0 to 23"),
    ("cron(0 9am * * ? *)", "hours has '9AM'"),
    ("cron(0 9, * * ? *)", "hours has ''"),
    ("cron(0 9-12-15 * * ? *)", "hours has '12-15'"),
    ("cron(0 *-5 * * ? *)", "hours has '*'"),
    ("cron(0 22-4 * * ? *)", "hours has the range '22-4', which ends before it starts"),
    ("cron(0/0 9 * * ? *)", "minutes has the step '0'. Allowed: 1 to 59"),
    ("cron(*/60 9 * * ? *)", "minutes has the step '60'. Allowed: 1 to 59"),
    ("cron(0/ 9 * * ? *)", "minutes has the step ''"),
    ("cron(0/5/5 9 * * ? *)", "minutes has the step '5/5'"),
    ("cron(/5 9 * * ? *)", "minutes has ''"),
    ("cron(0 9 0 * ? *)", "day-of-month has '0'. Allowed: 1 to 31"),
    ("cron(0 9 32 * ? *)", "day-of-month has '32'"),
    ("cron(0 9 32W * ? *)", "day-of-month has '32'. Allowed: 1 to 31"),
    ("cron(0 9 W * ? *)", "day-of-month is 'W'. L and W cannot be combined"),
    ("cron(0 9 1,15W * ? *)", "L and W cannot be combined"),
    ("cron(0 9 1-15W * ? *)", "L and W cannot be combined"),
    ("cron(0 9 L-3 * ? *)", "L and W cannot be combined"),
    ("cron(0 9 1,L * ? *)", "L and W cannot be combined"),
    ("cron(0 9 ?,1 * ? *)", "day-of-month has '?'"),
    ("cron(0 9 1 13 ? *)", "month has '13'. Allowed: 1 to 12, or JAN to DEC"),
    ("cron(0 9 1 JANUARY ? *)", "month has 'JANUARY'"),
    ("cron(0 9 1 NOV-FEB ? *)", "or write two ranges: NOV-12,1-FEB"),
    ("cron(0 9 ? * 0 *)", "day-of-week has '0'. Allowed: 1 to 7, or SUN to SAT"),
    ("cron(0 9 ? * 8 *)", "day-of-week has '8'"),
    ("cron(0 9 ? * FRI-MON *)", "day-of-week has the range 'FRI-MON'"),
    ("cron(0 9 ? * MON-FRI/2 *)", "Steps (/) are not allowed here. List the days"),
    ("cron(0 9 ? * 2#6 *)", "1 to 5"),
    ("cron(0 9 ? * 2#0 *)", "1 to 5"),
    ("cron(0 9 ? * 2# *)", "L and # cannot be combined"),
    ("cron(0 9 ? * 8#1 *)", "day-of-week has '8'"),
    ("cron(0 9 ? * 3#1,6#3 *)", "L and # cannot be combined"),
    ("cron(0 9 ? * MON,FRIL *)", "L and # cannot be combined"),
    ("cron(0 9 ? * 15W *)", "day-of-week has '15W'"),
    ("cron(0 9 * * ? 1969)", "year has '1969'. Allowed: 1970 to 2199"),
    ("cron(0 9 * * ? 2200)", "year has '2200'"),
    ("rate()", "whole number from 1 and minutes, hours or days"),
    ("rate(5)", "whole number from 1 and minutes"),
    ("rate(0 minutes)", "whole number from 1"),
    ("rate(-1 minutes)", "whole number from 1"),
    ("rate(1.5 hours)", "whole number from 1"),
    ("rate(30 seconds)", "minutes, hours or days"),
    ("rate(1 week)", "minutes, hours or days"),
    ("rate(5 minute)", "needs the plural. Write rate(5 minutes)"),
    ("rate(9999999999 days)", "too long"),
    ("at(2026-11-20)", "is not valid. Write at(yyyy-mm-ddThh:mm:ss)"),
    ("at(2026-11-20T13:00)", "is not valid. Write at(yyyy-mm-ddThh:mm:ss)"),
    ("at(2026-11-20 13:00:00)", "is not valid. Write at(yyyy-mm-ddThh:mm:ss)"),
    ("at(2026-11-20T13:00:00Z)", "The time zone is a separate field"),
    ("at(2026-02-30T13:00:00)", "is not a time that exists"),
    ("at(2026-11-20T24:00:00)", "is not a time that exists"),
    ("at(0001-01-01T00:00:00)", "the year 1. Allowed: 1970 to 2199"),
]


@pytest.mark.parametrize(("expression", "message"), BAD_EXPRESSIONS)
def test_an_invalid_expression_is_rejected_with_a_message_that_says_where_and_why(
    expression: str, message: str
) -> None:
    with pytest.raises(ExpressionError) as error:
        parse_schedule(expression)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("fields", "fixed"),
    [
        ("0 9 * * *", "0 9 * * ? *"),
        ("*/5 * * * *", "*/5 * * * ? *"),
        ("0 9 1 * *", "0 9 1 * ? *"),
        ("0 9 1,15 JAN-MAR *", "0 9 1,15 JAN-MAR ? *"),
        ("0 9 * * 1-5", "0 9 ? * 2-6 *"),
        ("0 9 * * 0-4", "0 9 ? * 1-5 *"),
        ("0 9 * * 0", "0 9 ? * 1 *"),
        ("0 9 * * 6,7", "0 9 ? * 7,1 *"),
        ("0 9 * * mon-fri", "0 9 ? * MON-FRI *"),
        ("0 9 * * ?", "0 9 * * ? *"),
        ("0 9 ? * 2-6", "0 9 ? * 2-6 *"),
    ],
)
@pytest.mark.parametrize("written", ["cron({})", "{}"])
def test_the_message_about_five_fields_shows_the_six_field_form(fields: str, fixed: str, written: str) -> None:
    """Unix cron numbers Sunday 0 or 7, EventBridge numbers it 1."""
    with pytest.raises(ExpressionError) as error:
        parse_schedule(written.format(fields))
    assert str(error.value).endswith(f" cron({fixed})")


@pytest.mark.parametrize(
    "fields", ["0 9 1 * 1", "0 9 * * 5-7", "0 9 * * 6-0", "0 9 * * */2", "0 9 * * 8", "0 9 * * L", "0 25 * * *"]
)
def test_without_a_certain_meaning_the_message_about_five_fields_names_the_six(fields: str) -> None:
    with pytest.raises(ExpressionError) as error:
        parse_schedule(f"cron({fields})")
    assert str(error.value).endswith("have 6: minutes hours day-of-month month day-of-week year")


@pytest.mark.parametrize(
    ("expression", "fixed"),
    [
        ("0 9 * * ? *", "cron(0 9 * * ? *)"),
        ("cron(0 9 * * * *)", "cron(0 9 * * ? *)"),
        ("cron(0 9 1 * * *)", "cron(0 9 1 * ? *)"),
        ("cron(0 9 * * MON *)", "cron(0 9 ? * MON *)"),
    ],
)
def test_the_message_shows_the_fixed_expression(expression: str, fixed: str) -> None:
    with pytest.raises(ExpressionError) as error:
        parse_schedule(expression)
    assert str(error.value).endswith(fixed)
