"""The table of automations with several writers at the same time, and with lost responses."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from aichats.automations.row import AutomationRow, RowHeader
from aichats.automations.table import AutomationTable
from aichats.aws.errors import ResponseError
from tests.support.automation_rows import NAME, conflict_of, item, read
from tests.support.automations import CRON, RATE, WEBHOOK, at, automation, make_store, scheduled
from tests.support.crashing import FaultyAws, World
from tests.support.ledgers import NOON, Clock, dynamodb


class Meanwhile:
    """A client with which another writer acts before the next write."""

    def __init__(self) -> None:
        self.act: Callable[[], object] | None = None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            writes = ("put_item", "update_item", "delete_item", "transact_write_items")
            if self.act is not None and name in writes:
                act, self.act = self.act, None
                act()
            return getattr(dynamodb(), name)(**request)

        return call


@pytest.fixture
def meanwhile() -> Meanwhile:
    return Meanwhile()


@pytest.fixture
def disturbed(clock: Clock, meanwhile: Meanwhile) -> AutomationTable:
    """A store in which another writer acts between a read and a write."""
    client: Any = meanwhile
    return make_store(clock, client)


def quiet(store: AutomationTable) -> AutomationTable:
    return AutomationTable(dynamodb(), store.table, store.clock)


def test_of_two_that_change_the_same_version_one_is_rejected(disturbed: AutomationTable, meanwhile: Meanwhile) -> None:
    first, _ = disturbed.put(NAME, CRON)
    meanwhile.act = lambda: quiet(disturbed).put(NAME, RATE, if_match=first.etag)

    assert conflict_of(lambda: disturbed.put(NAME, WEBHOOK, if_match=first.etag))
    assert read(disturbed).automation == RATE


def test_of_two_that_create_one_changes_what_the_other_made(disturbed: AutomationTable, meanwhile: Meanwhile) -> None:
    meanwhile.act = lambda: quiet(disturbed).put(NAME, RATE)

    row, created = disturbed.put(NAME, CRON)

    assert (row.version, created) == (2, False)
    assert read(disturbed).automation == CRON


def test_of_two_that_only_create_one_is_rejected(disturbed: AutomationTable, meanwhile: Meanwhile) -> None:
    meanwhile.act = lambda: quiet(disturbed).put(NAME, RATE, if_none_match="*")

    assert conflict_of(lambda: disturbed.put(NAME, CRON, if_none_match="*"))
    assert read(disturbed).automation == RATE


WITH_ZONE = automation(scheduled(timezone="UTC"))
"""The definition of CRON with a field that CRON leaves out."""


def test_the_fields_that_were_left_out_are_noted_for_no_other_definition(
    disturbed: AutomationTable, meanwhile: Meanwhile
) -> None:
    disturbed.put(NAME, CRON)
    meanwhile.act = lambda: quiet(disturbed).put(NAME, RATE)

    row, created = disturbed.put(NAME, WITH_ZONE)

    assert (row.version, created, row.automation.definition) == (3, False, CRON.definition)
    assert read(disturbed).written == scheduled(timezone="UTC")


def test_a_condition_is_checked_again_if_the_row_changes_before_the_fields_are_noted(
    disturbed: AutomationTable, meanwhile: Meanwhile
) -> None:
    first, _ = disturbed.put(NAME, CRON)
    meanwhile.act = lambda: quiet(disturbed).put(NAME, RATE)

    assert conflict_of(lambda: disturbed.put(NAME, WITH_ZONE, if_match=first.etag))
    assert read(disturbed).automation == RATE


def test_noting_the_fields_that_were_left_out_keeps_everything_else(store: AutomationTable) -> None:
    row, _ = store.put(NAME, CRON, by="git")
    store.mark_checked([row], NOON + timedelta(hours=1))
    store.mark_aligned([(row, "as it should be")])
    before = item(store)

    store.put(NAME, WITH_ZONE, by="another")

    after = item(store)
    assert after.pop("defaults") != before.pop("defaults")
    assert after == before


def test_a_deletion_of_the_version_before_is_rejected(disturbed: AutomationTable, meanwhile: Meanwhile) -> None:
    first, _ = disturbed.put(NAME, CRON)
    meanwhile.act = lambda: quiet(disturbed).put(NAME, RATE)

    assert conflict_of(lambda: disturbed.begin_delete(NAME, if_match=first.etag))
    assert read(disturbed).state == "active"


def test_a_deletion_without_a_condition_deletes_what_came_in_between(
    disturbed: AutomationTable, meanwhile: Meanwhile
) -> None:
    disturbed.put(NAME, CRON)
    meanwhile.act = lambda: quiet(disturbed).put(NAME, RATE)

    row = disturbed.begin_delete(NAME)

    assert isinstance(row, AutomationRow)
    assert (row.automation, row.state) == (RATE, "deleting")


class GuardError(Exception):
    """The error of the guard."""


def keep_rate(row: RowHeader) -> None:
    if isinstance(row, AutomationRow) and row.automation == RATE:
        raise GuardError


def test_a_guard_sees_the_row_that_came_in_between(disturbed: AutomationTable, meanwhile: Meanwhile) -> None:
    meanwhile.act = lambda: quiet(disturbed).put(NAME, RATE)
    with pytest.raises(GuardError):
        disturbed.put(NAME, CRON, guard=keep_rate)

    quiet(disturbed).put(NAME, CRON)
    meanwhile.act = lambda: quiet(disturbed).put(NAME, RATE)
    with pytest.raises(GuardError):
        disturbed.begin_delete(NAME, guard=keep_rate)

    assert (read(disturbed).automation, read(disturbed).state) == (RATE, "active")


def test_a_guard_comes_before_the_conditions(store: AutomationTable) -> None:
    store.put(NAME, RATE)

    for change in (partial(store.put, NAME, CRON, '"other"'), partial(store.begin_delete, NAME, '"other"')):
        with pytest.raises(GuardError):
            change(guard=keep_rate)


def test_the_sweep_leaves_alone_what_was_changed_in_between(store: AutomationTable) -> None:
    row, _ = store.put(NAME, CRON)
    store.put(NAME, RATE)
    before = item(store)

    assert not store.finish(row)
    store.mark_checked([row], NOON + timedelta(hours=1))
    assert not store.end_delete(row)
    assert item(store) == before


def test_a_write_whose_response_was_lost_succeeds(clock: Clock) -> None:
    fault = "answer lost"
    world = World(clock, timedelta(minutes=1))
    client: Any = FaultyAws(world, dynamodb())
    store = make_store(clock, client)

    with world.process({1: fault}):
        row, created = store.put(NAME, at(NOON + timedelta(hours=1)))
    assert created
    with world.process({0: fault}):
        assert store.finish(row)
    row = read(store)
    with world.process({0: fault}):
        store.mark_checked([row], NOON + timedelta(hours=2))
    assert read(store).checked_until == NOON + timedelta(hours=2)
    with world.process({1: fault}):
        deleting = store.begin_delete(NAME)
    assert deleting is not None
    with world.process({0: fault}):
        assert store.end_delete(deleting)
    assert item(store) == {}


def test_an_error_of_dynamodb_is_raised(clock: Clock) -> None:
    lost = AutomationTable(dynamodb(), "no-such-table", clock)
    row, _ = make_store(clock).put(NAME, CRON)

    for act in (lambda: lost.put(NAME, CRON), lambda: lost.finish(row), lambda: lost.end_delete(row)):
        with pytest.raises(ResponseError, match="ResourceNotFound"):
            act()
