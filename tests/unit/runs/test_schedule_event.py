"""The events of schedules: valid ones, and the field that an error names."""

from typing import Any

import pytest

from aichats.errors import InputError
from aichats.runs.model import scheduled_runs
from aichats.runs.schedule_models import ScheduleEvent
from aichats.validation import parse

CREATE = {"type": "whop.create_chat", "message_text": "How was the week?"}
MUTE = {"type": "whop.update_chat", "notification_preference": "none"}
EVENT: dict[str, Any] = {
    "automation": "weekly-revenue",
    "scheduled_time": "2026-11-23T14:00:00Z",
    "action": CREATE,
    "targets": ["biz_A"],
}

NO_TEXT: list[object] = [1795165200, 1795165200.0, True, None, []]
NOT_ISO_8601 = ["", "now", "1795165200", "2026-11-23", "2026-11-23 14:00:00Z", "23/Nov/2026:14:00:00 +0000"]
WITHOUT_OFFSET = ["2026-11-23T14:00:00", "2026-11-23T14:00:00.000"]
NOWHERE_IN_THE_CALENDAR = ["2026-02-30T14:00:00Z", "2026-11-23T25:00:00Z"]


def refusal(event: object, **context: object) -> InputError:
    with pytest.raises(InputError) as caught:
        parse(ScheduleEvent, event, **context)
    return caught.value


def fields(error: InputError) -> list[str]:
    return [field for field, _ in error.problems]


def test_a_create_has_a_company_or_none_as_its_target() -> None:
    runs = scheduled_runs(parse(ScheduleEvent, EVENT | {"targets": ["biz_A", None]}), "2026-07-08-1")

    assert [run.target for run in runs] == ["biz_A", None]
    assert all(run.action.type == "whop.create_chat" for run in runs)
    assert {(run.trigger, run.automation, run.slot) for run in runs} == {
        ("schedule", "weekly-revenue", "2026-11-23T14:00:00Z")
    }


def test_an_update_has_a_chat_as_its_target() -> None:
    [run] = scheduled_runs(parse(ScheduleEvent, EVENT | {"action": MUTE, "targets": ["aich_1"]}), "2026-07-08-1")

    assert run.action.type == "whop.update_chat"
    assert run.target == "aich_1"


def test_targets_are_made_unique_and_keep_their_order() -> None:
    runs = scheduled_runs(
        parse(ScheduleEvent, EVENT | {"targets": ["biz_B", None, "biz_A", "biz_B", None]}), "2026-07-08-1"
    )

    assert [run.target for run in runs] == ["biz_B", None, "biz_A"]
    assert len({run.run_id for run in runs}) == 3


def test_a_thousand_targets_are_taken_and_one_more_is_not() -> None:
    targets = [f"biz_{number}" for number in range(1001)]

    assert len(scheduled_runs(parse(ScheduleEvent, EVENT | {"targets": targets[:1000]}), "2026-07-08-1")) == 1000
    assert fields(refusal(EVENT | {"targets": targets})) == ["targets"]


def test_a_placeholder_that_was_not_filled_says_how_it_is_written() -> None:
    error = refusal(EVENT | {"scheduled_time": "<aws.scheduler.scheduled-time>"})

    assert fields(error) == ["scheduled_time"]
    assert "<aws.scheduler.scheduled-time>, which EventBridge Scheduler replaces" in str(error)


@pytest.mark.parametrize(
    "time",
    [*NO_TEXT, *NOT_ISO_8601, *WITHOUT_OFFSET, *NOWHERE_IN_THE_CALENDAR],
)
def test_a_time_that_is_not_iso_8601_with_an_offset_is_rejected(time: object) -> None:
    assert fields(refusal(EVENT | {"scheduled_time": time})) == ["scheduled_time"]


@pytest.mark.parametrize("name", ["weekly-revenue", "stack-schedule", "7", "x" * 64])
def test_an_automation_is_named_in_small_letters_digits_and_hyphens(name: str) -> None:
    assert parse(ScheduleEvent, EVENT | {"automation": name}).automation == name


@pytest.mark.parametrize("name", ["", " ", "a b", "a/b", "a.b", "a_b", "A", "a\n", "é", "x" * 65, 5, None])
def test_another_name_of_an_automation_is_rejected(name: object) -> None:
    assert fields(refusal(EVENT | {"automation": name})) == ["automation"]


@pytest.mark.parametrize(
    ("action", "named"),
    [
        (None, "action"),
        ("whop.create_chat", "action"),
        ({}, "action.type"),
        ({"message_text": "hello"}, "action.type"),
        ({"type": "whop.delete_chat"}, "action.type"),
        ({"type": "kodey.delete_chat"}, "action.type"),
        ({"type": "whop.create_chat"}, "action.message_text"),
        (CREATE | {"message_text": " "}, "action.message_text"),
        (CREATE | {"message_text": "x" * 32_769}, "action.message_text"),
        (CREATE | {"notification_preference": "loud"}, "action.notification_preference"),
        (CREATE | {"attachments": ["file_1", "x"]}, "action.attachments.1"),
        (CREATE | {"company_id": "biz_A"}, "action.company_id"),
        (CREATE | {"a.b": 1}, "action.a.b"),
        ({"type": "whop.update_chat"}, "action"),
        (MUTE | {"message_text": "hello"}, "action.message_text"),
    ],
)
def test_an_action_that_is_wrong_is_rejected(action: object, named: str) -> None:
    assert fields(refusal(EVENT | {"action": action})) == [named]


def test_the_limit_of_the_message_is_the_one_that_is_set() -> None:
    assert "the limit is 5" in str(refusal(EVENT, max_message_bytes=5))

    long = EVENT | {"action": CREATE | {"message_text": "x" * 40_000}}
    assert parse(ScheduleEvent, long, max_message_bytes=40_000).automation == "weekly-revenue"


@pytest.mark.parametrize(
    ("action", "targets", "message"),
    [
        (CREATE, ["biz_A", "aich_1"], "item 1: whop.create_chat needs a company (biz_...) or null"),
        (CREATE, [""], "item 0: whop.create_chat needs a company"),
        (CREATE, ["biz_A\n"], "item 0: whop.create_chat needs a company"),
        (MUTE, ["aich_1", "aich_2", "biz_A"], "item 2: whop.update_chat needs a chat (aich_...)"),
        (MUTE, [None], "item 0: whop.update_chat needs a chat"),
        (MUTE, ["aich_../x"], "item 0: whop.update_chat needs a chat"),
    ],
)
def test_a_target_of_the_wrong_kind_is_rejected_saying_which(action: object, targets: object, message: str) -> None:
    error = refusal(EVENT | {"action": action, "targets": targets})

    assert fields(error) == ["targets"]
    assert message in str(error)


@pytest.mark.parametrize(
    ("targets", "named"),
    [([], "targets"), ("biz_A", "targets"), (None, "targets"), ([5], "targets.0"), ([["biz_A"]], "targets.0")],
)
def test_targets_that_are_no_list_of_names_are_rejected(targets: object, named: str) -> None:
    assert fields(refusal(EVENT | {"targets": targets})) == [named]


def test_a_field_that_is_missing_or_unknown_is_named() -> None:
    assert fields(refusal({})) == ["action", "targets", "automation", "scheduled_time"]
    assert fields(refusal(EVENT | {"target": "biz_A"})) == ["target"]


@pytest.mark.parametrize("event", [None, [], "event", 5])
def test_an_event_that_is_no_object_is_rejected(event: object) -> None:
    assert len(refusal(event).problems) == 1


def test_a_refusal_shows_no_value() -> None:
    error = refusal(
        EVENT | {"action": CREATE | {"title": ["a secret title"], "message_text": ""}, "targets": ["secret"]}
    )

    assert "secret" not in str(error)
