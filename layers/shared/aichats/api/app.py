"""The HTTP API: it checks the token, finds the operation of a request, and imports only the code of that operation."""

from __future__ import annotations

import json
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

from aichats.api.callers import CALLERS, Caller, find_caller
from aichats.api.last_use import LastUse
from aichats.api.operation import WEBHOOK, ApiCall, Reply
from aichats.api.problems import (
    CONTENT_TYPE,
    NO_SUCH_PATH,
    RETRY_AFTER,
    ProblemBody,
    RejectedError,
    must_alarm,
    problem_of,
    traceback_of,
)
from aichats.api.public_pages import PUBLIC, is_page, methods_of_page, page_at
from aichats.api.requests import ApiRequest, read_body, read_idempotency_key, read_path, read_query
from aichats.api.responses import HttpAnswer, gateway_answer, is_preflight, preflight
from aichats.api.routing import IndexedOperation, indexed_operations, operation_at, operations_at
from aichats.aws.observability import count, logger
from aichats.errors import AichatsError, AuthenticationError, InputError, SecretError
from aichats.invocation import lease

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from aichats.bootstrap import Application

MAX_TOKEN_BYTES = 512
MAX_LOGGED_CHARACTERS = 1000
"""The limit of a log field with text from a request, which can have a thousand invalid targets."""


class _Caught:
    """A context that keeps any exception for the answer instead of raising it."""

    error: Exception

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if isinstance(error, Exception):
            self.error = error
        return isinstance(error, Exception)


class HttpApi:
    """The HTTP API of an application."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._origins = tuple(app.http_api_settings.origins)
        """The origins whose pages may call the API."""
        self._last_use = LastUse(app.ledger.items, app.ledger.clock)

    def resolve(self, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Return the answer to a request of API Gateway. Never raises."""
        request = ApiRequest(event)
        if self._origins and is_preflight(request):
            return gateway_answer(preflight(), request, self._origins)
        with _Caught() as caught:
            return gateway_answer(self._answer(request, context), request, self._origins)
        answer = _answer_error(caught.error, request, context.aws_request_id)
        return gateway_answer(answer, request, self._origins)

    def _answer(self, request: ApiRequest, context: LambdaContext) -> HttpAnswer:
        """Return the answer. A client without a token can't find out which paths exist."""
        if request.method in methods_of_page(request.path):
            return page_at(request)
        if is_page(request.path) or request.path.removesuffix("/") == WEBHOOK:
            raise _unknown(request)
        caller = _caller_of(self._app, _bearer_token(request.headers.get("authorization", "")))
        try:
            return self._answer_caller(caller, request, context)
        finally:
            self._last_use.note(caller)

    def _answer_caller(self, caller: Caller, request: ApiRequest, context: LambdaContext) -> HttpAnswer:
        """Perform the operation of a request, once the access and the input are checked."""
        indexed = operation_at(request.method, request.path)
        if indexed is None:
            raise _unknown(request)
        _check_access(indexed, caller)
        operation = indexed.load()
        call = ApiCall(
            app=self._app,
            caller=caller,
            path=read_path(operation, request.path),
            query=read_query(operation, request),
            body=read_body(operation, request, self._app.settings.max_message_bytes),
            idempotency_key=read_idempotency_key(operation, request),
            headers=request.headers,
            domain=request.domain,
            lease=lease(context),
            open_operations=partial(_open_operations, caller),
        )
        return _answer_reply(operation.run(call))


def create_api(app: Application) -> HttpApi:
    """Return the API of an application."""
    app.init_phase.read({app.http_api_settings.callers_secret: CALLERS})
    return HttpApi(app)


def _check_access(operation: IndexedOperation, caller: Caller) -> None:
    """Check that a caller has the scopes of an operation, and that the operation is open to it.

    Raises:
        RejectedError: a scope is missing, and the error names the missing scopes; or the caller is limited to companies
            and the operation is closed to it.
    """
    missing = [scope for scope in operation.scopes if scope not in caller.scopes]
    if missing:
        detail = f"the caller {caller.name} needs the scope {' and '.join(missing)}"
        raise RejectedError(HTTPStatus.FORBIDDEN, "missing-scope", detail)
    if caller.companies is not None:
        from aichats.api.company_limit import CompanyLimit

        limit = CompanyLimit(caller.name, caller.companies)
        limit.check_operation(f"{operation.method} {operation.path}", limited=operation.limited)


def _open_operations(caller: Caller) -> list[str]:
    """Return the names of the operations that a caller may use, sorted, without those that always fail."""
    return sorted(each.name for each in indexed_operations() if each.answers and _is_open(each, caller))


def _is_open(operation: IndexedOperation, caller: Caller) -> bool:
    try:
        _check_access(operation, caller)
    except RejectedError:
        return False
    return True


def _caller_of(app: Application, token: str | None) -> Caller:
    """Return the caller of a token.

    Raises:
        RejectedError: the token is missing, unknown or expired, or the secret can't be used. Only the log has the
            reason why it can't be used, because any client can send a token.
    """
    if token is None:
        raise _unauthorized("send the header Authorization: Bearer <token>")
    try:
        caller = find_caller(app.secrets, app.http_api_settings.callers_secret, token)
    except SecretError as error:
        detail = "tokens can't be checked right now; the log has details under this request_id"
        raise RejectedError(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail, RETRY_AFTER) from error
    if caller is None:
        raise _unauthorized("the token is unknown")
    logger.append_keys(caller=caller.name)
    if caller.expires_at is not None and caller.expires_at <= app.ledger.clock():
        from aichats.runs.model import slot_text

        raise _unauthorized(
            f"this token of the caller {caller.name} expired at {slot_text(caller.expires_at)}. Use its newest token. "
            f"To create a new one, type: aichats admin callers rotate {caller.name} --expires 90d --stack <stack>"
        )
    return caller


def _unauthorized(detail: str) -> RejectedError:
    return RejectedError(HTTPStatus.UNAUTHORIZED, "unauthorized", detail, {"WWW-Authenticate": "Bearer"})


def _bearer_token(header: str) -> str | None:
    scheme, _, token = header.partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and token.isascii() and 0 < len(token) <= MAX_TOKEN_BYTES else None


def _unknown(request: ApiRequest) -> RejectedError:
    """Return the error for a request without an operation: 405 if the path has other methods, otherwise 404."""
    path, method = request.path, request.method
    methods = operations_at(path).keys() | methods_of_page(path) | ({"POST"} if path == WEBHOOK else set())
    if allowed := methods - {method}:
        headers = {"Allow": ", ".join(sorted(allowed))}
        detail = f"{path} doesn't support {method}"
        return RejectedError(HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", detail, headers)
    return RejectedError(HTTPStatus.NOT_FOUND, "not-found", NO_SUCH_PATH)


def _answer_error(error: Exception, request: ApiRequest, request_id: str) -> HttpAnswer:
    problem, headers = problem_of(error, request_id)
    log_fields = _log_fields(request, problem, request_id) | {"error": type(error).__name__}
    if isinstance(error, InputError):
        log_fields |= {"field": ", ".join(field for field, _ in error.problems)[:MAX_LOGGED_CHARACTERS]}
    if isinstance(error, AichatsError):
        cause = error.__cause__ if isinstance(error, RejectedError) else None
        log_fields |= {"reason": str(cause or error)[:MAX_LOGGED_CHARACTERS]}
    if must_alarm(error, problem.status):
        count("InternalErrors")
        logger.error("call failed", exc_info=traceback_of(error), extra=log_fields)
    else:
        logger.info("call refused", extra=log_fields)
    if isinstance(error, AuthenticationError) and error.run_id is None:
        # If a run's credential was rejected, the run has counted that.
        count("CredentialsRejected")
    # Encoded as ASCII, because a text from the request may contain Unicode that UTF-8 can't encode.
    return HttpAnswer(problem.status, json.dumps(problem.as_json()), CONTENT_TYPE, headers)


def _log_fields(request: ApiRequest, problem: ProblemBody, request_id: str) -> dict[str, Any]:
    """Return the log fields of a failed call. ``path`` is never the client's own text, which may contain anything."""
    method, path = request.method, request.path
    operations = operations_at(path)
    operation = operations.get(method) or next(iter(operations.values()), None)
    return {
        "method": method,
        "path": operation.path if operation else path if path in PUBLIC else "unknown",
        "status": problem.status,
        "request_id": request_id,
        "run_id": problem.run_id,
        "upstream": problem.upstream,
    }


def _answer_reply(reply: Reply) -> HttpAnswer:
    body = reply.body
    text = body if isinstance(body, str) else "" if body is None else body.model_dump_json()
    return HttpAnswer(reply.status, text, headers=reply.headers)
