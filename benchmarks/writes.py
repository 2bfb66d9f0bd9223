"""Count the write units of a queued run, on the table of runs and its indexes, by DynamoDB's published rules.

The exit code is 0 if the marks are met, 1 if one is missed, and 2 if the count failed.
"""

import argparse
import logging
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from copy import replace
from dataclasses import dataclass, field
from datetime import timedelta
from io import StringIO
from itertools import count
from typing import TYPE_CHECKING, Any

import yaml

from aichats.http.deadline import time_limit
from aichats.runs.model import Run, run_id
from benchmarks.batches import ACTION, VERSION, environment
from benchmarks.cold_start import progress
from benchmarks.errors import BenchmarkError
from local.cloud.emulator import Emulator
from local.errors import LocalError
from local.setup import ROOT
from local.system import stand_in

if TYPE_CHECKING:
    from aichats.bootstrap import Application

DESCRIPTION = """\
Start runs that create a chat, and perform them from their messages. The fan-out writes the rows, then each run is
claimed, recorded and finished. Application, table and items are the real ones. DynamoDB is the local AWS's, and Whop is
a mock server.

Each write is counted by DynamoDB's rules. It costs one unit for each kilobyte of the larger of the item before and
after, and twice that in a transaction. On an index, it costs the same for the entry of the item, nothing if the entry
did not change, and both the old and the new entry if its key changed. The sum must equal the local AWS's report.
"""
SMALL, LARGE = 1024, 32 * 1024
UNITS = {SMALL: 16, LARGE: 120}
"""Marks: the write units of one queued run, by the bytes of its message."""
HEAT = 1000
"""Mark: the write units a second of the hottest partition key, which is the limit of a partition."""
RUNS_A_SECOND = 100
FAN_OUT = 25
TABLE = "runs"
LEASE = timedelta(seconds=60)
_NUMBERS = count()

type Item = Mapping[str, Any]
type Units = Counter[tuple[str, str]]
"""Write units by table or index and partition key."""


@dataclass(frozen=True)
class Index:
    """The keys and attributes of an index.

    Attributes:
        keys: its partition key, its sort key, and the table's key.
        attributes: its attributes, or ``None`` for whole items.
    """

    name: str
    keys: Sequence[str]
    attributes: Sequence[str] | None

    def entry(self, item: Item | None) -> dict[str, Any] | None:
        """Return the index's entry for an item, or ``None``."""
        if item is None or not all(key in item for key in self.keys):
            return None
        return {name: value for name, value in item.items() if self.attributes is None or name in self.attributes}

    def units(self, before: Item | None, after: Item | None) -> Iterator[tuple[str, int]]:
        """Yield the partition keys that a change writes to, each with its units."""
        old, new = self.entry(before), self.entry(after)
        if old == new:
            return
        if old and new and all(old[key] == new[key] for key in self.keys):
            yield new[self.keys[0]]["S"], kilobytes(old, new)
            return
        for entry in (old, new):
            if entry:
                yield entry[self.keys[0]]["S"], kilobytes(entry)


@dataclass
class Meter:
    """A client for DynamoDB that counts the units of writes."""

    client: Any
    table: str
    indexes: Sequence[Index]
    units: Units = field(default_factory=Counter)
    reported: float = 0.0

    def put_item(self, **request: Any) -> Any:
        """Write one item."""
        return self._write("put_item", [request["Item"]["run_id"]["S"]], 1, request)

    def update_item(self, **request: Any) -> Any:
        """Change one item."""
        return self._write("update_item", [request["Key"]["run_id"]["S"]], 1, request)

    def transact_write_items(self, **request: Any) -> Any:
        """Write several items."""
        writes = [next(iter(write.values())) for write in request["TransactItems"]]
        ids = [(write.get("Item") or write["Key"])["run_id"]["S"] for write in writes]
        return self._write("transact_write_items", ids, 2, request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def _write(self, name: str, ids: Sequence[str], times: int, request: Item) -> Any:
        before = [self._get(each) for each in ids]
        answer = getattr(self.client, name)(**request, ReturnConsumedCapacity="INDEXES")
        for each, old in zip(ids, before, strict=True):
            new = self._get(each)
            self.units["table", each] += times * kilobytes(old or {}, new or {})
            for index in self.indexes:
                for key, units in index.units(old, new):
                    self.units[index.name, key] += units
        consumed = answer["ConsumedCapacity"]
        self.reported += sum(each["CapacityUnits"] for each in (consumed if isinstance(consumed, list) else [consumed]))
        return answer

    def _get(self, identifier: str) -> Item | None:
        item: Item | None = self.client.get_item(
            TableName=self.table, Key={"run_id": {"S": identifier}}, ConsistentRead=True
        ).get("Item")
        return item


def kilobytes(*items: Item) -> int:
    """Return the units of a write: the kilobytes of the largest item, rounded up."""
    return max(1, -(-max(map(size_of, items)) // 1024))


def size_of(item: Item) -> int:
    """Return the size of an item in bytes, by DynamoDB's rules."""
    return sum(len(name.encode()) + value_size(value) for name, value in item.items())


def value_size(value: Item) -> int:
    """Return the size of a value: texts by their bytes, numbers by half their digits, maps by their content."""
    match value:
        case {"S": text}:
            return len(text.encode())
        case {"N": number}:
            return (len(number) + 1) // 2 + 1
        case {"M": attributes}:
            return 3 + sum(1 + len(name.encode()) + value_size(each) for name, each in attributes.items())
        case {"L": parts}:
            return 3 + sum(1 + value_size(each) for each in parts)
    return 1


def main(arguments: list[str] | None = None) -> int:
    """Count, and print the results. Return the exit code."""
    parser = argparse.ArgumentParser(
        prog="writes", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args(arguments)
    try:
        with system() as (app, meter):
            return report(app, meter)
    except (BenchmarkError, LocalError) as error:
        print(f"writes: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        progress("")


def report(app: "Application", meter: Meter) -> int:
    """Count each case, and print the table and whether the marks are met. Return the exit code."""
    names = ["table", *(index.name for index in meter.indexes)]
    print(f"| write units of one run | {' | '.join(names)} | together | mark |\n|---|{'---:|' * (len(names) + 2)}")
    met = True
    for size, mark in UNITS.items():
        units = measured(app, meter, size, 1, 1)
        met &= row(f"of {size // 1024} KB, queued alone", names, units, 1) <= mark
        print(f" {mark} |")
    for size in UNITS:
        units = measured(app, meter, size, 1, 1, at_once=True)
        row(f"of {size // 1024} KB, performed at once", names, units, 1)
        print(" |")
    for size in UNITS:
        units = measured(app, meter, size, FAN_OUT, 1)
        row(f"of {size // 1024} KB, one of {FAN_OUT} that share their text", names, units, FAN_OUT)
        print(" |")
    units = measured(app, meter, LARGE, 1, RUNS_A_SECOND)
    print(f"\n| {RUNS_A_SECOND} runs of {LARGE // 1024} KB a second | hottest partition key | units a second |")
    print("|---|---|---:|")
    for name in names:
        (_, key), heat = max((each for each in units.items() if each[0][0] == name), key=lambda each: each[1])
        met &= heat <= HEAT
        print(f"| {name} | {'a text' if key.startswith('action:') else f'`{key}`'} | {heat} |")
    print(f"\nAt most {HEAT} units a second for a key. The marks are {'met' if met else 'missed'}.")
    return 0 if met else 1


def row(what: str, names: Sequence[str], units: Units, runs: int) -> float:
    """Print a line of the table without its end. Return the units of a run."""
    by_name = {name: sum(number for (each, _), number in units.items() if each == name) / runs for name in names}
    total = sum(by_name.values())
    print(f"| {what} | {' | '.join(f'{number:.2f}' for number in by_name.values())} | {total:.2f} |", end="")
    return total


def measured(app: "Application", meter: Meter, size: int, together: int, times: int, *, at_once: bool = False) -> Units:
    """Return the units of ``times`` groups of ``together`` runs.

    Args:
        app: the application.
        meter: its client for DynamoDB.
        size: the bytes of a message.
        together: the number of runs of a group.
        times: the number of groups.
        at_once: whether each run is performed without the queue, as `run_schedule` does with a single run.

    Raises:
        BenchmarkError: a run did not succeed, or the local AWS reports other units.
    """
    meter.units, meter.reported = Counter(), 0.0
    for number in range(times):
        progress(f"{size} bytes, {number} of {times}")
        runs = make_runs(size, together)
        with redirect_stdout(StringIO()), time_limit(60):
            if not at_once:
                app.dispatcher.enqueue(runs)
            for run in runs:
                if not at_once:
                    due(meter.client, run)
                outcome = app.dispatcher.perform(run if at_once else run.run_id, LEASE)
                if outcome.state != "succeeded":
                    raise BenchmarkError(f"a run is {outcome.state}: {outcome.error}")
    progress("")
    counted = sum(meter.units.values())
    if counted != meter.reported:
        raise BenchmarkError(f"counted {counted} units, but the local AWS reports {meter.reported:g}")
    return meter.units


def make_runs(size: int, number: int) -> list[Run]:
    """Return runs of one slot of one automation that create a chat with a message of ``size`` bytes."""
    slot = f"2026-11-23T09:00:00Z {next(_NUMBERS)}"
    action = replace(ACTION, fields={**ACTION.fields, "message_text": "x" * size})
    return [
        Run(run_id("schedule", "weekly", slot, company), "schedule", action, company, VERSION, "weekly", slot[:20])
        for company in (f"biz_{index}" for index in range(number))
    ]


def due(client: Any, run: Run) -> None:
    """Make a run of a fan-out due now, without its wait for the rate limit. This write isn't counted."""
    client.update_item(
        TableName=TABLE,
        Key={"run_id": {"S": run.run_id}},
        UpdateExpression="SET due_at = created_at",
    )


@contextmanager
def system() -> Iterator[tuple["Application", Meter]]:
    """Yield the application on a local AWS, with a client that counts."""
    with Emulator() as emulator, stand_in("local.standins.whop", 0) as whop:
        os.environ |= environment(whop) | emulator.environment()
        clients = emulator.clients
        properties = table_properties()
        names = ("BillingMode", "KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes")
        clients.dynamodb.create_table(TableName=TABLE, **{key: properties[key] for key in names})
        clients.secrets.create_secret(Name=os.environ["WHOP_SECRET"], SecretString='{"api_key": "apik_benchmark"}')
        os.environ["RUN_QUEUE_URL"] = clients.queues.create_queue(QueueName="runs")["QueueUrl"]
        logging.getLogger("aichats").setLevel(logging.ERROR)
        from aichats.bootstrap import application

        app = application()
        meter = Meter(app.ledger.client, TABLE, indexes_of(properties))
        app.ledger = replace(app.ledger, client=meter)
        yield app, meter


def indexes_of(properties: Mapping[str, Any]) -> list[Index]:
    """Return the indexes of a table, as the template defines them."""
    return [index_of(each) for each in properties["GlobalSecondaryIndexes"]]


def index_of(properties: Mapping[str, Any]) -> Index:
    """Return an index, as the template defines it."""
    keys = [*(key["AttributeName"] for key in properties["KeySchema"]), "run_id"]
    projection = properties["Projection"]
    whole = projection["ProjectionType"] == "ALL"
    return Index(properties["IndexName"], keys, None if whole else [*keys, *projection.get("NonKeyAttributes", ())])


def units_of_transaction(request: Item) -> int:
    """Return the write units of a transaction on a table without indexes, whose updated items have up to 1 KB."""
    return sum(2 * kilobytes(write["Put"]["Item"] if "Put" in write else {}) for write in request["TransactItems"])


class _Loader(yaml.SafeLoader):
    """Loader that ignores CloudFormation's short forms, because the table has none."""


_Loader.add_multi_constructor("!", lambda *_: None)


def table_properties() -> dict[str, Any]:
    """Return the properties of the table of runs in the template."""
    loader = _Loader((ROOT / "template.yaml").read_text())
    template: dict[str, Any] = loader.get_single_data()
    properties: dict[str, Any] = template["Resources"]["RunsTable"]["Properties"]
    return properties


if __name__ == "__main__":
    sys.exit(main())
