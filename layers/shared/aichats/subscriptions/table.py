"""The table of subscriptions.

A row has two writers. API clients change the definition and the keys. Deliveries change the state of the receiver. Both
write their own attributes only, so neither overwrites the other.
"""

import builtins
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

from aichats.automations.conditions import check_conditions, conditions_hold
from aichats.aws.observability import count_now, logger
from aichats.aws.table import Table
from aichats.aws.writes import succeeds
from aichats.errors import AichatsError, UnreadableError
from aichats.frozen import frozen
from aichats.runs.ledger.times import to_text, utc_now
from aichats.subscriptions.model import Subscription
from aichats.subscriptions.row import SubscriptionRow, definition_of, etag_of, new_key, rotated, subscription_from_item

MAX_SUBSCRIPTIONS = 100
"""The maximum number of subscriptions. Two requests at once may exceed it by one."""
PARTITION = "subscriptions"
SUCCESS_NOTED_EVERY = timedelta(minutes=1)
"""The shortest time between two notes of a success that changes nothing else."""
_NO_FAILURES = {"failures": 0, "failing_since": None, "last_error": None, "open_until": None}
_SAME_DEFINITION = "#etag = :read_etag"
_SAME_RECEIVER = "#created_at = :read_created_at AND #url = :read_url"


class TooManySubscriptionsError(AichatsError):
    """There are as many subscriptions as a stack can have."""


@frozen
class SubscriptionTable:
    """The table of subscriptions. Safe to share between threads."""

    items: Table
    clock: Callable[[], datetime] = utc_now

    # ------------------------------------------------------------------ changes by users

    def put(
        self,
        name: str,
        subscription: Subscription,
        if_match: str | None = None,
        if_none_match: str | None = None,
        *,
        by: str | None = None,
    ) -> tuple[SubscriptionRow, bool]:
        """Create or replace a subscription. Its keys stay. Putting the same definition again changes nothing.

        A retry with the same ``If-Match`` or ``If-None-Match`` succeeds unless the subscription was changed in between.
        If the URL changes, the state of the old receiver is cleared. A row that can't be read is replaced.

        Args:
            name: the subscription's name.
            subscription: the new definition.
            if_match: the header ``If-Match``: ``*``, or ETags. One of them must be the current ETag.
            if_none_match: the header ``If-None-Match``. With ``*``, the subscription must be new.
            by: the name of the API client.

        Returns:
            The row, and whether the subscription is new.

        Raises:
            StaleError: a condition of the request failed.
            TooManySubscriptionsError: the subscription is new, and there are 100 already.
        """
        while True:
            old = self.items.get(_key(name))
            row = _read(old)
            if old is not None and row is not None and definition_of(row.subscription) == definition_of(subscription):
                if not conditions_hold(old.get("replaced"), if_match, if_none_match):
                    check_conditions(name, old["etag"], if_match, if_none_match, kind="subscription")
                return row, False
            check_conditions(name, old["etag"] if old else None, if_match, if_none_match, kind="subscription")
            changes = self._changes(subscription, old, by)
            if old is None:
                item = self._new(name, changes, by)
                if succeeds(partial(self.items.put, item)):
                    return subscription_from_item(item), True
            elif self._update(name, changes, _SAME_DEFINITION, {"read_etag": old["etag"]}):
                return subscription_from_item(_changed(old, changes)), False

    def delete(self, name: str, if_match: str | None = None) -> bool:
        """Delete a subscription. Return whether it existed.

        Raises:
            StaleError: ``If-Match`` failed.
        """
        for number in count():
            old = self.items.get(_key(name))
            # If an earlier attempt of this request deleted the row, the condition was met.
            if old is None and number:
                return True
            check_conditions(name, old["etag"] if old else None, if_match, None, kind="subscription")
            if old is None:
                return False
            delete = partial(self.items.delete, _key(name), _SAME_DEFINITION, {"read_etag": old["etag"]})
            if succeeds(delete):
                break
        return True

    def rotate(self, name: str, request: str | None = None) -> SubscriptionRow | None:
        """Add a key. The key before it signs for another 24 hours, and older ones no longer sign.

        Args:
            name: the subscription's name.
            request: identifies the request. If the same request added the newest key, nothing changes.

        Returns:
            The row; ``None`` if the subscription does not exist.

        Raises:
            UnreadableError: this version of the code can't read the row.
        """
        key = new_key(request)
        while (old := self.items.get(_key(name))) is not None:
            keys = old["key_ids"]
            if request is not None and keys[0].get("request") == key["request"]:
                return subscription_from_item(old)
            changes = {"key_ids": rotated(keys, key, self.clock())}
            values = {"read_key_ids": keys, "read_created_at": old["created_at"]}
            if self._update(name, changes, "#key_ids = :read_key_ids AND #created_at = :read_created_at", values):
                return subscription_from_item(_changed(old, changes))
        return None

    # ------------------------------------------------------------------ changes by deliveries

    def note_failure(
        self, row: SubscriptionRow, error: str, now: datetime, open_until: datetime, *, slow: bool
    ) -> bool:
        """Note that an attempt failed. If other attempts failed at the same time, only the first one is noted.

        Args:
            row: the row as it was read before the attempt.
            error: the reason, for people.
            now: the time of the failure.
            open_until: the time until which no delivery is attempted.
            slow: whether deliveries use the slow queue from now on.

        Returns:
            ``False`` if another failure was noted, or the receiver was changed, since the row was read.
        """
        changes = {
            "failures": row.failures + 1,
            "failing_since": to_text(row.failing_since or now),
            "last_error": error,
            "open_until": to_text(open_until),
            "slow": slow,
        }
        values = {**_receiver(row), "read_failures": row.failures}
        return self._update(row.name, changes, f"{_SAME_RECEIVER} AND #failures = :read_failures", values)

    def note_success(self, row: SubscriptionRow, now: datetime, *, slow: bool) -> bool:
        """Note that an attempt succeeded, which ends all failures. A success like the last one is noted once a minute.

        The arguments are those of :meth:`note_failure`.

        Returns:
            ``False`` if nothing was written.
        """
        is_recent = row.last_success_at is not None and now - row.last_success_at < SUCCESS_NOTED_EVERY
        if is_recent and not row.failures and row.slow == slow:
            return False
        changes = {**_NO_FAILURES, "last_success_at": to_text(now), "slow": slow}
        return self._update(row.name, changes, _SAME_RECEIVER, _receiver(row))

    def claim_probe(self, row: SubscriptionRow, until: datetime) -> bool:
        """Claim the single attempt that shows whether a receiver works again. No other one is made until a time.

        Returns:
            ``False`` if another one was claimed, or if the state of the receiver changed, since the row was read.
        """
        changes = {"open_until": to_text(until), "probe": secrets.token_hex(8)}
        values = {
            **_receiver(row),
            "read_failures": row.failures,
            "read_open": to_text(row.open_until or row.created_at),
        }
        same_state = "#failures = :read_failures AND (attribute_not_exists(#open_until) OR #open_until = :read_open)"
        return self._update(row.name, changes, f"{_SAME_RECEIVER} AND {same_state}", values)

    def claim_flush(self, row: SubscriptionRow, place: str, *, held: bool) -> bool:
        """Claim the next part of a flush.

        Args:
            row: the subscription.
            place: the flush and its part, as :attr:`FlushMessage.place` has them.
            held: whether deliveries are sent that were held back, or those that wait for their next retry.

        Returns:
            ``False`` if another copy of the message claimed it, or if there is a later flush.
        """
        name = f"flushed_{'held' if held else 'due'}"
        changes = {name: place, "flush": secrets.token_hex(8)}
        is_next = f"(attribute_not_exists(#{name}) OR #{name} < :{name})"
        return self._update(row.name, changes, f"{_SAME_RECEIVER} AND {is_next}", _receiver(row))

    # ------------------------------------------------------------------ reads

    def find(self, names: Iterable[str]) -> dict[str, SubscriptionRow | None]:
        """Return subscriptions as they are now. A name that this version of the code can't read has ``None``."""
        found: dict[str, SubscriptionRow | None] = {}
        for item in self.items.get_all([_key(name) for name in sorted(names)], singly=False):
            found[item["sk"]] = next(_readable(iter([item])), None)
        return found

    def get(self, name: str) -> SubscriptionRow | None:
        """Return a subscription as it is now; ``None`` if it does not exist.

        Raises:
            UnreadableError: this version of the code can't read the row.
        """
        item = self.items.get(_key(name))
        return subscription_from_item(item) if item else None

    def list(self) -> builtins.list[SubscriptionRow]:
        """Return all subscriptions as they are now, sorted by name. Log and count those that can't be read."""
        return list(_readable(self._all()))

    # ------------------------------------------------------------------ inside

    def _all(self) -> Iterator[dict[str, Any]]:
        return self.items.query(None, "#pk = :pk", {"pk": PARTITION}, ConsistentRead=True)

    def _changes(self, subscription: Subscription, old: Mapping[str, Any] | None, by: str | None) -> dict[str, Any]:
        """Return the attributes that a PUT changes."""
        version = old["version"] + 1 if old else 1
        changes = {
            **definition_of(subscription),
            "version": version,
            "etag": etag_of(subscription, version),
            "replaced": old["etag"] if old else None,
            "updated_at": to_text(self.clock()),
            "updated_by": by,
        }
        if old and old.get("url") != subscription.url:
            changes |= {**_NO_FAILURES, "slow": False, "last_success_at": None}
        return changes

    def _new(self, name: str, changes: Mapping[str, Any], by: str | None) -> dict[str, Any]:
        """Return the item of a new subscription.

        Raises:
            TooManySubscriptionsError: there are 100 already.
        """
        if sum(1 for _ in self._all()) >= MAX_SUBSCRIPTIONS:
            message = (
                f"this stack has {MAX_SUBSCRIPTIONS} subscriptions, which is the maximum. Delete one of them first"
            )
            raise TooManySubscriptionsError(message)
        begin = {"pk": PARTITION, "sk": name, "key_ids": [new_key()], "failures": 0, "slow": False}
        return _changed(begin, {**changes, "created_at": changes["updated_at"], "created_by": by})

    def _update(self, name: str, changes: Mapping[str, Any], condition: str, values: Mapping[str, Any]) -> bool:
        return succeeds(partial(self.items.update, _key(name), changes, condition, values))


def _key(name: str) -> tuple[str, str]:
    return PARTITION, name


def _changed(item: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**item, **changes}.items() if value is not None}


def _receiver(row: SubscriptionRow) -> dict[str, str]:
    """Return the values of the condition that a row still has the receiver that an attempt called."""
    return {"read_created_at": to_text(row.created_at), "read_url": row.subscription.url}


def _read(item: Mapping[str, Any] | None) -> SubscriptionRow | None:
    """Return an item as a row; ``None`` if there is none, or if this version of the code can't read it."""
    try:
        return subscription_from_item(item) if item else None
    except UnreadableError:
        return None


def _readable(items: Iterator[dict[str, Any]]) -> Iterator[SubscriptionRow]:
    for item in items:
        try:
            yield subscription_from_item(item)
        except UnreadableError as error:
            count_now("SubscriptionsUnreadable")
            logger.error("subscription left out", extra={"subscription": item["sk"], "error": str(error)})
