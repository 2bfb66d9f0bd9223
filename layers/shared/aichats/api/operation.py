"""The operations of the HTTP API as data: route, scopes, input and answers."""

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import timedelta
from http import HTTPStatus

from pydantic import BaseModel, TypeAdapter

from aichats.api.callers import Caller, Scope
from aichats.api.company_limit import CompanyLimit
from aichats.bootstrap import Application

WEBHOOK = "/webhooks/whop"
"""The path of ``receive_webhook``, which gets every POST. The HTTP API gets other methods, without a token."""


@dataclass(frozen=True)
class ApiCall[BodyT, QueryT]:
    """A request with a valid token, sufficient scopes and valid input."""

    app: Application
    caller: Caller
    path: Mapping[str, str]
    body: BodyT
    query: QueryT
    idempotency_key: str | None
    headers: Mapping[str, str] = field(repr=False)
    """The request's headers, with names in lower case."""
    domain: str
    """The domain name of the API."""
    lease: timedelta
    """The time until Lambda ends this invocation."""
    open_operations: Callable[[], list[str]] = field(repr=False)
    """Returns the names of the operations that the caller may use, sorted."""

    @property
    def limit(self) -> CompanyLimit:
        """The companies that the caller may reach."""
        return CompanyLimit(self.caller.name, self.caller.companies)


@dataclass(frozen=True)
class Reply:
    """The successful answer of an operation. ``body`` is ``None`` for 204."""

    body: BaseModel | None = None
    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Route:
    """A method on a path, and everything that an operation declares.

    ``path`` has its parameters in braces, as in OpenAPI. Before the operation runs, the adapter in ``parameters``
    checks the parameter of the same name.
    """

    method: str
    path: str
    summary: str
    _: KW_ONLY
    scopes: tuple[Scope, ...]
    """The scopes that a token must have. Without any, every token may use the operation."""
    answers: Mapping[int, type[BaseModel] | None] = field(default_factory=dict)
    """The model of the body for each successful status. An operation without answers always fails."""
    body: type[BaseModel] | None = None
    body_optional: bool = False
    """True if the body may be missing. Then the operation gets the body's defaults."""
    form: type[BaseModel] | None = None
    """The model of the body as ``multipart/form-data``, if the operation takes that in addition to JSON."""
    query: type[BaseModel] | None = None
    parameters: Mapping[str, TypeAdapter[str]] = field(default_factory=dict)
    limited: bool = False
    """True if a caller that is limited to companies may use the operation, which then checks ``ApiCall.limit``."""
    conflicts: bool = False
    """True if 409 is possible."""
    idempotent: bool = False
    """True if the header ``Idempotency-Key`` is read."""
    conditional: bool = False
    """True if the header ``If-Match`` is read, so that 412 is possible."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """The headers of a successful answer, each with its description."""

    def __call__[BodyT, QueryT](self, run: Callable[[ApiCall[BodyT, QueryT]], Reply]) -> "Operation[BodyT, QueryT]":
        """Return the operation that answers this route with ``run``."""
        return Operation(**vars(self), run=run)


@dataclass(frozen=True)
class Operation[BodyT, QueryT](Route):
    """A route with the function that answers it. The function's name is the operation's id in OpenAPI."""

    run: Callable[[ApiCall[BodyT, QueryT]], Reply] = field(kw_only=True)


operation = Route
"""The decorator that turns a function into an operation."""
