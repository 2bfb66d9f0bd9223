"""Who calls the HTTP API: tokens, of which only hashes are stored, and what each may do."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from aichats.errors import SecretError
from aichats.secrets import SecretStore, remedy

type Scope = Literal["chats:read", "chats:write", "runs:read", "runs:write", "automations:read", "automations:write"]


class StoredCaller(BaseModel):
    """A caller as the secret holds it."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of the token's UTF-8 bytes, in hexadecimal."""
    scopes: frozenset[Scope]


@dataclass(frozen=True)
class Caller:
    """Somebody who showed a token."""

    name: str
    scopes: frozenset[str]


_CALLERS = TypeAdapter(dict[str, StoredCaller])


def find_caller(store: SecretStore, secret: str, token: str) -> Caller | None:
    """The caller that a token belongs to. An unknown token makes the secret be read again, so a new one works at once.

    Raises:
        SecretError: the secret cannot be used.
    """
    return _match(secret, store.read(secret), token) or _match(secret, store.read_again(secret), token)


def _match(secret: str, value: dict[str, Any], token: str) -> Caller | None:
    digest = hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
    found = None
    for name, stored in _parse(secret, value).items():
        # All are compared, in constant time, so that the time taken tells nothing about any of them.
        if hmac.compare_digest(stored.sha256, digest):
            found = Caller(name, frozenset(stored.scopes))
    return found


def _parse(secret: str, value: dict[str, Any]) -> dict[str, StoredCaller]:
    try:
        return _CALLERS.validate_python(value)
    except ValidationError as error:
        wrong = "; ".join(".".join(map(str, detail["loc"])) for detail in error.errors(include_input=False))
        raise SecretError(secret, f"is malformed ({wrong})", remedy(secret)) from None
