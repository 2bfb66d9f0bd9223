"""The body of a delivery, and the event in it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from aichats.errors import InputError
from aichats.whop.event_models import parse_event
from aichats.whop.webhooks import known_event_types, raw_body


@pytest.mark.parametrize(
    ("text", "is_base64", "body"),
    [
        (None, False, b""),
        (None, True, b""),
        ("", True, b""),
        ('{"é": 1}', False, '{"é": 1}'.encode()),
        ("e30=", True, b"{}"),
        ("/wA=", True, b"\xff\x00"),
        ("e30=", False, b"e30="),
        ("\ud800", False, b"\xed\xa0\x80"),
    ],
)
def test_a_body_is_its_raw_bytes(text: str | None, *, is_base64: bool, body: bytes) -> None:
    assert raw_body(text, is_base64=is_base64) == body


@pytest.mark.parametrize("text", ["{}", "YQ", "YQ==\n", "é"])
def test_a_body_that_is_said_to_be_base64_and_is_not_is_rejected(text: str) -> None:
    with pytest.raises(InputError, match="body: is not valid base64"):
        raw_body(text, is_base64=True)


EVENT = {
    "id": "msg_xxxxxxxxxxxxx",
    "api_version": "v1",
    "api_version_date": "2026-09-15",
    "timestamp": "2026-11-20T09:00:00.401Z",
    "type": "payment.failed",
    "account_id": "biz_XXXXX",
    "data": {"id": "pay_xxxxxxxxxxxxx", "amount": 12.5, "user": None},
    "previous_attributes": {"status": "open"},
}


def parsed(**changes: object) -> dict[str, Any]:
    envelope = {name: value for name, value in {**EVENT, **changes}.items() if value is not ...}
    return parse_event(json.dumps(envelope).encode()).model_dump(mode="json")


def test_an_event_keeps_what_whop_said() -> None:
    event = parse_event(json.dumps(EVENT).encode())
    assert (event.id, event.type, event.data) == (EVENT["id"], "payment.failed", EVENT["data"])
    assert event.timestamp == datetime(2026, 11, 20, 9, 0, 0, 401_000, UTC)
    assert (event.api_version, event.api_version_date) == ("v1", "2026-09-15")
    assert event.previous_attributes == {"status": "open"}


@pytest.mark.parametrize(
    "account",
    [
        {"account_id": "biz_1"},
        {"account_id": ..., "company_id": "biz_1"},
        {"account_id": None, "company_id": "biz_1"},
        {"account_id": "biz_1", "company_id": "biz_1"},
    ],
    ids=["since 2026-08-14", "before", "null and before", "both"],
)
def test_an_events_account_has_both_names_whichever_came(account: dict[str, object]) -> None:
    event = parsed(**account)
    assert (event["account_id"], event["company_id"]) == ("biz_1", "biz_1")


@pytest.mark.parametrize("timestamp", ["2000-01-01T00:00:00Z", "2999-12-31T23:59:59Z", "2000-01-01T05:00:00+05:00"])
def test_an_event_of_the_years_that_every_zone_can_show_is_accepted(timestamp: str) -> None:
    assert parsed(timestamp=timestamp)["timestamp"]


@pytest.mark.parametrize(
    "timestamp",
    ["0001-01-01T00:00:00+14:00", "1999-12-31T23:59:59Z", "3000-01-01T00:00:00Z", "9999-12-31T23:00:00-12:00"],
)
def test_an_event_of_another_age_is_rejected(timestamp: str) -> None:
    with pytest.raises(InputError, match="timestamp: "):
        parsed(timestamp=timestamp)


def test_an_event_may_be_of_no_account() -> None:
    event = parsed(account_id=None)
    assert (event["account_id"], event["company_id"]) == (None, None)


def test_only_id_type_time_and_data_are_needed() -> None:
    event = parsed(account_id=..., api_version=..., api_version_date=..., previous_attributes=...)
    assert (event["api_version_date"], event["previous_attributes"]) == (None, None)


def test_unknown_fields_of_an_event_are_kept() -> None:
    assert parsed(livemode=True)["livemode"] is True


@pytest.mark.parametrize(
    ("body", "field_"),
    [
        (b"", "body"),
        (b"\xff", "body"),
        (b"null", "body"),
        (b"[]", "body"),
        (b'"text"', "body"),
        (b"[" * 5000, "body"),
        (b"{}", "type"),
        (json.dumps({**EVENT, "id": ""}).encode(), "id"),
        (json.dumps({**EVENT, "type": None}).encode(), "type"),
        (json.dumps({**EVENT, "data": []}).encode(), "data"),
        (json.dumps({**EVENT, "timestamp": "2026-11-20T09:00:00"}).encode(), "timestamp"),
        (json.dumps({**EVENT, "account_id": 5}).encode(), "account_id"),
    ],
    ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else value,
)
def test_what_is_not_an_event_is_rejected_with_its_field(body: bytes, field_: str) -> None:
    with pytest.raises(InputError) as rejected:
        parse_event(body)
    assert field_ in [name for name, _ in rejected.value.problems]


def test_the_known_types_of_events_are_plain_names() -> None:
    assert {"payment.failed", "chat.message.created", "membership.activated"} < known_event_types()
    assert len(known_event_types()) == 94
    assert all(name.replace(".", "").replace("_", "").isalpha() and "." in name for name in known_event_types())
