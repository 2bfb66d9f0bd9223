"""The HTTP API of a stack: calls, retries, pages and problems."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from aichats_cli.errors import CommandError
from aichats_cli.profiles import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from aichats_cli.profiles import Profile
    from aichats_cli.system import System

TIMEOUT_SECONDS = 35
"""The API answers within 29 seconds."""
ATTEMPTS = 4
MAX_WAIT_SECONDS = 20.0
RETRIED = frozenset({429, 500, 502, 503, 504})
"""Statuses after which the same request is sent again. Each is safe to repeat: a POST has an idempotency key."""
PAUSED = "stack-paused"
"""The kind of problem of a stack that is paused, perhaps for days."""


class Answer(NamedTuple):
    """A response with a status below 400."""

    status: int
    headers: Mapping[str, str]
    body: Any


class UnreachableError(CommandError):
    """The API can't be reached."""

    is_temporary = True


class ApiError(CommandError):
    """The API rejected a request.

    Args:
        status: the HTTP status.
        problem: the problem details (RFC 9457), or an empty object if the response has none.
        message: what happened.
        hint: what to do next.
    """

    def __init__(self, status: int, problem: Mapping[str, Any], message: str, hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.status, self.problem = status, problem
        self.is_temporary = status in RETRIED and self.kind != PAUSED

    @property
    def kind(self) -> str:
        """The kind of the problem, such as ``precondition-failed``."""
        return str(self.problem.get("type", "")).rpartition("#")[2]


class Api:
    """The HTTP API of the stack that a profile names."""

    def __init__(
        self,
        profile: Profile,
        system: System,
        *,
        trace: Callable[[str], None] | None = None,
        seconds: float = TIMEOUT_SECONDS,
        attempts: int = ATTEMPTS,
    ) -> None:
        self.profile, self._trace, self._system, self._attempts = profile, trace, system, attempts
        self._client = httpx.Client(
            base_url=profile.url,
            headers={"Accept": "application/json", "User-Agent": "aichats-cli"}
            | ({"Authorization": f"Bearer {profile.token}"} if profile.token else {}),
            timeout=seconds,
            verify=profile.url.startswith("https:"),  # To read the certificates takes 100 ms; plain HTTP needs none.
            transport=system.transport,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str, **query: object) -> Any:
        """Return the JSON that a GET answers. Parameters that are ``None`` are left out."""
        return self.call("GET", path, query=query).body

    def post(self, path: str, body: object = None, *, key: str | None = None) -> Answer:
        """Send a POST with an idempotency key, a new one unless ``key`` is given."""
        return self.call("POST", path, body, headers={"Idempotency-Key": key or str(uuid.uuid4())})

    def pages(self, path: str, *, limit: int | None = None, **query: object) -> Iterator[Any]:
        """Return the items of a list one by one, page after page: ``limit`` of them, or all."""
        cursor: str | None = None
        left = limit
        while left is None or left > 0:
            page = self.get(path, **query, limit=min(100, left or 100), cursor=cursor)
            yield from page["data"]
            left = None if left is None else left - len(page["data"])
            cursor = page.get("next_cursor")
            if cursor is None:
                return

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, tuple[str | None, bytes]] | None = None,
    ) -> Answer:
        """Send a request, again if it failed for a time, and return the response.

        Args:
            method: the HTTP method.
            path: the path, such as ``/runs``.
            body: the body, which is sent as JSON.
            query: the parameters. Those that are ``None`` are left out.
            headers: further headers.
            form: the name of a file, or ``None``, and the content of each field. It is sent instead of JSON.

        Raises:
            ApiError: the API rejected the request.
            CommandError: the API can't be reached, or the response isn't JSON.
        """
        request = self._client.build_request(
            method, path, json=body, files=form, params=texts(query or {}), headers=headers
        )
        attempt = 1
        while True:
            begun = self._system.now()
            try:
                response = self._client.send(request)
            except httpx.TransportError as error:
                self._show(request, begun, error)
                if attempt >= self._attempts or (isinstance(error, httpx.ConnectError) and self.profile == BUILT_IN):
                    raise unreachable(self.profile, error) from error
                wait = backoff(attempt)
            else:
                self._show(request, begun, response)
                if attempt >= self._attempts or not is_retried(response):
                    return answer_of(self.profile, request, response)
                wait = asked_wait(response) or backoff(attempt)
            self._system.sleep(wait)
            attempt += 1

    def _show(self, request: httpx.Request, begun: datetime, result: httpx.Response | Exception) -> None:
        if self._trace is not None:
            from aichats_cli.trace import exchange

            self._trace(exchange(request, result, self._system.now() - begun))


def is_retried(response: httpx.Response) -> bool:
    """Return whether the same request may succeed a few seconds later."""
    return response.status_code in RETRIED and f"#{PAUSED}" not in response.text


def texts(query: Mapping[str, object]) -> dict[str, str]:
    """Return the parameters of a query as texts, without those that are ``None``."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in query.items()
        if value is not None
    }


def backoff(attempt: int) -> float:
    """Return the seconds to wait after a failed attempt: 0.5, 1, 2."""
    return 0.5 * float(1 << (attempt - 1))


def asked_wait(response: httpx.Response) -> float | None:
    """Return the seconds of ``Retry-After``, at most :data:`MAX_WAIT_SECONDS`: ``None`` without a number."""
    value = response.headers.get("retry-after", "")
    return min(float(value), MAX_WAIT_SECONDS) if value.isdigit() else None


def answer_of(profile: Profile, request: httpx.Request, response: httpx.Response) -> Answer:
    """Return the content of a response.

    Raises:
        ApiError: the status is 400 or higher.
        CommandError: the body isn't JSON.
    """
    called = f"{request.method} {request.url}"
    if response.is_redirect:
        raise CommandError(
            f"{called} leads to {response.headers.get('location')}, and a token is never sent to another address",
            "log in again with the final URL: aichats login --url https://…",
        )
    try:
        body = response.json() if response.content else None
    except ValueError:
        message = f"{called} answered {response.status_code}, but not with JSON"
        if response.status_code in RETRIED:  # of a proxy, or of API Gateway
            raise ApiError(response.status_code, {}, message) from None
        raise CommandError(message, f"check that {profile.url} is the ApiUrl of a stack of aichats") from None
    if response.status_code < HTTPStatus.BAD_REQUEST:
        return Answer(response.status_code, response.headers, body)
    problem = body if isinstance(body, dict) else {}
    raise ApiError(
        response.status_code,
        problem,
        message_of(problem, called, response.status_code),
        hint_of(problem, response.status_code),
    )


def message_of(problem: Mapping[str, Any], called: str, status: int) -> str:
    """Return what happened: the problem's detail, or its fields, one a line."""
    fields = problem.get("errors") or []
    if len(fields) > 1:
        return "\n".join([str(problem.get("title")), *(f"  {each['field']}: {each['message']}" for each in fields)])
    return str(problem.get("detail") or problem.get("message") or f"{called} answered {status}")


def hint_of(problem: Mapping[str, Any], status: int) -> str | None:
    """Return the next step after a rejected request, if the command knows one."""
    if status == HTTPStatus.UNAUTHORIZED:
        return "log in again with a valid token: aichats login"
    if str(problem.get("type", "")).endswith("#missing-scope"):
        return "use a token with this scope: aichats admin callers add NAME --scopes …"
    if str(problem.get("type", "")).endswith(f"#{PAUSED}"):
        return "aichats auto resume --all"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and (request_id := problem.get("request_id")):
        return f"aichats logs --request {request_id}"
    return None


def unreachable(profile: Profile, error: Exception) -> UnreachableError:
    """Return the error for an API that can't be reached."""
    message = f"can't reach {profile.url}: {error}"
    if profile == BUILT_IN:
        return UnreachableError(
            message, "start the local stack in another terminal: aichats dev. For a deployed stack: aichats login"
        )
    return UnreachableError(message, "check your network, and the URL of the profile")
