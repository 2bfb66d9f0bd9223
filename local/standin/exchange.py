"""One request and its answer, and what a provider has to bring."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import Headers


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
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, content: object, status: int = 200) -> Self:
        """The answer that says ``content`` in JSON."""
        return cls(status, json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode())


type Act = Callable[[], Reply]
"""What is left of a call once it was let in: does it, and says how it went."""


class Mode(BaseModel):
    """How the stand-in behaves until told otherwise. Providers add fields of their own."""

    model_config = ConfigDict(extra="forbid", strict=True)

    rate_limit: int = Field(default=600, ge=0)
    """Calls a minute that each operation takes from each credential."""

    latency: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Seconds that every call takes."""


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

    def admit(self, call: Call) -> Act:
        """Check who calls, and take note that the call began. Refusals come out of the act as well."""

    def refusal(self, status: int) -> Reply:
        """The answer by which this provider refuses with ``status`` (400 to 599)."""

    def chats(self) -> list[dict[str, Any]]:
        """Every chat, in order of creation, with what only a stand-in would tell."""


def credential_hash(header: str | None) -> str | None:
    """A name for the credential in ``header`` that does not give it away."""
    return hashlib.sha256(header.encode()).hexdigest()[:12] if header else None
