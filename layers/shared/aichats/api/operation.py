"""An operation of the HTTP API as data: what routes it, guards it, checks its input and documents it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus

from pydantic import BaseModel, TypeAdapter

from aichats.api.callers import Caller, Scope
from aichats.bootstrap import Application


@dataclass(frozen=True)
class Call[BodyT, QueryT]:
    """A checked call: what an operation works with."""

    app: Application
    caller: Caller
    path: Mapping[str, str]
    body: BodyT
    query: QueryT
    idempotency_key: str | None
    headers: Mapping[str, str]
    """Of the request, the names in lower case."""
    lease: timedelta
    """Until Lambda would kill this invocation."""


@dataclass(frozen=True)
class Reply:
    """What an operation answers; without a body for 204."""

    body: BaseModel | None = None
    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Operation[BodyT, QueryT]:
    """One method on one path.

    ``path`` has its parameters in braces, as OpenAPI writes them; each is checked with the adapter of its name in
    ``parameters`` before anything is done.
    """

    method: str
    path: str
    summary: str
    scopes: tuple[Scope, ...]
    """The scopes that a token needs, all of them."""
    run: Callable[[Call[BodyT, QueryT]], Reply]
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    parameters: Mapping[str, TypeAdapter[str]] = field(default_factory=dict)
    status: int = HTTPStatus.OK
    reply: type[BaseModel] | None = None
    also: Mapping[int, type[BaseModel]] = field(default_factory=dict)
    """Further statuses of success, and what is answered with each."""
    conflicts: bool = False
    """Whether it may be refused with 409."""
    idempotent: bool = False
    """Whether it takes the header ``Idempotency-Key``."""
    conditional: bool = False
    """Whether it takes the header ``If-Match``, and may be refused with 412."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers of its success, and what each tells."""
