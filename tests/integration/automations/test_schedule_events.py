"""The events of schedules start the runs of their automations."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from aichats.aws.observability import metrics
from aichats.errors import InputError
from aichats.runs.model import run_id
from tests.support.automations import ACTION, at, listening, scheduled
from tests.support.fakes import Json
from tests.support.ledgers import NOON
from tests.support.stack_in_memory import NAME, StackInMemory, slot_run

SLOT = "2026-11-20T12:00:00Z"
EVENT: Json = {"automation": NAME, "scheduled_time": SLOT}
DAILY = "cron(0 12 * * ? *)"
INSIDE: Json = EVENT | {"action": ACTION, "targets": ["biz_A"]}


def ids(stack: StackInMemory, event: object = EVENT) -> list[str]:
    return [run.run_id for run in stack.app.schedule_events.runs_of(event)]


def counted() -> dict[str, list[float]]:
    return {name: metric["Value"] for name, metric in metrics.metric_set.items()}


def test_the_automation_that_an_event_names_is_read(stack: StackInMemory) -> None:
    stack.put(scheduled(DAILY, message="Hello {{ target }}") | {"targets": ["biz_A", "biz_B"]})

    runs = stack.app.schedule_events.runs_of(EVENT)

    assert [run.run_id for run in runs] == [slot_run(NOON), slot_run(NOON, "biz_B")]
    assert [run.action.message for run in runs] == ["Hello biz_A", "Hello biz_B"]


def test_the_definition_at_the_time_of_firing_counts(stack: StackInMemory) -> None:
    stack.put(scheduled(DAILY))
    stack.put(scheduled(DAILY) | {"targets": ["biz_B"]})

    assert ids(stack) == [slot_run(NOON, "biz_B")]


def test_an_event_that_contains_its_action_needs_no_automation(stack: StackInMemory) -> None:
    stack.put(scheduled() | {"targets": ["biz_B"]})

    assert ids(stack, INSIDE) == [slot_run(NOON)]
    assert ids(stack, INSIDE | {"automation": "nobody-knows-it"}) == [
        run_id("schedule", "nobody-knows-it", SLOT, "biz_A")
    ]


def test_an_event_that_contains_its_action_has_no_templates(stack: StackInMemory) -> None:
    [run] = stack.app.schedule_events.runs_of(INSIDE | {"action": ACTION | {"title": "{{ slot.date }}"}})

    assert run.action.title == "{{ slot.date }}"


@pytest.mark.parametrize("gone", ["never there", "deleting", "disabled", "done", "listening"])
def test_an_event_of_a_deleted_or_disabled_automation_does_nothing_and_is_counted(
    stack: StackInMemory, gone: str
) -> None:
    if gone == "disabled":
        stack.put(scheduled(DAILY, enabled=False))
    elif gone == "listening":
        stack.put(listening())
    elif gone != "never there":
        stack.clock.forward(minutes=-1)
        stack.app.automation_table.put(NAME, at(NOON))
        stack.clock.forward(minutes=1)
        if gone == "deleting":
            stack.app.automation_table.begin_delete(NAME)
        else:
            stack.app.automation_table.finish(stack.row())

    assert (ids(stack), stack.runs) == ([], [])
    assert counted()["StaleEvents"] == [1]


@pytest.mark.parametrize(
    ("before", "after", "time"),
    [
        (scheduled("rate(5 minutes)"), scheduled("at(2026-11-20T18:00:00)"), NOON + timedelta(minutes=6)),
        (scheduled("at(2026-11-20T13:00:00)"), scheduled("at(2026-11-20T18:00:00)"), NOON + timedelta(hours=1)),
        (scheduled(DAILY), scheduled(DAILY, timezone="Asia/Tokyo"), NOON),
        (scheduled(DAILY), scheduled(DAILY, start="2026-11-21T00:00:00Z"), NOON),
        (scheduled(DAILY), scheduled(DAILY, end="2026-11-22T00:00:00Z"), NOON + timedelta(days=2)),
    ],
    ids=["a rate is an at now", "another time", "another zone", "before its start", "after its end"],
)
def test_a_schedule_of_an_earlier_version_that_fires_once_more_does_nothing(
    stack: StackInMemory, before: Json, after: Json, time: datetime
) -> None:
    stack.put(before)
    assert len(ids(stack, EVENT | {"scheduled_time": time.isoformat()})) == 1
    stack.put(after)

    assert stack.tick(time) == []

    assert stack.runs == []
    assert counted()["StaleEvents"] == [1]


@pytest.mark.parametrize(
    ("time", "slots"),
    [
        ("2026-11-20T11:59:00Z", []),
        ("2026-11-20T11:59:01Z", [NOON]),
        ("2026-11-20T13:00:59+01:00", [NOON]),
        ("2026-11-20T12:01:00Z", []),
        ("2026-11-21T12:00:00Z", [NOON + timedelta(days=1)]),
    ],
)
def test_a_time_within_a_minute_of_a_slot_is_that_slot(stack: StackInMemory, time: str, slots: list[datetime]) -> None:
    stack.put(scheduled(DAILY))

    assert ids(stack, EVENT | {"scheduled_time": time}) == [slot_run(slot) for slot in slots]


@pytest.mark.parametrize(("second", "minute"), [(0, 1), (29, 1), (31, 2), (59, 2), (60, 2)])
def test_among_slots_of_every_minute_a_time_means_the_nearest(stack: StackInMemory, second: int, minute: int) -> None:
    stack.put(scheduled("rate(1 minute)"))
    time = NOON + timedelta(minutes=1, seconds=second)

    assert ids(stack, EVENT | {"scheduled_time": time.isoformat()}) == [slot_run(NOON + timedelta(minutes=minute))]


def test_a_rate_has_the_slots_that_are_counted_from_its_start(stack: StackInMemory) -> None:
    stack.put(scheduled("rate(5 minutes)"))

    fired = [minute for minute in range(15) if ids(stack, EVENT | {"scheduled_time": f"2026-11-20T12:{minute:02}:00Z"})]

    assert fired == [1, 6, 11]


def test_an_event_that_has_runs_is_not_counted_as_stale(stack: StackInMemory) -> None:
    stack.put(scheduled(DAILY))
    ids(stack)

    assert "StaleEvents" not in counted()


@pytest.mark.parametrize("event", [EVENT, INSIDE])
@pytest.mark.parametrize("late", [0.0, 61.25])
def test_lateness_is_from_the_slot_to_the_start(stack: StackInMemory, event: Json, late: float) -> None:
    stack.put(scheduled(DAILY))
    stack.clock.now = NOON + timedelta(seconds=late)
    ids(stack, event)

    assert counted()["Lateness"] == [late]
    assert metrics.metric_set["Lateness"]["Unit"] == "Seconds"


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (None, "body"),
        ([], "body"),
        ({}, "automation"),
        ({"automation": "Weekly"} | {"scheduled_time": SLOT}, "automation"),
        (EVENT | {"scheduled_time": "<aws.scheduler.scheduled-time>"}, "scheduled_time"),
        (EVENT | {"scheduled_time": 1795442400}, "scheduled_time"),
        (EVENT | {"slot": SLOT}, "slot"),
        (EVENT | {"action": ACTION}, "targets"),
        (EVENT | {"targets": ["biz_A"]}, "action"),
        (INSIDE | {"targets": ["aich_1"]}, "targets"),
        (INSIDE | {"action": ACTION | {"message_text": "x" * 32_769}}, "action.message_text"),
    ],
)
def test_an_invalid_event_raises_an_error_that_names_the_field(stack: StackInMemory, event: Any, field: str) -> None:
    with pytest.raises(InputError) as caught:
        ids(stack, event)

    assert field in [named for named, _ in caught.value.problems]


def test_a_run_that_cannot_be_rendered_has_failed_and_the_others_run(
    stack: StackInMemory, capsys: pytest.CaptureFixture[str]
) -> None:
    fails = "{{ abs(to_number(target == 'biz_B' && 'x' || '1')) }}"
    stack.put(scheduled(DAILY, message=fails) | {"targets": ["biz_A", "biz_B"]})

    assert ids(stack) == [slot_run(NOON)]

    [failed] = stack.runs
    assert (failed.run.run_id, failed.status, failed.unrendered) == (slot_run(NOON, "biz_B"), "failed", True)
    assert failed.error is not None
    assert failed.error["type"] == "RenderError"
    assert '"RunsFailed": [1.0]' in capsys.readouterr().out


def test_if_no_target_can_be_rendered_nothing_is_performed(stack: StackInMemory) -> None:
    stack.put(scheduled(DAILY, message="{{ abs(target) }}"))

    assert stack.tick(NOON) == []
    assert [row.status for row in stack.runs] == ["failed"]
