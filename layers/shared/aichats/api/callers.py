"""The callers of the HTTP API, with the hashes of their tokens, their scopes and their companies."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from aichats.aws.observability import count_now, logger
from aichats.aws.secret_values import remedy
from aichats.aws.secrets import REFRESH_AFTER_SECONDS, SecretKind, SecretStore
from aichats.errors import SecretError
from aichats.whop.models import CompanyId

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
type TokenHash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""The SHA-256 hash of a token in UTF-8, in hexadecimal."""


class PreviousToken(BaseModel):
    """A token that a rotation replaced, and that stays valid for a while."""

    sha256: TokenHash
    expires_at: AwareDatetime


class StoredCaller(BaseModel):
    """A caller as the secret stores it."""

    sha256: TokenHash
    scopes: frozenset[Scope]
    lineage: Annotated[str, Field(pattern=r"^[a-z2-7]{8,64}$")] | None = None
    """A random text that distinguishes a caller from a revoked caller with the same name."""
    expires_at: AwareDatetime | None = None
    """The time from which the token is no longer valid; ``None`` if it never expires."""
    previous: PreviousToken | None = None
    companies: frozenset[CompanyId] | None = None
    """The companies that the caller is limited to; ``None`` if it has no limit."""

    @property
    def tokens(self) -> Iterator[tuple[str, datetime | None]]:
        """The hash of each token, with the time at which the token expires."""
        yield self.sha256, self.expires_at
        if self.previous is not None:
            yield self.previous.sha256, self.previous.expires_at


@dataclass(frozen=True)
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
            callers[name] = StoredCaller.model_validate(stored)
        except ValidationError as error:
            malformed += [".".join(map(str, (name, *detail["loc"]))) for detail in error.errors(include_input=False)]
    if malformed:
        count_now("CallersUnreadable")
        logger.error("callers left out: their entries are malformed", extra={"secret": secret, "fields": malformed})
    if malformed and not callers:
        raise SecretError(secret, f"is malformed ({'; '.join(malformed)})", remedy(secret))
    return callers


CALLERS = SecretKind(_parse, refresh_after=60.0, valid_for=REFRESH_AFTER_SECONDS, outlives=SecretError)
"""The kind of the secret with the callers. The secret is read again every minute. If this fails, the old value is used
for up to five minutes, but no longer, because it may contain a revoked caller."""
