"""The quick reader of the events of schedules, judged by the models: it accepts only what they accept."""

import json
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aichats.errors import InputError
from aichats.runs.schedule_event import Tick, TickWithWork, quick_event, read_schedule_event
from aichats.runs.schedule_models import read_tick, read_tick_with_work
from local.setup import ROOT

LIMIT = 300
EXAMPLES = sorted((ROOT / "events" / "schedule").glob("*.json"))
NOT_READ_QUICKLY = {"placeholder_not_filled", "refresh_tokens", "sweep"}
"""Examples that are invalid, or that belong to other functions."""

names = st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=64)
times = st.datetimes().map(lambda time: f"{time.isoformat()}Z")
texts = st.text(min_size=1, max_size=20)
ids = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
WORKS: dict[str, tuple[dict[str, st.SearchStrategy[Any]], str]] = {
    "whop.create_chat": (
        {
            "message_text": texts,
            "title": st.none() | texts,
            "message_source": st.sampled_from([None, "manual", "suggestion", "link"]),
            "suggestion_type": st.none() | texts,
            "agent_identifier": st.sampled_from([None, "general", "support"]),
            "attachments": st.none() | st.lists(ids.map("file_{}".format), max_size=3),
            "notification_preference": st.sampled_from([None, "all", "none"]),
            "await_reply": st.booleans(),
        },
        "biz_",
    ),
    "whop.update_chat": (
        {
            "title": st.none() | texts,
            "notification_preference": st.sampled_from([None, "all", "none"]),
            "company_id": st.none() | ids.map("biz_{}".format),
        },
        "aich_",
    ),
    "kodey.create_chat": (
        {"message_text": texts, "user_id": st.none() | texts, "metadata": st.sampled_from([None, {}])},
        "agent_",
    ),
    "kodey.send_message": ({"content": texts}, "chat_"),
}
odd_values = values | st.sampled_from(
    [
        "2026-11-23T14:00:00Z",
        "2026-11-23T14:00:00.5Z",
        "2026-11-23T14:00:00.000Z",
        "2026-11-23T14:00:00+00:00",
        "2026-11-23T16:00:00+02:00",
        "2026-11-23T14:00:00",
        "2026-11-23T14:00Z",
        "2026-11-23 14:00:00Z",
        "2026-11-23t14:00:00z",
        "2026-11-23T24:00:00Z",
        "2026-W48-1T14:00:00Z",
        "1999-11-23T14:00:00Z",
        "<aws.scheduler.scheduled-time>",
        "biz_A",
        ["biz_A", None, "biz_A"],
        ["aich_1\n"],
        ["biz_A"] * 1000,
        ["biz_A"] * 1001,
        "x" * LIMIT,
        "x" * (LIMIT + 1),
        "\u2800",
        "\ud800",
    ]
)


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """Draw events that are valid, or almost."""
    event: dict[str, Any] = {"automation": draw(names), "scheduled_time": draw(times)}
    if draw(st.integers(0, 4)):
        kind = draw(st.sampled_from(sorted(WORKS)))
        fields, prefix = WORKS[kind]
        action = draw(st.fixed_dictionaries({}, optional=fields))
        event |= {"action": {"type": kind, **action}, "targets": draw(st.lists(ids.map(f"{prefix}{{}}".format)))}
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.sampled_from([event, event["action"]])) if isinstance(event.get("action"), dict) else event
        name = draw(st.sampled_from(sorted(place) or ["x"]) | st.sampled_from(["action", "targets", "type", "title"]))
        place[name] = draw(odd_values)
    return event


def shown(tick: Tick) -> tuple[object, ...]:
    """Return everything that an event has."""
    work = (tick.action, list(tick.action.fields), tick.targets) if isinstance(tick, TickWithWork) else ()
    return type(tick), tick.automation, tick.scheduled_time, tick.slot, *work


def modelled(event: Any) -> Tick:
    return read_tick_with_work(event, LIMIT) if event.keys() & {"action", "targets"} else read_tick(event)


@settings(max_examples=600, deadline=None)
@given(events())
def test_an_event_that_is_read_quickly_is_read_as_the_models_read_it(event: dict[str, Any]) -> None:
    quick = quick_event(event, LIMIT)

    if quick is not None:
        assert shown(quick) == shown(modelled(event))


@settings(max_examples=200, deadline=None)
@given(events())
def test_an_event_is_read_or_rejected_as_by_the_models(event: dict[str, Any]) -> None:
    def outcome(read: Any) -> object:
        try:
            return shown(read(event))
        except InputError as error:
            return error.problems

    assert outcome(lambda each: read_schedule_event(each, LIMIT)) == outcome(modelled)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_read_without_models(example: Any) -> None:
    event = json.loads(example.read_text())

    quick = quick_event(event, 32_768)

    assert (quick is None) == (example.stem in NOT_READ_QUICKLY)


@pytest.mark.parametrize("event", [None, [], "event", 5, {}, {"automation": "weekly"}])
def test_a_value_that_is_no_event_is_left_to_the_models(event: object) -> None:
    assert quick_event(event, LIMIT) is None
