"""A webhook is answered in time, however much its event starts. Work that takes longer is done from the queue."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import copy, replace
from typing import Any

import pytest

from aichats.automations.run_factory import RunFactory
from aichats.automations.webhook_events import Budgets
from aichats.aws.errors import ResponseError
from aichats.http.deadline import time_limit
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.messages import RUNS_SECONDS
from aichats.runs.model import run_id
from aichats.runs.queue import EVENT_BYTES, QueueError
from aichats.runs.queue_messages import EventMessage, read_message
from aichats.whop.event_models import parse_event
from tests.support.automations import listening
from tests.support.fakes import Json, Sent, aws_error
from tests.support.ledgers import LEASE, dynamodb
from tests.support.output import Output
from tests.support.stack_in_memory import NAME, StackInMemory, payment

HEAVY = f"length(to_string({' | '.join(['[@, @]'] * 40)})) > `1`"
"""An expression whose value doubles with every step, so that no machine can compute it."""
MARK = 40
"""The number of calls to AWS that a delivery may make."""


class Aws:
    """Stand-in for DynamoDB and SQS that counts calls. Transactions are in memory, which takes no time.

    Attributes:
        items: the items that transactions wrote, by key.
    """

    def __init__(self, sqs: Any) -> None:
        self.calls: Counter[str] = Counter()
        self.items: dict[str, Json] = {}
        self._sqs = sqs

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            self.calls[name] += 1
            return getattr(self._sqs if name == "send_message_batch" else dynamodb(), name)(**request)

        return call

    def transact_write_items(self, **request: Any) -> Json:
        self.calls["transact_write_items"] += 1
        new = {put["Put"]["Item"]["run_id"]["S"]: put["Put"]["Item"] for put in request["TransactItems"]}
        if self.items.keys() & new:
            reasons = [
                {"Code": "ConditionalCheckFailed", "Item": self.items[key]} if key in self.items else {"Code": "None"}
                for key in new
            ]
            error: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
            raise ResponseError(error, "TransactWriteItems")
        self.items |= new
        return {}


def counted(stack: StackInMemory) -> Aws:
    """Count the calls to DynamoDB and SQS from now on."""
    aws = Aws(stack.sqs)
    client: Any = aws
    stack.app.ledger = replace(stack.app.ledger, client=client)
    stack.app.automation_table = replace(stack.app.automation_table, client=client)
    queue = copy(stack.app.dispatcher.queue)
    queue.client = lambda: client
    stack.app.dispatcher = replace(stack.app.dispatcher, ledger=stack.app.ledger, queue=queue)
    return aws


def titled(title: str, *targets: str, filter_: str | None = None) -> Json:
    definition = listening(targets=targets or ("biz_A",), filter=filter_)
    return definition | {"action": {**definition["action"], "title": title}}


def budgets(stack: StackInMemory, **steps: int) -> None:
    stack.app.webhook_events = replace(stack.app.webhook_events, budgets=Budgets(**steps))


def statuses(stack: StackInMemory) -> dict[str | None, str]:
    return {row.run.automation: row.status for row in stack.runs}


def deferred(stack: StackInMemory) -> list[tuple[str, ...]]:
    """Return the automations of each event message in the queue."""
    messages = [read_message(sent.body) for sent in stack.sqs.sent]
    return [tuple(message.automations) for message in messages if isinstance(message, EventMessage)]


@contextmanager
def broken(monkeypatch: pytest.MonkeyPatch, name: str) -> Iterator[None]:
    """Let the code raise an unexpected error for one automation."""
    fire = RunFactory.runs_for

    def breaks(self: RunFactory, automation: str, *args: Any) -> Any:
        if automation == name:
            raise RuntimeError("a bug")
        return fire(self, automation, *args)

    with monkeypatch.context() as patched:
        patched.setattr(RunFactory, "runs_for", breaks)
        yield


# ---------------------------------------------------------------------------------------------- calls to AWS


def test_ten_automations_with_a_hundred_targets_each_take_few_calls_even_when_delivered_again(
    stack: StackInMemory,
) -> None:
    for number in range(10):
        targets = [f"biz_{number}x{target}" for target in range(100)]
        stack.put(titled("{{ event.type }} {{ target }}", *targets), f"automation-{number}")
    aws = counted(stack)

    first = stack.handle(payment())
    assert (len(set(first)), aws.calls.total() <= MARK) == (1000, True), aws.calls

    aws.calls.clear()
    assert stack.handle(payment()) == first
    assert aws.calls.total() <= MARK, aws.calls


def test_texts_that_fail_for_five_hundred_targets_take_few_calls(stack: StackInMemory, output: Output) -> None:
    for number in range(5):
        targets = [f"biz_{number}x{target}" for target in range(100)]
        stack.put(titled("{{ abs(target) }}", *targets), f"automation-{number}")
    aws = counted(stack)

    assert len(set(stack.handle(payment()))) == 500
    assert aws.calls.total() <= MARK, aws.calls
    assert output.counted("RunsFailed") == 500
    assert {item["status"]["S"] for item in aws.items.values()} == {"failed"}

    aws.calls.clear()
    assert len(stack.handle(payment())) == 500
    assert aws.calls.total() <= MARK, aws.calls


def test_runs_of_many_small_automations_are_written_together(stack: StackInMemory) -> None:
    for number in range(30):
        stack.put(titled("{{ event.type }}"), f"automation-{number}")
    aws = counted(stack)

    assert len(stack.handle(payment())) == 30
    assert aws.calls["transact_write_items"] == 1


def test_runs_that_are_written_later_are_due_later_so_that_the_rate_limit_is_kept(stack: StackInMemory) -> None:
    for number in range(2):
        targets = [f"biz_{number}x{target}" for target in range(100)]
        stack.put(titled("{{ target }}", *targets), f"automation-{number}")

    stack.handle(payment())

    delays = sorted(delay for _, delay in stack.sqs.runs)
    assert (delays[0], delays[-1]) == (0, 25)


# ---------------------------------------------------------------------------------------------- heavy automations


def test_heavy_automations_do_not_affect_others_and_are_rendered_from_the_queue(stack: StackInMemory) -> None:
    budgets(stack, event=5_000, least=10, queued=3_000)
    for number in range(25):
        stack.put(titled("{{ event.data.id }}", filter_=HEAVY), f"heavy-{number}")
    stack.put(titled("{{ event.data.amount }}" * 20, "biz_B"), "harmless")

    assert stack.handle(payment()) == [run_id("webhook", "msg_1", "harmless", "biz_B")]
    assert [len(names) for names in deferred(stack)] == [25]
    stack.work()

    assert Counter(statuses(stack).values()) == {"failed": 25, "succeeded": 1}


def test_an_automation_that_needs_more_has_its_whole_budget_in_the_queue(stack: StackInMemory) -> None:
    budgets(stack, most=20, least=20)
    stack.put(titled("{{ event.data.id }} {{ event.data.user.name }}"))

    assert (stack.handle(payment()), deferred(stack)) == ([], [(NAME,)])
    stack.work()

    assert stack.titles == ["pay_1 Zoë"]
    assert [row.run.run_id for row in stack.runs] == [run_id("webhook", "msg_1", NAME, "biz_A")]


def test_the_least_work_is_done_first(stack: StackInMemory) -> None:
    budgets(stack, event=20, least=20)
    stack.put(titled("{{ event.data.id }}", *(f"biz_{number}" for number in range(9))), "a-large-one")
    stack.put(titled("{{ event.type }}"), "z-small-one")

    stack.handle(payment())

    assert (statuses(stack), deferred(stack)) == ({"z-small-one": "pending"}, [("a-large-one",)])


def test_without_time_all_automations_wait_and_none_is_lost(stack: StackInMemory) -> None:
    stack.put(titled("{{ event.data.id }}"), "one")
    stack.put(titled("{{ event.type }}"), "two")

    with time_limit(0.2):
        assert stack.handle(payment()) == []
    assert (sorted(deferred(stack)[0]), stack.runs) == (["one", "two"], [])

    stack.work()
    assert sorted(stack.titles) == ["pay_1", "payment.failed"]


def test_an_event_that_is_delivered_again_while_it_waits_is_performed_once(stack: StackInMemory) -> None:
    budgets(stack, most=10, least=10)
    stack.put(titled("{{ event.data.id }} {{ event.data.user.name }}", "biz_A", "biz_B"))

    stack.handle(payment())
    stack.handle(payment())
    assert len(deferred(stack)) == 2
    stack.work()
    stack.handle(payment())
    stack.work()

    assert len(stack.whop.chats) == 2


def test_an_automation_that_waits_is_rendered_with_its_current_definition(stack: StackInMemory) -> None:
    budgets(stack, most=10, least=10)
    for name in ("changed", "switched-off", "deleted", "listens-no-more"):
        stack.put(titled("{{ event.data.id }} {{ event.data.user.name }}"), name)
    stack.handle(payment())

    stack.put(titled("{{ event.data.amount }}"), "changed")
    stack.put(listening(enabled=False), "switched-off")
    stack.put(listening("plan.created"), "listens-no-more")
    stack.app.automation_table.begin_delete("deleted")
    stack.work()

    assert (stack.titles, statuses(stack)) == (["12.5"], {"changed": "succeeded"})


# ---------------------------------------------------------------------------------------------- errors


def test_an_automation_that_causes_an_unexpected_error_loses_the_event_for_no_other(
    stack: StackInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.put(titled("{{ event.data.id }}"), "broken")
    stack.put(titled("{{ event.type }}"), "whole")

    with broken(monkeypatch, "broken"):
        assert len(stack.handle(payment())) == 1
        assert deferred(stack) == [("broken",)]
        events = [sent for sent in stack.sqs.sent if isinstance(read_message(sent.body), EventMessage)]
        assert failed(stack, records(*events)) == ["0"]
    stack.work()

    assert sorted(stack.titles) == ["pay_1", "payment.failed"]


def test_runs_that_the_ledger_rejects_do_not_affect_other_automations(
    stack: StackInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    hundred = [f"biz_{number}" for number in range(100)]
    stack.put(titled("{{ target }}", *hundred), "refused")
    stack.put(titled("{{ target }}{{ target }}", *hundred), "taken")
    add = Ledger.add

    def rejects(self: Ledger, runs: Any, *rest: Any) -> Any:
        if runs[0].automation == "refused":
            raise aws_error("ThrottlingException")
        return add(self, runs, *rest)

    with monkeypatch.context() as refusing:
        refusing.setattr(Ledger, "add", rejects)
        assert len(stack.handle(payment())) == 100
    assert (set(statuses(stack)), deferred(stack)) == ({"taken"}, [("refused",)])


def test_an_event_that_is_too_large_for_the_queue_is_rendered_immediately(stack: StackInMemory) -> None:
    budgets(stack, most=10, least=10, event=150_000)
    stack.put(titled("{{ event.data.id }} {{ event.data.user.name }}"), "light")
    stack.put(titled("{{ event.data.id }}" + "x" * 100, filter_=HEAVY), "heavy")
    large = payment(data={"id": "pay_1", "user": {"name": "Zoë"}, "more": "x" * EVENT_BYTES})

    assert len(stack.handle(large)) == 2
    assert statuses(stack) == {"light": "pending", "heavy": "failed"}


def test_an_event_that_is_too_large_for_the_queue_and_has_no_time_must_be_delivered_again(stack: StackInMemory) -> None:
    stack.put(titled("{{ event.data.id }}"))
    large = payment(data={"id": "pay_1", "more": "x" * EVENT_BYTES})

    with time_limit(0.2), pytest.raises(QueueError, match="too large"):
        stack.handle(large)

    assert len(stack.handle(large)) == 1


# ---------------------------------------------------------------------------------------------- from the queue


def failed(stack: StackInMemory, messages: list[Json]) -> list[str]:
    """Return the ids of the messages that SQS delivers again."""
    answer = stack.app.messages.handle(messages, LEASE)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def records(*sent: Sent) -> list[Json]:
    return [{"messageId": str(number), "body": message.body} for number, message in enumerate(sent)]


def test_each_automation_that_waits_gets_a_message_of_its_own(stack: StackInMemory) -> None:
    budgets(stack, most=10, least=10)
    names = [f"automation-{number}" for number in range(12)]
    for name in names:
        stack.put(titled("{{ event.data.id }} {{ event.data.user.name }}"), name)
    stack.handle(payment())
    [one] = stack.sqs.sent
    stack.sqs.sent.clear()

    assert failed(stack, records(one)) == []
    assert sorted(deferred(stack)) == sorted((name,) for name in names)


def test_a_batch_without_time_performs_its_runs_and_sends_the_event_again(stack: StackInMemory) -> None:
    stack.put(titled("x"), "queued")
    budgets(stack, most=10, least=10)
    stack.put(titled("{{ event.data.id }} {{ event.data.user.name }}"), "waits")
    stack.handle(payment())
    messages = list(stack.sqs.sent)
    stack.sqs.sent.clear()

    with time_limit(RUNS_SECONDS - 1):
        assert failed(stack, records(*messages)) == []

    assert (stack.titles, deferred(stack)) == (["x"], [("waits",)])


def test_an_event_that_cannot_be_rendered_now_is_retried_and_stops_no_run(
    stack: StackInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    budgets(stack, most=10, least=10)
    stack.put(titled("{{ event.data.id }} {{ event.data.user.name }}"), "waits")
    stack.put(titled("x"), "queued")
    stack.handle(payment())
    messages = sorted(stack.sqs.sent, key=lambda sent: isinstance(read_message(sent.body), EventMessage))

    with broken(monkeypatch, "waits"):
        assert failed(stack, records(*messages)) == ["1"]

    assert stack.titles == ["x"]


def test_automations_that_are_left_to_the_queue_are_counted(
    stack: StackInMemory, caplog: pytest.LogCaptureFixture
) -> None:
    budgets(stack, most=10, least=10)
    stack.put(titled("{{ event.data.id }} {{ event.data.user.name }}"))
    stack.handle(payment())

    [log] = caplog.records
    assert vars(log)["automations"] == (NAME,)
    assert "pay_1" not in str(vars(log))


@pytest.mark.parametrize("levels", [10, 198, 199])
def test_a_deeply_nested_event_is_rendered_or_waits_and_is_never_lost(stack: StackInMemory, levels: int) -> None:
    """Webhooks may have 200 levels, and the message adds one. Such an event was once answered with 202 and lost."""
    stack.put(titled("{{ event.type }}"))
    budgets(stack, event=0)
    nested = json.loads("[" * levels + "]" * levels)
    event = parse_event(json.dumps(payment(data={"nested": nested})).encode()).model_dump(mode="json")

    with suppress(QueueError):
        stack.handle(event)

    for sent in stack.sqs.sent:
        read_message(sent.body)
