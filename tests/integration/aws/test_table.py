"""The rules that every write and read of a table follows."""

from typing import Any

import pytest

from aichats.aws.errors import ResponseError
from aichats.aws.table import Table
from aichats.aws.writes import WRITE_TRIES, ConditionFailedError, ExtraWrites, Update
from aichats.http.deadline import time_limit
from tests.support.fakes import aws_error
from tests.support.ledgers import make_table
from tests.support.watched_dynamodb import ScriptedDynamoDB, SparingDynamoDB, canceled

pytestmark = pytest.mark.usefixtures("pauses")

IS_OLD = "#state = :old"
OLD = {"old": "old"}


def table_of(client: Any, *keys: str) -> Table:
    table = Table(client, make_table())
    table.overwrite([{"run_id": key, "state": "old"} for key in keys])
    return table


def updates(*keys: str) -> list[Update]:
    return [Update(key, {"state": "new"}, IS_OLD, OLD) for key in keys]


def states(table: Table, *keys: str) -> list[str]:
    return [item["state"] for item in table.get_all(keys)]


def test_changes_that_are_too_large_for_one_transaction_are_made_in_smaller_ones() -> None:
    client = ScriptedDynamoDB()
    table = table_of(client, *"abcd")
    client.calls.clear()
    client.script = [aws_error("ValidationException"), canceled("None", "ValidationError")]

    table.update_all(updates(*"abcd"))

    assert client.calls == {"transact_write_items": 3, "update_item": 2}
    assert states(table, *"abcd") == ["new"] * 4


def test_a_change_whose_condition_is_not_met_does_not_stop_the_others() -> None:
    client = ScriptedDynamoDB()
    table = table_of(client, "a", "b", "c")
    table.update_all(updates("b"))
    client.calls.clear()

    table.update_all([*updates("a", "b", "c"), Update("gone", {"state": "new"}, IS_OLD, OLD)])

    assert states(table, "a", "b", "c", "gone") == ["new"] * 3
    assert client.calls["transact_write_items"] == 2


def test_an_error_of_another_kind_is_raised() -> None:
    client = ScriptedDynamoDB()
    table = table_of(client, "a", "b")

    for error in (aws_error("InternalServerError"), aws_error("AccessDeniedException")):
        client.script = [error]
        with pytest.raises(ResponseError, match=r"InternalServerError|AccessDenied"):
            table.update_all(updates("a", "b"))
    client.script = [canceled("None", "ValidationError")]
    with pytest.raises(ResponseError, match="TransactionCanceled"):
        table.update("a", {"state": "new"}, IS_OLD, OLD, extra=ExtraWrites(delete=["b"]))
    assert states(table, "a", "b") == ["old", "old"]


def test_a_write_with_extra_writes_is_made_as_a_whole_or_not_at_all() -> None:
    table = table_of(ScriptedDynamoDB(), "a", "b")
    extra = ExtraWrites(put=[{"run_id": "c", "state": "extra"}], delete=["b"])

    with pytest.raises(ConditionFailedError) as caught:
        table.update("a", {"state": "new"}, "#state = :other", {"other": "other"}, extra=extra)
    assert caught.value.current_item == {"run_id": "a", "state": "old"}
    assert states(table, "a", "b", "c") == ["old", "old"]

    table.update("a", {"state": "new"}, IS_OLD, OLD, extra=extra)
    assert states(table, "a", "b", "c") == ["new", "extra"]


def test_a_write_waits_while_transactions_are_in_its_way(pauses: list[None]) -> None:
    client = ScriptedDynamoDB()
    table = table_of(client, "a", "b")
    client.script = [canceled("TransactionConflict", "None")] * (WRITE_TRIES - 1)
    table.delete("a", IS_OLD, OLD, ExtraWrites(delete=["b"]))
    assert (states(table, "a", "b"), len(pauses)) == ([], WRITE_TRIES - 1)

    client.script = [aws_error("TransactionConflictException")] * WRITE_TRIES
    with pytest.raises(ResponseError, match="TransactionConflict"):
        table.put({"run_id": "a", "state": "old"})


def test_a_repeated_write_succeeds_if_the_item_is_as_the_write_leaves_it() -> None:
    table = table_of(ScriptedDynamoDB(), "a", "b")

    for _ in range(2):
        table.update("a", {"state": "new"}, IS_OLD, OLD)
        table.delete("b", IS_OLD, OLD)
        table.put({"run_id": "c", "state": "old"})
    with pytest.raises(ConditionFailedError):
        table.put({"run_id": "c", "state": "new"})
    with pytest.raises(ConditionFailedError):
        table.delete("a", IS_OLD, OLD)
    with pytest.raises(ConditionFailedError) as caught:
        table.update("b", {"state": "new"}, IS_OLD, OLD)
    assert caught.value.current_item == {}


def test_a_role_that_may_only_read_batches_reads_the_rest_in_further_batches(pauses: list[None]) -> None:
    client = SparingDynamoDB(1)
    table = table_of(client, "a", "b", "c", "d", "e")

    assert [item["run_id"] for item in table.get_all(["a", "b", "c", "d", "e"], singly=False)] == list("abcde")
    assert (client.calls["batch_get_item"], client.calls["get_item"]) == (5, 0)
    assert len(pauses) == 4


def test_items_that_dynamodb_leaves_out_until_no_time_remains_are_an_error_of_aws() -> None:
    table = table_of(SparingDynamoDB(0), "a")

    with time_limit(0), pytest.raises(ResponseError, match="ProvisionedThroughputExceeded"):
        list(table.get_all(["a"], singly=False))
