"""The times in a row of an automation: the start of a rate, checks, changes, and the end."""

from datetime import datetime, timedelta

import pytest

from aichats.automations.model import Automation
from aichats.automations.table import KEEP_DONE, AutomationTable
from tests.support.automation_rows import NAME, item, read
from tests.support.automations import CRON, RATE, WEBHOOK, at, automation, listening, scheduled
from tests.support.fakes import Json
from tests.support.ledgers import NOON, Clock, dynamodb


def test_a_rate_keeps_its_start_while_its_clockwork_stays(store: AutomationTable, clock: Clock) -> None:
    row, _ = store.put(NAME, RATE)
    assert row.rate_start == NOON + timedelta(minutes=1)
    clock.forward(minutes=7)
    for definition in (
        scheduled("rate(5 minutes)", message="another"),
        scheduled("rate(5 minutes)", enabled=False),
        scheduled("rate(5 minutes)", end="2027-01-01T00:00:00Z"),
    ):
        assert store.put(NAME, automation(definition))[0].rate_start == row.rate_start


@pytest.mark.parametrize(
    ("definition", "start"),
    [
        (scheduled("rate(4 minutes)"), NOON + timedelta(minutes=8)),
        (scheduled("rate(5 minutes)", timezone="Europe/London"), NOON + timedelta(minutes=8)),
        (scheduled("rate(5 minutes)", start="2027-01-01T00:00:00Z"), datetime.fromisoformat("2027-01-01T00:00:00Z")),
        (scheduled(), None),
        (listening(), None),
    ],
)
def test_a_rate_with_another_clockwork_is_counted_again(
    store: AutomationTable, clock: Clock, definition: Json, start: datetime | None
) -> None:
    store.put(NAME, RATE)
    clock.forward(minutes=7)

    assert store.put(NAME, automation(definition))[0].rate_start == start
    assert read(store).rate_start == start


def test_slots_count_as_unchecked_from_the_time_the_trigger_was_written(store: AutomationTable, clock: Clock) -> None:
    row, _ = store.put(NAME, CRON)
    clock.forward(hours=1)
    store.mark_checked([row], NOON + timedelta(minutes=30))

    kept, _ = store.put(NAME, automation(scheduled(message="another")))
    assert kept.checked_until == NOON + timedelta(minutes=30)
    assert store.put(NAME, RATE)[0].checked_until == clock.now


@pytest.mark.parametrize(
    ("before", "after", "is_kept"),
    [
        ({}, {"end": "2026-11-30T00:00:00Z"}, True),
        ({"end": "2026-11-30T00:00:00Z"}, {}, True),
        ({"end": "2026-11-30T00:00:00Z"}, {"end": "2026-11-29T00:00:00Z"}, True),
        ({"end": "2026-11-20T12:31:00Z"}, {}, False),
        ({"end": "2026-11-20T13:00:00Z"}, {"end": "2026-11-30T00:00:00Z"}, False),
        ({}, {"enabled": False}, False),
        ({"enabled": False}, {}, False),
        ({}, {"timezone": "Europe/London"}, False),
        ({}, {"start": "2026-11-21T00:00:00Z"}, False),
    ],
)
def test_slots_stay_unchecked_as_long_as_they_are_the_same(
    store: AutomationTable, clock: Clock, before: Json, after: Json, *, is_kept: bool
) -> None:
    store.put(NAME, automation(scheduled("cron(30 * * * ? *)", **before)))
    clock.forward(hours=1)

    row, _ = store.put(NAME, automation(scheduled("cron(30 * * * ? *)", **after)))

    assert row.checked_until == (NOON if is_kept else clock.now)


@pytest.mark.parametrize(
    ("before", "after"), [(WEBHOOK, CRON), (CRON, WEBHOOK), (WEBHOOK, automation(listening("plan.created")))]
)
def test_what_listens_has_no_slots_to_check(
    store: AutomationTable, clock: Clock, before: Automation, after: Automation
) -> None:
    store.put(NAME, before)
    clock.forward(hours=1)

    assert store.put(NAME, after)[0].checked_until == clock.now


def test_when_targets_changed_is_known_until_they_change_again(store: AutomationTable, clock: Clock) -> None:
    assert store.put(NAME, CRON)[0].targets_changed_at == NOON
    for definition in (scheduled(message="another"), scheduled("rate(5 minutes)")):
        clock.forward(hours=1)
        assert store.put(NAME, automation(definition))[0].targets_changed_at == NOON

    others = automation(scheduled() | {"targets": ["biz_B"]})
    assert store.put(NAME, others)[0].targets_changed_at == clock.forward(hours=0) == read(store).targets_changed_at
    store.begin_delete(NAME)
    clock.forward(hours=1)
    assert store.put(NAME, others)[0].targets_changed_at == clock.now


def test_when_the_trigger_changed_is_known_until_it_changes_again(store: AutomationTable, clock: Clock) -> None:
    store.put(NAME, CRON)
    clock.forward(hours=1)
    others = scheduled() | {"targets": ["biz_B"], "description": "why"}
    assert store.put(NAME, automation(others))[0].trigger_changed_at == NOON == read(store).trigger_changed_at
    clock.forward(hours=1)

    assert (
        store.put(NAME, automation(scheduled(enabled=False)))[0].trigger_changed_at
        == clock.now
        == read(store).trigger_changed_at
    )
    store.begin_delete(NAME)
    clock.forward(hours=1)
    assert store.put(NAME, automation(scheduled(enabled=False)))[0].trigger_changed_at == clock.now


def test_a_row_without_the_time_of_its_triggers_change_uses_its_own(store: AutomationTable) -> None:
    store.put(NAME, CRON)
    dynamodb().update_item(
        TableName=store.table,
        Key={"name": {"S": NAME}},
        UpdateExpression="SET changed_at = :later REMOVE trigger_at",
        ExpressionAttributeValues={":later": {"S": "2026-11-20T12:30:00.000Z"}},
    )

    assert read(store).trigger_changed_at == NOON + timedelta(minutes=30)


def test_checking_changes_no_version(store: AutomationTable) -> None:
    row, _ = store.put(NAME, CRON)
    store.mark_checked([row], NOON + timedelta(hours=1))

    assert (read(store).etag, read(store).changed_at) == (row.etag, row.changed_at)


def test_a_one_off_that_is_done_is_kept_for_seven_days(store: AutomationTable, clock: Clock) -> None:
    row, _ = store.put(NAME, at(NOON + timedelta(hours=1)))
    clock.forward(hours=3)

    assert store.finish(row)
    assert item(store)["ttl"] == {"N": str(int((clock.now + KEEP_DONE).timestamp()))}
    assert (read(store).state, read(store).changed_at) == ("done", clock.now)


def test_any_other_that_is_done_is_kept(store: AutomationTable) -> None:
    row, _ = store.put(NAME, automation(scheduled(end="2026-11-24T00:00:00Z")))

    assert store.finish(row)
    assert "ttl" not in item(store)


def test_what_is_done_is_active_after_it_is_written_again(store: AutomationTable) -> None:
    store.finish(store.put(NAME, at(NOON + timedelta(hours=1)))[0])

    row, created = store.put(NAME, at(NOON + timedelta(hours=2)))

    assert (row.state, row.version, created) == ("active", 2, False)
    assert "ttl" not in item(store)


def test_what_is_done_is_deleted_without_a_trace(store: AutomationTable) -> None:
    store.finish(store.put(NAME, at(NOON + timedelta(hours=1)))[0])

    row = store.begin_delete(NAME)

    assert row is not None
    assert "ttl" not in item(store)
    assert store.end_delete(row)
