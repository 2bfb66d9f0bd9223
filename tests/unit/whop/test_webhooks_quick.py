"""The quick reader of webhooks' events, judged by the model: it accepts only what the model accepts, as it dumps it."""

import json
import subprocess
import sys
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aichats.errors import InputError
from aichats.whop import webhooks
from aichats.whop.event_models import WebhookEvent, parse_event
from aichats.whop.webhooks import FIELDS, read_event
from local.setup import ROOT

EVENT = {
    "id": "msg_xxxxxxxxxxxxx",
    "api_version": "v1",
    "api_version_date": "2026-09-15",
    "timestamp": "2026-11-20T09:00:00.401Z",
    "type": "payment.failed",
    "account_id": "biz_XXXXX",
    "data": {"id": "pay_xxxxxxxxxxxxx", "amount": 12.5, "user": None, "name": "Zoë 🎂 週"},
    "previous_attributes": {"status": "open"},
}
TIMES = [
    "2026-11-20T09:00:00Z",
    "2026-11-20T09:00:00.4Z",
    "2026-11-20T09:00:00.401Z",
    "2026-11-20T09:00:00.000Z",
    "2026-11-20T09:00:00.401002Z",
    "2026-11-20T09:00:00.4010021Z",
    "2026-11-20T09:00:00,401Z",
    "2026-11-20T09:00:00+00:00",
    "2026-11-20T09:00:00+02:00",
    "2026-11-20T09:00:00+00:00Z",
    "2026-11-20 09:00:00Z",
    "2026-11-20T09:00Z",
    "2026-11-20T24:00:00Z",
    "2026-11-20T09:00:60Z",
    "2026-11-20T09:00:00",
    "20261120T090000Z",
    "2026-11-20",
    "1999-12-31T23:59:59Z",
    "3000-01-01T00:00:00Z",
    "2000-01-01T00:00:00Z",
]
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([10**30, -0.0, 1e300]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
odd_values = values | st.sampled_from([*TIMES, "", "x" * 200, "x" * 201, "x" * 256, "\ud800", 1795165200, {}, []])


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Draw bodies that are valid, or almost."""
    event: dict[str, Any] = EVENT | draw(st.dictionaries(st.text(max_size=4), values, max_size=2))
    event["timestamp"] = draw(st.sampled_from(TIMES) | st.datetimes().map(lambda time: f"{time.isoformat()}Z"))
    event["data"] = draw(st.dictionaries(st.text(max_size=4), values, max_size=3))
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from([*FIELDS, "more"]))
        if draw(st.booleans()):
            event[name] = draw(odd_values)
        else:
            event.pop(name, None)
    members = draw(st.permutations(list(event.items())))
    if draw(st.booleans()):
        members = [*members, draw(st.sampled_from(members))] if members else members
    ascii_only = draw(st.booleans())
    text = ",".join(
        f"{as_json(name, ascii_only=ascii_only)}:{as_json(value, ascii_only=ascii_only)}" for name, value in members
    )
    return f"{{{text}}}".encode("utf-8", "surrogatepass")


def as_json(value: Any, *, ascii_only: bool) -> str:
    return json.dumps(value, ensure_ascii=ascii_only)


def outcome(read: Any, body: bytes) -> str:
    """Return everything that is read, with the order of the fields; the problems if a body is not an event."""
    try:
        fields, time = read(body)
    except InputError as error:
        return repr(error.problems)
    return repr((fields, time.timestamp(), time.utcoffset()))


def modelled(body: bytes) -> tuple[dict[str, Any], datetime]:
    event = parse_event(body)
    return event.model_dump(mode="json"), event.timestamp


@settings(max_examples=300, deadline=None)
@given(bodies())
def test_a_body_is_read_or_rejected_as_by_the_model(body: bytes) -> None:
    assert outcome(read_event, body) == outcome(modelled, body)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=10) | values.map(lambda value: json.dumps(value).encode()))
def test_a_body_that_has_nothing_of_an_event_is_rejected_as_by_the_model(body: bytes) -> None:
    assert outcome(read_event, body) == outcome(modelled, body)


@pytest.mark.parametrize("levels", [5, 149, 199, 250, 100_000])
@pytest.mark.parametrize(("begin", "end"), [("[", "]"), ('{"a":', "}")])
def test_an_event_with_many_levels_is_read_or_rejected_as_by_the_model(levels: int, begin: str, end: str) -> None:
    data = f'{{"deep":{begin * levels}1{end * levels}}}'
    body = json.dumps(EVENT | {"data": ...}, default=lambda _: 0).replace('"data": 0', f'"data": {data}').encode()

    assert outcome(read_event, body) == outcome(modelled, body)


@pytest.mark.parametrize(
    "number", ["1e999", "-1e999", "NaN", "Infinity", "-0", "-0.0", "1E2", "0.1", "9" * 400, "9" * 5000]
)
def test_a_number_is_read_or_rejected_as_by_the_model(number: str) -> None:
    body = json.dumps(EVENT | {"data": {"number": 0}}).replace('"number": 0', f'"number": {number}').encode()

    assert outcome(read_event, body) == outcome(modelled, body)


def test_the_fields_of_the_quick_reader_are_those_of_the_model() -> None:
    assert list(FIELDS) == list(WebhookEvent.model_fields)


def test_an_ordinary_event_and_the_example_are_read_without_models() -> None:
    example = json.loads((ROOT / "events" / "webhook" / "payment_failed.json").read_text())["body"]
    program = "\n".join(
        [
            "import sys",
            f"from {webhooks.__name__} import read_event",
            f"for body in {[json.dumps(EVENT, ensure_ascii=False), example]!r}: read_event(body.encode())",
            "print('aichats.whop.event_models' in sys.modules)",
        ]
    )

    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout

    assert printed == "False\n"
