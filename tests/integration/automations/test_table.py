"""The table of automations: versions, deletions, and how rows are found."""

from datetime import timedelta

import pytest

from aichats.automations.definition_models import validated_automation
from aichats.automations.table import MAX_DEFINITION_BYTES, AutomationTable
from aichats.errors import InputError
from tests.support.automation_rows import NAME, conflict_of, item, read
from tests.support.automations import ACTION, CRON, RATE, WEBHOOK, at, automation, listening, scheduled
from tests.support.ledgers import NOON, Clock

# ---------------------------------------------------------------------------------------------- put


def test_a_new_automation_is_kept_as_its_first_version(store: AutomationTable) -> None:
    row, created = store.put(NAME, CRON)

    assert created
    assert (row.version, row.state, row.automation) == (1, "active", CRON)
    assert (row.created_at, row.changed_at, row.checked_until) == (NOON, NOON, NOON)
    assert row.etag.startswith('"')
    assert row.etag.endswith('"')
    assert store.get(NAME) == row


def test_another_definition_is_the_next_version_of_the_same_automation(store: AutomationTable, clock: Clock) -> None:
    first, _ = store.put(NAME, CRON)
    clock.forward(seconds=90)

    row, created = store.put(NAME, RATE)

    assert not created
    assert (row.version, row.created_at, row.changed_at) == (2, NOON, clock.now)
    assert row.etag != first.etag
    assert store.get(NAME) == row


def test_the_same_definition_again_changes_nothing(store: AutomationTable, clock: Clock) -> None:
    first, _ = store.put(NAME, CRON)
    before = item(store)
    clock.forward(seconds=90)

    assert store.put(NAME, automation(scheduled())) == (first, False)
    assert item(store) == before


def test_what_was_and_comes_back_is_another_version(store: AutomationTable) -> None:
    etags = [store.put(NAME, definition)[0].etag for definition in (CRON, RATE, CRON)]

    assert len(set(etags)) == 3


def test_a_definition_that_is_too_large_for_the_table_is_rejected(store: AutomationTable) -> None:
    targets = [f"biz_{number:0100}" for number in range(1000)]
    large = {**scheduled(message="m" * 131_072), "targets": targets}

    assert store.put(NAME, automation(large))[1]
    assert read(store).automation == automation(large)
    escaped = {**large, "action": {**ACTION, "message_text": "\x00" * 45_000 + "m"}}
    with pytest.raises(InputError, match=f"the limit is {MAX_DEFINITION_BYTES}. Use fewer targets"):
        store.put(NAME, automation(escaped))


# ---------------------------------------------------------------------------------------------- delete


def test_an_automation_that_is_being_deleted_is_gone_for_everybody(store: AutomationTable) -> None:
    store.put(NAME, WEBHOOK)

    row = store.begin_delete(NAME)

    assert row is not None
    assert store.get(NAME) is None
    assert store.list() == []
    assert list(store.listeners("payment.failed")) == []
    assert store.begin_delete(NAME) == read(store)
    assert store.end_delete(row)
    assert item(store) == {}
    assert store.begin_delete(NAME) is None


def test_what_is_written_while_it_is_deleted_begins_again_and_stays(store: AutomationTable, clock: Clock) -> None:
    first, _ = store.put(NAME, RATE)
    deleting = store.begin_delete(NAME)
    assert deleting is not None
    clock.forward(minutes=3)

    row, created = store.put(NAME, RATE, if_none_match="*")

    assert created
    assert (row.version, row.created_at, row.rate_start) == (2, clock.now, clock.now + timedelta(minutes=1))
    assert row.etag != first.etag
    assert not store.end_delete(deleting)
    assert store.get(NAME) == row


def test_what_is_being_deleted_cannot_be_changed_on_a_condition(store: AutomationTable) -> None:
    row, _ = store.put(NAME, CRON)
    store.begin_delete(NAME)

    assert conflict_of(lambda: store.put(NAME, RATE, if_match=row.etag))
    assert conflict_of(lambda: store.put(NAME, CRON, if_match="*"))


# ---------------------------------------------------------------------------------------------- found


def test_all_are_listed_by_name_however_many_pages_they_take(store: AutomationTable) -> None:
    names = [f"automation-{number:02}" for number in range(12)]
    for name in reversed(names):
        # A page has at most 1 MB.
        store.put(name, automation(scheduled(message=name + "m" * 120_000)))

    assert [row.name for row in store.list()] == names


def test_those_that_listen_are_found_and_no_others(store: AutomationTable) -> None:
    store.put("listens", WEBHOOK)
    store.put("off", automation(listening(enabled=False)))
    store.put("clock", CRON)
    store.put("was-listening", WEBHOOK)
    store.put("was-listening", CRON)
    store.put("deleted", WEBHOOK)
    store.begin_delete("deleted")

    assert [row.name for row in store.listeners("payment.failed")] == ["listens"]


def test_rows_are_found_in_whatever_state(store: AutomationTable) -> None:
    for name, definition in {"on": CRON, "off": automation(scheduled(enabled=False)), "listens": WEBHOOK}.items():
        store.put(name, definition)
    store.finish(store.put("done", at(NOON + timedelta(hours=1)))[0])
    store.put("deleted", CRON)
    store.begin_delete("deleted")

    assert {row.name for row in store.rows()} == {"on", "off", "listens", "done", "deleted"}


def test_a_row_knows_its_next_slot(store: AutomationTable, clock: Clock) -> None:
    rate, _ = store.put("rate", RATE)
    assert rate.next_slot(NOON) == NOON + timedelta(minutes=1)
    assert rate.fires_after(clock.now)
    listening_row, _ = store.put("listens", WEBHOOK)
    assert listening_row.next_slot(NOON) is None
    assert not listening_row.fires_after(NOON)


def test_texts_in_any_script_are_kept_in_their_own_size(store: AutomationTable) -> None:
    store.put(NAME, automation(scheduled(message="週" * 43_690)))

    assert read(store).automation == automation(scheduled(message="週" * 43_690))


def test_rows_are_read_as_they_are_even_if_limits_are_lower_now(store: AutomationTable) -> None:
    large = validated_automation(scheduled(message="m" * 100_000), max_message_bytes=131072)

    store.put(NAME, large)

    assert read(store).automation == large
