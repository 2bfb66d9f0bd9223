"""The index of the event types that automations listen to: reads, changes and repairs."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from aichats.automations import webhook_index
from aichats.automations.model import Automation
from aichats.automations.row import RowHeader
from aichats.automations.table import AutomationTable
from aichats.aws.attributes import decode, encode
from aichats.aws.table import DynamoDB
from aichats.schedules.pauses import BY_BUDGET
from aichats.schedules.periods import Period
from tests.support.automation_rows import NAME, read
from tests.support.automations import CRON, WEBHOOK, automation, listening, make_store
from tests.support.ledgers import Clock, dynamodb
from tests.support.watched_dynamodb import CountingDynamoDB


class Disturbed(CountingDynamoDB):
    """DynamoDB that counts calls, and in which ``before`` happens before each transaction."""

    def __init__(self) -> None:
        super().__init__()
        self.before: Callable[[], object] = lambda: None

    def transact_write_items(self, **request: Any) -> Any:
        self.before()
        return self.__getattr__("transact_write_items")(**request)


@pytest.fixture
def client() -> Disturbed:
    return Disturbed()


@pytest.fixture
def store(client: Disturbed) -> AutomationTable:
    counted: DynamoDB = client
    return make_store(client=counted)


@pytest.fixture
def upgraded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last upgrade was long ago."""
    monkeypatch.setattr(webhook_index, "UPGRADE", timedelta(0))


def heard(store: AutomationTable, event_type: str = "payment.failed") -> list[str]:
    return sorted(row.name for row in store.listeners(event_type))


def items(store: AutomationTable) -> set[str]:
    """Return the keys of the items of the index."""
    keys = {item["name"]["S"] for item in dynamodb().scan(TableName=store.table, ConsistentRead=True)["Items"]}
    return {key for key in keys if ":" in key and not key.startswith(":")}


def write_as_before(store: AutomationTable, definition: Automation, name: str = NAME) -> None:
    """Write a row as an earlier version did, which had no further items."""
    store.put(name, definition)
    row = decode(dynamodb().get_item(TableName=store.table, Key={"name": {"S": name}})["Item"])
    for key in items(store):
        if key.startswith(f"{name}:"):
            dynamodb().delete_item(TableName=store.table, Key={"name": {"S": key}})
    dynamodb().put_item(TableName=store.table, Item=encode(row | {"webhook": "webhook"}))


# ---------------------------------------------------------------------------------------------- what a webhook reads


def heal(store: AutomationTable, heads: Sequence[RowHeader] | None = None) -> list[str]:
    """Correct the items. Return the names of the automations whose items were corrected."""
    corrections = store.webhook_index.corrections(store.contents().headers if heads is None else heads)
    return [name for name, correct in corrections.items() if correct()]


def test_only_the_automations_that_listen_to_the_type_are_read(store: AutomationTable) -> None:
    for number in range(12):
        store.put(f"other-{number}", automation(listening("membership.activated")))
    store.put("one", automation(listening("payment.failed", "payment.succeeded")))
    store.put("two", WEBHOOK)

    assert heard(store) == ["one", "two"]
    assert heard(store, "payment.succeeded") == ["one"]


@pytest.mark.usefixtures("upgraded")
def test_a_type_without_listeners_costs_one_query_without_items(store: AutomationTable, client: Disturbed) -> None:
    store.put(NAME, WEBHOOK)
    assert heard(store, "plan.created") == []
    client.calls.clear()
    client.items = 0

    assert heard(store, "plan.created") == []
    assert (client.calls, client.items) == (Counter(query=1), 0)


def test_however_many_listen_they_are_read_a_hundred_at_a_time(store: AutomationTable, client: Disturbed) -> None:
    for number in range(101):
        store.put(f"automation-{number}", WEBHOOK)
    client.calls.clear()

    assert len(heard(store)) == 101
    assert client.calls["batch_get_item"] == 2


def test_rows_that_are_larger_than_one_answer_are_all_read(store: AutomationTable) -> None:
    for number in range(60):
        store.put(f"large-{number}", automation(listening() | {"description": "d" * 500, "action": LARGE}))

    assert len(heard(store)) == 60


def test_an_event_type_may_be_called_as_the_rows_of_older_versions_are(store: AutomationTable) -> None:
    store.put(NAME, automation(listening("webhook", "event:webhook")))

    assert heard(store, "webhook") == heard(store, "event:webhook") == [NAME]


def test_an_event_type_that_is_named_twice_is_one(store: AutomationTable) -> None:
    store.put(NAME, automation(listening("payment.failed", "payment.failed")))

    assert heard(store) == [NAME]


# ---------------------------------------------------------------------------------------------- what changes them


def test_a_change_of_its_events_changes_what_it_hears(store: AutomationTable) -> None:
    store.put(NAME, automation(listening("a.b", "c.d")))
    store.put(NAME, automation(listening("c.d", "e.f")))

    assert {event: heard(store, event) for event in ("a.b", "c.d", "e.f")} == {"a.b": [], "c.d": [NAME], "e.f": [NAME]}
    assert items(store) == {f"{NAME}:c.d", f"{NAME}:e.f"}


@pytest.mark.parametrize("definition", [CRON, automation(listening(enabled=False))])
def test_what_listens_no_more_has_no_items(store: AutomationTable, definition: Automation) -> None:
    store.put(NAME, WEBHOOK)
    store.put(NAME, definition)

    assert (heard(store), items(store)) == ([], set())


def test_a_deletion_takes_its_items_with_it(store: AutomationTable) -> None:
    store.put(NAME, WEBHOOK)
    row = store.begin_delete(NAME)
    assert row is not None
    assert heard(store) == []

    assert store.end_delete(row)
    assert items(store) == set()


def test_as_many_types_as_there_may_be_can_all_be_replaced_at_once(store: AutomationTable) -> None:
    store.put(NAME, automation(listening(*(f"old.{number}" for number in range(50)))))
    store.put(NAME, automation(listening(*(f"new.{number}" for number in range(50)))))

    assert all(heard(store, f"new.{number}") == [NAME] for number in range(50))
    assert not any(heard(store, f"old.{number}") for number in range(50))
    assert heal(store) == [NAME]
    assert items(store) == {f"{NAME}:new.{number}" for number in range(50)}


def test_all_events_can_change_together_with_a_budget_that_is_raised(store: AutomationTable) -> None:
    def put(kind: str, runs: int) -> None:
        events = (f"{kind}.{number}" for number in range(50))
        store.put(NAME, automation(listening(*events) | {"budget": {"runs": runs, "per": "day"}}))

    put("old", 1)
    now = store.clock()
    store.change_pauses(NAME, lambda row: Period.at(now, "day").paused(row.pauses, now), by=BY_BUDGET)
    put("new", 2)

    assert heard(store, "new.49") == [NAME]
    assert read(store).pauses.at(now + timedelta(minutes=1)) is None


def test_of_two_changes_at_once_the_items_are_those_of_the_one_that_was_written_last(
    store: AutomationTable, client: Disturbed
) -> None:
    store.put(NAME, automation(listening("a.b")))

    def meanwhile() -> None:
        client.before = lambda: None
        AutomationTable(dynamodb(), store.table).put(NAME, automation(listening("c.d")))

    client.before = meanwhile
    store.put(NAME, automation(listening("e.f")))

    assert items(store) == {f"{NAME}:e.f"}
    assert heard(store, "e.f") == [NAME]


def test_items_are_no_automations(store: AutomationTable) -> None:
    store.put(NAME, WEBHOOK)

    assert [row.name for row in store.list()] == [head.name for head in store.contents().headers] == [NAME]
    assert store.contents().names == {NAME}


# ---------------------------------------------------------------------------------------------- older versions, repair


@pytest.mark.usefixtures("upgraded")
def test_a_row_of_an_older_version_is_heard_and_gets_its_items_from_the_sweep(
    store: AutomationTable, client: Disturbed
) -> None:
    write_as_before(store, automation(listening("payment.failed", "payment.succeeded")))
    store.put("new", WEBHOOK)
    assert heard(store) == ["new", NAME]
    assert heard(store, "payment.succeeded") == [NAME]

    assert heal(store) == [NAME]
    assert heal(store) == []

    client.calls.clear()
    assert heard(store) == ["new", NAME]
    assert client.calls == Counter(query=2, batch_get_item=1)
    assert heard(store) == ["new", NAME]
    assert client.calls == Counter(query=3, batch_get_item=2)


def test_a_row_that_older_code_writes_during_the_upgrade_is_heard(store: AutomationTable) -> None:
    # A deployment does not update all functions at the same time.
    assert heard(store) == []

    write_as_before(store, WEBHOOK)

    assert heard(store) == [NAME]


@pytest.mark.parametrize(("minutes", "queries"), [(10, 1), (9, 2), (-60, 2)])
def test_the_upgrade_is_over_ten_minutes_of_wall_clock_after_this_process_began(
    client: Disturbed, clock: Clock, minutes: int, queries: int
) -> None:
    counted: DynamoDB = client
    store = make_store(clock, counted)
    heard(store)
    clock.forward(minutes=minutes)
    heard(store)
    client.calls.clear()

    heard(store)

    assert client.calls["query"] == queries


def test_a_row_of_an_older_version_that_is_put_again_has_its_items(store: AutomationTable) -> None:
    write_as_before(store, WEBHOOK)
    store.put(NAME, automation(listening("payment.failed", filter="data.amount > `1`")))

    assert heard(store) == [NAME]
    assert heal(store) == []


def test_items_that_are_missing_or_superfluous_are_corrected(store: AutomationTable) -> None:
    store.put(NAME, WEBHOOK)
    dynamodb().delete_item(TableName=store.table, Key={"name": {"S": f"{NAME}:payment.failed"}})
    for key in (f"{NAME}:plan.created", "gone:payment.failed"):
        stray = {"name": key, "webhook": f"event:{key.partition(':')[2]}"}
        dynamodb().put_item(TableName=store.table, Item=encode(stray))
    assert heard(store, "plan.created") == []

    assert sorted(heal(store)) == ["gone", NAME]
    assert items(store) == {f"{NAME}:payment.failed"}


def test_what_changed_since_it_was_read_is_not_corrected(store: AutomationTable) -> None:
    store.put(NAME, automation(listening("a.b")))
    heads = store.contents().headers
    store.put(NAME, automation(listening("c.d")))
    store.put("new", WEBHOOK)

    assert heal(store, heads) == []
    assert items(store) == {f"{NAME}:c.d", "new:payment.failed"}


LARGE = {"type": "whop.create_chat", "message_text": "m" * 120_000}
