"""The function that sweeps every five minutes finds missed slots and repairs the schedules of automations."""

from datetime import timedelta

import pytest

from aichats.automations.reconcile import SETTLE_TIME
from functions.sweep_runs import app as sweep_runs
from tests.support.automations import FakeScheduler, scheduled
from tests.support.fakes import Json, aws_error
from tests.support.lambda_calls import make_context
from tests.support.ledgers import NOON
from tests.support.output import Output
from tests.support.stack_in_memory import GRACE, NAME, StackInMemory, slot_run

ONE = NOON + timedelta(hours=1)
HOURLY = scheduled("cron(0 * * * ? *)")


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, output: Output) -> StackInMemory:
    assert output.text == ""
    stack = StackInMemory()
    app = stack.app
    monkeypatch.setattr(sweep_runs, "sweep", app.sweep)
    return stack


def scheduler(stack: StackInMemory) -> FakeScheduler:
    client = stack.app.automations.schedules.client
    assert isinstance(client, FakeScheduler)
    return client


def sweep() -> Json:
    return dict(sweep_runs.lambda_handler({}, make_context(120)))


def test_without_anything_to_repair_nothing_is_done(stack: StackInMemory, output: Output) -> None:
    stack.app.automations.put(NAME, stack.put(HOURLY).automation)
    stack.clock.now = ONE
    stack.tick(ONE)
    stack.clock.forward(minutes=5)

    assert sweep() == {"resumed": 0, "ended": 0, "missed": 0, "repaired": 0}
    assert (output.counted("Sweeps"), output.counted("RunsMissed")) == (1, 0)


def test_a_suppressed_slot_is_stored_and_counted(stack: StackInMemory, output: Output) -> None:
    stack.app.automations.put(NAME, stack.put(HOURLY).automation)
    stack.clock.now = ONE + GRACE

    assert sweep()["missed"] == 1

    assert stack.history == [("13:00", "biz_A", "missed")]
    assert output.counted("RunsMissed") == 1
    [log] = [log for log in output.logs if log["message"] == "slot missed"]
    assert (log["automation"], log["slot"], log["runs"]) == (NAME, "2026-11-20T13:00:00Z", 1)
    assert sweep()["missed"] == 0


def test_a_suppressed_slot_creates_exactly_one_late_chat_if_required(stack: StackInMemory) -> None:
    stack.app.automations.put(NAME, stack.put(HOURLY | {"missed": "run"}).automation)
    stack.clock.now = ONE + GRACE

    for _ in range(3):
        sweep()
        stack.work()
        stack.clock.forward(minutes=5)
    stack.tick(ONE)

    assert len(stack.whop.chats) == 1
    assert [row.run.run_id for row in stack.runs] == [slot_run(ONE)]


def test_a_late_run_whose_message_was_lost_is_sent_again_by_the_next_sweep(stack: StackInMemory) -> None:
    stack.app.automations.put(NAME, stack.put(HOURLY | {"missed": "run"}).automation)
    stack.clock.now = ONE + GRACE
    sweep()
    stack.sqs.sent.clear()
    stack.clock.forward(minutes=5)

    assert sweep() == {"resumed": 1, "ended": 0, "missed": 0, "repaired": 0}
    stack.work()
    assert len(stack.whop.chats) == 1


def test_a_missing_schedule_is_created_again(stack: StackInMemory, output: Output) -> None:
    stack.put(HOURLY)
    stack.clock.now = NOON + SETTLE_TIME + timedelta(seconds=1)

    assert sweep()["repaired"] == 1

    assert len(scheduler(stack).schedules) == 1
    assert output.counted("SchedulesRepaired") == 1
    assert [log["automation"] for log in output.logs if log["message"] == "automation created"] == [NAME]
    assert sweep()["repaired"] == 0


def test_a_scheduler_that_is_down_stops_neither_runs_nor_slots(stack: StackInMemory) -> None:
    stack.put(HOURLY)
    scheduler(stack).down = aws_error("InternalServerException")
    stack.clock.now = ONE + GRACE

    with pytest.raises(Exception, match="schedule of all automations"):
        sweep()

    assert stack.history == [("13:00", "biz_A", "missed")]


def test_an_automation_that_cannot_be_repaired_is_logged_and_does_not_fail_the_sweep(
    stack: StackInMemory, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.put(HOURLY)
    stack.clock.now = NOON + SETTLE_TIME + timedelta(seconds=1)

    def reject(**_: object) -> None:
        raise aws_error("ServiceQuotaExceededException", "too many schedules")

    monkeypatch.setattr(scheduler(stack), "create_schedule", reject)

    assert sweep()["repaired"] == 0
    [log] = [log for log in output.logs if log["message"] == "automation failed"]
    assert (log["level"], log["automation"]) == ("ERROR", NAME)
    assert "too many schedules" in log["reason"]
