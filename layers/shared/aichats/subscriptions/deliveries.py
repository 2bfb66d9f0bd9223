"""The stored deliveries: the result of each event for each subscription.

A delivery is stored when it was first attempted or held back. Until then, its message is the only trace of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

from aichats.aws.observability import count_now, logger
from aichats.aws.table import Table
from aichats.aws.writes import succeeds
from aichats.events.log import sort_key
from aichats.events.model import SentEvent
from aichats.frozen import frozen
from aichats.runs.ledger.times import from_text, to_text

KEEP_DELIVERIES = timedelta(days=30)
BY_DUE = "by_due"

type DeliveryStatus = Literal["delivered", "waiting", "failed"]


@frozen
class Delivery:
    """An event for a subscription.

    Attributes:
        subscription: the identity of the subscription.
        place: the time and the id of the event, its sort key.
        type: the type of the event.
        since: the time from which the delivery is tried.
        version: the number of writes, by which concurrent writers notice each other; 0 if it is not stored.
        attempts: the number of attempts of the schedule. Attempts before the next retry was due are not counted.
        held: whether the delivery waits because its receiver fails, not because of its own retry.
        due_at: the time of the next attempt, or at which a delivery that is held is given up; ``None`` if it has ended.
        redelivery: the newest request to deliver the event again.
        seconds: the duration of the successful attempt.
        run_id: the run that the event is about, if it is about one.
    """

    subscription: str
    place: str
    type: str
    since: datetime
    status: DeliveryStatus = "waiting"
    version: int = 0
    attempts: int = 0
    held: bool = False
    due_at: datetime | None = None
    redelivery: str | None = None
    last_status: int | None = None
    last_error: str | None = None
    seconds: str | None = None
    first_attempt_at: datetime | None = None
    last_attempt_at: datetime | None = None
    run_id: str | None = None

    @classmethod
    def of(cls, subscription: str, event: SentEvent, now: datetime, redelivery: str | None) -> "Delivery":
        """Return a delivery that is not stored yet."""
        run_id = event.data.get("run_id")
        return cls(subscription, sort_key(event), event.type, now, redelivery=redelivery, run_id=run_id)

    @property
    def event_id(self) -> str:
        """The id of the event."""
        return self.place.partition("#")[2]

    def is_due(self, now: datetime) -> bool:
        """Return whether the delivery may be attempted without being early."""
        return self.held or self.due_at is None or self.due_at <= now


_TIMES = ("since", "due_at", "first_attempt_at", "last_attempt_at")
_OTHERS = (
    "status",
    "version",
    "attempts",
    "held",
    "redelivery",
    "last_status",
    "last_error",
    "seconds",
    "type",
    "run_id",
)


@frozen
class DeliveryTable:
    """The stored deliveries. Safe to share between threads."""

    items: Table

    def find(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Delivery]:
        """Return stored deliveries by their subscription and their place."""
        unique = dict.fromkeys((_partition(subscription), place) for subscription, place in keys)
        found = map(_from_item, self.items.get_all(list(unique), singly=False))
        return {(delivery.subscription, delivery.place): delivery for delivery in found}

    def store(self, delivery: Delivery, now: datetime) -> bool:
        """Store a change of a delivery. A success is always stored.

        Returns:
            ``False`` if another writer has changed the delivery since it was read, so nothing was written.
        """
        item = _to_item(replace(delivery, version=delivery.version + 1), now)
        if delivery.status == "delivered":
            self.items.overwrite([item])
            return True
        condition = "#version = :read_version" if delivery.version else self.items.is_absent
        values = {"read_version": delivery.version} if delivery.version else {}
        return succeeds(partial(self.items.put, item, condition, values))

    def give_up(self, delivery: Delivery, subscription: str, reason: str, now: datetime) -> bool:
        """Store that a delivery has failed for good, log it and count it. ``subscription`` is the name.

        Returns:
            ``False`` if another writer has changed the delivery since it was read, so nothing was written.
        """
        failed = replace(delivery, status="failed", held=False, due_at=None, last_error=reason)
        if not self.store(failed, now):
            return False
        fields = {"subscription": subscription, "event_id": failed.event_id, "type": failed.type, "reason": reason}
        logger.error("delivery given up", extra={**fields, "attempts": failed.attempts})
        count_now("DeliveriesGivenUp")
        return True

    def waiting(
        self, subscription: str, *, held: bool, until: datetime, limit: int, after: Mapping[str, str] | None = None
    ) -> tuple[list[str], dict[str, str] | None]:
        """Return the places of deliveries that wait, the earliest one first, and the key after which more follow.

        Args:
            subscription: the identity of the subscription.
            held: whether these are deliveries that were held back.
            until: deliveries that are due later are left out.
            limit: the maximum number of places.
            after: the key at which to continue.
        """
        values = {"waiting": _lane(subscription, held=held), "until": to_text(until)}
        start = {"ExclusiveStartKey": self._encoded(after)} if after else {}
        pages = self.items.query_pages(
            BY_DUE, "#waiting = :waiting AND #due_at <= :until", values, Limit=limit, **start
        )
        items, last = next(pages)
        return [item["sk"] for item in items], last

    def of_subscription(
        self, subscription: str, since: str, until: str, *, newest_first: bool = False
    ) -> Iterator[Delivery]:
        """Yield the deliveries of a subscription whose places are between two texts, which are not included."""
        condition, values = "#pk = :pk AND #sk BETWEEN :since AND :until", {"pk": _partition(subscription)}
        bounds = {"since": since, "until": until}
        items = self.items.query(None, condition, values | bounds, ScanIndexForward=not newest_first)
        return (_from_item(item) for item in items if item["sk"] not in (since, until))

    def _encoded(self, key: Mapping[str, str]) -> dict[str, Any]:
        return {name: {"S": value} for name, value in key.items()}


def _partition(subscription: str) -> str:
    return f"deliveries#{subscription}"


def _lane(subscription: str, *, held: bool) -> str:
    """Return the key of the index under which a subscription's deliveries wait."""
    return f"{'held' if held else 'due'}#{subscription}"


def _to_item(delivery: Delivery, now: datetime) -> dict[str, Any]:
    times = {name: to_text(time) for name in _TIMES if (time := getattr(delivery, name)) is not None}
    others = {name: value for name in _OTHERS if (value := getattr(delivery, name)) is not None}
    item = {"pk": _partition(delivery.subscription), "sk": delivery.place, **times, **others}
    if delivery.status == "waiting":
        item["waiting"] = _lane(delivery.subscription, held=delivery.held)
    return item | {"ttl": int((now + KEEP_DELIVERIES).timestamp())}


def _from_item(item: Mapping[str, Any]) -> Delivery:
    fields: dict[str, Any] = {name: from_text(item[name]) for name in _TIMES if name in item}
    fields |= {name: item[name] for name in _OTHERS if name in item}
    return Delivery(subscription=item["pk"].partition("#")[2], place=item["sk"], **fields)
