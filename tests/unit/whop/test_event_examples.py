"""The examples of Whop's events."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from aichats.http.bodies import compact_json
from aichats.whop.event_examples import example_event
from aichats.whop.event_models import parse_event
from aichats.whop.webhooks import known_event_types

NOW = datetime(2026, 11, 20, 23, 30, tzinfo=timezone(timedelta(hours=1)))


def changed_fields(event_type: str, resource_of: str) -> dict[str, Any]:
    """Return the fields of an event's data that differ from those of another event."""
    data, other = example_event(event_type, NOW)["data"], example_event(resource_of, NOW)["data"]
    return {name: value for name, value in data.items() if other[name] != value}


@pytest.mark.parametrize("event_type", sorted(known_event_types()))
def test_each_known_type_has_an_example_that_is_a_valid_event(event_type: str) -> None:
    event = parse_event(compact_json(example_event(event_type, NOW)))

    assert (event.type, event.timestamp, event.account_id) == (event_type, NOW, "biz_XXXXX")
    assert event.data["id" if "id" in event.data else next(iter(event.data))]


def test_the_time_is_written_as_whop_writes_it() -> None:
    assert example_event("plan.created", NOW)["timestamp"] == "2026-11-20T22:30:00.000Z"


def test_events_about_one_object_share_its_data_and_differ_in_what_happened() -> None:
    changes = changed_fields("payment.succeeded", "payment.created")

    assert changes == {
        "status": "paid",
        "substatus": "succeeded",
        "paid_at": "2026-11-20T21:58:00.000Z",
        "refundable": True,
    }


def test_an_update_has_the_values_from_before() -> None:
    event = example_event("refund.updated", NOW)

    assert (event["previous_attributes"], event["data"]["status"]) == ({"status": "pending"}, "succeeded")
    assert "previous_attributes" not in example_event("refund.created", NOW)
