"""One request and its answer, and what a provider has to bring."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import Headers

from local.standins.shared.listing import Order


class Operation(NamedTuple):
    """One call that a provider offers; ``path`` is a template, as in ``/chats/{id}``."""

    name: str
    method: str
    path: str


@dataclass(frozen=True)
class Call:
    """A request, read whole. ``credential`` is a short hash of the credential, or None where none came."""

    operation: str
    method: str
    path: str
    query: str
    headers: Headers
    body: bytes
    path_parameters: Mapping[str, str]
    credential: str | None


@dataclass(frozen=True)
class Reply:
    """An answer: what a client may see of it, and what a replay has to repeat."""

    status: int
    body: bytes
    media_type: str | None = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, content: object, status: int = 200) -> Self:
        """The answer that says ``content`` in JSON."""
        return cls(status, json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode())


type Act = Callable[[], Reply]
"""What is left of a call once it was let in: does it, and says how it went."""


class Later(NamedTuple):
    """A call that was begun, and that takes so many seconds until ``finish`` can be done."""

    seconds: float
    finish: Act


class RefusedError(Exception):
    """The provider refuses; ``reply`` is what it answers."""

    def __init__(self, message: str, reply: Reply) -> None:
        super().__init__(message)
        self.reply = reply


def attempt[T](do: Callable[[], T]) -> T | Reply:
    """What ``do`` returns, or the refusal that it raises."""
    try:
        return do()
    except RefusedError as error:
        return error.reply


class Mode(BaseModel):
    """How the stand-in behaves until told otherwise. Providers add fields of their own."""

    model_config = ConfigDict(extra="forbid", strict=True)

    rate_limit: int | None = Field(default=None, ge=0)
    """Calls a minute; None for as many as the provider allows to the credential."""
    latency: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Seconds that every call takes before anything is done."""
    list: Order = "newest"
    """The order of lists. Shuffled is an order too: the same every time."""
    list_lag: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Seconds until what was created appears in lists."""


class Provider(Protocol):
    """What one provider's server does, and all that it remembers.

    Nothing here waits: a call is let in, and later done, each in one go, so no two calls ever mix.
    """

    mode: Any
    """A :class:`Mode`, or one of a class made from it; replaced whole when the mode changes."""

    @property
    def operations(self) -> Sequence[Operation]:
        """Every call that this provider offers."""

    @property
    def credential_header(self) -> str:
        """The header that says who calls."""

    def admit(self, call: Call) -> Callable[[], Reply | Later]:
        """Check who calls, and take note that the call began; what is left to do.

        Raises:
            RefusedError: not let in. What is returned raises it as well.
        """

    def headers(self, call: Call) -> Mapping[str, str]:
        """What every answer to this call carries, whatever it says."""

    def refusal(self, status: int) -> Reply:
        """The answer by which this provider refuses with ``status`` (400 to 599)."""

    def chats(self) -> list[dict[str, Any]]:
        """Return every chat, in order of creation, with data that only a mock server shows."""

    def load(self, chat: Mapping[str, Any]) -> None:
        """Add a chat as :meth:`chats` of an earlier server returned it."""


def credential_hash(header: str | None) -> str | None:
    """A name for the credential in ``header`` that does not give it away."""
    return hashlib.sha256(header.encode()).hexdigest()[:12] if header else None
