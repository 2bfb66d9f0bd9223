"""The texts of an automation are checked before it is stored."""

from datetime import UTC, datetime
from typing import Any

import pytest

from aichats.automations.checks import MAX_WEBHOOK_TARGETS, check_texts
from aichats.automations.run_factory import RunFactory
from aichats.errors import InputError
from tests.support.automations import automation, listening, scheduled
from tests.support.fakes import Json
from tests.support.stack_in_memory import NAME

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
FAILS_FOR_B = "{{ abs(to_number(target == 'biz_B' && 'x' || '1')) }}"


def acting(definition: Json, *targets: str | None, **action: Any) -> Json:
    return definition | {"action": definition["action"] | action, "targets": list(targets or ["biz_A"])}


def check(definition: Json) -> None:
    check_texts(NAME, automation(definition), RunFactory(lambda _: None, max_message_bytes=1000), NOW)


def problems(definition: Json) -> list[tuple[str, str]]:
    with pytest.raises(InputError) as caught:
        check(definition)
    return list(caught.value.problems)


def test_valid_texts_are_accepted() -> None:
    check(acting(scheduled(), "biz_A", None, title="{{ slot.date }} {{ target }}"))
    check(listening(filter="data.amount > `10`", targets=("{{ event.account_id }}",)))
    check(listening(targets=(None,)))


def test_a_schedule_whose_text_fails_is_rejected_with_the_target_and_the_reason() -> None:
    failing = acting(scheduled(), "biz_A", "biz_B", title=FAILS_FOR_B)

    [(field, message)] = problems(failing)

    assert field == "action.title"
    assert message.startswith("fails for the target biz_B: ")
    assert "abs(" in message


def test_the_texts_of_a_schedule_are_rendered_for_its_next_slot() -> None:
    title = "{{ slot.time == '14:00' && 'x' || abs(slot.time) }}"

    check(acting(scheduled("cron(0 14 * * ? *)"), title=title))
    assert problems(acting(scheduled("cron(0 15 * * ? *)"), title=title))[0][0] == "action.title"


def test_a_text_that_is_too_long_after_rendering_is_rejected_by_its_field() -> None:
    message = "fails for the target biz_A: the text is invalid after rendering: "

    [(field, problem)] = problems(acting(scheduled(), title="{{ slot.iso }}" * 25))
    assert (field, problem.startswith(message)) == ("action.title", True)

    [(field, problem)] = problems(acting(scheduled(), message_text="{{ slot.iso }}" * 50))
    assert (field, problem) == ("action.message_text", f"{message}is 1250 bytes long, the limit is 1000")


def test_the_texts_of_a_schedule_without_a_next_slot_are_rendered_for_the_present() -> None:
    check(acting(scheduled("at(2020-01-01T00:00:00)"), title="{{ slot.date }}"))


def test_the_texts_of_a_rate_are_rendered_for_the_next_whole_minute() -> None:
    title = "{{ slot.iso == '2026-11-20T12:01:00+00:00' && 'x' || abs(slot.time) }}"

    check(acting(scheduled("rate(1 hour)"), title=title))


@pytest.mark.parametrize(
    ("definition", "field", "message"),
    [
        (acting(scheduled(), title="{{ slot.day }}"), "action.title", "Known: date, iso, time, week"),
        (
            acting(scheduled(), message_text="{{ event.type }}"),
            "action.message_text",
            "Known: automation, slot, target",
        ),
        (acting(scheduled(), title="{{ slot.date"), "action.title", "without a closing `}}`"),
        (acting(listening(), title="{{ event.amount }}"), "action.title", "data.amount`? Known"),
        (listening(targets=("biz_A", "{{ target }}")), "targets.1", "`target` is unknown"),
        (listening(filter="amount > `1`"), "trigger.filter", "data.amount`? Known"),
        (listening(filter="data.amount > 1000"), "trigger.filter", "Put numbers in backticks: data.amount > `1000`"),
        (listening(filter="data.["), "trigger.filter", "not valid JMESPath"),
    ],
)
def test_an_invalid_text_is_rejected_by_its_field(definition: Json, field: str, message: str) -> None:
    [(named, problem)] = problems(definition)

    assert named == field
    assert message in problem


def test_all_invalid_texts_are_reported_together() -> None:
    wrong = acting(listening(filter="what"), "{{ who }}", title="{{ when }}", message_text="{{ how }}")

    assert [field for field, _ in problems(wrong)] == [
        "action.message_text",
        "action.title",
        "trigger.filter",
        "targets.0",
    ]


def test_an_event_may_have_a_hundred_targets() -> None:
    hundred = tuple(f"biz_{number}" for number in range(MAX_WEBHOOK_TARGETS))
    check(listening(targets=hundred))

    assert problems(listening(targets=(*hundred, "biz_more"))) == [
        ("targets", "has 101 items. A webhook allows at most 100")
    ]
