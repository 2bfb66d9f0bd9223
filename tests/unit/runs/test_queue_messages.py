"""The format of the messages of the run queues, judged by the models of the whole format."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aichats.runs.message_models import MESSAGE, read_with_models
from aichats.runs.queue import GROUP, run_id_of
from aichats.runs.queue_messages import (
    EventMessage,
    GroupMessage,
    JobMessage,
    QueueMessage,
    RunMessage,
    UnreadableMessageError,
    WatchMessage,
    body_of,
    read_message,
)

RUN_ID = "a2" * 16
NOON = "2026-11-20T12:00:00Z"

ids = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=32, max_size=32)
numbers = st.integers(0, 10**20)
surrogates = st.sampled_from(["\ud800", "\udc00x", "\U0001f600", "\\ud800"])
times = st.datetimes(timezones=st.just(UTC))
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
events = st.builds(
    EventMessage,
    webhook_id=st.text(max_size=5),
    event=st.dictionaries(st.text(max_size=5), values, max_size=4),
    automations=st.lists(st.text(max_size=5), min_size=1, max_size=3).map(tuple),
)
odd_events = st.builds(
    EventMessage,
    webhook_id=surrogates,
    event=st.dictionaries(surrogates, st.lists(surrogates | values, max_size=3), max_size=3),
    automations=st.lists(surrogates, max_size=3).map(tuple),
)
certain_messages: st.SearchStrategy[QueueMessage] = st.one_of(
    st.builds(RunMessage, ids),
    st.builds(
        GroupMessage,
        slow=st.booleans(),
        sent_at=times,
        runs=st.lists(st.tuples(ids, numbers), min_size=1, max_size=3).map(tuple),
    ),
    st.builds(JobMessage, ids, numbers, numbers, numbers),
    st.builds(WatchMessage, ids, times, numbers),
)
odd_values = values | st.sampled_from(
    [
        RUN_ID,
        RUN_ID.upper(),
        f"{RUN_ID}\n",
        NOON,
        "2026-11-20T12:00:00",
        "2026-11-20T12:00:00+00:00",
        "2026-11-20T12:00:00.5Z",
        "2026-11-20T24:00:00Z",
        "2026-W47-5T12:00:00Z",
        "20261120T120000Z",
        "2026-11-20 12:00:00Z",
        1795165200,
        "1",
        1.0,
        True,
        [],
        [[RUN_ID, 0]],
        [[RUN_ID, True]],
        [[RUN_ID, 1.0], [RUN_ID, "1"]],
        [[RUN_ID, 0, 0]],
        [[RUN_ID, 0]] * GROUP,
        [[RUN_ID, 0]] * (GROUP + 1),
        "run",
        "group",
        "event",
        "job",
        "watch",
    ]
)
NAMES = ["version", "kind", "run_id", "slow", "sent_at", "runs", "webhook_id", "event", "automations"]
NAMES += ["job_id", "part", "handled", "done", "looks", "began_at", "more"]


@st.composite
def odd_bodies(draw: st.DrawFn) -> str:
    """Draw bodies that are almost as they should be: other values, names, order, spaces or ends."""
    data: dict[str, Any] = json.loads(body_of(draw(certain_messages | events | odd_events)))
    for _ in range(draw(st.integers(0, 2))):
        name = draw(st.sampled_from(sorted(data) or ["kind"]) | st.sampled_from(NAMES))
        if draw(st.booleans()):
            data[name] = draw(odd_values)
        else:
            data.pop(name, None)
    members = list(data.items())
    if draw(st.booleans()):
        members = list(draw(st.permutations(members)))
    if draw(st.booleans()) and members:
        members = [*members, draw(st.sampled_from(members))]
    body = as_object(members, draw(st.sampled_from([":", ": "])))
    end = draw(st.none() | st.integers(0, len(body)))
    return body[:end] + draw(st.sampled_from(["", "", "", " ", "\n", "}", "\x00"]))


def as_object(members: list[tuple[str, Any]], colon: str) -> str:
    """Return an object whose names may repeat."""
    return "{" + ",".join(f"{json.dumps(name)}{colon}{as_text(value)}" for name, value in members) + "}"


def as_text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def same(one: object, other: object) -> bool:
    # NaN is not equal to itself.
    return one == other or repr(one) == repr(other)


def outcome(read: Callable[[str], QueueMessage], body: str) -> tuple[str, dict[str, Any]] | str:
    """Return the name of a message's class and its fields; the text of the error if a body is not a message."""
    try:
        message = read(body)
    except UnreadableMessageError as error:
        return str(error)
    return type(message).__name__, message._asdict()


def read(body: str) -> tuple[str, dict[str, Any]] | str:
    return outcome(read_message, body)


def judged(body: str) -> tuple[str, dict[str, Any]] | str:
    return outcome(read_with_models, body)


@settings(max_examples=100, deadline=None)
@given(certain_messages | events)
def test_a_message_is_written_as_the_models_write_it(message: QueueMessage) -> None:
    body = body_of(message)

    assert body == json.dumps(MESSAGE.validate_json(body).model_dump(mode="json"), separators=(",", ":"))


@settings(max_examples=100, deadline=None)
@given(certain_messages | events)
def test_what_is_written_is_read_as_the_models_read_it(message: QueueMessage) -> None:
    body = body_of(message)

    assert same(read(body), judged(body))
    assert same(read(body), (type(message).__name__, message._asdict()))


@settings(max_examples=500, deadline=None)
@given(odd_bodies())
def test_any_other_body_is_read_or_rejected_as_by_the_models(body: str) -> None:
    assert same(read(body), judged(body))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=20) | values.map(as_text))
def test_a_body_that_has_nothing_of_a_message_is_rejected_with_the_text_of_the_models(body: str) -> None:
    assert same(read(body), judged(body))


@pytest.mark.parametrize("levels", [5, 150, 190, 200, 250, 5_000, 200_000])
def test_a_body_with_many_levels_is_read_or_rejected_as_by_the_models(levels: int) -> None:
    deep = "[" * levels + "]" * levels
    for body in (deep, '{"version":1,"kind":"job","more":' + deep + "}"):
        assert read(body) == judged(body)


@pytest.mark.parametrize(
    "body",
    [
        f'{{"version":1,"run_id":"\\ud800","run_id":"{RUN_ID}"}}',
        f'{{"version":1,"kind":"job","job_id":"\\ud800","job_id":"{RUN_ID}","part":0,"handled":0,"done":0}}',
        f'{{"version":1,"kind":"job","job_id":"{RUN_ID}","part":{"9" * 5000},"handled":0,"done":0}}',
        f'{{"version":1,"kind":"job","job_id":"{RUN_ID}","part":NaN,"handled":0,"done":0}}',
        f'{{"version":1,"kind":"watch","run_id":"{RUN_ID}","looks":0,"began_at":"0001-01-01T00:00:00Z"}}',
        f'{{"version":1,"kind":"watch","run_id":"{RUN_ID}","looks":0,"began_at":"2026-11-20T12:00:60Z"}}',
        f'{{"version":1,"run_id":"{RUN_ID}"}}"}}',
        f'\ufeff{{"version":1,"run_id":"{RUN_ID}"}}',
    ],
)
def test_a_body_at_the_edge_of_the_format_is_read_or_rejected_as_by_the_models(body: str) -> None:
    assert read(body) == judged(body)


@given(ids)
def test_the_id_of_a_run_is_found_in_the_body_that_is_written_and_in_no_other(run_id: str) -> None:
    body = body_of(RunMessage(run_id))

    assert run_id_of(body) == run_id
    assert [run_id_of(other) for other in (f"{body} ", body[:-1], body[1:], run_id, body.replace(":", ": "))] == [
        None
    ] * 5


def test_the_messages_that_aichats_writes_are_read_without_models() -> None:
    now = datetime(2026, 11, 20, 12, 0, 0, 5000, UTC)
    messages: list[QueueMessage] = [
        RunMessage(RUN_ID),
        GroupMessage(slow=False, sent_at=now, runs=((RUN_ID, 0),)),
        JobMessage(RUN_ID, 3),
        EventMessage("msg_1", {"type": "payment.failed", "data": {"note": "\U0001f600", "amount": 1.5}}, ("weekly",)),
        WatchMessage(RUN_ID, now, 2),
    ]
    program = "\n".join(
        [
            "import sys",
            "from aichats.runs.queue_messages import read_message",
            f"for body in {[body_of(message) for message in messages]!r}: print(type(read_message(body)).__name__)",
            "print('pydantic' in sys.modules, 'aichats.runs.message_models' in sys.modules)",
        ]
    )

    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout

    assert printed.split() == [*(type(message).__name__ for message in messages), "False", "False"]


def fields_of(body: str) -> Mapping[str, Any]:
    return dict(json.loads(body))


def test_a_message_has_its_version_and_its_kind_first() -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)

    assert body_of(WatchMessage(RUN_ID, now)) == (
        f'{{"version":1,"kind":"watch","run_id":"{RUN_ID}","looks":0,"began_at":"{NOON}"}}'
    )
    assert list(fields_of(body_of(JobMessage(RUN_ID, 0)))) == ["version", "kind", "job_id", "part", "handled", "done"]
