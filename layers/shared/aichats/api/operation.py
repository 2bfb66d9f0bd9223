"""The operations of the HTTP API as data: route, scopes, input and answers.

These are plain classes, because a data class takes longer to build than most calls.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from pydantic import BaseModel, TypeAdapter

    from aichats.api.callers import Caller, Scope
    from aichats.api.company_limit import CompanyLimit
    from aichats.bootstrap import Application
    from aichats.json_types import Json

    type Answers = Mapping[int, type[BaseModel] | None]
    """The model of the body for each successful status; ``None`` if the answer has no body."""

WEBHOOK = "/webhooks/whop"
"""The path of ``receive_webhook``, which gets every POST. The HTTP API gets other methods, without a token."""


class ApiCall[BodyT, QueryT]:
    """A request with a valid token, sufficient scopes and valid input.

    Attributes:
        headers: the request's headers, with names in lower case.
        domain: the domain name of the API.
        lease: the time until Lambda ends this invocation.
        open_operations: returns the names of the operations that the caller may use, sorted.
    """

    def __init__(
        self,
        *,
        app: Application,
        caller: Caller,
        path: Mapping[str, str],
        body: BodyT,
        query: QueryT,
        idempotency_key: str | None,
        headers: Mapping[str, str],
        domain: str,
        lease: timedelta,
        open_operations: Callable[[], list[str]],
    ) -> None:
        self.app, self.caller = app, caller
        self.path, self.body, self.query = path, body, query
        self.idempotency_key, self.headers, self.domain = idempotency_key, headers, domain
        self.lease, self.open_operations = lease, open_operations

    @property
    def limit(self) -> CompanyLimit:
        """The companies that the caller may reach."""
        from aichats.api.company_limit import CompanyLimit

        return CompanyLimit(self.caller.name, self.caller.companies)


class Reply:
    """The successful answer of an operation. ``body`` is a model, the text of a JSON object, or ``None`` for 204."""

    def __init__(
        self,
        body: BaseModel | str | None = None,
        status: int = HTTPStatus.OK,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.body, self.status, self.headers = body, status, headers or {}


class Operation[BodyT, QueryT]:
    """A method on a path, everything that it declares, and the function that answers it.

    Attributes:
        path: the path, with its parameters in braces, as in OpenAPI.
        run: the function. Its name is the operation's id in OpenAPI.
        scopes: the scopes that a token must have. Without any, every token may use the operation.
        form: the model of the body as ``multipart/form-data``, if the operation takes that in addition to JSON.
        body_optional: whether the body may be missing. Then the operation gets the body's defaults.
        quick_body: returns a decoded body that is certainly valid, so that it needs no model; ``None`` if the model
            must decide. It also gets the maximum size of a message.
        parameters: checks the parameter of the path with the same name before the operation runs.
        limited: whether a caller that is limited to companies may use the operation, which then checks
            ``ApiCall.limit``.
        conflicts: whether 409 is possible.
        idempotent: whether the header ``Idempotency-Key`` is read.
        conditional: whether the header ``If-Match`` is read, so that 412 is possible.
        headers: the headers of a successful answer, each with its description.
    """

    method: str
    path: str
    summary: str
    scopes: tuple[Scope, ...]
    form: type[BaseModel] | None
    query: type[BaseModel] | None
    body_optional: bool
    quick_body: Callable[[Json, int], Json | None] | None
    parameters: Mapping[str, TypeAdapter[str]]
    limited: bool
    conflicts: bool
    idempotent: bool
    conditional: bool
    headers: Mapping[str, str]
    _models: Callable[[], tuple[type[BaseModel] | None, Answers]]

    def __init__(self, run: Callable[[ApiCall[BodyT, QueryT]], Reply], declared: Mapping[str, Any]) -> None:
        self.__dict__.update(declared)
        self.run = run

    @property
    def body(self) -> type[BaseModel] | None:
        """The model of the body; ``None`` if the operation has no body."""
        return self._models()[0]

    @property
    def answers(self) -> Answers:
        """The model of the body for each successful status. An operation without answers always fails."""
        return self._models()[1]


def operation[BodyT, QueryT](
    method: str,
    path: str,
    summary: str,
    *,
    scopes: tuple[Scope, ...],
    answers: Answers | None = None,
    body: type[BaseModel] | None = None,
    models: Callable[[], tuple[type[BaseModel] | None, Answers]] | None = None,
    body_optional: bool = False,
    quick_body: Callable[[Json, int], Json | None] | None = None,
    form: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    parameters: Mapping[str, TypeAdapter[str]] | None = None,
    limited: bool = False,
    conflicts: bool = False,
    idempotent: bool = False,
    conditional: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Callable[[Callable[[ApiCall[BodyT, QueryT]], Reply]], Operation[BodyT, QueryT]]:
    """Return the decorator that turns a function into an operation.

    Each argument is explained at :class:`Operation`. ``models`` returns body and answers, for an operation whose calls
    usually need no model.
    """
    declared = dict(locals())
    declared |= {"parameters": parameters or {}, "headers": headers or {}}
    given = (declared.pop("body"), declared.pop("answers") or {})
    declared["_models"] = declared.pop("models") or (lambda: given)
    return lambda run: Operation(run, declared)
