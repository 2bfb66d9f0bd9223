"""The HTTP API put together: Powertools routes; one middleware checks tokens before anything else is looked at."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from aichats.api.callers import Caller, find_caller
from aichats.api.operation import Call, Operation, Reply
from aichats.api.problems import CONTENT_TYPE, NO_SUCH_PATH, RETRY_AFTER, RefusedError, is_ours, problem_of
from aichats.api.requests import operations_at, read_body, read_idempotency_key, read_path, read_query
from aichats.api.responses import SECURITY, cors_headers, is_preflight, preflight
from aichats.api.routes import automations, chats, kodey, mutes, runs
from aichats.aws.observability import count, logger
from aichats.bootstrap import Application
from aichats.errors import AuthenticationError, SecretError
from aichats.invocation import lease

OPERATIONS: tuple[Operation[Any, Any], ...] = (
    mutes.OPERATIONS + chats.OPERATIONS + kodey.OPERATIONS + runs.OPERATIONS + automations.OPERATIONS
)
PUBLIC = ("/", "/health", "/openapi.json", "/docs")
WEBHOOK = "/webhooks/whop"
"""A function of its own takes what is posted there. All else comes here, and its sender has no token to send."""
MAX_TOKEN_BYTES = 512
_JSON = "application/json"


@dataclass(frozen=True)
class HttpApi:
    """The HTTP API of an application."""

    resolver: APIGatewayHttpResolver
    origins: tuple[str, ...]
    """Whose pages may call it from a browser."""

    def resolve(self, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Answer a request of API Gateway. Never raises."""
        asked = bool(self.origins) and is_preflight(event)
        answer = preflight() if asked else self.resolver.resolve(event, context)
        answer["headers"] = {**SECURITY, **cors_headers(event, self.origins), **answer["headers"]}
        return answer


def create_api(app: Application) -> HttpApi:
    """Build the API for an application."""
    api = APIGatewayHttpResolver()
    api.use([_authenticate(app)])
    for operation in OPERATIONS:
        api.route(_powertools_path(operation.path), method=operation.method)(_endpoint(api, app, operation))
    _add_public(api)
    api.not_found(lambda _: _refuse_unknown(api))
    api.exception_handler(Exception)(_answer_error(api))
    return HttpApi(api, tuple(app.settings.origins))


def _endpoint(
    api: APIGatewayHttpResolver, app: Application, operation: Operation[Any, Any]
) -> Callable[..., Response[str]]:
    """What Powertools calls for an operation: scope, then input, then the work."""

    def endpoint(**_: str) -> Response[str]:
        event = api.current_event
        if operations_at(OPERATIONS, event.path).get(operation.method) is not operation:
            return _refuse_unknown(api)
        caller: Caller = api.context["caller"]
        _check_scopes(operation, caller)
        call = Call(
            app=app,
            caller=caller,
            path=read_path(operation, event.path),
            query=read_query(operation, event),
            body=read_body(operation, event, max_message_bytes=app.settings.max_message_bytes, now=datetime.now(UTC)),
            idempotency_key=read_idempotency_key(operation, event),
            headers=event.headers,
            lease=lease(api.lambda_context),
        )
        return _answer(operation.run(call))

    return endpoint


def _check_scopes(operation: Operation[Any, Any], caller: Caller) -> None:
    """Check that a caller may do this.

    Raises:
        RefusedError: it may not; names what it lacks.
    """
    lacking = [scope for scope in operation.scopes if scope not in caller.scopes]
    if lacking:
        raise RefusedError(HTTPStatus.FORBIDDEN, f"the caller {caller.name} lacks the scope {' and '.join(lacking)}")


def _authenticate(app: Application) -> Callable[..., Response[str]]:
    """The middleware that lets nobody in without a token, not even to learn which paths exist."""

    def middleware(api: APIGatewayHttpResolver, next_middleware: NextMiddleware) -> Response[str]:
        event = api.current_event
        is_open = event.path in PUBLIC or event.path.removesuffix("/") == WEBHOOK
        if not is_open:
            token = _bearer_token(event.headers.get("authorization", ""))
            caller = _find_caller(app, token) if token else None
            if caller is None:
                problem = "the token is not known" if token else "send Authorization: Bearer <token>"
                raise RefusedError(HTTPStatus.UNAUTHORIZED, problem, {"WWW-Authenticate": "Bearer"})
            logger.append_keys(caller=caller.name)
            api.append_context(caller=caller)
        response: Response[str] = next_middleware(api)
        return response

    return middleware


def _find_caller(app: Application, token: str) -> Caller | None:
    """Return whose token it is.

    Raises:
        RefusedError: the secret cannot be used; says nothing about it, because anybody may ask.
    """
    try:
        return find_caller(app.secrets, app.settings.callers_secret, token)
    except SecretError as error:
        problem = "tokens cannot be checked now; the log has more under this request_id"
        raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, problem, RETRY_AFTER) from error


def _bearer_token(header: str) -> str | None:
    scheme, _, token = header.partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and token.isascii() and 0 < len(token) <= MAX_TOKEN_BYTES else None


def _refuse_unknown(api: APIGatewayHttpResolver) -> Response[str]:
    """405 for a path that exists with other methods, 422 for an id that Powertools finds in no path, else 404."""
    path, method = api.current_event.path, api.current_event.http_method
    operations = operations_at(OPERATIONS, path)
    if method in operations:
        read_path(operations[method], path)
    known = operations.keys() | ({"GET"} if path in PUBLIC else set()) | ({"POST"} if path == WEBHOOK else set())
    allowed = known - {method}
    if allowed:
        headers = {"Allow": ", ".join(sorted(allowed))}
        raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, f"{path} does not take {method}", headers)
    raise RefusedError(HTTPStatus.NOT_FOUND, NO_SUCH_PATH)


def _answer_error(api: APIGatewayHttpResolver) -> Callable[[Exception], Response[str]]:
    def answer(error: Exception) -> Response[str]:
        problem, headers = problem_of(error, api.lambda_context.aws_request_id)
        upstream = problem.upstream.model_dump() if problem.upstream else None
        about = {"status": problem.status, "run_id": problem.run_id, "upstream": upstream}
        if is_ours(error, problem.status):
            count("InternalErrors")
            logger.error("call failed", exc_info=error, extra=about)
        else:
            logger.info("call refused", extra=about | {"error": type(error).__name__})
        if isinstance(error, AuthenticationError) and error.run_id is None:
            # A run counts it itself.
            count("CredentialsRejected")
        # In ASCII: what a request held may stand in it, and need not be Unicode that can be encoded.
        return _response(problem.status, json.dumps(problem.model_dump(exclude_none=True)), CONTENT_TYPE, headers)

    return answer


def _add_public(api: APIGatewayHttpResolver) -> None:
    """What needs no token. The document is made only where it is asked for: few calls need it."""

    @api.get("/")
    def root() -> Response[str]:
        return _response(HTTPStatus.OK, '{"docs":"/docs","openapi":"/openapi.json"}', _JSON, {})

    @api.get("/health")
    def health() -> Response[str]:
        return _response(HTTPStatus.OK, '{"status":"ok"}', _JSON, {})

    @api.get("/openapi.json", compress=True)
    def openapi() -> Response[str]:
        from aichats.api.openapi import document_json

        return _response(HTTPStatus.OK, document_json(OPERATIONS), _JSON, {})

    @api.get("/docs", compress=True)
    def docs() -> Response[str]:
        from aichats.api.openapi import swagger_ui

        page, policy = swagger_ui(OPERATIONS)
        return _response(HTTPStatus.OK, page, "text/html", {"Content-Security-Policy": policy})


def _answer(reply: Reply) -> Response[str]:
    return _response(reply.status, _dump(reply.body), _JSON, dict(reply.headers))


def _dump(body: BaseModel | None) -> str:
    return "" if body is None else body.model_dump_json()


def _response(status: int, body: str, content_type: str, headers: dict[str, str]) -> Response[str]:
    return Response(status, content_type=content_type if body else None, body=body, headers=headers)


def _powertools_path(path: str) -> str:
    return re.sub(r"{(\w+)}", r"<\1>", path)
