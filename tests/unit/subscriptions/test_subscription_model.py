"""A subscription selects events by their types and by a filter, and invalid definitions are rejected."""

from typing import Any

import pytest

from aichats.errors import InputError
from aichats.events.model import SENT_EVENT_TYPES, SentEvent
from aichats.subscriptions.model import FILTER_STEPS, TEST_EVENT, Subscription, event_patterns
from aichats.subscriptions.row import SubscriptionRow, definition_of
from aichats.templates.render import Evaluator, RenderError
from aichats.validation import parse, read_stored
from tests.support.ledgers import NOON
from tests.support.output import Output
from tests.support.subscriptions import subscribing, subscription


def event(type_: str = "run.failed", **data: Any) -> SentEvent:
    return SentEvent("evt_1", type_, NOON, "aichats-dev", data)


@pytest.mark.parametrize(
    ("events", "type_", "expected"),
    [
        (["run.failed"], "run.failed", True),
        (["run.failed"], "run.succeeded", False),
        (["run.succeeded", "run.failed"], "run.failed", True),
        (["run.*"], "run.reply_overdue", True),
        (["run.*"], "automation.paused", False),
        (["*"], "connection.broken", True),
    ],
)
def test_a_subscription_wants_the_types_groups_or_all_events(events: list[str], type_: str, *, expected: bool) -> None:
    assert subscription(*events).wants(event(type_)) is expected


def test_a_disabled_subscription_wants_nothing() -> None:
    assert not subscription("*", enabled=False).wants(event())


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        ("data.automation == 'weekly'", True),
        ("data.automation == 'daily'", False),
        ("stack == 'aichats-dev' && type == 'run.failed' && version == `1`", True),
        ("starts_with(timestamp, '2026-11-20')", True),
        ("data.missing", False),
    ],
)
def test_a_filter_selects_events_by_their_envelope(filter_: str, *, expected: bool) -> None:
    assert subscription(filter=filter_).wants(event(automation="weekly")) is expected


@pytest.mark.parametrize("filter_", ["data.attempts", "length(data.attempts) > `1`"])
def test_an_event_whose_filter_fails_is_not_wanted_and_the_log_says_why_once(output: Output, filter_: str) -> None:
    assert not SubscriptionRow("alerts", subscription(filter=filter_), (), 1, "", NOON, NOON).wants(event(attempts=3))

    [line] = output.logs
    assert (line["message"], line["event_id"]) == ("filter of a subscription failed", "evt_1")
    assert line["subscription"] == "alerts"
    assert line["reason"].startswith(f"'{filter_}'")


def test_a_filter_that_multiplies_its_values_fails_at_once_so_that_it_holds_up_no_event() -> None:
    multiplied = " | ".join(["[@, @]"] * 16) + " | length(to_string(@)) > `0`"
    with pytest.raises(RenderError, match="takes too many steps"):
        subscription(filter=multiplied).wants(event())


def test_a_long_filter_that_compares_many_fields_stays_far_below_the_limit() -> None:
    compared = " || ".join(f"data.automation == 'weekly-revenue-{number}'" for number in range(20))
    evaluator = Evaluator(FILTER_STEPS)
    assert evaluator.value(compared, event(automation="daily").envelope) is False
    assert evaluator.left > FILTER_STEPS * 0.8


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"events": ["run.faild"]}, "events.0", "is not an event of aichats; did you mean run.failed?"),
        ({"events": ["payment"]}, "events.0", "is not an event of aichats. Use one of: *, run.*"),
        ({"events": [TEST_EVENT]}, "events.0", "is not an event of aichats"),
        ({"events": ["subscription.*"]}, "events.0", "is not an event of aichats"),
        ({"events": []}, "events", "must have at least 1 item"),
        ({"events": ["*"] * 51}, "events", "must have at most 50 items"),
        ({"filter": "data.status =="}, "filter", "not valid JMESPath at character 15"),
        ({"filter": "date.status"}, "filter", "`date` is unknown. Did you mean `data`?"),
        ({"filter": "data.a > 5"}, "filter", "Put numbers in backticks: data.a > `5`"),
        ({"format": "teams"}, "format", "must be 'standard' or 'slack'"),
        ({"url": ""}, "url", "must be a URL of at most 2000 characters, without spaces"),
        ({"url": "https://receiver.example/ "}, "url", "without spaces"),
        ({"url": "https://receiver.example/\n"}, "url", "without spaces"),
        ({"url": "https://receiver.example/" + "x" * 2000}, "url", "at most 2000 characters"),
        ({"enable": True}, "enable", "unknown field; did you mean `enabled`?"),
    ],
)
def test_an_invalid_definition_is_rejected_with_its_repair(fields: dict[str, Any], field: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(Subscription, subscribing() | fields)

    [(named, problem)] = caught.value.problems
    assert named == field
    assert message in problem


def test_all_events_but_that_of_a_test_can_be_selected() -> None:
    assert set(SENT_EVENT_TYPES) - {TEST_EVENT} <= set(event_patterns())
    assert parse(Subscription, subscribing(*event_patterns())).events == list(event_patterns())


def test_a_stored_type_of_a_newer_version_stays_readable() -> None:
    stored = definition_of(subscription()) | {"events": ["run.exploded", "run.failed"]}

    assert read_stored(Subscription.model_validate, stored, "it").wants(event())
