"""A subscription as the table stores it: the definition, its keys, and the state of its receiver."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from aichats.aws.observability import logger
from aichats.errors import UnreadableError
from aichats.events.model import SentEvent
from aichats.frozen import frozen
from aichats.runs.ledger.times import from_text, to_text
from aichats.subscriptions.model import Subscription
from aichats.templates.render import RenderError
from aichats.validation import read_stored

SECRETS_OVERLAP = timedelta(hours=24)
"""The time for which the previous key still signs after a rotation."""
MAX_KEYS = 2
"""The maximum number of keys that sign. Each adds a signature to every delivery."""


@frozen
class SigningKey:
    """A key of a subscription. The signing secret is derived from its id.

    Attributes:
        id: the id, which is random.
        until: the time from which the key no longer signs; ``None`` for the newest key.
    """

    id: str
    until: datetime | None = None

    def signs_at(self, time: datetime) -> bool:
        """Return whether the key signs at a time."""
        return self.until is None or time < self.until


@frozen
class SubscriptionRow:
    """A subscription.

    Attributes:
        etag: a strong ETag, with its quotes. It identifies the definition and the version.
        key_ids: the keys, the newest one first.
        failures: the number of attempts that failed since the last success.
        failing_since: the time of the first of them.
        last_error: the reason of the last of them.
        open_until: the time until which no delivery is attempted.
        slow: whether the receiver fails or takes long, so that its deliveries use the slow queue.
    """

    name: str
    subscription: Subscription
    key_ids: tuple[SigningKey, ...]
    version: int
    etag: str
    created_at: datetime
    updated_at: datetime
    created_by: str | None = None
    updated_by: str | None = None
    failures: int = 0
    failing_since: datetime | None = None
    last_error: str | None = None
    last_success_at: datetime | None = None
    open_until: datetime | None = None
    slow: bool = False

    @property
    def identity(self) -> str:
        """The name and the time of the creation, which a later subscription of the same name does not share."""
        return identity_of(self.name, self.created_at)

    def keys_at(self, time: datetime) -> tuple[SigningKey, ...]:
        """Return the keys that sign at a time, the newest one first."""
        return tuple(key for key in self.key_ids if key.signs_at(time))

    def wants(self, event: SentEvent) -> bool:
        """Return whether the subscription selects an event. If its filter fails, log the reason and return false."""
        try:
            return self.subscription.wants(event)
        except RenderError as error:
            log_fields = {"subscription": self.name, "event_id": event.id, "reason": str(error)}
            logger.warning("filter of a subscription failed", extra=log_fields)
            return False


def identity_of(name: str, created_at: datetime) -> str:
    """Return what identifies a subscription, even if another one had its name before."""
    return f"{name}#{to_text(created_at)}"


def subscription_from_item(item: Mapping[str, Any]) -> SubscriptionRow:
    """Return an item as a row. Attributes that this version of the code doesn't know are ignored.

    Raises:
        UnreadableError: this version of the code can't read the item.
    """
    what = f"subscription {item.get('sk')}"
    fields = {name: item[name] for name in Subscription.model_fields if name in item}
    subscription = read_stored(Subscription.model_validate, fields, what)
    try:
        return SubscriptionRow(
            name=item["sk"],
            subscription=subscription,
            key_ids=tuple(SigningKey(key["id"], _time(key, "until")) for key in item["key_ids"]),
            version=item["version"],
            etag=item["etag"],
            created_at=from_text(item["created_at"]),
            updated_at=from_text(item["updated_at"]),
            created_by=item.get("created_by"),
            updated_by=item.get("updated_by"),
            failures=item["failures"],
            failing_since=_time(item, "failing_since"),
            last_error=item.get("last_error"),
            last_success_at=_time(item, "last_success_at"),
            open_until=_time(item, "open_until"),
            slow=item["slow"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableError(f"{what} cannot be read by this version of the code: {type(error).__name__}") from None


def definition_of(subscription: Subscription) -> dict[str, Any]:
    """Return the attributes that store a definition. ``None`` removes an attribute."""
    return subscription.model_dump(mode="json")


def etag_of(subscription: Subscription, version: int) -> str:
    """Return the ETag of a version of a definition."""
    text = json.dumps([definition_of(subscription), version], ensure_ascii=False, separators=(",", ":"))
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def new_key(request: str | None = None) -> dict[str, str]:
    """Return a new key as it is stored: a random id, and a hash of the request that creates the key."""
    key = {"id": secrets.token_hex(16)}
    return key if request is None else {**key, "request": hashlib.sha256(request.encode()).hexdigest()}


def rotated(keys: list[dict[str, str]], key: dict[str, str], now: datetime) -> list[dict[str, str]]:
    """Return the stored keys after a rotation: the new one, and the newest of the others for 24 hours."""
    return [key, *({"id": old["id"], "until": to_text(now + SECRETS_OVERLAP)} for old in keys[: MAX_KEYS - 1])]


def _time(item: Mapping[str, Any], name: str) -> datetime | None:
    return from_text(item[name]) if name in item else None
