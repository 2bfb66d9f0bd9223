"""A stack in memory whose stream is published, for tests of budgets."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from copy import replace
from typing import Any

from aichats.aws.table import Table
from aichats.outbox.budget_events import StackBudget
from aichats.schedules.periods import Per
from tests.support.automations import listening
from tests.support.fakes import FakeEventBridge, Json
from tests.support.ledgers import dynamodb
from tests.support.stack_in_memory import NAME, StackInMemory, payment
from tests.support.streams import WatchedStream

TEN_A_DAY = {"runs": 10, "per": "day"}


class BudgetedStack(StackInMemory):
    """A stack with a publisher.

    Attributes:
        records: all records of the stream that were published.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.bus = FakeEventBridge()
        self.stream = WatchedStream(self.app.ledger.table)
        self.records: list[Json] = []

    def limit(self, limits: Json, per: Per = "day") -> None:
        """Give the stack a budget."""
        self.app.budget_events = replace(self.app.budget_events, stack_budget=StackBudget(limits, per))

    def publish(self) -> list[Json]:
        """Publish the changes, and the changes that this causes. Return the data of the events about budgets."""
        published: list[Json] = []
        while new := self.stream.take():
            self.records += new
            published += self.publish_records(new)
        return published

    def publish_records(self, records: list[Json]) -> list[Json]:
        """Publish records. Return the data of the events about budgets, with their ids."""
        before = len(self.bus.accepted)
        replace(self.app.publisher, client=lambda: self.bus).handle(records)
        events = [event for event in self.bus.accepted[before:] if event["type"] == "budget.reached"]
        return [{**event["data"], "id": event["id"]} for event in events]

    def send(self, *numbers: int) -> None:
        """Handle events of Whop, all at once. An event is always the same for a number."""
        with ThreadPoolExecutor(max_workers=len(numbers)) as pool:
            for handled in [pool.submit(self.handle, payment(), f"msg_{number}") for number in numbers]:
                handled.result()

    def statuses(self) -> Counter[str]:
        """Return the number of runs of each status."""
        return Counter(row.status for row in self.runs)

    def counter(self, period: str, owner: str = NAME) -> Json:
        """Return the numbers of a budget's counter."""
        item = Table(dynamodb(), self.app.ledger.table).get(f"budget:{owner}:{period}") or {}
        return {name: item[name] for name in ("runs", "tokens", "limit_runs", "limit_tokens") if name in item}

    def reply(self, run_id: str, tokens: Any, **more: Any) -> None:
        """Let the agent of a run reply."""
        changes = {"replied_at": "2026-11-20T12:00:00.000Z", "tokens": tokens, **more}
        self.app.ledger.items.update(run_id, changes, "attribute_exists(#run_id)")


def listener(*targets: str, budget: Json | None = None) -> Json:
    """Return the definition of an automation that listens for events, by default with ten runs a day."""
    return listening(targets=targets or ("biz_A",)) | {"budget": budget or TEN_A_DAY}
