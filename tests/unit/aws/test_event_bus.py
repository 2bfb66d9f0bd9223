"""Events are sent to the bus in batches, and those that it rejects again."""

import json

import pytest

from aichats.aws.errors import NoResponseError
from aichats.aws.event_bus import BATCH_EVENT_BYTES, BATCH_SECONDS, EVENT_OFFERS, put_events
from aichats.http.deadline import time_limit
from tests.support.fakes import FakeEventBridge

pytestmark = pytest.mark.usefixtures("pauses")


def entries(count: int, size: int = 10) -> list[dict[str, str]]:
    return [{"Source": "s", "DetailType": "t", "Detail": json.dumps(f"{n}" + "x" * size)} for n in range(count)]


def test_ten_events_are_sent_at_a_time_with_the_name_of_the_bus() -> None:
    bus = FakeEventBridge()
    assert put_events(lambda: bus, "dev", entries(23)) == [None] * 23
    assert [len(call) for call in bus.calls] == [10, 10, 3]
    assert {entry["EventBusName"] for call in bus.calls for entry in call} == {"dev"}


def test_large_events_are_sent_in_several_calls() -> None:
    bus = FakeEventBridge()
    put_events(lambda: bus, "dev", entries(3, BATCH_EVENT_BYTES // 2))
    assert [len(call) for call in bus.calls] == [1, 1, 1]


def test_only_rejected_events_are_sent_again() -> None:
    bus = FakeEventBridge({1, 3}, {0})
    assert put_events(lambda: bus, "dev", entries(4)) == [None] * 4
    assert [[json.loads(entry["Detail"])[0] for entry in call] for call in bus.calls] == [
        list("0123"),
        list("13"),
        ["1"],
    ]


def test_each_event_that_is_always_rejected_has_a_reason() -> None:
    bus = FakeEventBridge(*[{0}] * EVENT_OFFERS)
    assert put_events(lambda: bus, "dev", entries(2)) == ["ThrottlingException: slow down", None]
    assert len(bus.calls) == EVENT_OFFERS


def test_a_call_that_fails_does_not_stop_the_next_one() -> None:
    bus = FakeEventBridge(NoResponseError("can't connect to https://events"))
    reasons = put_events(lambda: bus, "dev", entries(12))
    assert reasons[10:] == [None, None]
    assert all(reasons[:10])
    assert [len(call) for call in bus.calls] == [10, 2]


def test_a_bus_that_does_not_answer_leaves_time_for_the_deliveries() -> None:
    bus = FakeEventBridge(NoResponseError("can't connect to https://events"))
    with time_limit(BATCH_SECONDS):
        reasons = put_events(lambda: bus, "dev", entries(12))
    assert len(bus.calls) == 1
    assert reasons[10:] == ["no time remained"] * 2
