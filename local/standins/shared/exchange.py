"""Requests, responses, and the interface of a provider."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import Headers

from local.standins.shared.listing import Order


class Operation(NamedTuple):
    """One operation of a provider. ``path`` is a template such as ``/chats/{id}``."""

    name: str
    method: str
    path: str


@dataclass(frozen=True)
class Call:
    """A complete request. ``credential`` is a short hash of the credential, or None without a credential."""

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
    """A response, as a client sees it and as a replay repeats it."""

    status: int
    body: bytes
    media_type: str | None = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, content: object, status: int = 200) -> Self:
        """Return a response with ``content`` as JSON."""
        return cls(status, json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode())


type Act = Callable[[], Reply]
"""The second part of an admitted call: performs it and returns its response."""


class Later(NamedTuple):
    """A call that has started. ``finish`` completes it after ``seconds``."""

    seconds: float
    finish: Act


class Elsewhere(NamedTuple):
    """A call that waits for another server. ``finish`` runs in a thread of its own."""

    finish: Act


class RefusedError(Exception):
    """The provider rejects a call. ``reply`` is its response."""

    def __init__(self, message: str, reply: Reply) -> None:
        super().__init__(message)
        self.reply = reply


def attempt[T](do: Callable[[], T]) -> T | Reply:
    """Return the result of ``do``, or the response of the error that it raises."""
    try:
        return do()
    except RefusedError as error:
        return error.reply


class Mode(BaseModel):
    """Settings of a mock server's behavior. Providers add fields."""

    model_config = ConfigDict(extra="forbid", strict=True)

    rate_limit: int | None = Field(default=None, ge=0)
    """Calls a minute. None means the provider's limit for the credential."""
    latency: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Seconds to wait before every call is performed."""
    list: Order = "newest"
    """Order of lists. ``shuffled`` is the same order every time."""
    list_lag: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Seconds until a new item appears in lists."""


class Provider(Protocol):
    """The behavior and the data of one provider's server.

    No method waits. A call is admitted and later performed, each in one step, so calls never interleave. A call that
    waits for another server returns :class:`Elsewhere`.
    """

    mode: Any
    """A model with the seconds of ``latency``, such as :class:`Mode`. A change of the mode replaces it."""

    @property
    def operations(self) -> Sequence[Operation]:
        """All operations of this provider."""

    @property
    def credential_header(self) -> str:
        """Name of the header with the credential."""

    def admit(self, call: Call) -> Callable[[], Reply | Later | Elsewhere]:
        """Check the credential, record the start of the call, and return the function that performs it.

        Raises:
            RefusedError: the call is rejected. The returned function raises it too.
        """

    def headers(self, call: Call) -> Mapping[str, str]:
        """Return the headers of every response to this call."""

    def refusal(self, call: Call, status: int) -> Reply:
        """Return the provider's error response to this call with ``status`` (400 to 599)."""

    def logged_body(self, call: Call) -> str:
        """Return the body of this call as the request log shows it, without secrets."""

    def state(self) -> dict[str, Any]:
        """Return all data. ``chats`` has every chat, in order of creation, with data that only a mock server shows."""

    def load(self, state: Mapping[str, Any]) -> None:
        """Add the data that :meth:`state` of an earlier server returned."""


def credential_hash(header: str | None) -> str | None:
    """Return a short hash of the credential in ``header``, or None."""
    return hashlib.sha256(header.encode()).hexdigest()[:12] if header else None
