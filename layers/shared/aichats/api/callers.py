"""The callers of the HTTP API, with the hashes of their tokens, their scopes and their companies."""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, get_args

from aichats.aws.observability import count_now, logger
from aichats.aws.secret_values import read_text, read_timestamp, remedy
from aichats.aws.secrets import REFRESH_AFTER_SECONDS, SecretKind, SecretStore
from aichats.errors import SecretError
from aichats.frozen import frozen
from aichats.records import Field, Record, RecordError, instance_of, nullable, read_each
from aichats.whop.connections import read_company

type Scope = Literal[
    "chats:read",
    "chats:write",
    "messages:read",
    "runs:read",
    "runs:write",
    "automations:read",
    "automations:write",
    "subscriptions:read",
    "subscriptions:write",
]
SCOPES: tuple[Scope, ...] = get_args(Scope.__value__)


def read_hash(value: object) -> str:
    """Return the SHA-256 hash of a token in UTF-8, in hexadecimal.

    Raises:
        ValueError: it isn't one.
    """
    return _matching(r"[0-9a-f]{64}", value)


def _lineage(value: object) -> str:
    return _matching(r"[a-z2-7]{8,64}", value)


def _matching(pattern: str, value: object) -> str:
    if not re.fullmatch(pattern, text := read_text(value)):
        raise ValueError("is invalid")
    return text


def _scope(value: object) -> Scope:
    for scope in SCOPES:
        if scope == value:
            return scope
    raise ValueError("is invalid")


def _set_of[T](read: Callable[[Any], T]) -> Callable[[Any], frozenset[T]]:
    def read_set(value: object) -> frozenset[T]:
        elements = instance_of(list, value, "must be a list")
        return frozenset(read_each(read, enumerate(elements)).values())

    return read_set


class PreviousToken(Record):
    """A token that a rotation replaced, and that stays valid for a while."""

    sha256 = Field(read_hash)
    expires_at = Field(read_timestamp)


class StoredCaller(Record):
    """A caller as the secret stores it."""

    sha256 = Field(read_hash)
    scopes = Field(_set_of(_scope))
    lineage = Field(nullable(_lineage), None)
    """A random text that distinguishes a caller from a revoked caller with the same name."""
    expires_at = Field(nullable(read_timestamp), None)
    """The time from which the token is no longer valid; ``None`` if it never expires."""
    previous = Field(nullable(PreviousToken.of), None)
    companies = Field(nullable(_set_of(read_company)), None)
    """The companies that the caller is limited to; ``None`` if it has no limit."""

    @property
    def tokens(self) -> Iterator[tuple[str, datetime | None]]:
        """The hash of each token, with the time at which the token expires."""
        yield self.sha256, self.expires_at
        if self.previous is not None:
            yield self.previous.sha256, self.previous.expires_at


@frozen
class Caller:
    """The owner of a token that the secret contains. The token may have expired."""

    name: str
    scopes: frozenset[str]
    lineage: str | None = None
    companies: frozenset[str] | None = None
    """The companies that the caller is limited to; ``None`` if it has no limit."""
    expires_at: datetime | None = None
    """The time from which the token is no longer valid; ``None`` if it never expires."""

    @property
    def identity(self) -> str:
        """The identity that idempotency keys belong to. A revoked caller with the same name has another identity."""
        return self.name if self.lineage is None else f"{self.name}#{self.lineage}"


def find_caller(store: SecretStore, secret: str, token: str) -> Caller | None:
    """Return the caller of a token, even if the token has expired; ``None`` if the token is unknown.

    If the token is unknown, the secret is read again, so that a new token works immediately.

    Raises:
        SecretError: the secret can't be used.
    """
    return _match(store.read(secret, CALLERS), token) or _match(store.read_again(secret, CALLERS), token)


def _match(callers: Mapping[str, StoredCaller], token: str) -> Caller | None:
    digest = hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
    caller = None
    for name, stored in callers.items():
        for sha256, expires_at in stored.tokens:
            # Every hash is compared, in constant time, so that the duration reveals nothing about the callers.
            if hmac.compare_digest(sha256, digest):
                caller = Caller(name, frozenset(stored.scopes), stored.lineage, stored.companies, expires_at)
    return caller


def _parse(secret: str, value: dict[str, Any]) -> Mapping[str, StoredCaller]:
    """Return the callers in a secret. Log, count and leave out malformed callers.

    Raises:
        SecretError: every caller in the secret is malformed.
    """
    callers: dict[str, StoredCaller] = {}
    malformed: list[str] = []
    for name, stored in value.items():
        try:
            callers[name] = StoredCaller.of(stored)
        except RecordError as error:
            malformed += [".".join(map(str, (name, *place))) for place, _ in error.problems]
    if malformed:
        count_now("CallersUnreadable")
        logger.error("callers left out: their entries are malformed", extra={"secret": secret, "fields": malformed})
    if malformed and not callers:
        raise SecretError(secret, f"is malformed ({'; '.join(malformed)})", remedy(secret))
    return callers


CALLERS = SecretKind(_parse, refresh_after=60.0, valid_for=REFRESH_AFTER_SECONDS, outlives=SecretError)
"""The kind of the secret with the callers. The secret is read again every minute. If this fails, the old value is used
for up to five minutes, but no longer, because it may contain a revoked caller."""
