"""Items that are inserted once, and counted once."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from aichats.aws.errors import ResponseError
from aichats.aws.table import Table
from aichats.aws.transactions import TRIES, Addition, Insertion, LimitExceededError, insert_once
from tests.support.ledgers import dynamodb, make_table
from tests.support.watched_dynamodb import ScriptedDynamoDB, canceled

pytestmark = pytest.mark.usefixtures("pauses")

COUNTER = ("usage#2026-11-30", "weekly#biz_A")


def table_of(client: Any = None) -> Table:
    return Table(client or dynamodb(), make_table("EventsTable"), "pk", "sk")


def insertion(table: Table, name: str, *additions: Addition) -> Insertion:
    return Insertion(table, {"pk": "events", "sk": name}, additions)


def plus(table: Table, amount: int | str = 1, **fields: Any) -> Addition:
    return Addition(table, COUNTER, {"runs": Decimal(amount) if isinstance(amount, str) else amount}, **fields)


def runs(table: Table) -> int | Decimal:
    counted: int | Decimal = (table.get(COUNTER) or {}).get("runs", 0)
    return counted


def test_an_item_that_exists_is_not_counted_again() -> None:
    table = table_of()

    assert insert_once([insertion(table, "a", plus(table))]) == [None]
    assert insert_once([insertion(table, name, plus(table)) for name in "abc"]) == [
        {"pk": "events", "sk": "a"},
        None,
        None,
    ]

    assert runs(table) == 3


def test_additions_to_one_counter_are_one_write() -> None:
    client = ScriptedDynamoDB()
    table = table_of(client)

    insert_once([insertion(table, name, plus(table), plus(table, "0.25")) for name in "abcd"])

    assert client.sizes == [5]
    assert runs(table) == Decimal(5)


def test_numbers_keep_each_digit() -> None:
    table = table_of()
    for amount in ("0.1", "0.2", "123456789012345678.000000001"):
        insert_once([insertion(table, amount, plus(table, amount))])
    assert runs(table) == Decimal("123456789012345678.300000001")


def test_counters_of_their_own_are_split_over_transactions() -> None:
    client = ScriptedDynamoDB()
    table = table_of(client)
    counted = [
        insertion(table, f"{n}", *(Addition(table, ("c", f"{n}.{m}"), {"n": 1}) for m in range(3))) for n in range(60)
    ]

    assert insert_once(counted) == [None] * 60

    assert max(client.sizes) <= 100
    assert sum(client.sizes) == 240


def test_a_limit_is_never_exceeded_and_nothing_is_written_then() -> None:
    table = table_of()
    limited = partial(plus, table, limits={"runs": 2})
    insert_once([insertion(table, "a", limited()), insertion(table, "b", limited())])

    with pytest.raises(LimitExceededError) as raised:
        insert_once([insertion(table, "c", limited())])

    assert raised.value.current["runs"] == 2
    assert table.get(("events", "c")) is None
    with pytest.raises(LimitExceededError):
        insert_once([insertion(table_of(), "a", plus(table_of(), 3, limits={"runs": 2}))])


def test_items_that_exist_are_found_although_all_of_them_together_would_exceed_the_limit() -> None:
    client = ScriptedDynamoDB()
    table = table_of(client)
    limited = partial(plus, table, limits={"runs": 2})
    insert_once([insertion(table, name, limited()) for name in "ab"])
    table.overwrite([{"pk": "events", "sk": "c"}])
    client.sizes.clear()

    existing = insert_once([insertion(table, name, limited()) for name in "abc"])

    assert [item and item["sk"] for item in existing] == ["a", "b", "c"]
    assert client.sizes == [4]


def test_many_at_once_count_each_item_once() -> None:
    table = table_of()

    def insert(number: int) -> None:
        insert_once([insertion(table, f"{number % 20}", plus(table))])

    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(insert, range(40)))

    assert runs(table) == 20


def test_a_transaction_that_others_are_in_the_way_of_is_tried_again() -> None:
    client = ScriptedDynamoDB(canceled("None", "TransactionConflict"), canceled("ThrottlingError", "None"))
    table = table_of(client)

    insert_once([insertion(table, "a", plus(table))])

    assert client.calls["transact_write_items"] == 3
    assert runs(table) == 1


def test_a_transaction_that_others_are_always_in_the_way_of_fails() -> None:
    client = ScriptedDynamoDB(*(canceled("TransactionConflict", "None") for _ in range(TRIES)))
    table = table_of(client)
    with pytest.raises(ResponseError, match="TransactionCanceledException"):
        insert_once([insertion(table, "a", plus(table))])


def test_another_error_is_not_tried_again() -> None:
    client = ScriptedDynamoDB(canceled("ValidationError", "None"))
    table = table_of(client)
    with pytest.raises(ResponseError):
        insert_once([insertion(table, "a", plus(table))])
    assert client.calls["transact_write_items"] == 1


def test_items_with_a_sort_key_are_read_and_changed_by_both_keys() -> None:
    table = table_of()
    table.overwrite([{"pk": "a", "sk": name, "n": 1} for name in "xyz"])

    table.update(("a", "y"), {"n": 2}, table.is_present)
    table.delete(("a", "x"), table.is_present)

    assert [item["n"] for item in table.get_all([("a", "x"), ("a", "y"), ("a", "z")])] == [2, 1]
    assert [item["sk"] for item in table.query(None, "#pk = :pk", {"pk": "a"}, ScanIndexForward=False)] == ["z", "y"]
