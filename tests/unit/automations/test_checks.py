"""The texts of an automation are checked before it is stored."""

from datetime import UTC, datetime
from typing import Any

import pytest

from aichats.automations.checks import MAX_WEBHOOK_TARGETS, check_texts
from aichats.automations.run_factory import RunFactory
from aichats.errors import InputError
from tests.support.automations import automation, listening, scheduled
from tests.support.fakes import Json
from tests.support.firing import NAME

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


def test_what_is_right_is_taken() -> None:
    check(acting(scheduled(), "biz_A", None, title="{{ slot.date }} {{ target }}"))
    check(listening(filter="data.amount > `10`", targets=("{{ event.account_id }}",)))
    check(listening(targets=(None,)))


def test_a_schedule_whose_sample_fails_is_refused_with_the_target_and_the_reason() -> None:
    failing = acting(scheduled(), "biz_A", "biz_B", title=FAILS_FOR_B)

    [(field, told)] = problems(failing)

    assert field == "action.title"
    assert told.startswith("fails for the target biz_B: ")
    assert "abs(" in told


def test_a_schedule_is_sampled_with_its_next_slot() -> None:
    title = "{{ slot.time == '14:00' && 'x' || abs(slot.time) }}"

    check(acting(scheduled("cron(0 14 * * ? *)"), title=title))
    assert problems(acting(scheduled("cron(0 15 * * ? *)"), title=title))[0][0] == "action.title"


def test_a_sample_that_is_too_long_once_it_is_rendered_is_refused_by_its_field() -> None:
    told = "fails for the target biz_A: the text is invalid after rendering: "

    [(field, problem)] = problems(acting(scheduled(), title="{{ slot.iso }}" * 25))
    assert (field, problem.startswith(told)) == ("action.title", True)

    [(field, problem)] = problems(acting(scheduled(), message_text="{{ slot.iso }}" * 50))
    assert (field, problem) == ("action.message_text", f"{told}is 1250 bytes long, the limit is 1000")


def test_a_schedule_that_never_fires_again_is_sampled_with_the_present() -> None:
    check(acting(scheduled("at(2020-01-01T00:00:00)"), title="{{ slot.date }}"))


def test_a_rate_is_sampled_from_the_next_whole_minute() -> None:
    title = "{{ slot.iso == '2026-11-20T12:01:00+00:00' && 'x' || abs(slot.time) }}"

    check(acting(scheduled("rate(1 hour)"), title=title))


@pytest.mark.parametrize(
    ("definition", "field", "told"),
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
def test_a_text_that_is_wrong_is_refused_by_its_field(definition: Json, field: str, told: str) -> None:
    [(named, problem)] = problems(definition)

    assert named == field
    assert told in problem


def test_every_wrong_text_is_told_at_once() -> None:
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
