"""Definitions of automations are accepted or rejected with a reason, and schedules fire at the right times."""

import re
from copy import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from pydantic import ValidationError

from aichats.automations.definition_models import NAME, AutomationModel, ScheduleTriggerModel, validated_automation
from aichats.automations.model import ScheduleTrigger, canonical, first_slot, schedule_times
from aichats.errors import InputError
from tests.support.automations import ACTION, automation, listening, scheduled
from tests.support.fakes import Json
from tests.support.ledgers import NOON

CHANGE = {"type": "whop.update_chat", "notification_preference": "none"}


def problems(definition: Json, **context: Any) -> dict[str, str]:
    """Return the problems of a definition, by field, without the kind of a trigger in the path."""
    with pytest.raises(InputError) as caught:
        validated_automation(definition, **context)
    return {
        re.sub(r"^trigger\.(schedule|webhook)\.", "trigger.", field): reason for field, reason in caught.value.problems
    }


def trigger(expression: str, **fields: Any) -> ScheduleTrigger:
    return ScheduleTriggerModel.model_validate({"type": "schedule", "expression": expression, **fields}).plain


# ---------------------------------------------------------------------------------------------- definitions


def test_a_definition_is_stored_as_written_with_the_defaults_of_the_trigger() -> None:
    assert automation(scheduled()).definition == {
        "trigger": {
            "type": "schedule",
            "expression": "cron(0 9 ? * MON *)",
            "timezone": "UTC",
            "start": None,
            "end": None,
            "enabled": True,
        },
        "action": ACTION,
        "targets": ["biz_A"],
        "missed": "skip",
        "overlap": "allow",
        "description": None,
        "labels": {},
        "managed_by": None,
    }
    assert list(automation(scheduled()).definition["trigger"])[:2] == ["type", "expression"]
    assert automation(listening()).definition["trigger"] == {
        "type": "webhook",
        "events": ["payment.failed"],
        "filter": None,
        "enabled": True,
    }


def test_a_definition_is_read_back_as_the_same_automation() -> None:
    for definition in [scheduled(timezone="Europe/London", start="2026-12-01T09:00:00+01:00"), listening("a", "b")]:
        written = automation(definition)
        read = automation(written.definition)
        assert replace(read, defaults=written.defaults) == written
        assert canonical(read) == canonical(written)


def test_a_cleared_field_differs_from_an_omitted_one() -> None:
    clearing = {**scheduled(), "action": {"type": "whop.update_chat", "title": None}, "targets": ["aich_1"]}

    assert automation(clearing).definition["action"] == {"type": "whop.update_chat", "title": None}


@pytest.mark.parametrize("name", ["a", "weekly-revenue", "0", "-", "a" * 64])
def test_names_of_lower_case_letters_digits_and_hyphens_are_accepted(name: str) -> None:
    assert NAME.validate_python(name) == name


@pytest.mark.parametrize("name", ["", "A", "a_b", "a.b", "a b", "ä", "a" * 65, "a\n"])
def test_other_names_are_rejected(name: str) -> None:
    with pytest.raises(ValidationError):
        NAME.validate_python(name)


def test_a_thousand_targets_are_accepted_and_one_more_is_not() -> None:
    targets = [f"biz_{number}" for number in range(1001)]

    assert len(automation({**scheduled(), "targets": targets[:1000]}).targets) == 1000
    assert "1000 items" in problems({**scheduled(), "targets": targets})["targets"]
    assert "targets" in problems({**scheduled(), "targets": []})


@pytest.mark.parametrize("field", ["name", "schedule", "enabled"])
def test_an_unknown_field_is_rejected(field: str) -> None:
    assert problems({**scheduled(), field: 1}) == {field: "unknown field"}


@pytest.mark.parametrize(
    ("field", "value"),
    [("events", []), ("events", ["a"] * 51), ("events", [""]), ("events", ["a b"]), ("filter", ""), ("zone", "UTC")],
)
def test_an_invalid_webhook_trigger_is_rejected(field: str, value: object) -> None:
    [named] = problems({**listening(), "trigger": {"type": "webhook", "events": ["a"], field: value}})
    assert named.startswith(f"trigger.{field}")


def test_a_long_description_is_rejected() -> None:
    assert automation({**scheduled(), "description": "d" * 500}).description == "d" * 500
    assert "description" in problems({**scheduled(), "description": "d" * 501})


# ---------------------------------------------------------------------------------------------- the clock


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        (
            {"expression": "cron(0 9 * * *)"},
            "expression",
            "has 5 fields. EventBridge cron expressions have 6: cron(0 9 * * ? *)",
        ),
        ({"expression": "every monday"}, "expression", "is not a schedule expression"),
        ({"timezone": "Mars/Olympus"}, "timezone", "there is no time zone 'Mars/Olympus'"),
        ({"timezone": "right/UTC"}, "timezone", "there is no time zone 'right/UTC'"),
        ({"start": "2026-12-02T00:00:00Z", "end": "2026-12-01T00:00:00Z"}, "end", "must be later than start"),
        ({"start": "2026-12-01T00:00:00Z", "end": "2026-12-01T01:00:00+01:00"}, "end", "must be later than start"),
        ({"start": "2026-12-01T00:00:00"}, "start", "must be a time with an offset"),
        ({"start": 2026}, "start", "must be a time with an offset"),
        ({"start": "tomorrow"}, "start", "must be a time with an offset"),
        ({"end": "2026-12-01T00:00:00.5Z"}, "end", "has a fraction of a second"),
        (
            {"expression": "at(2027-01-01T00:00:00)", "start": "2026-12-01T00:00:00Z"},
            "expression",
            "Remove start and end",
        ),
        (
            {"expression": "at(2027-01-01T00:00:00)", "end": "2027-12-01T00:00:00Z"},
            "expression",
            "Remove start and end",
        ),
        ({"expression": "at(2026-11-20T12:00:00)"}, "expression", "is in the past"),
        (
            {"expression": "at(2027-03-14T02:30:00)", "timezone": "America/New_York"},
            "expression",
            "does not exist in America/New_York: clocks skip it",
        ),
        ({"expression": "cron(0 9 30 2 ? *)"}, "expression", "never fires from now on"),
        ({"expression": "cron(0 9 1 1 ? 2026)"}, "expression", "never fires from now on"),
        ({"end": "2026-11-20T11:00:00Z"}, "expression", "never fires from now on"),
        (
            {"expression": "rate(2 days)", "start": "2026-11-19T00:00:00Z", "end": "2026-11-20T23:00:00Z"},
            "expression",
            "never fires from now on (now: 2026-11-20T12:00:00",
        ),
    ],
)
def test_an_invalid_schedule_is_rejected_with_its_field(fields: Json, field: str, reason: str) -> None:
    found = problems(scheduled(**{"expression": "cron(0 9 ? * MON *)", **fields}), now=NOON)

    assert list(found) == [f"trigger.{field}"]
    assert any(part in found[f"trigger.{field}"] for part in reason.split("|"))


def test_a_schedule_in_the_past_is_rejected_only_when_it_is_written() -> None:
    over = scheduled("at(2026-11-20T11:00:00)")

    message = "at(2026-11-20T11:00:00) is in the past (now: 2026-11-20T12:00:00+00:00)"
    assert problems(over, now=NOON)["trigger.expression"] == message
    assert automation(over).definition["trigger"]["expression"] == "at(2026-11-20T11:00:00)"


@pytest.mark.parametrize(
    "fields",
    [
        {"expression": "at(2026-11-20T08:00:00)", "timezone": "America/New_York"},
        {"expression": "rate(1 minute)"},
        {"expression": "rate(2 days)", "start": "2026-01-01T00:00:00Z", "end": "2026-12-01T00:00:00Z"},
        {"expression": "cron(0 9 ? * MON *)", "start": "2030-01-01T00:00:00Z"},
    ],
)
def test_a_schedule_in_the_future_is_accepted(fields: Json) -> None:
    assert validated_automation(scheduled(**fields), now=NOON).missed == "skip"


def test_a_rate_is_counted_from_the_next_whole_minute() -> None:
    every_two = trigger("rate(2 minutes)")
    start = first_slot(every_two, NOON + timedelta(seconds=10, milliseconds=5))

    assert start == NOON + timedelta(minutes=1)
    found = islice(schedule_times(every_two, start, NOON + timedelta(minutes=3)), 2)
    assert list(found) == [NOON + timedelta(minutes=5), NOON + timedelta(minutes=7)]


def test_a_rate_with_a_start_is_counted_from_it() -> None:
    every_hour = trigger("rate(1 hour)", start="2026-11-20T00:20:00Z")
    start = first_slot(every_hour, NOON)

    assert start == datetime(2026, 11, 20, 0, 20, tzinfo=UTC)
    assert next(schedule_times(every_hour, start, NOON)) == NOON + timedelta(minutes=20)


@pytest.mark.parametrize("expression", ["cron(0 9 ? * MON *)", "at(2027-01-01T00:00:00)"])
def test_wall_clock_times_have_no_first_slot(expression: str) -> None:
    assert first_slot(trigger(expression), NOON) is None


@pytest.mark.parametrize(("written", "minute"), [(0, 1), (44.999, 1), (45, 2), (59.7, 2), (60, 2)])
def test_the_first_slot_of_a_rate_is_more_than_fifteen_seconds_ahead(written: float, minute: int) -> None:
    start = first_slot(trigger("rate(30 days)"), NOON + timedelta(seconds=written))

    assert start == NOON + timedelta(minutes=minute)


def test_a_schedule_fires_in_its_zone_between_start_and_end() -> None:
    monday = trigger("cron(0 9 ? * MON *)", timezone="America/New_York", start="2026-11-24T00:00:00Z")

    assert next(schedule_times(monday, None, NOON)) == datetime(2026, 11, 30, 14, tzinfo=UTC)
    ended = trigger("cron(0 9 ? * MON *)", end="2026-11-24T00:00:00Z")
    assert list(schedule_times(ended, None, NOON)) == [datetime(2026, 11, 23, 9, tzinfo=UTC)]


# ---------------------------------------------------------------------------------------------- targets, texts, missed


@pytest.mark.parametrize("definition", [scheduled(), listening()])
def test_a_target_of_another_kind_is_rejected_with_its_place(definition: Json) -> None:
    wrong = {**definition, "targets": ["biz_A", None, "aich_1"]}

    assert problems(wrong) == {"targets": "item 2: whop.create_chat needs a company (biz_...) or null"}
    change = {**definition, "action": CHANGE, "targets": [None]}
    assert problems(change) == {"targets": "item 0: whop.update_chat needs a chat (aich_...)"}


def test_only_a_webhook_takes_its_targets_from_the_event() -> None:
    targets = ("{{ event.account_id }}", "biz_A")

    assert automation(listening(targets=targets)).targets == list(targets)
    assert problems({**scheduled(), "targets": list(targets)})["targets"].startswith("item 0: ")


def test_targets_are_not_checked_against_an_invalid_action() -> None:
    assert list(problems({**scheduled(), "action": {"type": "whop.create_chat"}})) == ["action.message_text"]


def test_limits_apply_to_texts_as_written() -> None:
    long = {**scheduled(), "action": {**ACTION, "title": "{{ slot.date }}" + "t" * 500}}

    assert list(problems(long)) == ["action.title"]
    assert list(problems(scheduled(message="m" * 101), max_message_bytes=100)) == ["action.message_text"]


def test_a_missed_slot_is_run_only_for_a_schedule() -> None:
    assert automation({**scheduled(), "missed": "run"}).missed == "run"
    assert automation({**listening(), "missed": "skip"}).missed == "skip"
    assert '"run" requires a schedule' in problems({**listening(), "missed": "run"})["missed"]


def test_the_model_describes_itself_as_json_schema() -> None:
    schema = AutomationModel.model_json_schema()

    assert set(schema["properties"]) == {
        *("trigger", "action", "targets", "missed", "overlap", "description", "labels", "managed_by", "budget")
    }
    assert schema["required"] == ["trigger", "action", "targets"]


@pytest.mark.parametrize(
    "budget", [{"runs": 1, "per": "day"}, {"tokens": 5, "per": "month"}, {"runs": 10**12, "tokens": 1, "per": "day"}]
)
def test_a_budget_has_runs_or_tokens_or_both(budget: Json) -> None:
    for definition in (scheduled(), listening()):
        assert automation({**definition, "budget": budget}).definition["budget"] == budget


@pytest.mark.parametrize(
    ("budget", "field", "problem"),
    [
        ({"per": "day"}, "budget", "must have runs, tokens or both"),
        ({"runs": 5}, "budget.per", "required"),
        ({"runs": 0, "per": "day"}, "budget.runs", "1"),
        ({"runs": 10**12 + 1, "per": "day"}, "budget.runs", "1000000000000"),
        ({"runs": "5", "per": "day"}, "budget.runs", "whole number"),
        ({"tokens": 1.5, "per": "day"}, "budget.tokens", "whole number"),
        ({"runs": True, "per": "day"}, "budget.runs", "whole number"),
        ({"runs": 5, "per": "week"}, "budget.per", "'day' or 'month'"),
        ({"runs": 5, "per": "day", "chats": 5}, "budget.chats", "unknown field"),
        (10, "budget", "object"),
    ],
)
def test_a_budget_that_makes_no_sense_is_rejected(budget: object, field: str, problem: str) -> None:
    assert problem in problems({**scheduled(), "budget": budget})[field]


def test_a_definition_without_a_budget_has_no_field_that_earlier_versions_reject() -> None:
    assert "budget" not in automation({**scheduled(), "budget": None}).definition


@pytest.mark.parametrize(
    ("old", "new", "is_raised"),
    [
        ({"runs": 5, "per": "day"}, {"runs": 6, "per": "day"}, True),
        ({"runs": 5, "per": "day"}, {"runs": 5, "per": "day"}, False),
        ({"runs": 5, "per": "day"}, {"runs": 4, "per": "day"}, False),
        ({"runs": 5, "tokens": 9, "per": "day"}, {"runs": 6, "tokens": 8, "per": "day"}, False),
        ({"runs": 5, "tokens": 9, "per": "day"}, {"runs": 5, "per": "day"}, True),
        ({"runs": 5, "per": "day"}, {"runs": 5, "tokens": 9, "per": "day"}, False),
        ({"runs": 5, "per": "day"}, {"runs": 5, "per": "month"}, True),
        ({"runs": 5, "per": "day"}, None, True),
    ],
)
def test_a_budget_is_raised_if_no_limit_is_lower(old: Json, new: Json | None, *, is_raised: bool) -> None:
    budgets = [automation({**scheduled(), "budget": budget}).budget for budget in (old, new)]
    before, after = budgets

    assert before is not None
    assert before.is_raised_to(after) is is_raised
