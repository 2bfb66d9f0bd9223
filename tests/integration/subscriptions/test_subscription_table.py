"""The table of subscriptions: definitions, keys and the states of receivers, which never overwrite each other."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from aichats.automations.conditions import StaleError
from aichats.aws.attributes import encode
from aichats.errors import UnreadableError
from aichats.subscriptions.row import SECRETS_OVERLAP, SubscriptionRow
from aichats.subscriptions.table import MAX_SUBSCRIPTIONS, SubscriptionTable, TooManySubscriptionsError
from tests.support.ledgers import NOON, Clock, Overtaken, dynamodb
from tests.support.output import Output
from tests.support.subscriptions import URL, make_subscriptions, subscription

MINUTE = timedelta(minutes=1)


@pytest.fixture
def table(clock: Clock) -> SubscriptionTable:
    return make_subscriptions(clock)


def current(table: SubscriptionTable, name: str = "alerts") -> SubscriptionRow:
    row = table.get(name)
    assert row is not None
    return row


def fail(table: SubscriptionTable, row: SubscriptionRow, error: str = "answered 500") -> bool:
    now = table.clock()
    return table.note_failure(row, error, now, now + MINUTE, slow=True)


# ------------------------------------------------------------------ put


def test_a_new_subscription_is_stored_with_one_random_key(table: SubscriptionTable) -> None:
    definition = subscription("run.*", filter="data.attempts > `1`", format="slack", include_reply=True)

    row, is_new = table.put("alerts", definition, by="crm")
    other, _ = table.put("other", definition)

    assert is_new
    assert row == current(table)
    assert row.subscription == definition
    assert (row.created_at, row.updated_at, row.created_by, row.updated_by) == (NOON, NOON, "crm", "crm")
    assert [key.until for key in row.key_ids] == [None]
    assert row.key_ids != other.key_ids
    assert (row.failures, row.failing_since, row.last_error, row.open_until, row.slow) == (0, None, None, None, False)


def test_the_same_definition_again_changes_nothing(table: SubscriptionTable, clock: Clock) -> None:
    first, _ = table.put("alerts", subscription(), by="crm")
    clock.forward(minutes=5)

    assert table.put("alerts", subscription(), by="other") == (first, False)
    assert current(table) == first


def test_another_definition_replaces_the_old_one_and_keeps_the_keys(table: SubscriptionTable, clock: Clock) -> None:
    first, _ = table.put("alerts", subscription(filter="data.a"), by="crm")
    later = clock.forward(minutes=5)

    second, is_new = table.put("alerts", subscription("run.missed"), by="other")

    assert not is_new
    assert second == current(table)
    assert second.subscription == subscription("run.missed")
    assert (second.created_at, second.updated_at) == (NOON, later)
    assert (second.created_by, second.updated_by) == ("crm", "other")
    assert second.key_ids == first.key_ids
    assert second.etag != first.etag


def test_a_deleted_and_created_subscription_has_another_key(table: SubscriptionTable) -> None:
    first, _ = table.put("alerts", subscription())
    assert table.delete("alerts")

    second, is_new = table.put("alerts", subscription())

    assert is_new
    assert second.key_ids != first.key_ids


def test_conditions_are_compared_with_the_current_version(table: SubscriptionTable) -> None:
    with pytest.raises(StaleError, match="If-Match failed: subscription alerts doesn't exist"):
        table.put("alerts", subscription(), "*")
    first, _ = table.put("alerts", subscription(), None, "*")
    assert table.put("alerts", subscription(), None, "*") == (first, False)  # A retry.
    with pytest.raises(StaleError, match="If-None-Match failed: subscription alerts exists"):
        table.put("alerts", subscription("run.missed"), None, "*")

    second, _ = table.put("alerts", subscription("run.missed"), first.etag)
    assert table.put("alerts", subscription("run.missed"), first.etag) == (second, False)  # A retry.
    with pytest.raises(StaleError, match="If-Match failed: subscription alerts was changed"):
        table.put("alerts", subscription("run.unknown"), first.etag)
    with pytest.raises(StaleError):
        table.delete("alerts", first.etag)
    assert current(table) == second
    assert table.delete("alerts", second.etag)


def test_there_are_at_most_a_hundred_subscriptions(table: SubscriptionTable) -> None:
    for number in range(MAX_SUBSCRIPTIONS):
        table.put(f"s-{number}", subscription())

    with pytest.raises(TooManySubscriptionsError, match="has 100 subscriptions, which is the maximum"):
        table.put("one-more", subscription())
    assert table.put("s-5", subscription("run.missed"))[1] is False
    assert table.delete("s-6")
    assert table.put("one-more", subscription())[1]


class Beaten:
    """DynamoDB in which another writer acts before the first PutItem."""

    def __init__(self, act: Callable[[], object]) -> None:
        self._act: Callable[[], object] | None = act

    def put_item(self, **request: Any) -> Any:
        act, self._act = self._act, None
        if act is not None:
            act()
        return dynamodb().put_item(**request)

    def __getattr__(self, name: str) -> Any:
        return getattr(dynamodb(), name)


def beaten(table: SubscriptionTable, client: Any) -> SubscriptionTable:
    """Return the same table through another client."""
    items = table.items
    return SubscriptionTable(type(items)(client, items.name, items.key, items.sort), table.clock)


def test_of_two_that_create_a_subscription_at_once_one_gets_the_secret(table: SubscriptionTable) -> None:
    first: list[SubscriptionRow] = []
    slow = beaten(table, Beaten(lambda: first.append(table.put("alerts", subscription())[0])))

    assert slow.put("alerts", subscription()) == (first[0], False)


class Repeating:
    """DynamoDB whose responses to writes get lost, so that botocore repeats each write."""

    def put_item(self, **request: Any) -> Any:
        dynamodb().put_item(**request)
        return dynamodb().put_item(**request)

    def update_item(self, **request: Any) -> Any:
        dynamodb().update_item(**request)
        return dynamodb().update_item(**request)

    def delete_item(self, **request: Any) -> Any:
        dynamodb().delete_item(**request)
        return dynamodb().delete_item(**request)

    def __getattr__(self, name: str) -> Any:
        return getattr(dynamodb(), name)


def test_a_write_whose_response_was_lost_counts_once(table: SubscriptionTable, clock: Clock) -> None:
    repeating = beaten(table, Repeating())

    row, is_new = repeating.put("alerts", subscription())
    assert (is_new, row) == (True, current(table))
    row, _ = repeating.put("alerts", subscription("run.missed"))
    assert (row.version, row) == (2, current(table))
    rotated = repeating.rotate("alerts")
    assert rotated == current(table)
    assert [key.id for key in current(table).key_ids][1:] == [row.key_ids[0].id]
    assert fail(repeating, current(table))
    assert current(table).failures == 1
    assert repeating.note_success(current(table), clock(), slow=False)
    assert repeating.delete("alerts")
    assert table.get("alerts") is None


def test_of_two_that_change_a_subscription_at_once_the_later_one_wins(table: SubscriptionTable) -> None:
    table.put("alerts", subscription())
    slow = beaten(table, Overtaken(lambda: table.put("alerts", subscription("run.missed"))))

    row, _ = slow.put("alerts", subscription("run.unknown"))

    assert (row, row.version) == (current(table), 3)
    assert row.subscription.events == ["run.unknown"]


def test_a_condition_is_checked_again_if_another_writer_was_faster(table: SubscriptionTable) -> None:
    first, _ = table.put("alerts", subscription())
    slow = beaten(table, Overtaken(lambda: table.put("alerts", subscription("run.missed"))))

    with pytest.raises(StaleError):
        slow.put("alerts", subscription("run.unknown"), first.etag)
    assert current(table).subscription.events == ["run.missed"]


# ------------------------------------------------------------------ keys


def test_a_rotation_adds_a_key_and_the_old_one_signs_for_another_day(table: SubscriptionTable, clock: Clock) -> None:
    [old] = table.put("alerts", subscription())[0].key_ids

    row = table.rotate("alerts")

    assert row == current(table)
    assert row is not None
    new, kept = row.keys_at(clock())
    assert (new.until, kept.id, kept.until) == (None, old.id, NOON + SECRETS_OVERLAP)
    assert new.id != old.id
    assert row.keys_at(NOON + SECRETS_OVERLAP) == (new,)


def test_a_second_rotation_within_a_day_keeps_the_two_newest_keys(table: SubscriptionTable, clock: Clock) -> None:
    table.put("alerts", subscription())
    first = table.rotate("alerts")
    later = clock.forward(hours=1)

    second = table.rotate("alerts")

    assert first is not None
    assert second is not None
    assert [key.id for key in second.key_ids][1:] == [first.key_ids[0].id]
    assert second.key_ids[1].until == later + SECRETS_OVERLAP


def test_the_same_request_rotates_once(table: SubscriptionTable) -> None:
    table.put("alerts", subscription())
    first = table.rotate("alerts", "crm\nkey-1")

    assert table.rotate("alerts", "crm\nkey-1") == first
    assert table.rotate("alerts", "crm\nkey-2") != first
    third = table.rotate("alerts", "crm\nkey-1")
    assert third is not None
    assert first is not None
    assert first.key_ids[0].id not in {key.id for key in third.key_ids}


def test_of_two_rotations_at_once_none_is_lost(table: SubscriptionTable) -> None:
    table.put("alerts", subscription())
    others: list[SubscriptionRow | None] = []
    slow = beaten(table, Overtaken(lambda: others.append(table.rotate("alerts"))))

    row = slow.rotate("alerts")

    assert row is not None
    assert others[0] is not None
    assert row.key_ids[1].id == others[0].key_ids[0].id


def test_a_subscription_that_does_not_exist_has_no_secret_to_rotate(table: SubscriptionTable) -> None:
    assert table.rotate("alerts") is None
    assert table.get("alerts") is None
    assert not table.delete("alerts")


# ------------------------------------------------------------------ the state of the receiver


def test_failures_are_counted_since_the_first_one(table: SubscriptionTable, clock: Clock) -> None:
    row, _ = table.put("alerts", subscription())
    assert fail(table, row, "answered 500")
    later = clock.forward(minutes=2)

    assert fail(table, current(table), "took too long")

    failing = current(table)
    assert (failing.failures, failing.failing_since, failing.last_error) == (2, NOON, "took too long")
    assert (failing.open_until, failing.slow) == (later + MINUTE, True)


def test_a_burst_of_failures_counts_once(table: SubscriptionTable) -> None:
    row, _ = table.put("alerts", subscription())

    assert [fail(table, row, str(number)) for number in range(3)] == [True, False, False]
    assert (current(table).failures, current(table).last_error) == (1, "0")


def test_a_success_ends_all_failures(table: SubscriptionTable, clock: Clock) -> None:
    table.put("alerts", subscription())
    fail(table, current(table))
    later = clock.forward(minutes=2)

    assert table.note_success(current(table), later, slow=False)

    row = current(table)
    assert (row.failures, row.failing_since, row.last_error, row.open_until, row.slow) == (0, None, None, None, False)
    assert row.last_success_at == later


def test_successes_like_the_last_one_are_noted_once_a_minute(table: SubscriptionTable, clock: Clock) -> None:
    table.put("alerts", subscription())
    assert table.note_success(current(table), clock(), slow=False)

    assert not table.note_success(current(table), clock.forward(seconds=59), slow=False)
    assert table.note_success(current(table), clock(), slow=True)
    assert not table.note_success(current(table), clock.forward(seconds=59), slow=True)
    assert table.note_success(current(table), clock.forward(seconds=1), slow=True)
    assert current(table).last_success_at == clock()


def test_a_change_of_the_definition_keeps_the_state_of_the_receiver(table: SubscriptionTable) -> None:
    table.put("alerts", subscription())
    fail(table, current(table))

    row, _ = table.put("alerts", subscription("run.missed"))

    assert row == current(table)
    assert (row.failures, row.failing_since, row.last_error, row.slow) == (1, NOON, "answered 500", True)


def test_another_url_begins_without_failures(table: SubscriptionTable) -> None:
    before, _ = table.put("alerts", subscription())
    fail(table, current(table))

    row, _ = table.put("alerts", subscription(url=f"{URL}/new"))

    assert row == current(table)
    assert (row.failures, row.failing_since, row.last_error, row.open_until, row.slow) == (0, None, None, None, False)
    # An attempt at the old URL that ends now says nothing about the new one.
    assert not fail(table, before)
    assert not table.note_success(before, NOON, slow=False)
    assert current(table) == row


@pytest.mark.parametrize("note", ["failure", "success"])
def test_an_attempt_that_ends_after_the_deletion_creates_nothing(
    table: SubscriptionTable, clock: Clock, note: str
) -> None:
    old, _ = table.put("alerts", subscription())
    table.delete("alerts")

    def end() -> bool:
        return fail(table, old) if note == "failure" else table.note_success(old, clock(), slow=False)

    assert not end()
    assert table.list() == []
    clock.forward(seconds=1)
    new, _ = table.put("alerts", subscription())
    assert not end()
    assert current(table) == new


def test_a_failure_and_a_change_at_once_are_both_stored(table: SubscriptionTable) -> None:
    row, _ = table.put("alerts", subscription())
    slow = beaten(table, Overtaken(lambda: fail(table, row)))

    slow.put("alerts", subscription("run.missed"))

    assert (current(table).failures, current(table).subscription.events) == (1, ["run.missed"])


# ------------------------------------------------------------------ reads


def test_the_list_has_all_subscriptions_by_name_and_nothing_else(table: SubscriptionTable) -> None:
    for name in ("b", "a", "c"):
        table.put(name, subscription())
    table.items.put({"pk": "deliveries#a", "sk": "2026"})

    assert [row.name for row in table.list()] == ["a", "b", "c"]


def change_item(table: SubscriptionTable, **changes: Any) -> None:
    item = table.items.get(("subscriptions", "alerts")) or {}
    dynamodb().put_item(TableName=table.items.name, Item=encode(item | changes))


def test_a_subscription_that_cannot_be_read_is_left_out_of_the_list_logged_and_counted(
    table: SubscriptionTable, output: Output
) -> None:
    for name in ("alerts", "other"):
        table.put(name, subscription())
    change_item(table, format="teams")

    assert [row.name for row in table.list()] == ["other"]

    [line] = output.logs
    assert (line["message"], line["subscription"]) == ("subscription left out", "alerts")
    assert output.counted("SubscriptionsUnreadable") == 1
    with pytest.raises(UnreadableError, match="subscription alerts cannot be read"):
        table.rotate("alerts")
    row, is_new = table.put("alerts", subscription("run.missed"))
    assert (row, is_new) == (current(table), False)


def test_attributes_of_a_newer_version_are_ignored(table: SubscriptionTable) -> None:
    table.put("alerts", subscription())
    change_item(table, retries=7)

    assert current(table).subscription == subscription()
