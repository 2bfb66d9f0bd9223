"""Rows that can't be read are noted once, and the sweep does so."""

import pytest

from aichats.automations.change_notes import UNREADABLE_PREFIX
from aichats.automations.row import RowHeader
from aichats.automations.table import AutomationTable, Contents
from aichats.automations.unreadable_rows import UnreadableRows
from aichats.aws.attributes import decode
from tests.support.automation_rows import NAME, item
from tests.support.automations import CRON, one_by_one
from tests.support.fakes import Json
from tests.support.ledgers import Clock, dynamodb

HEADER = RowHeader(NAME, 3, '"3"', "active")


def noted(store: AutomationTable, name: str = NAME) -> Json:
    return decode(item(store, f"{UNREADABLE_PREFIX}{name}"))


def test_a_row_of_a_later_version_is_noted_and_a_row_that_can_be_read_is_not(store: AutomationTable) -> None:
    store.put("whole", CRON)
    store.put(NAME, CRON)
    dynamodb().put_item(TableName=store.table, Item=item(store) | {"definition": {"S": "later"}})

    UnreadableRows(store, one_by_one).note(store.contents())

    assert (noted(store)["kind"], noted(store)["version"]) == ("unreadable", 1)
    assert noted(store, "whole") == {}


def test_a_row_whose_version_cannot_be_read_is_noted_too(store: AutomationTable) -> None:
    dynamodb().put_item(TableName=store.table, Item={"name": {"S": NAME}})

    UnreadableRows(store, one_by_one).note(store.contents())

    assert (noted(store)["version"], noted(store)["etag"]) == (0, "")


def test_a_row_that_is_being_deleted_is_not_noted(store: AutomationTable) -> None:
    UnreadableRows(store, one_by_one).note(Contents([RowHeader(NAME, 3, '"3"', "deleting")], {NAME}))

    assert noted(store) == {}


def test_a_row_is_noted_once_by_a_process_and_by_its_successors(store: AutomationTable, clock: Clock) -> None:
    rows = UnreadableRows(store, one_by_one)
    rows.note(Contents([HEADER], {NAME}))
    first = noted(store)
    clock.forward(minutes=5)

    rows.note(Contents([HEADER], {NAME}))
    UnreadableRows(store, one_by_one).note(Contents([HEADER], {NAME}))

    assert noted(store) == first


def test_a_row_that_could_not_be_noted_is_noted_by_the_next_sweep(store: AutomationTable) -> None:
    fails = [True]

    class Failing(AutomationTable):
        def note_unreadable(self, header: RowHeader) -> bool:
            if fails:
                raise LookupError(fails.pop())
            return super().note_unreadable(header)

    rows = UnreadableRows(Failing(store.client, store.table, store.clock), one_by_one)
    with pytest.raises(LookupError):
        rows.note(Contents([HEADER], {NAME}))

    rows.note(Contents([HEADER], {NAME}))

    assert noted(store)["version"] == 3
