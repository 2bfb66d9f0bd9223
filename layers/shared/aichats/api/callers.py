"""Who calls the HTTP API: tokens, of which only hashes are stored, and what each may do."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from aichats.aws.observability import count_now, logger
from aichats.aws.secrets import REFRESH_AFTER_SECONDS, SecretKind, SecretStore, remedy
from aichats.errors import SecretError

type Scope = Literal["chats:read", "chats:write", "runs:read", "runs:write", "automations:read", "automations:write"]


class StoredCaller(BaseModel):
    """A caller as the secret holds it."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of the token's UTF-8 bytes, in hexadecimal."""
    scopes: frozenset[Scope]
    lineage: Annotated[str, Field(pattern=r"^[a-z2-7]{8,64}$")] | None = None
    """Random, and new for each new name: a caller that was revoked and one made later under its name differ in it."""


@dataclass(frozen=True)
class Caller:
    """Somebody who showed a token."""

    name: str
    scopes: frozenset[str]
    lineage: str | None = None

    @property
    def identity(self) -> str:
        """What idempotency keys are bound to. A new caller under a revoked name has another one."""
        return self.name if self.lineage is None else f"{self.name}#{self.lineage}"


def find_caller(store: SecretStore, secret: str, token: str) -> Caller | None:
    """Return the caller that a token belongs to, or ``None``.

    An unknown token makes the secret be read again, so a new token works at once.

    Raises:
        SecretError: the secret can't be used.
    """
    return _match(store.read(secret, CALLERS), token) or _match(store.read_again(secret, CALLERS), token)


def _match(callers: Mapping[str, StoredCaller], token: str) -> Caller | None:
    digest = hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
    found = None
    for name, stored in callers.items():
        # All are compared, in constant time, so that the time taken tells nothing about any of them.
        if hmac.compare_digest(stored.sha256, digest):
            found = Caller(name, frozenset(stored.scopes), stored.lineage)
    return found


def _parse(secret: str, value: dict[str, Any]) -> Mapping[str, StoredCaller]:
    """Return the callers in a secret. A malformed one is left out, logged and counted; the others are not affected.

    Raises:
        SecretError: none of those that are in it can be read.
    """
    callers: dict[str, StoredCaller] = {}
    wrong: list[str] = []
    for name, stored in value.items():
        try:
            callers[name] = StoredCaller.model_validate(stored)
        except ValidationError as error:
            wrong += [".".join(map(str, (name, *detail["loc"]))) for detail in error.errors(include_input=False)]
    if wrong:
        count_now("CallersUnreadable")
        logger.error("callers left out: their entries are malformed", extra={"secret": secret, "fields": wrong})
    if wrong and not callers:
        raise SecretError(secret, f"is malformed ({'; '.join(wrong)})", remedy(secret))
    return callers


CALLERS = SecretKind(_parse, refresh_after=60.0, valid_for=REFRESH_AFTER_SECONDS, outlives=SecretError)
"""Read again each minute, so that a failure to read has four minutes to pass. After five minutes an old value is not
used any more, because it may hold a caller who was revoked since."""
