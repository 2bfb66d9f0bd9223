"""The HTTP API: Powertools routes requests to operations, and one middleware checks the token first."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.utilities.typing import LambdaContext

from aichats.api.callers import CALLERS, Caller, find_caller
from aichats.api.company_limit import CompanyLimit
from aichats.api.last_use import LastUse
from aichats.api.operation import WEBHOOK, ApiCall, Operation, Reply
from aichats.api.problems import (
    CONTENT_TYPE,
    NO_SUCH_PATH,
    PROBLEMS_PAGE,
    RETRY_AFTER,
    Problem,
    RejectedError,
    must_alarm,
    problem_of,
    traceback_of,
)
from aichats.api.requests import operations_at, read_body, read_idempotency_key, read_path, read_query
from aichats.api.responses import SECURITY, cors_headers, is_preflight, preflight
from aichats.api.routes import (
    automations,
    budgets,
    bulk,
    chats,
    connections,
    deliveries,
    events,
    files,
    kodey,
    me,
    mutes,
    pauses,
    previews,
    run_now,
    runs,
    sent_events,
    subscriptions,
    upcoming,
    usage,
)
from aichats.aws.observability import count, logger
from aichats.bootstrap import Application
from aichats.errors import AichatsError, AuthenticationError, InputError, SecretError
from aichats.invocation import lease
from aichats.runs.model import slot_text

OPERATIONS: tuple[Operation[Any, Any], ...] = tuple(
    member
    for module in (
        automations,
        pauses,
        previews,
        run_now,
        events,
        sent_events,
        runs,
        chats,
        files,
        mutes,
        kodey,
        bulk,
        subscriptions,
        deliveries,
        usage,
        budgets,
        me,
        upcoming,
        connections,
    )
    for member in vars(module).values()
    if isinstance(member, Operation)
)
PUBLIC = ("/", "/health", "/openapi.json", "/docs", PROBLEMS_PAGE, "/favicon.ico")
CONSOLE = "/console"
"""The path of the console. It and all paths below it need no token."""
MAX_TOKEN_BYTES = 512
MAX_LOGGED_CHARACTERS = 1000
"""The limit of a log field with text from a request, which can have a thousand invalid targets."""
_JSON = "application/json"
_ADDRESSES = f'{{"console":"{CONSOLE}","docs":"/docs","openapi":"/openapi.json"}}'


@dataclass(frozen=True)
class HttpApi:
    """The HTTP API of an application."""

    resolver: APIGatewayHttpResolver
    origins: tuple[str, ...]
    """The origins whose pages may call the API."""

    def resolve(self, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Return the answer to a request of API Gateway. Never raises."""
        is_cors = bool(self.origins) and is_preflight(event)
        answer = preflight() if is_cors else self.resolver.resolve(event, context)
        answer["headers"] = {**SECURITY, **cors_headers(event, self.origins), **answer["headers"]}
        return answer


def create_api(app: Application) -> HttpApi:
    """Return the API of an application."""
    app.read_early({app.http_api_settings.callers_secret: CALLERS})
    api = APIGatewayHttpResolver()
    api.use([_authenticate(app)])
    for operation in OPERATIONS:
        api.route(_powertools_path(operation.path), method=operation.method)(_endpoint(api, app, operation))
    _add_public(api)
    _add_console(api)
    api.not_found(lambda _: _reject_unknown(api))
    api.exception_handler(Exception)(_answer_error(api))
    return HttpApi(api, tuple(app.http_api_settings.origins))


def _endpoint(
    api: APIGatewayHttpResolver, app: Application, operation: Operation[Any, Any]
) -> Callable[..., Response[str]]:
    """Return the function that Powertools calls for an operation. It checks the access and the input first."""

    def endpoint(**_: str) -> Response[str]:
        event = api.current_event
        if operations_at(OPERATIONS, event.path).get(operation.method) is not operation:
            return _reject_unknown(api)
        caller: Caller = api.context["caller"]
        _check_access(operation, caller)
        call = ApiCall(
            app=app,
            caller=caller,
            path=read_path(operation, event.path),
            query=read_query(operation, event),
            body=read_body(operation, event, max_message_bytes=app.settings.max_message_bytes, now=datetime.now(UTC)),
            idempotency_key=read_idempotency_key(operation, event),
            headers=event.headers,
            domain=event.request_context.domain_name,
            lease=lease(api.lambda_context),
            open_operations=partial(_open_operations, caller),
        )
        return _answer(operation.run(call))

    return endpoint


def _check_access(operation: Operation[Any, Any], caller: Caller) -> None:
    """Check that a caller has the scopes of an operation, and that the operation is open to it.

    Raises:
        RejectedError: a scope is missing, and the error names the missing scopes; or the caller is limited to companies
            and the operation is closed to it.
    """
    missing = [scope for scope in operation.scopes if scope not in caller.scopes]
    if missing:
        detail = f"the caller {caller.name} needs the scope {' and '.join(missing)}"
        raise RejectedError(HTTPStatus.FORBIDDEN, "missing-scope", detail)
    limit = CompanyLimit(caller.name, caller.companies)
    limit.check_operation(f"{operation.method} {operation.path}", limited=operation.limited)


def _open_operations(caller: Caller) -> list[str]:
    """Return the names of the operations that a caller may use, sorted, without those that always fail."""
    return sorted(each.run.__name__ for each in OPERATIONS if each.answers and _is_open(each, caller))


def _is_open(operation: Operation[Any, Any], caller: Caller) -> bool:
    try:
        _check_access(operation, caller)
    except RejectedError:
        return False
    return True


def _authenticate(app: Application) -> Callable[..., Response[str]]:
    """Return the middleware that checks the token. A client without a token can't find out which paths exist."""
    last_use = LastUse(app.ledger.items, app.ledger.clock)

    def middleware(api: APIGatewayHttpResolver, next_middleware: NextMiddleware) -> Response[str]:
        event = api.current_event
        response: Response[str]
        if _is_page(event.path) or event.path.removesuffix("/") == WEBHOOK:
            response = next_middleware(api)
            return response
        caller = _caller_of(app, _bearer_token(event.headers.get("authorization", "")))
        api.append_context(caller=caller)
        try:
            response = next_middleware(api)
        finally:
            last_use.note(caller)
        return response

    return middleware


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
        raise _unauthorized(
            f"this token of the caller {caller.name} expired at {slot_text(caller.expires_at)}. Use its newest token. "
            f"To create a new one, type: aichats admin callers rotate {caller.name} --expires 90d --stack <stack>"
        )
    return caller


def _unauthorized(detail: str) -> RejectedError:
    return RejectedError(HTTPStatus.UNAUTHORIZED, "unauthorized", detail, {"WWW-Authenticate": "Bearer"})


def _is_page(path: str) -> bool:
    """Return whether a path is a page that needs no token."""
    return path in PUBLIC or path == CONSOLE or path.startswith(f"{CONSOLE}/")


def _bearer_token(header: str) -> str | None:
    scheme, _, token = header.partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and token.isascii() and 0 < len(token) <= MAX_TOKEN_BYTES else None


def _reject_unknown(api: APIGatewayHttpResolver) -> Response[str]:
    """Raise the error for a request without an operation.

    Raises:
        RejectedError: 405 if the path has other methods, otherwise 404.
        InputError: a parameter of the path is invalid.
    """
    path, method = api.current_event.path, api.current_event.http_method
    operations = operations_at(OPERATIONS, path)
    if method in operations:
        read_path(operations[method], path)
    methods = operations.keys() | ({"GET"} if _is_page(path) else set()) | ({"POST"} if path == WEBHOOK else set())
    if allowed := methods - {method}:
        headers = {"Allow": ", ".join(sorted(allowed))}
        detail = f"{path} doesn't support {method}"
        raise RejectedError(HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", detail, headers)
    raise RejectedError(HTTPStatus.NOT_FOUND, "not-found", NO_SUCH_PATH)


def _answer_error(api: APIGatewayHttpResolver) -> Callable[[Exception], Response[str]]:
    def answer(error: Exception) -> Response[str]:
        problem, headers = problem_of(error, api.lambda_context.aws_request_id)
        log_fields = _log_fields(api, problem) | {"error": type(error).__name__}
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
        return _response(problem.status, json.dumps(problem.model_dump(exclude_none=True)), CONTENT_TYPE, headers)

    return answer


def _log_fields(api: APIGatewayHttpResolver, problem: Problem) -> dict[str, Any]:
    """Return the log fields of a failed call. ``path`` is never the client's own text, which may contain anything."""
    method, path = api.current_event.http_method, api.current_event.path
    operations = operations_at(OPERATIONS, path)
    operation = operations.get(method) or next(iter(operations.values()), None)
    return {
        "method": method,
        "path": operation.path if operation else path if path in PUBLIC else "unknown",
        "status": problem.status,
        "request_id": problem.request_id,
        "run_id": problem.run_id,
        "upstream": problem.upstream.model_dump() if problem.upstream else None,
    }


def _add_public(api: APIGatewayHttpResolver) -> None:
    """Add the pages that need no token."""

    @api.get("/")
    def root() -> Response[str]:
        vary = {"Vary": "Accept"}
        if "text/html" in api.current_event.headers.get("accept", ""):
            return _response(HTTPStatus.FOUND, "", _JSON, vary | {"Location": CONSOLE})
        return _response(HTTPStatus.OK, _ADDRESSES, _JSON, vary)

    @api.get("/health")
    def health() -> Response[str]:
        return _response(HTTPStatus.OK, '{"status":"ok"}', _JSON, {})

    @api.get("/openapi.json", compress=True)
    def openapi() -> Response[str]:
        return _response(HTTPStatus.OK, _document(), _JSON, {})

    @api.get("/docs", compress=True)
    def docs() -> Response[str]:
        page, policy = _swagger_ui()
        return _response(HTTPStatus.OK, page, "text/html", {"Content-Security-Policy": policy})

    @api.get(PROBLEMS_PAGE)
    def problems() -> Response[str]:
        from aichats.api.openapi import problems_page

        page, policy = problems_page()
        return _response(HTTPStatus.OK, page, "text/html; charset=utf-8", {"Content-Security-Policy": policy})

    @api.get("/favicon.ico")
    def favicon() -> Response[str]:
        return _response(HTTPStatus.NO_CONTENT, "", _JSON, {"Cache-Control": "public, max-age=86400"})


def _add_console(api: APIGatewayHttpResolver) -> None:
    """Add the console, at its path and at all paths below."""

    def page() -> Response[bytes]:
        from aichats.api.console import asset_at

        event = api.current_event
        path, known_etag = event.path.removeprefix(CONSOLE), event.headers.get("if-none-match", "")
        asset = asset_at(path, accepted=event.headers.get("accept-encoding", ""), known_etag=known_etag)
        return Response(asset.status, content_type=asset.content_type, body=asset.body, headers=dict(asset.headers))

    api.get(CONSOLE)(page)
    api.get(f"{CONSOLE}/.*")(page)


# Each page is built at its first request and kept. The module ``openapi`` is imported then, because its import is slow.


@cache
def _document() -> str:
    from aichats.api.openapi import document_json

    return document_json(OPERATIONS)


@cache
def _swagger_ui() -> tuple[str, str]:
    from aichats.api.openapi import swagger_ui

    return swagger_ui(OPERATIONS)


def _answer(reply: Reply) -> Response[str]:
    body = "" if reply.body is None else reply.body.model_dump_json()
    return _response(reply.status, body, _JSON, dict(reply.headers))


def _response(status: int, body: str, content_type: str, headers: dict[str, str]) -> Response[str]:
    return Response(status, content_type=content_type if body else None, body=body, headers=headers)


def _powertools_path(path: str) -> str:
    return re.sub(r"{(\w+)}", r"<\1>", path)
