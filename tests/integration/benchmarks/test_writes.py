"""The count of write units, and the cost of a queued run."""

from copy import replace
from typing import Any

import pytest

from aichats.runs.dispatch import Dispatcher
from aichats.runs.ledger.locks import Locks
from aichats.runs.queue import Queue
from benchmarks.writes import LARGE, SMALL, UNITS, Index, Meter, indexes_of, kilobytes, size_of, table_properties
from tests.support.actions import whop_create_chat, with_fields
from tests.support.fakes import FakeSqs, ai_chat, ok
from tests.support.ledgers import LEASE, dynamodb, make_run
from tests.support.whop_bench import WhopBench

BY_TIME = Index("by_time", ["lane", "made_at", "run_id"], ["lane", "made_at", "run_id", "ended"])


def item(**texts: str) -> dict[str, Any]:
    return {name: {"S": value} for name, value in texts.items()}


ROW = item(run_id="a", lane="1", made_at="now")


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ({}, 0),
        (item(name="ü"), 6),
        ({"n": {"N": "12345"}}, 5),
        ({"b": {"BOOL": True}}, 2),
        ({"m": {"M": {"k": {"S": "v"}}}}, 1 + 3 + 1 + 2),
        ({"l": {"L": [{"S": "abc"}]}}, 1 + 3 + 1 + 3),
    ],
)
def test_an_item_is_as_long_as_dynamodb_says(attributes: dict[str, Any], size: int) -> None:
    assert size_of(attributes) == size


@pytest.mark.parametrize(("length", "units"), [(1, 1), (1020, 1), (1021, 2), (4092, 4)])
def test_a_write_costs_its_kilobytes_rounded_up(length: int, units: int) -> None:
    assert kilobytes({}, item(text="x" * length)) == units


def test_an_index_costs_nothing_as_long_as_its_attributes_do_not_change() -> None:
    assert list(BY_TIME.units(ROW, ROW | item(status="performing"))) == []
    assert list(BY_TIME.units(ROW, ROW | item(ended="failed"))) == [("1", 1)]
    assert list(BY_TIME.units(None, ROW)) == list(BY_TIME.units(ROW, None)) == [("1", 1)]
    assert list(BY_TIME.units(item(run_id="a"), None)) == []


def test_an_entry_whose_key_changes_is_removed_and_written() -> None:
    assert list(BY_TIME.units(ROW, ROW | item(lane="2"))) == [("1", 1), ("2", 1)]


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_queued_run_costs_no_more_than_its_mark(size: int) -> None:
    action = whop_create_chat(title="Weekly revenue", message_text="x")
    action = with_fields(action, message_text="x" * size, notification_preference="none")
    run = replace(make_run(action=action), automation="weekly", slot="2026-11-23T09:00:00Z")
    bench = WhopBench(run)
    meter = Meter(dynamodb(), bench.ledger.table, indexes_of(table_properties()))
    ledger = replace(bench.ledger, client=meter)
    queue = Queue(FakeSqs, "https://runs", "https://slow-runs", "https://dead-letters")
    dispatcher = Dispatcher(ledger, replace(bench.performer, ledger=ledger, locks=Locks(ledger)), queue)
    bench.whop.script = [ok(ai_chat(id="aich_1")), ok(ai_chat(id="aich_1"))]

    dispatcher.enqueue([run])
    assert dispatcher.perform(run.run_id, LEASE).state == "succeeded"

    assert sum(meter.units.values()) == meter.reported <= UNITS[size]
