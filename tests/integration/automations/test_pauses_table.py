"""A pause, a new definition and the sweep's marks at the same time never lose one another."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from aichats.automations.row import AutomationRow
from aichats.automations.table import AutomationTable
from aichats.schedules.pauses import Pauses, PauseWindow
from tests.support.automation_rows import NAME, item, read
from tests.support.automations import CRON, RATE, WEBHOOK, automation, make_store
from tests.support.ledgers import NOON, Clock, dynamodb

HOUR = timedelta(hours=1)
FIRST = Pauses((PauseWindow(NOON, None, "ops", NOON),))
SECOND = Pauses((PauseWindow(NOON + HOUR, NOON + 2 * HOUR, "ops", NOON),))


class MeanwhileOnce:
    """A client with which another writer acts once, before the next write."""

    def __init__(self) -> None:
        self.act: Callable[[], object] | None = None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            if self.act is not None and name in ("put_item", "update_item", "delete_item", "transact_write_items"):
                act, self.act = self.act, None
                act()
            return getattr(dynamodb(), name)(**request)

        return call


@pytest.fixture
def other() -> MeanwhileOnce:
    return MeanwhileOnce()


@pytest.fixture
def store(other: MeanwhileOnce, clock: Clock) -> AutomationTable:
    store = make_store(clock, other)
    store.put(NAME, CRON)
    return store


def pause(store: AutomationTable, pauses: Pauses = FIRST) -> AutomationRow | None:
    return store.change_pauses(NAME, lambda _: pauses)


def test_a_pause_is_stored_and_changes_no_version(store: AutomationTable) -> None:
    before = read(store)
    paused = pause(store)
    assert paused == read(store)
    assert read(store).pauses == FIRST
    assert (read(store).etag, read(store).version, read(store).changed_at) == (before.etag, 1, before.changed_at)


def test_the_same_pauses_again_write_nothing(store: AutomationTable, other: MeanwhileOnce) -> None:
    pause(store)
    other.act = lambda: pytest.fail("written")
    assert pause(store) == read(store)


def test_what_does_not_exist_cannot_be_paused(store: AutomationTable) -> None:
    assert store.change_pauses("other", lambda _: FIRST) is None
    store.begin_delete(NAME)
    assert pause(store) is None


def test_a_new_definition_keeps_a_pause_that_came_meanwhile(store: AutomationTable, other: MeanwhileOnce) -> None:
    other.act = lambda: pause(store)
    store.put(NAME, RATE)
    assert (read(store).automation, read(store).pauses) == (RATE, FIRST)


def test_a_pause_keeps_a_definition_that_came_meanwhile(store: AutomationTable, other: MeanwhileOnce) -> None:
    other.act = lambda: store.put(NAME, RATE)
    pause(store)
    assert (read(store).automation, read(store).pauses) == (RATE, FIRST)


def test_of_two_pauses_at_once_both_are_kept(store: AutomationTable, other: MeanwhileOnce) -> None:
    [second] = SECOND.windows
    other.act = lambda: pause(store)
    store.change_pauses(NAME, lambda row: row.pauses.add(second, NOON))
    assert read(store).pauses == Pauses((*FIRST.windows, second))


def test_a_pause_ends_without_a_trace_if_the_automation_is_deleted_meanwhile(
    store: AutomationTable, other: MeanwhileOnce
) -> None:
    other.act = lambda: store.begin_delete(NAME)
    assert pause(store) is None
    assert "pauses" not in item(store)


def test_an_automation_that_is_paused_meanwhile_is_deleted(store: AutomationTable, other: MeanwhileOnce) -> None:
    other.act = lambda: pause(store)
    deleting = store.begin_delete(NAME)
    assert deleting is not None
    assert store.end_delete(deleting)


def test_a_note_of_left_out_fields_keeps_a_pause_that_came_meanwhile(
    store: AutomationTable, other: MeanwhileOnce
) -> None:
    other.act = lambda: pause(store)
    row, _ = store.put(NAME, automation(CRON.definition | {"budget": None}))
    assert row == read(store)
    assert (row.pauses, row.automation.defaults) == (FIRST, ())


def test_slots_are_not_marked_as_checked_with_pauses_that_have_changed(
    store: AutomationTable, other: MeanwhileOnce
) -> None:
    row = read(store)
    other.act = lambda: pause(store)
    store.mark_checked([row], NOON + HOUR)
    assert (read(store).checked_until, read(store).pauses) == (NOON, FIRST)
    store.mark_checked([read(store)], NOON + HOUR)
    assert (read(store).checked_until, read(store).pauses) == (NOON + HOUR, FIRST)


def test_a_paused_automation_is_deleted_with_its_pauses(store: AutomationTable) -> None:
    pause(store)
    deleting = store.begin_delete(NAME)
    assert deleting is not None
    assert store.end_delete(deleting)
    store.put(NAME, CRON)
    assert "pauses" not in item(store)


def test_the_index_of_a_paused_automation_is_corrected(store: AutomationTable, other: MeanwhileOnce) -> None:
    store.put(NAME, WEBHOOK)
    key = {"name": {"S": f"{NAME}:payment.failed"}}
    dynamodb().delete_item(TableName=store.table, Key=key)
    [correct] = store.webhook_index.corrections(store.contents().headers).values()
    other.act = lambda: pause(store)
    assert correct()
    assert "Item" in dynamodb().get_item(TableName=store.table, Key=key)
    assert read(store).pauses == FIRST
