"""The summary of a slot: one event when all its runs have ended for the first time."""

from collections.abc import Callable
from copy import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from aichats.automations.run_factory import RunFactory, slot_of, store_failed
from aichats.aws.errors import NoResponseError
from aichats.outbox.publish import NotPublishedError
from aichats.outbox.stream import ItemChange
from aichats.runs.model import Run, scheduled_runs
from aichats.runs.schedule_models import ScheduleEvent
from tests.support.automations import automation, scheduled
from tests.support.crashing import Crash, FaultyAws, Plan, World, faulty_dynamodb
from tests.support.fakes import FakeEventBridge, Json
from tests.support.ledgers import ERROR, LEASE, NOON, Clock, dynamodb
from tests.support.outbox import Outbox

SLOT = datetime(2026, 11, 20, 9, tzinfo=UTC)
THREE: Any = {**scheduled(), "targets": ["biz_A", "biz_B", "biz_C"]}
NO_COUNTS = dict.fromkeys(("succeeded", "failed", "unknown", "missed", "skipped", "cancelled"), 0)


@pytest.fixture
def outbox(clock: Clock) -> Outbox:
    return Outbox(clock)


def runs_of(definition: Json = THREE) -> list[Run]:
    """Return the runs of a slot."""
    factory = RunFactory(lambda _: None, 1000)
    return factory.runs_for("weekly", automation(definition), slot_of(SLOT)).runs


def end(outbox: Outbox, run: Run, *, succeeds: bool = True) -> None:
    row = outbox.ledger.claim(run.run_id, LEASE)
    if succeeds:
        outbox.ledger.finish(row, "succeeded", chat_id="aich_1")
    else:
        outbox.ledger.finish(row, "failed", error=ERROR)


def start(outbox: Outbox, runs: list[Run]) -> None:
    outbox.ledger.add(runs, lambda _: NOON)


def summaries(events: list[Json]) -> list[Json]:
    return [event for event in events if event["type"] == "slot.finished"]


def test_the_last_end_of_a_slot_finishes_it(outbox: Outbox) -> None:
    first, second, third = runs_of()
    start(outbox, [first, second, third])
    outbox.clock.forward(seconds=4)
    end(outbox, third)
    outbox.clock.forward(seconds=4)
    end(outbox, first, succeeds=False)
    assert summaries(outbox.publish()) == []
    outbox.clock.forward(seconds=4)
    end(outbox, second)

    ended, finished = outbox.publish()

    assert ended["type"] == "run.succeeded"
    assert finished["timestamp"] == "2026-11-20T12:00:12.000Z"
    assert finished["data"] == {
        "automation": "weekly",
        "slot": "2026-11-20T09:00:00Z",
        "runs": 3,
        "counts": NO_COUNTS | {"succeeded": 2, "failed": 1},
        "started_at": "2026-11-20T12:00:00.000Z",
        "finished_at": "2026-11-20T12:00:12.000Z",
    }


def test_the_time_of_the_last_end_counts_in_whatever_order_the_stream_sends_the_ends(outbox: Outbox) -> None:
    first, second, third = runs_of()
    start(outbox, [first, second, third])
    for run in (first, second, third):
        outbox.clock.forward(seconds=1)
        end(outbox, run)

    for record in reversed(outbox.take()):
        outbox.publisher.handle([record])

    assert outbox.bus.accepted[-1]["data"]["finished_at"] == "2026-11-20T12:00:03.000Z"


def test_a_slot_with_one_run_has_no_summary(outbox: Outbox) -> None:
    [run] = runs_of(scheduled())
    start(outbox, [run])
    end(outbox, run)

    assert [event["type"] for event in outbox.publish()] == ["run.succeeded"]


def test_runs_whose_texts_fail_count(outbox: Outbox) -> None:
    definition = {
        **THREE,
        "action": {**THREE["action"], "message_text": "{{ target == 'biz_B' && length(`1`) || 'Hi' }}"},
    }
    rendered = RunFactory(lambda _: None, 1000).runs_for("weekly", automation(definition), slot_of(SLOT))
    assert (len(rendered.runs), len(rendered.failed)) == (2, 1)
    store_failed(outbox.ledger, rendered.failed)
    start(outbox, rendered.runs)
    for run in rendered.runs:
        end(outbox, run)

    [finished] = summaries(outbox.publish())

    assert finished["data"]["counts"] == NO_COUNTS | {"succeeded": 2, "failed": 1}


@pytest.mark.parametrize("status", ["missed", "skipped"])
def test_a_slot_that_is_not_performed_has_a_summary_too(status: Any, outbox: Outbox) -> None:
    outbox.ledger.add_ended([(run, ERROR) for run in runs_of()], status)

    [finished] = summaries(outbox.publish())

    assert finished["data"]["counts"] == NO_COUNTS | {status: 3}


def test_the_runs_of_a_schedule_of_your_own_are_a_slot(outbox: Outbox) -> None:
    action = {"type": "whop.create_chat", "message_text": "Hello"}
    event = {"automation": "own", "scheduled_time": "2026-11-20T09:00:00Z", "action": action}
    one = scheduled_runs(ScheduleEvent.model_validate({**event, "targets": ["biz_A", "biz_A"]}), None)
    two = scheduled_runs(ScheduleEvent.model_validate({**event, "targets": ["biz_B", "biz_C", "biz_B"]}), None)

    assert [run.slot_runs for run in one + two] == [None, 2, 2]
    start(outbox, two)
    for run in two:
        end(outbox, run)
    assert len(summaries(outbox.publish())) == 1


def test_a_replay_after_the_end_of_a_slot_is_no_second_summary(outbox: Outbox) -> None:
    runs = runs_of()
    start(outbox, runs)
    for run in runs:
        end(outbox, run, succeeds=False)
    assert len(summaries(outbox.publish())) == 1

    for run in runs:
        outbox.ledger.steering.replay(run.run_id)
        end(outbox, run)

    assert [event["type"] for event in outbox.publish()] == ["run.succeeded"] * 3


def test_a_run_that_is_replayed_before_the_others_have_ended_is_waited_for(outbox: Outbox) -> None:
    first, second, third = runs_of()
    start(outbox, [first, second, third])
    end(outbox, first, succeeds=False)
    outbox.ledger.steering.replay(first.run_id)
    end(outbox, second)
    end(outbox, third)
    assert summaries(outbox.publish()) == []

    end(outbox, first)

    [finished] = summaries(outbox.publish())
    assert finished["data"]["counts"] == NO_COUNTS | {"succeeded": 3}


def test_a_summary_that_is_published_again_is_the_same(outbox: Outbox) -> None:
    runs = runs_of()
    start(outbox, runs)
    for run in runs:
        end(outbox, run)
    [finished] = summaries(outbox.publish())

    assert summaries(outbox.publish_again()) == [finished]


@pytest.mark.usefixtures("pauses")
@pytest.mark.parametrize("fault", ["crash before", "crash after", "error before", "error after", "answer lost"])
@pytest.mark.parametrize("call", range(10))
@pytest.mark.parametrize("bisected", [False, True])
def test_a_slot_is_finished_even_if_the_publisher_dies_at_any_call(
    call: int, fault: str, clock: Clock, *, bisected: bool
) -> None:
    world, bus = World(clock, LEASE), FakeEventBridge()
    outbox = Outbox(clock, faulty_dynamodb(world), bus=FaultyAws(world, bus))
    runs = runs_of()
    start(outbox, runs)
    for run in runs:
        end(outbox, run)
    records = outbox.take()
    plan: Plan = {call: fault}

    died = False
    with world.process(plan):
        try:
            outbox.publisher.handle(records)
        except (Crash, NoResponseError, NotPublishedError):
            died = True
    if died:
        for part in (records[:1], records[1:]) if bisected else (records,):
            outbox.publisher.handle(part)

    assert len({event["id"] for event in summaries(bus.accepted)}) == 1
    assert {event["data"]["runs"] for event in summaries(bus.accepted)} == {3}
    assert outbox.usage() == outbox.recount()


@pytest.mark.parametrize("call", range(6))
def test_two_publishers_at_once_finish_a_slot_once(call: int, clock: Clock) -> None:
    """Let another publisher act in the middle of each call of the one that has the last end."""
    world, bus = World(clock, LEASE), FakeEventBridge()
    outbox = Outbox(clock, faulty_dynamodb(world), bus=FaultyAws(world, bus))
    end_all(outbox)
    *others, last = outbox.take()
    world.meanwhile = partial(outbox.publisher.handle, others)

    with world.process({call: "meanwhile"}):
        outbox.publisher.handle([last])

    [finished] = summaries(bus.accepted)
    assert finished["data"]["finished_at"] == "2026-11-20T12:00:03.000Z"


def test_a_slot_that_two_publishers_find_finished_is_published_by_one_of_them(clock: Clock) -> None:
    world, bus = World(clock, LEASE), FakeEventBridge()
    outbox = Outbox(clock, faulty_dynamodb(world), bus=FaultyAws(world, bus))
    end_all(outbox)
    *others, last = outbox.take()
    with world.process({3: "crash before"}), pytest.raises(Crash):
        outbox.publisher.handle(others)
    world.meanwhile = partial(outbox.publisher.handle, others)

    # The sixth call notes the finish. Just before it, the others are published again and note theirs.
    with world.process({5: "meanwhile"}):
        outbox.publisher.handle([last])

    assert len(summaries(bus.accepted)) == 1


class UnevenReads:
    """DynamoDB whose batch reads return the times of slots as they were before another publisher acted."""

    def __init__(self) -> None:
        self.meanwhile: Callable[[], object] = lambda: None

    def batch_get_item(self, **request: Any) -> Any:
        [(table, batch)] = request["RequestItems"].items()
        early = [key for key in batch["Keys"] if key["sk"]["S"] == "times"]
        items = self._read(table, early)
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        return {"Responses": {table: items + self._read(table, [key for key in batch["Keys"] if key not in early])}}

    def _read(self, table: str, keys: list[Json]) -> list[Any]:
        requests: Any = {table: {"Keys": keys, "ConsistentRead": True}}
        return dynamodb().batch_get_item(RequestItems=requests)["Responses"][table] if keys else []

    def __getattr__(self, name: str) -> Any:
        return getattr(dynamodb(), name)


def test_the_time_of_the_last_end_counts_although_it_was_stored_during_the_read(clock: Clock) -> None:
    client = UnevenReads()
    outbox = Outbox(clock, client)
    end_all(outbox)
    first, *others = outbox.take()

    def store_others() -> None:
        changes = [ItemChange.of(record) for record in others]
        outbox.publisher.slots.note_times(changes)
        outbox.publisher.log.store([entry for change in changes for entry in outbox.publisher.sources[""](change)])

    client.meanwhile = store_others
    outbox.publisher.handle([first])

    [finished] = summaries(outbox.bus.accepted)
    assert finished["data"]["finished_at"] == "2026-11-20T12:00:03.000Z"


def end_all(outbox: Outbox) -> None:
    """End the three runs of a slot, a second apart."""
    runs = runs_of()
    start(outbox, runs)
    for run in runs:
        outbox.clock.forward(seconds=1)
        end(outbox, run)


def test_the_runs_of_a_slot_say_how_many_they_are(outbox: Outbox) -> None:
    runs = runs_of()
    start(outbox, runs)

    row = outbox.ledger.get(runs[0].run_id)

    assert row is not None
    assert row.run == replace(runs[0])
    assert row.run.slot_runs == 3
    assert dynamodb().scan(TableName=outbox.ledger.table)["Items"][0]["slot_runs"] == {"N": "3"}
