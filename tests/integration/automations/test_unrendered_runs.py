"""Runs whose texts could not be rendered are rendered again for their kept event, after their automation is fixed."""

from collections import Counter
from contextlib import suppress
from copy import replace
from datetime import timedelta
from typing import Any

import pytest

from aichats.automations.webhook_events import Budgets
from aichats.aws.errors import NoResponseError
from aichats.errors import InputError
from aichats.runs.ledger.events import MAX_EVENT_BYTES
from aichats.runs.ledger.rows import Row
from aichats.runs.model import run_id
from aichats.runs.replay import NO_TERMS, NotReplayableError, ReplayTerms
from aichats.whop.event_models import WebhookEvent
from tests.support.automations import listening, scheduled
from tests.support.crashing import Crash, World
from tests.support.fakes import Json
from tests.support.ledgers import ERROR, LEASE, NOON, Clock, dynamodb
from tests.support.output import Output
from tests.support.stack_in_memory import NAME, StackInMemory, payment, slot_run

NICKNAME = "{{ event.data.user.nickname }}"
"""A text that fails, because the event has no such field."""
FIXED = "{{ event.data.user.nickname || 'you' }}, {{ target }}"
FILTER, FIXED_FILTER = "data.amount", "data.amount > `10`"


def event(**changes: Any) -> Json:
    """Return an event as it is after parsing."""
    return WebhookEvent.model_validate(payment(**changes)).model_dump(mode="json")


def saying(*targets: str | None, title: str = FIXED, **trigger: Any) -> Json:
    definition = listening(targets=targets or ("biz_A",), **trigger)
    return definition | {"action": {**definition["action"], "title": title}}


def run_of(target: str | None, webhook_id: str = "msg_1") -> str:
    return run_id("webhook", webhook_id, NAME, target)


def row_of(stack: StackInMemory, target: str | None) -> Row:
    row = stack.app.ledger.get(run_of(target))
    assert row is not None
    return row


def replay(stack: StackInMemory, target: str | None = "biz_A", terms: ReplayTerms = NO_TERMS) -> list[str]:
    """Replay the run of a target a second later. Return the ids of the runs that will be performed."""
    stack.clock.forward(seconds=1)
    replayed = stack.app.replays.replay(row_of(stack, target), terms)
    if replayed.row.is_open:
        stack.app.dispatcher.enqueue_stored(replayed.row)
    return replayed.run_ids


def refusal(stack: StackInMemory, target: str | None = "biz_A", terms: ReplayTerms = NO_TERMS) -> str:
    """Return the reason why a replay is rejected. Nothing is queued then."""
    with pytest.raises(NotReplayableError) as caught:
        replay(stack, target, terms)
    assert stack.sqs.sent == []
    return caught.value.reason


def wrong_fields(stack: StackInMemory, target: str | None = "biz_A") -> list[str]:
    """Return the fields that a replay names because they can't be rendered. Nothing is queued then."""
    with pytest.raises(InputError) as caught:
        replay(stack, target)
    assert stack.sqs.sent == []
    return [field for field, _ in caught.value.problems]


def fail(stack: StackInMemory, *targets: str | None, title: str = NICKNAME, **trigger: Any) -> list[str]:
    """Let an event meet an automation whose texts or filter fail. Return the ids of the runs."""
    stack.put(saying(*targets, title=title, **trigger))
    return stack.handle(event())


def kept_items(stack: StackInMemory) -> list[Json]:
    """Return the kept events."""
    found = dynamodb().scan(TableName=stack.app.ledger.table)["Items"]
    return [dict(item) for item in found if item["run_id"]["S"].startswith("event:")]


def statuses(stack: StackInMemory) -> dict[str | None, str]:
    return {row.run.target: row.status for row in stack.runs}


# ---------------------------------------------------------------------------------------------- kept


def test_the_fields_that_the_automation_uses_are_kept_and_no_others(stack: StackInMemory) -> None:
    fail(stack, title="{{ event.data.user.nickname }} {{ event.data.amount }}", filter="previous_attributes == `null`")

    [item] = kept_items(stack)
    assert item["webhook_id"]["S"] == "msg_1"
    kept = stack.app.ledger.events.get(item["run_id"]["S"])
    assert kept.event == {
        "id": "evt_1",
        "type": "payment.failed",
        "timestamp": "2026-11-20T12:00:00Z",
        "account_id": "biz_A",
        "company_id": "biz_A",
        "data": {"amount": 12.5, "user": {}},
        "previous_attributes": None,
    }
    assert ("data", "user", "nickname") in kept.fields
    assert "Zoë" not in str(item)


def test_the_failed_runs_of_an_automation_share_one_item(stack: StackInMemory) -> None:
    fail(stack, "biz_A", "biz_B", "biz_C")

    [item] = kept_items(stack)
    assert {row.event_key for row in stack.runs} == {item["run_id"]["S"]}


def test_an_event_without_a_failure_is_not_kept(stack: StackInMemory) -> None:
    stack.put(saying())
    stack.handle(event())
    stack.work()

    assert kept_items(stack) == []


def test_an_event_is_kept_as_long_as_the_texts_of_runs(stack: StackInMemory) -> None:
    fail(stack)

    [item] = kept_items(stack)
    assert int(item["ttl"]["N"]) == int((NOON + timedelta(days=30)).timestamp())


def test_an_event_that_is_delivered_again_is_kept_once(stack: StackInMemory) -> None:
    fail(stack)
    stack.handle(event())

    assert len(kept_items(stack)) == 1


def test_an_automation_that_is_rendered_from_the_queue_keeps_its_event_too(stack: StackInMemory) -> None:
    stack.app.webhook_events = replace(stack.app.webhook_events, budgets=Budgets(most=1, least=1))
    fail(stack)
    assert (stack.runs, kept_items(stack)) == ([], [])
    stack.work()
    stack.put(saying())

    assert replay(stack) == [run_of("biz_A")]


def test_an_event_that_is_too_large_is_not_kept_and_the_error_says_so(stack: StackInMemory) -> None:
    stack.put(saying(title="{{ event.data.note }}{{ event.data.missing }}"))
    stack.handle(event(data={"note": "x" * MAX_EVENT_BYTES}))

    [row] = stack.runs
    assert (kept_items(stack), row.event_key) == ([], None)
    assert (row.error or {})["message"].endswith(
        "can't be replayed, because the fields of its event that the automation uses have more than 32768 bytes"
    )
    assert "its event is not stored" in refusal(stack)


def test_an_event_that_is_just_small_enough_is_kept(stack: StackInMemory) -> None:
    stack.put(saying(title="{{ event.data.note }}{{ event.data.missing }}"))
    stack.handle(event(data={"note": "x" * (MAX_EVENT_BYTES - 500)}))

    assert len(kept_items(stack)) == 1
    assert "bytes" not in str(stack.runs[0].error)


def test_a_failed_run_says_which_field_could_not_be_rendered(stack: StackInMemory) -> None:
    fail(stack, "biz_A", "{{ event.data.nobody }}")

    assert {row.run.target: (row.error or {}).get("field") for row in stack.runs} == {
        "biz_A": "action.title",
        "{{ event.data.nobody }}": "targets.1",
    }


# ---------------------------------------------------------------------------------------------- a text that failed


def test_a_text_that_failed_is_sent_after_its_automation_is_fixed(stack: StackInMemory) -> None:
    fail(stack)
    stack.put(saying())

    assert replay(stack) == [run_of("biz_A")]
    stack.work()

    [row] = stack.runs
    assert (row.status, row.error, row.unrendered, row.event_key) == ("succeeded", None, False, None)
    assert stack.titles == ["you, biz_A"]


def test_only_the_run_that_is_replayed_is_sent(stack: StackInMemory) -> None:
    fail(stack, "biz_A", "biz_B")
    stack.put(saying("biz_A", "biz_B", "biz_New"))

    assert replay(stack, "biz_B") == [run_of("biz_B")]
    stack.work()

    assert statuses(stack) == {"biz_A": "failed", "biz_B": "succeeded"}
    assert stack.titles == ["you, biz_B"]


def test_a_long_text_with_another_action_and_labels_is_stored_like_that_of_a_new_run(stack: StackInMemory) -> None:
    fail(stack)
    kodey = {"type": "kodey.create_chat", "message_text": "{{ event.id }}" + "x" * 500}
    stack.put(listening(targets=("biz_A",)) | {"action": kodey, "labels": {"team": "a"}})

    replay(stack)

    row = row_of(stack, "biz_A")
    assert (row.run.action.type, row.run.labels, row.run.api_version) == ("kodey.create_chat", {"team": "a"}, None)
    assert row.action_key is not None
    assert (row.title, row.key_base) == (None, None)


def test_a_replayed_run_counts_from_now(stack: StackInMemory) -> None:
    fail(stack)
    stack.put(saying())
    stack.clock.forward(days=20)
    due = stack.clock.now + timedelta(minutes=5)

    replay(stack, terms=ReplayTerms(due_at=due))

    row = row_of(stack, "biz_A")
    assert (row.status, row.opened_at, row.due_at) == ("pending", stack.clock.now, due)
    assert (row.created_at, row.finished_at) == (NOON, None)
    assert [sent.delay for sent in stack.sqs.sent] == [299]


def test_a_replayed_run_that_fails_again_is_an_ordinary_failed_run(stack: StackInMemory) -> None:
    fail(stack)
    stack.put(saying())
    replay(stack)
    row = stack.app.ledger.claim(run_of("biz_A"), LEASE)
    stack.app.ledger.finish(row, "failed", error=ERROR)

    assert not row_of(stack, "biz_A").unrendered
    assert stack.app.ledger.steering.replay(run_of("biz_A")).run.action == row.run.action


def test_a_text_that_fails_again_names_its_field(stack: StackInMemory) -> None:
    fail(stack)

    assert wrong_fields(stack) == ["action.title"]

    assert row_of(stack, "biz_A").status == "failed"


def test_a_target_or_a_filter_that_fails_now_is_named_too(stack: StackInMemory) -> None:
    fail(stack, "{{ event.account_id }}")
    stack.put(saying("{{ event.id }}"))
    assert wrong_fields(stack) == ["targets.0"]
    stack.put(saying("biz_B", filter="id"))
    assert wrong_fields(stack) == ["trigger.filter"]


def test_a_fixed_text_that_uses_a_field_that_is_not_kept_is_rejected_with_the_kept_fields(
    stack: StackInMemory,
) -> None:
    fail(stack)
    stack.put(saying(title="{{ event.data.user.nickname || event.data.user.name || 'you' }}"))

    assert refusal(stack) == (
        "can't be replayed, because automation weekly now uses data.user.name, and these fields of its event are kept: "
        "account_id, company_id, data.user.nickname, id, timestamp, type"
    )


def test_a_run_of_a_target_that_is_no_longer_one_is_not_replayed(stack: StackInMemory) -> None:
    fail(stack, "biz_A", "biz_B")
    stack.put(saying("biz_A"))

    assert "biz_B is no longer a target of automation weekly" in refusal(stack, "biz_B")


def test_an_event_that_the_filter_rejects_now_is_not_replayed(stack: StackInMemory) -> None:
    fail(stack, filter="data.amount > `10`")
    stack.put(saying(filter="data.amount > `100`"))
    assert "does not select its event any more" in refusal(stack)
    stack.put(saying() | {"trigger": {"type": "webhook", "events": ["payment.succeeded"]}})
    assert "does not select its event any more" in refusal(stack)


def test_without_its_automation_a_run_is_not_replayed(stack: StackInMemory) -> None:
    fail(stack)
    stack.put(scheduled())
    assert "has another kind of trigger now" in refusal(stack)
    stack.app.automation_table.begin_delete(NAME)
    assert "automation weekly does not exist any more" in refusal(stack)


def test_an_automation_that_cannot_be_read_is_named(stack: StackInMemory) -> None:
    fail(stack)
    dynamodb().update_item(
        TableName=stack.app.automation_table.table,
        Key={"name": {"S": NAME}},
        UpdateExpression="SET #definition = :broken",
        ExpressionAttributeNames={"#definition": "definition"},
        ExpressionAttributeValues={":broken": {"S": "{}"}},
    )

    assert "Replace it with PUT" in refusal(stack)


def test_a_disabled_automation_is_replayed_because_a_person_asks_for_it(stack: StackInMemory) -> None:
    fail(stack)
    stack.put(saying(enabled=False))

    assert replay(stack) == [run_of("biz_A")]


def test_an_event_that_has_expired_is_not_replayed(stack: StackInMemory) -> None:
    fail(stack)
    stack.put(saying())
    [item] = kept_items(stack)
    dynamodb().delete_item(TableName=stack.app.ledger.table, Key={"run_id": item["run_id"]})

    assert refusal(stack) == "can't be replayed, because its event is no longer kept (parameter KeepTextsDays)"


def test_a_failed_run_of_an_earlier_version_is_not_replayed(stack: StackInMemory) -> None:
    fail(stack)
    dynamodb().update_item(
        TableName=stack.app.ledger.table,
        Key={"run_id": {"S": run_of("biz_A")}},
        UpdateExpression="REMOVE event_key",
    )

    assert "its event is not stored" in refusal(stack)


def test_a_slot_is_rendered_again_without_an_event(stack: StackInMemory) -> None:
    failing = scheduled("cron(0 13 * * ? *)", message="{{ abs(slot.date) }}")
    stack.put(failing)
    assert stack.tick(NOON + timedelta(hours=1)) == []
    stack.put(scheduled("cron(0 13 * * ? *)", message="Of {{ slot.time }}"))

    row = stack.app.ledger.get(slot_run(NOON + timedelta(hours=1)))
    assert row is not None
    assert kept_items(stack) == []
    stack.clock.forward(seconds=1)
    replayed = stack.app.replays.replay(row)
    assert replayed.run_ids == [row.run.run_id]
    stack.app.dispatcher.enqueue_stored(replayed.row)
    stack.work()

    assert [row.status for row in stack.runs] == ["succeeded"]
    assert stack.runs[0].run.slot == "2026-11-20T13:00:00Z"


# ---------------------------------------------------------------------------------------------- targets and filters


TEMPLATE = "{{ event.data.company }}"
FIXED_TEMPLATE = "{{ event.data.company || 'biz_Z' }}"


def test_the_runs_of_a_fixed_target_replace_the_failed_run(stack: StackInMemory) -> None:
    fail(stack, "biz_A", TEMPLATE, title=FIXED)
    stack.work()
    stack.put(saying("biz_A", FIXED_TEMPLATE))

    assert replay(stack, TEMPLATE) == [run_of("biz_Z")]
    stack.work()

    assert statuses(stack) == {"biz_A": "succeeded", TEMPLATE: "failed", "biz_Z": "succeeded"}
    error = row_of(stack, TEMPLATE).error or {}
    assert error["replaced_by"] == [run_of("biz_Z")]
    assert error["message"].endswith(f". Replayed as run {run_of('biz_Z')}")
    assert sorted(stack.titles) == ["you, biz_A", "you, biz_Z"]


def test_a_run_that_was_replaced_is_not_replayed_again(stack: StackInMemory) -> None:
    fail(stack, TEMPLATE, title=FIXED)
    stack.put(saying(FIXED_TEMPLATE))
    replay(stack, TEMPLATE)
    stack.work()
    stack.put(saying(FIXED_TEMPLATE, "biz_New"))

    assert f"it was replayed as run {run_of('biz_Z')}" in refusal(stack, TEMPLATE)


def test_a_fixed_filter_starts_the_runs_of_all_targets(stack: StackInMemory) -> None:
    [failed] = fail(stack, "biz_A", "biz_B", title=FIXED, filter=FILTER)
    stack.put(saying("biz_A", "biz_B", filter=FIXED_FILTER))

    assert replay(stack) == [failed, run_of("biz_B")]
    stack.work()

    assert statuses(stack) == {"biz_A": "succeeded", "biz_B": "succeeded"}


def test_a_fixed_filter_whose_first_target_is_a_template_replaces_the_failed_run(stack: StackInMemory) -> None:
    fail(stack, FIXED_TEMPLATE, "biz_B", title=FIXED, filter=FILTER)
    stack.put(saying(FIXED_TEMPLATE, "biz_B", filter=FIXED_FILTER))

    assert replay(stack, FIXED_TEMPLATE) == [run_of("biz_Z"), run_of("biz_B")]
    stack.work()

    assert statuses(stack) == {FIXED_TEMPLATE: "failed", "biz_B": "succeeded", "biz_Z": "succeeded"}
    assert "Replayed as 2 runs, see replaced_by" in (row_of(stack, FIXED_TEMPLATE).error or {})["message"]


def test_a_fixed_filter_starts_nothing_if_a_text_fails(stack: StackInMemory) -> None:
    fail(stack, "biz_A", "biz_B", title=FIXED, filter=FILTER)
    stack.put(
        saying("biz_A", "biz_B", title="{{ target == 'biz_B' && event.data.amount || `null` }}", filter=FIXED_FILTER)
    )

    assert wrong_fields(stack) == ["action.title"]
    assert statuses(stack) == {"biz_A": "failed"}


def test_a_fixed_target_is_started_even_if_another_target_still_fails_in_its_own_run(stack: StackInMemory) -> None:
    other = "{{ event.data.nobody }}"
    fail(stack, TEMPLATE, other, title=FIXED)
    stack.put(saying(FIXED_TEMPLATE, other))

    assert replay(stack, TEMPLATE) == [run_of("biz_Z")]


def test_a_caller_that_may_not_start_a_run_starts_none(stack: StackInMemory) -> None:
    fail(stack, "biz_A", "biz_B", title=FIXED, filter=FILTER)
    stack.put(saying("biz_A", "biz_B", filter=FIXED_FILTER))

    reason = refusal(stack, terms=ReplayTerms(frozenset({"biz_A"})))

    assert reason == "can't be replayed, because it would start runs for other companies"
    assert statuses(stack) == {"biz_A": "failed"}


# ---------------------------------------------------------------------------------------------- at the same time


def test_of_two_replays_at_once_one_is_rejected(stack: StackInMemory) -> None:
    fail(stack)
    stack.put(saying())
    before = row_of(stack, "biz_A")
    replay(stack)

    stack.clock.forward(seconds=1)
    with pytest.raises(NotReplayableError, match="it changed at the same time") as caught:
        stack.app.replays.replay(before)

    assert caught.value.row is not None
    assert caught.value.row.status == "pending"
    stack.work()
    assert stack.titles == ["you, biz_A"]


def test_a_delivery_after_the_fix_and_a_replay_start_each_run_once(stack: StackInMemory) -> None:
    fail(stack, "biz_A", "biz_B", title=FIXED, filter=FILTER)
    stack.put(saying("biz_A", "biz_B", filter=FIXED_FILTER))
    stack.handle(event())
    stack.sqs.sent.clear()

    assert replay(stack) == [run_of("biz_A")]
    stack.handle(event())
    stack.work()

    assert sorted(stack.titles) == ["you, biz_A", "you, biz_B"]


def test_a_replacement_that_a_delivery_has_started_is_named(stack: StackInMemory) -> None:
    fail(stack, TEMPLATE, title=FIXED)
    stack.put(saying(FIXED_TEMPLATE))
    stack.handle(event())
    stack.sqs.sent.clear()

    assert f"its event already has run {run_of('biz_Z')}" in refusal(stack, TEMPLATE)


def test_an_answer_names_only_some_of_many_replacements(stack: StackInMemory) -> None:
    fail(stack, TEMPLATE, title=FIXED)
    stack.put(saying(*(f"biz_{number}" for number in range(50))))
    stack.handle(event())
    stack.sqs.sent.clear()

    reason = refusal(stack, TEMPLATE)

    assert "and 47 others" in reason
    assert len(reason) < 400


class Unlucky:
    """A stack with a failed run, whose next replay may fail at any call."""

    def __init__(self, *targets: str, fixed: tuple[str, ...] = (), **trigger: Any) -> None:
        self.world = World(Clock(), timedelta(minutes=2))
        self.stack = StackInMemory(self.world)
        fail(self.stack, *targets, title=FIXED if trigger or fixed else NICKNAME, **trigger)
        self.stack.work()
        fixing = {"filter": FIXED_FILTER} if trigger else {}
        self.stack.put(saying(*(fixed or targets), **fixing))

    def replay(self, target: str, plan: dict[int, str]) -> None:
        with self.world.process(plan), suppress(Crash, NoResponseError, NotReplayableError):
            replay(self.stack, target)

    def settle(self) -> None:
        """Let the sweep resume what a dead process left, and perform everything."""
        self.stack.clock.forward(minutes=30)
        self.stack.app.stranded_runs.resume()
        self.stack.work()


FAULTS = ["error before", "error after", "crash before", "crash after", "answer lost"]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", range(10))
def test_a_replay_may_fail_at_any_call_and_the_next_one_completes_it(call: int, fault: str) -> None:
    scenarios = [
        (Unlucky("biz_A"), "biz_A", ["biz_A"]),
        (Unlucky("biz_A", "biz_B", filter=FILTER), "biz_A", ["biz_A", "biz_B"]),
        (Unlucky("biz_A", TEMPLATE, fixed=("biz_A", FIXED_TEMPLATE)), TEMPLATE, ["biz_A", "biz_Z"]),
    ]
    for unlucky, target, chats in scenarios:
        unlucky.replay(target, {call: fault})
        unlucky.replay(target, {})
        unlucky.settle()

        assert Counter(unlucky.stack.titles) == Counter(f"you, {company}" for company in chats)


def test_a_replacement_that_died_is_completed_for_the_targets_of_its_time(stack: StackInMemory) -> None:
    fail(stack, TEMPLATE, title=FIXED)
    row = row_of(stack, TEMPLATE)
    stack.app.ledger.steering.note_replacement(row, [run_of("biz_Z")])
    stack.put(saying(FIXED_TEMPLATE, "biz_New"))

    assert replay(stack, TEMPLATE) == [run_of("biz_Z")]


def test_a_replacement_that_died_before_its_automation_got_other_targets_is_planned_again(
    stack: StackInMemory,
) -> None:
    fail(stack, TEMPLATE, title=FIXED)
    stack.app.ledger.steering.note_replacement(row_of(stack, TEMPLATE), [run_of("biz_Z")])
    stack.put(saying("biz_New"))

    assert replay(stack, TEMPLATE) == [run_of("biz_New")]
    assert (row_of(stack, TEMPLATE).error or {})["replaced_by"] == [run_of("biz_New")]


# ---------------------------------------------------------------------------------------------- secrecy


def test_nothing_of_the_event_is_logged_or_in_an_error(
    stack: StackInMemory, caplog: pytest.LogCaptureFixture, output: Output
) -> None:
    stack.put(saying(title="{{ abs(event.data.id) }}"))
    stack.handle(event(data={"id": "pay_secret"}))
    with pytest.raises(InputError) as caught:
        replay(stack)
    stack.put(saying(title="{{ event.data.user.name }}"))
    refused = refusal(stack)

    shown = f"{caught.value} {refused} {stack.runs} {[vars(record) for record in caplog.records]}"
    assert "pay_secret" not in shown
    assert output.counted("RunsFailed") == 1
