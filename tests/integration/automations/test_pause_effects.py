"""In a pause nothing runs, nothing counts as missed, and whatever waits goes on afterwards."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from aichats.aws.observability import metrics
from aichats.runs.queue_messages import EventMessage, GroupMessage, body_of
from aichats.schedules.pauses import Pauses, PauseWindow
from tests.support.automations import listening, reconcile, scheduled
from tests.support.fakes import Json, aws_error
from tests.support.ledgers import LEASE, NOON, make_run
from tests.support.output import Output
from tests.support.runs_api import CREATE
from tests.support.stack_in_memory import (
    GRACE,
    NAME,
    ONE,
    THREE,
    TWO,
    StackInMemory,
    hourly,
    payment,
    sweep_at,
)

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def window(begins: Any = NOON, until: Any = None, reason: str | None = "holidays") -> PauseWindow:
    return PauseWindow(begins, until, "ops", NOON, reason)


def pause(stack: StackInMemory, scope: str = "automation", begins: Any = NOON, until: Any = None) -> None:
    """Pause the automation or the stack."""

    def add(pauses: Pauses) -> Pauses:
        return pauses.add(window(begins, until), stack.clock.now)

    if scope == "stack":
        stack.app.stack_pause.change(add, stack.clock.now)
    else:
        stack.app.automation_table.change_pauses(NAME, lambda row: add(row.pauses))


def resume(stack: StackInMemory, scope: str = "automation") -> None:
    def end(pauses: Pauses) -> Pauses:
        return pauses.resumed(stack.clock.now, "ops")

    if scope == "stack":
        stack.app.stack_pause.change(end, stack.clock.now)
    else:
        stack.app.automation_table.change_pauses(NAME, lambda row: end(row.pauses))


EACH = pytest.mark.parametrize("scope", ["automation", "stack"])

# ---------------------------------------------------------------------------------------------- schedules


@EACH
def test_a_slot_in_a_pause_is_dropped_logged_and_counted(stack: StackInMemory, scope: str, output: Output) -> None:
    stack.put(hourly())
    pause(stack, scope)
    assert stack.tick(ONE) == []
    assert (stack.history, stack.sqs.sent) == ([], [])
    [line] = [line for line in output.logs if line["message"] == "slot skipped: paused"]
    assert (line["level"], line["automation"], line["by"]) == ("INFO", NAME, "ops")
    assert "holidays" not in output.text


@EACH
def test_the_time_of_the_slot_decides_and_not_the_time_at_which_its_event_comes(
    stack: StackInMemory, scope: str
) -> None:
    stack.put(hourly())
    pause(stack, scope, begins=TWO, until=THREE)
    stack.clock.now = THREE + MINUTE
    for slot in (ONE, TWO, THREE):
        stack.tick(slot)
    stack.work()
    assert stack.history == [("13:00", "biz_A", "succeeded"), ("15:00", "biz_A", "succeeded")]


@EACH
@pytest.mark.parametrize("then", ["skip", "run"])
def test_slots_in_a_pause_are_not_missed_and_not_run_late_even_after_it(
    stack: StackInMemory, scope: str, then: str
) -> None:
    stack.put(hourly(then=then))
    pause(stack, scope)
    assert sweep_at(stack, ONE + GRACE) == 0
    stack.clock.now = TWO + MINUTE
    resume(stack, scope)
    assert sweep_at(stack, TWO + GRACE) == 0
    assert stack.row().checked_until == TWO
    assert stack.history == []
    assert sweep_at(stack, THREE + GRACE) == 1
    assert [slot for slot, _, _ in stack.history] == ["15:00"]


@EACH
def test_of_missed_slots_only_the_newest_outside_a_pause_is_run_late(stack: StackInMemory, scope: str) -> None:
    stack.put(hourly(then="run"))
    pause(stack, scope, begins=TWO, until=THREE)
    assert sweep_at(stack, TWO + GRACE) == 1
    stack.clock.now = THREE
    stack.work()
    assert stack.history == [("13:00", "biz_A", "succeeded")]


def test_a_one_off_in_a_pause_never_runs_and_becomes_done(stack: StackInMemory) -> None:
    stack.put(scheduled(f"at({ONE:%Y-%m-%dT%H:%M:%S})"))
    pause(stack)
    stack.clock.now = ONE
    assert stack.tick(ONE) == []
    stack.clock.now = ONE + MINUTE
    resume(stack)
    stack.clock.now = ONE + 4 * HOUR
    assert stack.sweep() == 0
    assert [change.kind for change in reconcile(stack.app.automations)] == ["done"]
    assert (stack.row().state, stack.history) == ("done", [])


def test_a_schedule_of_your_own_is_paused_with_the_stack(stack: StackInMemory, output: Output) -> None:
    event = {"automation": "mine", "scheduled_time": "2026-11-20T12:00:00Z", "action": CREATE, "targets": ["biz_A"]}
    pause(stack, "stack")
    assert stack.app.schedule_events.handle(event, LEASE) == []
    assert "slot skipped: paused" in output.text
    assert stack.runs == []


def test_a_late_slot_from_before_the_pause_of_the_stack_waits_and_runs_after_it(stack: StackInMemory) -> None:
    stack.put(hourly())
    stack.clock.now = ONE + MINUTE
    pause(stack, "stack", begins=ONE + MINUTE)
    [result] = stack.tick(ONE)
    assert result["status"] == "waiting"
    stack.work()
    assert stack.history == [("13:00", "biz_A", "pending")]
    resume_and_sweep(stack)
    assert stack.history == [("13:00", "biz_A", "succeeded")]


def test_if_the_pause_of_the_stack_cannot_be_read_no_slot_is_checked_until_it_can(
    stack: StackInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.put(hourly())
    pause(stack, "stack", until=TWO)
    stack.clock.now = ONE + GRACE

    def fail() -> Pauses:
        raise aws_error("InternalServerError", "down")

    with monkeypatch.context() as patch:
        patch.setattr(stack.app.stack_pause, "read", fail)
        with pytest.raises(Exception, match="InternalServerError"):
            stack.sweep()
        assert stack.row().checked_until == NOON
    assert stack.sweep() == 0
    assert (stack.row().checked_until, stack.history) == (ONE, [])


# ---------------------------------------------------------------------------------------------- events


def paused_listener(stack: StackInMemory, scope: str) -> None:
    stack.put(listening(targets=("biz_A", "biz_B")))
    pause(stack, scope, until=ONE)


def skipped(stack: StackInMemory) -> list[tuple[str, Json]]:
    return [(row.status, dict(row.error or {})) for row in stack.runs]


EXPECTED = {
    "automation": f"automation {NAME} is paused by ops until 2026-11-20T13:00:00Z: holidays",
    "stack": "the stack is paused by ops until 2026-11-20T13:00:00Z: holidays",
}


@EACH
def test_an_event_in_a_pause_is_stored_as_skipped_with_who_and_until_when(stack: StackInMemory, scope: str) -> None:
    paused_listener(stack, scope)
    ids = stack.handle(payment())
    assert skipped(stack) == [("skipped", {"type": "Skipped", "message": EXPECTED[scope]})] * 2
    assert (sorted(ids), stack.sqs.sent) == (sorted(row.run.run_id for row in stack.runs), [])


@EACH
def test_the_runs_of_a_paused_event_share_one_line_in_the_log(stack: StackInMemory, output: Output, scope: str) -> None:
    paused_listener(stack, scope)
    stack.handle(payment())
    [line] = [line for line in output.logs if "skipped" in line["message"]]
    assert (line["message"], line["automation"], line["runs"]) == ("event skipped: paused", NAME, 2)
    assert line["reason"] == EXPECTED[scope]


def test_an_event_whose_texts_fail_in_a_pause_is_not_logged_as_skipped(stack: StackInMemory, output: Output) -> None:
    stack.put(listening(targets=("{{ event.data.nothing }}",)))
    pause(stack, "stack")
    stack.handle(payment())
    assert [row.status for row in stack.runs] == ["failed"]
    assert [line["message"] for line in output.logs if "skipped" in line["message"]] == []


@EACH
def test_a_skipped_event_can_be_replayed_after_the_pause_with_its_texts(stack: StackInMemory, scope: str) -> None:
    paused_listener(stack, scope)
    [first, _] = stack.handle(payment())
    stack.clock.now = ONE
    stack.app.dispatcher.enqueue_stored(stack.app.ledger.steering.replay(first))
    stack.work()
    assert [status for status, _ in skipped(stack)] == ["succeeded", "skipped"]


def test_a_skipped_event_that_is_delivered_again_after_the_pause_stays_skipped(stack: StackInMemory) -> None:
    paused_listener(stack, "automation")
    stack.handle(payment())
    stack.clock.now = ONE
    stack.handle(payment())
    stack.work()
    assert [status for status, _ in skipped(stack)] == ["skipped", "skipped"]


def test_the_runs_that_a_pause_skips_are_counted_once(stack: StackInMemory) -> None:
    paused_listener(stack, "automation")
    for _ in range(2):
        stack.handle(payment())
    assert sum(metrics.metric_set["RunsSkipped"]["Value"]) == 2


@EACH
def test_an_event_from_the_queue_is_skipped_if_the_pause_has_begun_meanwhile(stack: StackInMemory, scope: str) -> None:
    paused_listener(stack, scope)
    message = EventMessage(webhook_id="msg_1", event=payment(), automations=(NAME,))
    assert deliver(stack, body_of(message)) == {"batchItemFailures": []}
    assert [status for status, _ in skipped(stack)] == ["skipped", "skipped"]


def test_other_automations_go_on(stack: StackInMemory) -> None:
    paused_listener(stack, "automation")
    stack.put(listening(targets=("biz_C",)), "other")
    stack.handle(payment())
    stack.work()
    assert [row.status for row in stack.runs] == ["skipped", "skipped", "succeeded"]


# ---------------------------------------------------------------------------------------------- queues


def deliver(stack: StackInMemory, *bodies: str) -> Json:
    records = [{"messageId": str(number), "body": body} for number, body in enumerate(bodies)]
    return stack.app.messages.handle(records, LEASE)


def resume_and_sweep(stack: StackInMemory) -> None:
    resume(stack, "stack")
    stack.clock.forward(minutes=5)
    stack.app.stranded_runs.resume()
    stack.work()


def test_messages_of_runs_are_dropped_and_their_runs_go_on_after_the_pause(
    stack: StackInMemory, output: Output
) -> None:
    runs = [make_run(target=f"biz_{number}") for number in range(3)]
    stack.app.dispatcher.enqueue(runs)
    pause(stack, "stack")
    stack.work()
    assert [row.status for row in stack.runs] == ["pending"] * 3
    assert [line["runs"] for line in output.logs if line["message"] == "runs wait: the stack is paused"] == [3]
    for _ in range(30):
        stack.clock.forward(minutes=5)
        assert stack.app.stranded_runs.resume() == {"resumed": 0, "ended": 0}
    assert stack.sqs.sent == []
    resume_and_sweep(stack)
    assert [row.status for row in stack.runs] == ["succeeded"] * 3


def test_groups_are_expanded_and_their_runs_wait(stack: StackInMemory) -> None:
    run = make_run()
    stack.app.ledger.add([run], lambda _: NOON)
    pause(stack, "stack")
    group = GroupMessage(slow=False, sent_at=NOON, runs=((run.run_id, 0),))
    assert deliver(stack, body_of(group)) == {"batchItemFailures": []}
    assert [sent.run_id for sent in stack.sqs.sent] == [run.run_id]
    stack.work()
    assert [row.status for row in stack.runs] == ["pending"]


def test_a_run_that_waited_too_long_ends_and_its_error_says_why(stack: StackInMemory) -> None:
    stack.app.dispatcher.enqueue([make_run()])
    pause(stack, "stack")
    stack.work()
    stack.clock.forward(hours=26)
    assert stack.app.stranded_runs.resume() == {"resumed": 0, "ended": 1}
    [row] = stack.runs
    assert row.status == "failed"
    assert row.error == {
        "type": "GivenUp",
        "message": "aichats could not perform the run within 24 hours. The stack is paused by ops: holidays",
    }


@pytest.mark.parametrize(("begin", "expected"), [(pause, 1), (lambda *_: None, 0)])
def test_each_sweep_says_whether_the_stack_is_paused(
    stack: StackInMemory, begin: Callable[[StackInMemory, str], None], expected: int
) -> None:
    begin(stack, "stack")
    stack.app.stranded_runs.resume()
    assert metrics.metric_set["StackPaused"]["Value"] == [expected]
