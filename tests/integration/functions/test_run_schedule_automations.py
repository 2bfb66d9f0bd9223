"""The function that schedules call reads the automation that an event names."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from aichats.errors import InputError
from functions.run_schedule import app as run_schedule
from tests.support.automations import scheduled
from tests.support.fakes import Json
from tests.support.lambda_calls import make_context
from tests.support.ledgers import NOON
from tests.support.output import Output
from tests.support.stack_in_memory import GRACE, NAME, StackInMemory, slot_run

EVENT: Json = {"automation": NAME, "scheduled_time": "2026-11-20T12:00:00Z"}

type Fire = Callable[[Json], list[Json]]


@pytest.fixture
def fire(stack: StackInMemory, monkeypatch: pytest.MonkeyPatch, output: Output) -> Fire:
    assert output.text == ""
    monkeypatch.setattr(run_schedule, "events", stack.app.schedule_events)

    def call(event: Json) -> list[Json]:
        runs: list[Json] = run_schedule.lambda_handler(event, make_context(60))["runs"]
        return runs

    return call


def titled(*targets: str) -> Json:
    definition = scheduled("cron(0 12 * * ? *)")
    action: Any = definition["action"] | {"title": "{{ slot.date }} {{ target }}", "notification_preference": "none"}
    return definition | {"action": action, "targets": list(targets)}


def test_an_automation_with_one_target_is_performed_immediately(
    fire: Fire, stack: StackInMemory, output: Output
) -> None:
    stack.put(titled("biz_A"))
    stack.clock.forward(seconds=2)

    assert fire(EVENT) == [{"run_id": slot_run(NOON), "status": "succeeded", "chat_id": "aich_1"}]

    assert stack.titles == ["2026-11-20 biz_A"]
    assert stack.whop.chats["aich_1"]["notification_preference"] == "none"
    assert (output.counted("Events"), output.counted("Lateness")) == (1, 2)


def test_an_automation_with_many_targets_is_performed_from_the_queue(fire: Fire, stack: StackInMemory) -> None:
    stack.put(titled("biz_A", "biz_B"))

    assert [run["status"] for run in fire(EVENT)] == ["queued", "queued"]
    stack.work()

    assert sorted(stack.titles) == ["2026-11-20 biz_A", "2026-11-20 biz_B"]


def test_a_duplicate_event_after_its_slot_was_missed_is_performed_once(fire: Fire, stack: StackInMemory) -> None:
    stack.clock.now = NOON - timedelta(hours=1)
    stack.put(titled("biz_A"))
    stack.clock.now = NOON + GRACE
    assert stack.sweep() == 1

    assert fire(EVENT) == fire(EVENT)
    assert stack.titles == ["2026-11-20 biz_A"]


def test_an_automation_that_does_not_exist_does_nothing(fire: Fire, stack: StackInMemory, output: Output) -> None:
    assert (fire(EVENT), stack.runs) == ([], [])
    assert output.counted("StaleEvents") == 1


def test_a_schedule_of_an_earlier_version_does_nothing(fire: Fire, stack: StackInMemory, output: Output) -> None:
    stack.put(scheduled("cron(0 12 * * ? *)"))
    stack.put(scheduled("at(2026-11-20T18:00:00)"))

    assert (fire(EVENT), stack.runs) == ([], [])
    assert output.counted("StaleEvents") == 1
    [log] = [log for log in output.logs if log["level"] == "WARNING"]
    assert (log["message"], log["automation"], log["slot"]) == (
        "event dropped: the automation has no such slot",
        NAME,
        "2026-11-20T12:00:00Z",
    )


def test_an_invalid_event_raises_an_error(fire: Fire, output: Output) -> None:
    with pytest.raises(InputError):
        fire(EVENT | {"scheduled_time": "<aws.scheduler.scheduled-time>"})

    assert output.counted("Events") == 1
