"""An automation creates a run for each target when its trigger fires."""

import json
from copy import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from aichats.automations.checks import MAX_WEBHOOK_TARGETS
from aichats.automations.run_factory import (
    Occurrence,
    RenderedRuns,
    RunFactory,
    as_input_error,
    by_hand,
    of_event,
    slot_of,
)
from aichats.runs.model import run_id, scheduled_runs
from aichats.runs.schedule_models import ScheduleEvent
from aichats.templates.budget import BUDGET
from aichats.templates.render import Evaluator, RenderError
from aichats.validation import parse
from tests.support.automations import automation, listening, scheduled
from tests.support.fakes import Json
from tests.support.stack_in_memory import NAME, payment

VERSION = "2026-07-08-1"
SLOT = datetime(2026, 11, 23, 14, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
FACTORY = RunFactory(lambda action: VERSION if action.type.startswith("whop.") else None, max_message_bytes=1000)
AT_SLOT = slot_of(SLOT)
EVENT = of_event("msg_1", payment(), NOW)
FAILS_FOR_B = "{{ abs(to_number(target == 'biz_B' && 'x' || '1')) }}"


def acting(definition: Json, *targets: str | None, **action: Any) -> Json:
    return definition | {"action": definition["action"] | action, "targets": list(targets or ["biz_A"])}


def fire(definition: Json, occurrence: Occurrence = AT_SLOT) -> RenderedRuns:
    return FACTORY.runs_for(NAME, automation(definition), occurrence)


def texts(fired: RenderedRuns) -> list[str]:
    return [str(run.action.message) for run in fired.runs if run.action.type == "whop.create_chat"]


def why(fired: RenderedRuns) -> list[tuple[str | None, str]]:
    return [(run.target, str(error)) for run, error in fired.failed]


# ---------------------------------------------------------------------------------------------- ids


def test_a_slot_has_the_same_runs_as_an_event_that_contains_its_action() -> None:
    definition = acting(scheduled(), "biz_A", None, "biz_B", "biz_A")
    event = {"automation": NAME, "scheduled_time": "2026-11-23T14:00:00Z"}
    inside = event | {"action": definition["action"], "targets": definition["targets"]}

    assert fire(definition).runs == scheduled_runs(parse(ScheduleEvent, inside), VERSION)


def test_a_slot_is_the_same_in_any_offset() -> None:
    elsewhere = SLOT.astimezone(timezone(timedelta(hours=-5)))

    assert fire(scheduled(), slot_of(elsewhere)) == fire(scheduled())


def test_a_manual_run_is_never_that_of_a_slot() -> None:
    [manual] = fire(scheduled(), by_hand("one", SLOT)).runs
    [slot] = fire(scheduled()).runs

    assert manual.run_id == run_id("http", NAME, "manual:one", "biz_A") != slot.run_id
    assert (manual.trigger, manual.slot, slot.slot) == ("http", None, "2026-11-23T14:00:00Z")


def test_two_manual_runs_differ_and_a_repeated_one_is_the_same() -> None:
    first, again, second = (fire(scheduled(), by_hand(unique, SLOT)).runs[0].run_id for unique in ("a", "a", "b"))

    assert first == again != second


def test_an_event_has_one_run_for_each_webhook_id_automation_and_target() -> None:
    [run] = fire(listening(), EVENT).runs

    assert (run.run_id, run.trigger) == (run_id("webhook", "msg_1", NAME, "biz_A"), "webhook")
    assert (run.automation, run.slot, run.api_version) == (NAME, None, VERSION)
    assert FACTORY.runs_for("other", automation(listening()), EVENT).runs[0].run_id != run.run_id
    assert fire(listening(), of_event("msg_2", payment(), NOW)).runs[0].run_id != run.run_id


# ---------------------------------------------------------------------------------------------- targets


def test_duplicate_targets_are_ignored() -> None:
    assert [run.target for run in fire(acting(scheduled(), "biz_B", "biz_A", "biz_B")).runs] == ["biz_B", "biz_A"]


def test_targets_that_are_equal_after_rendering_count_once() -> None:
    definition = listening(targets=("{{ event.account_id }}", "biz_A", "{{ event.company_id }}"))
    fired = fire(definition, of_event("msg_1", payment(company_id="biz_A"), NOW))

    assert ([run.target for run in fired.runs], fired.failed) == (["biz_A"], [])


def test_a_target_that_cannot_be_rendered_is_reported_once_and_stops_no_other() -> None:
    nobody = "{{ event.data.nobody }}"
    fired = fire(listening(targets=(nobody, "biz_B", nobody)), EVENT)

    assert [run.target for run in fired.runs] == ["biz_B"]
    assert why(fired) == [(nobody, "'event.data.nobody' is null. Add a default, as in event.data.name || 'unknown'")]


def test_a_target_that_is_invalid_after_rendering_is_rejected() -> None:
    fired = fire(listening(targets=("{{ event.data.id }}",)), EVENT)

    assert [error for _, error in why(fired)] == [
        "the text is not a valid target after rendering: whop.create_chat needs a company (biz_...) or null"
    ]


def test_no_company_is_an_empty_text_in_templates() -> None:
    fired = fire(acting(scheduled(), None, message_text="For '{{ target }}'"))

    assert (fired.runs[0].target, texts(fired)) == (None, ["For ''"])


def test_targets_of_a_schedule_are_not_templates() -> None:
    action = {"type": "kodey.create_chat", "message_text": "Hello"}
    fired = fire(scheduled() | {"action": action, "targets": ["agent-1"]})

    assert [(run.target, run.api_version) for run in fired.runs] == [("agent-1", None)]


# ---------------------------------------------------------------------------------------------- texts


def test_texts_are_rendered_for_each_target() -> None:
    message = "{{ automation }} for {{ target }}, {{ slot.date }} {{ slot.time }}, week {{ slot.week }}"
    definition = acting(scheduled(timezone="America/New_York"), "biz_A", "biz_B", message_text=message)

    assert texts(fire(definition)) == [
        f"weekly for {target}, 2026-11-23 09:00, week 2026-W48" for target in ("biz_A", "biz_B")
    ]


def test_texts_can_use_the_event_and_its_time_in_utc_as_the_slot() -> None:
    message = "{{ event.data.user.name }} {{ event.type }} {{ slot.iso }} {{ target }}"
    definition = acting(listening(), "{{ event.account_id }}", message_text=message)

    assert texts(fire(definition, EVENT)) == ["Zoë payment.failed 2026-11-20T12:00:00+00:00 biz_A"]


def test_a_manual_run_of_a_webhook_automation_has_no_event() -> None:
    fired = fire(acting(listening(), message_text="{{ event.type }}"), by_hand("one", NOW))

    assert [target for target, _ in why(fired)] == ["biz_A"]


def test_text_from_an_event_is_never_rendered() -> None:
    said = payment(data={"user": {"name": "{{ slot.date }}"}})
    definition = acting(listening(), message_text="{{ event.data.user.name }}")

    assert texts(fire(definition, of_event("msg_1", said, NOW))) == ["{{ slot.date }}"]


def test_an_action_without_templates_is_used_as_it_is() -> None:
    known = automation(acting(scheduled(), "biz_A", "biz_B", title="Week"))

    assert all(run.action is known.action for run in FACTORY.runs_for(NAME, known, slot_of(SLOT)).runs)


def test_omitted_fields_stay_unset_after_rendering() -> None:
    definition = scheduled() | {
        "action": {"type": "whop.update_chat", "title": "{{ slot.week }}", "company_id": None},
        "targets": ["aich_1"],
    }

    assert fire(definition).runs[0].action.as_json() == {
        "type": "whop.update_chat",
        "title": "2026-W48",
        "company_id": None,
    }


def test_texts_in_lists_and_objects_are_rendered_too() -> None:
    action = {
        "type": "kodey.create_chat",
        "message_text": "Hello",
        "metadata": {"week": "{{ slot.week }}", "number": 1},
    }
    [run] = fire(scheduled() | {"action": action, "targets": ["agent-1"]}).runs

    assert run.action.type == "kodey.create_chat"
    assert run.action.fields["metadata"] == {"week": "2026-W48", "number": 1}


@pytest.mark.parametrize(
    ("field", "name", "reason"),
    [
        ("message_text", "long", "is 1001 bytes long, the limit is 1000"),
        ("message_text", "blank", "must not be empty"),
        ("message_text", "invisible", "must contain a visible character"),
        ("title", "long", "must have at most 500 characters"),
        ("title", "empty", "must have at least 1 character"),
    ],
)
def test_limits_apply_after_rendering(field: str, name: str, reason: str) -> None:
    said = payment(data={"long": "é" * 500 + "x", "empty": "", "blank": "  ", "invisible": "\u200b\ufeff"})
    fired = fire(acting(listening(), **{field: f"{{{{ event.data.{name} }}}}"}), of_event("msg_1", said, NOW))

    assert fired.runs == []
    assert why(fired) == [("biz_A", f"the text is invalid after rendering: {reason}")]
    assert [error.field for _, error in fired.failed] == [f"action.{field}"]


def test_a_text_that_fails_for_one_target_does_not_affect_the_others() -> None:
    fired = fire(acting(listening(), "biz_A", "biz_B", "biz_C", title=FAILS_FOR_B), EVENT)

    assert ([run.target for run in fired.runs], [target for target, _ in why(fired)]) == (["biz_A", "biz_C"], ["biz_B"])
    assert fired.failed[0][0].run_id == run_id("webhook", "msg_1", NAME, "biz_B")


# ---------------------------------------------------------------------------------------------- limits


def test_all_expressions_of_an_event_share_one_budget() -> None:
    heavy = "{{ ['a']" + "|[@,@][]" * 16 + "|length([?@!=null]) }}"
    definition = acting(listening(), "biz_A", "biz_B", message_text=heavy * 50)
    evaluator = Evaluator(BUDGET // 10)

    fired = FACTORY.runs_for(NAME, automation(definition), EVENT, evaluator)

    assert ([run.target for run, _ in fired.failed], evaluator.is_spent) == (["biz_A", "biz_B"], True)
    assert "takes too many steps" in why(fired)[1][1]
    assert fire(listening(), EVENT).failed == []


def test_targets_run_as_long_as_the_budget_suffices() -> None:
    definition = acting(listening(), "biz_A", "biz_B", message_text="{{ target }}" * 3)

    fired = FACTORY.runs_for(NAME, automation(definition), EVENT, Evaluator(budget=16))

    assert ([run.target for run in fired.runs], [target for target, _ in why(fired)]) == (["biz_A"], ["biz_B"])


def test_a_hundred_targets_may_have_fifty_expressions_each_over_a_large_event() -> None:
    items = [{"name": f"item {number}", "price": number, "tags": ["a", "b"]} for number in range(5000)]
    said = payment(data={"items": items, "user": {"name": "Zoë"}})
    assert len(json.dumps(said)) > 256 * 1024
    message = "{{ event.data.user.name || 'Somebody' }} {{ join(', ', event.data.items[:10].name) }} " * 25
    targets = [f"biz_{number}" for number in range(MAX_WEBHOOK_TARGETS)]
    firing = replace(FACTORY, max_message_bytes=131072)
    evaluator = Evaluator(BUDGET // 5)

    fired = firing.runs_for(
        NAME, automation(acting(listening(), *targets, message_text=message)), of_event("msg_1", said, NOW), evaluator
    )

    assert (len(fired.runs), fired.failed) == (100, [])


def test_a_thousand_targets_of_a_schedule_may_have_fifty_expressions_each() -> None:
    message = "{{ slot.date }} {{ join(' ', [slot.date, target]) }}" * 25
    targets = [f"biz_{number}" for number in range(1000)]
    firing = replace(FACTORY, max_message_bytes=131072)
    definition = automation(acting(scheduled(), *targets, message_text=message))

    fired = firing.runs_for(NAME, definition, AT_SLOT)

    assert (len(fired.runs), fired.failed) == (1000, [])


# ---------------------------------------------------------------------------------------------- errors


def test_the_error_of_a_target_names_that_target() -> None:
    nobody = "{{ event.data.nobody }}"
    [(run, error)] = fire(listening(targets=("biz_A", "biz_A", nobody, nobody)), EVENT).failed

    assert [field for field, _ in as_input_error(run, error).problems] == ["targets.2"]


def test_an_error_without_a_field_names_the_action() -> None:
    [(run, _)] = fire(listening(targets=("{{ event.data.nobody }}",)), EVENT).failed

    assert [field for field, _ in as_input_error(run, RenderError("is wrong")).problems] == ["action"]


def selected(definition: Json, occurrence: Occurrence = EVENT) -> RenderedRuns | None:
    return FACTORY.selected_runs(NAME, automation(definition), occurrence, Evaluator())


def test_a_filter_that_fails_is_one_failed_run_of_the_first_target() -> None:
    failed = selected(listening(filter="data.amount", targets=("{{ event.account_id }}", "biz_B")))

    assert failed is not None
    [(run, error)] = failed.failed
    assert (failed.runs, run.target, error.field) == ([], "{{ event.account_id }}", "trigger.filter")
    assert run.run_id == run_id("webhook", "msg_1", NAME, "{{ event.account_id }}")


def test_a_filter_decides_whether_there_are_runs() -> None:
    assert selected(listening(filter="data.amount > `100`")) is None
    assert selected(listening("payment.succeeded")) is None
    accepted = listening(filter="data.amount > `1`")
    assert selected(accepted) == fire(accepted, EVENT)
    assert selected(scheduled(), AT_SLOT) == fire(scheduled())
    assert selected(scheduled(), EVENT) is None
