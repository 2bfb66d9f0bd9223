"""Webhook events start the runs of the automations that listen for them."""

from collections import Counter
from contextlib import suppress
from copy import replace
from datetime import timedelta
from typing import Any

import pytest

from aichats.automations import webhook_events
from aichats.automations.table import AutomationTable
from aichats.automations.webhook_events import Budgets
from aichats.aws.errors import NoResponseError
from aichats.runs.model import run_id
from aichats.runs.queue_messages import EventMessage, read_message
from aichats.whop.event_models import WebhookEvent
from tests.support.automations import CRON, listening
from tests.support.crashing import Crash, World
from tests.support.fakes import Json
from tests.support.ledgers import Clock
from tests.support.output import Output
from tests.support.stack_in_memory import NAME, StackInMemory, payment

FAILS_FOR_B = "{{ abs(to_number(target == 'biz_B' && 'x' || '1')) }}"


def event(**changes: Any) -> Json:
    """Return an event as it is after parsing."""
    return WebhookEvent.model_validate(payment(**changes)).model_dump(mode="json")


def saying(*targets: str | None, title: str = "{{ event.type }} {{ target }}", **trigger: Any) -> Json:
    definition = listening(targets=targets or ("biz_A",), **trigger)
    return definition | {"action": {**definition["action"], "title": title}}


def whose(stack: StackInMemory) -> list[str | None]:
    return sorted(chat.get("current_company_id", "") for chat in stack.whop.chats.values())


# ---------------------------------------------------------------------------------------------- listeners


def test_an_event_becomes_a_run_for_each_target_through_the_queue(stack: StackInMemory) -> None:
    stack.put(saying("biz_A", "biz_B"))

    ids = stack.handle(event())

    assert ids == [run_id("webhook", "msg_1", NAME, target) for target in ("biz_A", "biz_B")]
    assert [sent.run_id for sent in stack.sqs.sent] == ids
    assert stack.whop.requests == []
    stack.work()
    assert sorted(stack.titles) == ["payment.failed biz_A", "payment.failed biz_B"]


def test_an_event_without_listeners_does_nothing(stack: StackInMemory) -> None:
    stack.put(listening("payment.succeeded"))
    stack.put(listening(enabled=False), "disabled")
    stack.put(listening(), "deleted")
    stack.app.automation_table.begin_delete("deleted")

    assert (stack.handle(event()), stack.runs, stack.sqs.sent) == ([], [], [])


@pytest.mark.parametrize(("amount", "runs"), [(12.5, 1), (10, 0)])
def test_a_filter_selects_events(stack: StackInMemory, amount: float, runs: int) -> None:
    stack.put(listening(filter="data.amount > `10`"))

    assert len(stack.handle(event(data={"amount": amount}))) == runs


def test_each_automation_that_listens_has_its_own_runs(stack: StackInMemory) -> None:
    stack.put(saying("biz_A"), "one")
    stack.put(saying("biz_A"), "two")

    assert len(set(stack.handle(event()))) == 2
    stack.work()
    assert whose(stack) == ["biz_A", "biz_A"]


def test_an_event_without_listeners_is_not_measured_for_the_queue(
    stack: StackInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[Any] = []
    monkeypatch.setattr(webhook_events, "fits", measured.append)

    assert stack.handle(event()) == []

    assert measured == []


def test_automations_of_several_providers_receive_the_same_event(stack: StackInMemory) -> None:
    stack.put(saying("biz_A", "biz_B"), "at-whop")
    kodey = {"type": "kodey.create_chat", "message_text": "{{ event.type }}"}
    stack.put(listening() | {"action": kodey, "targets": ["agent-1", "agent-2"]}, "at-kodey")

    ids = stack.handle(event())

    queues = Counter(sent.queue for sent in stack.sqs.sent)
    assert queues == {"https://sqs.invalid/runs": 2, "https://sqs.invalid/slow-runs": 2}
    assert sorted(ids) == sorted(sent.run_id for sent in stack.sqs.sent)


def test_an_automation_that_became_a_schedule_after_its_index_was_written_receives_nothing(
    stack: StackInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = replace(stack.put(listening()), automation=CRON)
    monkeypatch.setattr(AutomationTable, "listeners", lambda *_: iter([stale]))

    assert stack.handle(event()) == []


@pytest.mark.parametrize("name", ["account_id", "company_id"])
@pytest.mark.parametrize("target", ["{{ event.account_id }}", "{{ event.company_id }}"])
def test_the_company_of_an_event_is_a_target_in_both_generations_of_envelopes(
    stack: StackInMemory, name: str, target: str
) -> None:
    stack.put(saying(target))

    stack.handle(event(**{"account_id": ..., "company_id": ..., name: "biz_C"}))
    stack.work()

    assert (whose(stack), stack.titles) == (["biz_C"], ["payment.failed biz_C"])


def test_new_fields_of_whops_events_can_be_used(stack: StackInMemory) -> None:
    stack.put(saying(title="{{ event.data.new_field.deep }}"))

    stack.handle(event(data={"new_field": {"deep": "new"}}, more="too"))
    stack.work()

    assert stack.titles == ["new"]


def test_the_queue_contains_nothing_of_the_event(stack: StackInMemory) -> None:
    stack.put(saying())
    stack.handle(event())

    assert [sent.body for sent in stack.sqs.sent] == [f'{{"version":1,"run_id":"{stack.runs[0].run.run_id}"}}']
    assert "pay_1" not in str(stack.runs)


# ---------------------------------------------------------------------------------------------- delivered again


def test_an_event_that_is_delivered_again_has_the_same_runs(stack: StackInMemory) -> None:
    stack.put(saying("biz_A", "biz_B"))

    first = stack.handle(event())
    stack.work()

    assert stack.handle(event()) == first
    assert stack.sqs.sent == []
    assert whose(stack) == ["biz_A", "biz_B"]


def test_another_event_of_the_same_kind_is_another_run(stack: StackInMemory) -> None:
    stack.put(saying())

    assert stack.handle(event(), "msg_1") != stack.handle(event(), "msg_2")
    stack.work()
    assert len(stack.whop.chats) == 2


def test_a_delivery_while_a_run_is_queued_sends_again_and_is_performed_once(stack: StackInMemory) -> None:
    stack.put(saying())
    stack.handle(event())
    stack.handle(event())

    assert len(stack.sqs.sent) == 2
    stack.work()
    assert len(stack.whop.chats) == 1


# ---------------------------------------------------------------------------------------------- failed runs


def test_a_run_that_cannot_be_rendered_has_failed_and_the_others_run(stack: StackInMemory, output: Output) -> None:
    stack.put(saying("biz_A", "biz_B", title=FAILS_FOR_B))

    ids = stack.handle(event())

    assert [row.status for row in stack.runs] == ["pending", "failed"]
    assert ids == [row.run.run_id for row in stack.runs]
    failed = stack.runs[1]
    assert failed.error is not None
    assert failed.error["type"] == "RenderError"
    assert output.counted("RunsFailed") == 1


def test_an_automation_that_cannot_be_rendered_does_not_affect_the_others(stack: StackInMemory) -> None:
    stack.put(saying("{{ event.data.nobody }}"), "broken")
    stack.put(saying(), "whole")

    stack.handle(event())

    assert {row.run.automation: row.status for row in stack.runs} == {"broken": "failed", "whole": "pending"}


@pytest.mark.parametrize("filter_", ["data.amount", "length(data.amount) > `1`"])
def test_a_filter_that_fails_is_one_failed_run(stack: StackInMemory, output: Output, filter_: str) -> None:
    stack.put(saying("biz_A", "biz_B", filter=filter_))

    [failed] = stack.handle(event())

    [row] = stack.runs
    assert (row.run.run_id, row.status, row.unrendered) == (failed, "failed", True)
    assert output.counted("RunsFailed") == 1


def test_a_filter_and_the_texts_after_it_share_one_budget(stack: StackInMemory) -> None:
    stack.app.webhook_events = replace(stack.app.webhook_events, budgets=Budgets(most=55, least=55, queued=55))
    stack.put(saying(filter="data.amount > `10` && data.user.name != 'x'", title="{{ event.type }}"), "one")
    stack.put(saying("biz_A", title="{{ event.type }} {{ target }}"), "two")
    stack.put(saying(filter=" && ".join(["data.user.name == 'Zoë'"] * 3)), "three")

    assert len(stack.handle(event())) == 1
    [deferred] = [sent for sent in stack.sqs.sent if '"event"' in sent.body]
    message = read_message(deferred.body)
    assert isinstance(message, EventMessage)
    stack.app.messages.render(message)
    assert {row.run.automation: row.status for row in stack.runs} == {
        "one": "failed",
        "two": "pending",
        "three": "failed",
    }


def test_a_failed_run_shows_the_expression_and_nothing_of_the_event(
    stack: StackInMemory, caplog: pytest.LogCaptureFixture
) -> None:
    stack.put(saying(title="{{ abs(event.data.id) }}"))
    stack.handle(event())

    [log] = caplog.records
    assert "abs(event.data.id)" in str(stack.runs[0].error)
    assert "pay_1" not in str(stack.runs) + str(vars(log))


def test_a_run_that_failed_to_render_is_not_performed_when_its_event_is_delivered_again(stack: StackInMemory) -> None:
    stack.put(saying(title="{{ abs(target) }}"))
    first = stack.handle(event())
    stack.put(saying())

    assert stack.handle(event()) == first
    stack.work()

    assert ([row.status for row in stack.runs], stack.whop.requests) == (["failed"], [])


# ---------------------------------------------------------------------------------------------- errors


def test_if_the_queue_rejects_messages_the_runs_are_left_to_the_sweep(stack: StackInMemory) -> None:
    stack.put(saying("biz_A", "biz_B", "biz_C"))
    stack.sqs.rejects = lambda sent: sent.run_id == run_id("webhook", "msg_1", NAME, "biz_B")

    assert len(stack.handle(event())) == 3

    stack.sqs.rejects = lambda _: False
    stack.clock.forward(minutes=30)
    stack.app.stranded_runs.resume()
    stack.work()
    assert whose(stack) == ["biz_A", "biz_B", "biz_C"]


@pytest.mark.parametrize("fault", ["error before", "error after", "crash before", "crash after", "answer lost"])
@pytest.mark.parametrize("call", range(7))
def test_a_delivery_may_fail_at_any_call_and_the_next_one_completes_it(call: int, fault: str) -> None:
    world = World(Clock(), timedelta(minutes=2))
    stack = StackInMemory(world)
    stack.put(saying("biz_A", title=FAILS_FOR_B), "one")
    stack.put(saying("biz_B", title=FAILS_FOR_B), "two")
    stack.put(saying("biz_C", "biz_D"), "three")

    # A delivery reads the index twice, the second time for rows of older versions. It reads the automations, writes the
    # rows, sends messages and stores failures. The last call follows an error only: it defers automations.
    with world.process({call: fault}), suppress(Crash, NoResponseError):
        stack.handle(event())
    stack.handle(event())
    stack.work()

    assert whose(stack) == ["biz_A", "biz_C", "biz_D"]
    assert Counter(row.status for row in stack.runs) == {"succeeded": 3, "failed": 1}


@pytest.mark.parametrize("call", [3, 4, 5])
def test_a_delivery_that_is_accepted_despite_an_error_needs_no_other(call: int) -> None:
    world = World(Clock(), timedelta(minutes=2))
    stack = StackInMemory(world)
    stack.put(saying("biz_A", "biz_B", title=FAILS_FOR_B))

    with world.process({call: "error before"}):
        stack.handle(event())
    stack.clock.forward(minutes=30)
    stack.app.stranded_runs.resume()
    stack.work()

    assert whose(stack) == ["biz_A"]
    assert Counter(row.status for row in stack.runs) == {"succeeded": 1, "failed": 1}
