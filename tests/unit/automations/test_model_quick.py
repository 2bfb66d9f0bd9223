"""The quick reader of stored definitions, judged by the models: it accepts only what they accept."""

import copy
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aichats.automations.definition_models import AutomationModel, read_stored_definition
from aichats.automations.model import Automation, ScheduleTrigger, canonical, quick_definition
from aichats.errors import UnreadableError
from aichats.message_text import MAX_STORED_MESSAGE_BYTES
from tests.support.automations import ACTION, automation, listening, scheduled
from tests.support.fakes import Json

TIMES = [None, "2026-11-23T14:00:00Z", "2026-11-24T14:00:00+02:00", "2026-11-24T14:00:00-23:59"]
EXPRESSIONS = ["cron(0 9 ? * MON *)", "rate(5 minutes)", "at(2030-01-31T09:00:00)"]
BUDGETS = [None, {"runs": 1, "per": "day"}, {"runs": 10**12, "tokens": 5, "per": "month"}]
texts = st.text(max_size=8)
schedules = st.fixed_dictionaries(
    {"type": st.just("schedule"), "expression": st.sampled_from(EXPRESSIONS)},
    optional={
        "timezone": st.sampled_from(["UTC", "America/New_York"]),
        "start": st.sampled_from(TIMES),
        "end": st.sampled_from(TIMES),
        "enabled": st.booleans(),
    },
)
webhooks = st.fixed_dictionaries(
    {"type": st.just("webhook"), "events": st.lists(st.sampled_from(["payment.failed", "a.b"]), min_size=1)},
    optional={"filter": st.none() | texts, "enabled": st.booleans()},
)
targets = st.sampled_from(["biz_A", "biz_B", None, "{{ event.company_id }}"])
definitions = st.fixed_dictionaries(
    {
        "trigger": schedules | webhooks,
        "action": st.sampled_from([ACTION, {**ACTION, "title": "{{ slot.date }}", "await_reply": True}]),
        "targets": st.lists(targets, min_size=1, max_size=3),
    },
    optional={
        "missed": st.sampled_from(["skip", "run"]),
        "overlap": st.sampled_from(["allow", "skip"]),
        "description": st.none() | texts,
        "labels": st.dictionaries(st.sampled_from(["team", "a.b-c_d"]), st.sampled_from(["", "sales: 1"])),
        "managed_by": st.none() | texts,
        "budget": st.sampled_from(BUDGETS),
    },
)
odd_values = st.sampled_from(
    [
        *(None, True, 0, 1, 1.0, -1, 10**12 + 1, "", "true", "x", "é", "\ud800", "\n", "x" * 501, "x" * 2001, [], {}),
        *(["biz_A"], [None], ["biz_A\n"], ["x" * 1001], ["biz_A"] * 1001, {"team": "x" * 64}, {"": ""}, {"team\n": ""}),
        *({f"label-{number}": "" for number in range(17)}, {"per": "day"}, {"runs": True, "per": "day"}),
        *({"tokens": 0, "per": "day"}, {"runs": 1, "per": "year"}, {"runs": 1, "tokens": 1.0, "per": "day"}),
        *("2026-11-23T14:00:00", "2026-11-23T14:00:00.5Z", "1999-11-23T14:00:00Z", "2026-11-23 14:00:00Z", "20261123"),
        *("2026-11-23T14:00:00+00:00", "2026-11-23T14:00Z", 2026, "Mars/Olympus", "right/UTC", "localtime"),
        *("cron(0 9 ? * MON)", "rate(0 minutes)", "at(2026-02-30T09:00:00)", "webhook", "schedule", "run", "skip"),
        *({"type": "schedule"}, {"type": "webhook", "events": []}, {"type": "whop.create_chat"}, ["a b"], ["a"] * 51),
    ]
)


@st.composite
def stored(draw: st.DrawFn) -> Json:
    """Draw definitions that are valid, or almost."""
    definition: Json = copy.deepcopy(draw(definitions))
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.sampled_from([definition, definition["trigger"]]))
        if isinstance(place, dict):
            name = draw(st.sampled_from([*sorted(place), "filter", "end", "later", "defaults", "budget", "labels"]))
            place[name] = copy.deepcopy(draw(odd_values))
    return definition


def as_the_models_read(definition: Json) -> Automation | None:
    try:
        return read_stored_definition(definition, "automation a")
    except UnreadableError:
        return None


def shown(read: Automation) -> object:
    """Return everything that a stored definition has, with the order of its fields and the types of their values."""
    times = (read.trigger.start, read.trigger.end) if isinstance(read.trigger, ScheduleTrigger) else ()
    return canonical(read), read.trigger, read.action, list(read.targets), read.budget, dict(read.labels), times


@settings(max_examples=1000, deadline=None)
@given(stored())
@example({**scheduled(), "trigger": {"type": "schedule", "expression": "rate(1 hour)", "timezone": 5}})
@example({**listening(), "trigger": {"type": "webhook", "events": "payment.failed"}})
@example({**scheduled(), "trigger": []})
@example({**scheduled(), "budget": []})
def test_a_definition_that_is_read_quickly_is_read_as_the_models_read_it(definition: Json) -> None:
    quick = quick_definition(definition)

    if quick is not None:
        read = as_the_models_read(definition)
        assert read is not None
        assert shown(quick) == shown(read)


@settings(max_examples=300, deadline=None)
@given(definitions)
def test_what_aichats_stores_is_read_quickly(definition: Json) -> None:
    read = as_the_models_read(definition)

    if read is not None:
        quick = quick_definition(read.definition)
        assert quick is not None
        assert shown(quick) == shown(read)


@pytest.mark.parametrize(
    "definition",
    [
        scheduled(),
        scheduled(start="2026-12-01T09:00:00+02:00", end="2027-01-01T00:00:00Z"),
        listening(),
        {**scheduled(), "budget": BUDGETS[2]},
    ],
)
def test_the_models_store_what_the_plain_data_stores(definition: Json) -> None:
    model = AutomationModel.model_validate(definition, context={"max_message_bytes": MAX_STORED_MESSAGE_BYTES})
    stored_by_the_models = model.model_dump(mode="json", exclude=None if model.budget else {"budget"})

    assert automation(definition).definition == stored_by_the_models


@pytest.mark.parametrize("value", [None, [], "text", 5, {}, {"trigger": {}}])
def test_a_value_that_is_no_definition_is_left_to_the_models(value: Any) -> None:
    assert quick_definition(value) is None
