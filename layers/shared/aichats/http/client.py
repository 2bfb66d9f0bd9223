"""One call to a provider: limits, retries, a refreshed token, and errors that say what happened."""

import logging
import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, NoReturn

import httpx

from aichats.errors import (
    AichatsError,
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
)
from aichats.http import retry
from aichats.http.answers import Answer
from aichats.http.bodies import compact_json
from aichats.http.deadline import remaining, time_limit
from aichats.http.masking import Mask
from aichats.http.refusals import ReadRefusal, request_id
from aichats.http.retry import Failure, Verdict
from aichats.http.tokens import Token, Tokens

CONNECT_SECONDS = 5.0
MAX_ANSWER_BYTES = 8 * 1024 * 1024

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Provider:
    """What differs between providers when a call is made."""

    name: str
    authorization: Callable[[str], dict[str, str]]
    """The headers that carry a token."""
    error: ReadRefusal
    """An answer of 300 and above as an error, with ``retry_after`` where the provider names a wait."""


@dataclass
class HttpClient:
    """Makes calls to one provider with one credential.

    Args:
        timeout: seconds for one whole call, its retries and waits included. The deadline around it
            (:func:`aichats.http.deadline.time_limit`) holds as well.
    """

    provider: Provider
    base_url: str
    token: Token = field(repr=False)
    timeout: float
    transport: httpx.BaseTransport
    headers: Mapping[str, str] = field(default_factory=dict)
    clock: Callable[[], float] = field(default_factory=lambda: time.time)
    """Measures the age of the token."""
    sleep: Callable[[float], None] = time.sleep
    randomness: random.Random = field(default_factory=random.SystemRandom)

    def __post_init__(self) -> None:
        headers = {"accept": "application/json", "user-agent": "aichats", **self.headers}
        self._client = httpx.Client(transport=self.transport, trust_env=False, headers=headers)
        self._tokens = Tokens(self.token, self.clock)

    def current_token(self) -> str:
        """The token that the next call begins with.

        Raises:
            InputError: it cannot stand in a header.
        """
        return self._tokens.current()

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """Make one call, and repeat it as :mod:`aichats.http.retry` says.

        Every attempt sends the same bytes. ``timeout`` stands for this call in place of the client's own. Where a
        DELETE is repeated whose answer got lost, 404 tells that it succeeded.

        Raises:
            APIStatusError: refused, and nothing was done (or the same however often it is done).
            APIConnectionError: not reached; of a POST, nothing was sent.
            OutcomeUnknownError: a POST that may have taken effect.
        """
        content = None if body is None else compact_json(body)
        extra = dict(headers or {}) | ({"content-type": "application/json"} if content is not None else {})
        limit = self.timeout if timeout is None else timeout
        limits = httpx.Timeout(limit, connect=min(CONNECT_SECONDS, limit))
        url = self.base_url.rstrip("/") + path
        with time_limit(limit):
            request = self._client.build_request(
                method, url, params=params, content=content, headers=extra, timeout=limits
            )
            return self._attempts(request, Mask((self._tokens.current(),), body))

    def _attempts(self, request: httpx.Request, mask: Mask) -> Answer:
        refreshed, in_progress, deleted, attempt = False, False, False, 1
        while True:
            try:
                return self._attempt(request, mask)
            except (APIStatusError, httpx.TransportError) as error:
                if isinstance(error, (AuthenticationError, PermissionDeniedError)) and not refreshed:
                    another, refreshed = self._another_token(request, error, mask, in_progress=in_progress), True
                    if another is not None:
                        mask = replace(mask, tokens=(another, *mask.tokens))
                        continue
                if deleted and isinstance(error, NotFoundError):
                    return Answer(HTTPStatus.NO_CONTENT, httpx.Headers(), b"", error.request_id, self.provider.name)
                deleted = deleted or retry.may_have_deleted(request.method, error)
                in_progress = in_progress or retry.is_in_progress(request.method, error)
                wait = self._wait_before_next(request.method, error, attempt)
                if wait is None:
                    self._give_up(request, error, mask, in_progress=in_progress)
            self.sleep(wait)
            attempt += 1

    def _another_token(
        self, request: httpx.Request, error: APIStatusError, mask: Mask, *, in_progress: bool
    ) -> str | None:
        """Return another token than the one that was refused; ``None`` if there is none.

        Raises:
            OutcomeUnknownError: there may be none, and another request with the same key was seen in progress.
            AichatsError: it can't be read whether there is one.
        """
        refused = mask.tokens[0]
        try:
            token = self._tokens.instead_of(refused)
        except AichatsError:
            if in_progress:
                self._give_up(request, error, mask, in_progress=True)
            raise
        if token == refused:
            return None
        logger.info("another token after a %s", error.status, extra={"request_id": error.request_id})
        return token

    def _attempt(self, request: httpx.Request, mask: Mask) -> Answer:
        request.headers.update(self.provider.authorization(mask.tokens[0]))
        response = self._client.send(request, stream=True)
        try:
            content = _read(response)
        finally:
            response.close()
        self._warn_of_retirement(request, response.headers, mask)
        if not response.is_success:
            raise self.provider.error(response.status_code, response.headers, content, mask)
        return Answer(response.status_code, response.headers, content, request_id(response.headers), self.provider.name)

    def _wait_before_next(self, method: str, error: Failure, attempt: int) -> float | None:
        """Seconds to wait before the next attempt; ``None`` when there is none."""
        if attempt >= retry.MAX_ATTEMPTS or retry.judge(method, error) is not Verdict.REPEAT:
            return None
        named = error.retry_after if isinstance(error, APIStatusError) else None
        wait = retry.backoff(attempt, self.randomness) if named is None else named
        return wait if wait <= retry.MAX_PAUSE_SECONDS and wait < remaining(default=self.timeout) else None

    def _give_up(self, request: httpx.Request, error: Failure, mask: Mask, *, in_progress: bool) -> NoReturn:
        """Raise what the caller gets when there is no further attempt.

        Once another request with the same key was seen in progress, only a success tells what became of it.
        """
        what = f"{request.method} {request.url.path}: {_describe(error, mask)}"
        if in_progress or retry.judge(request.method, error) is Verdict.UNKNOWN:
            raise OutcomeUnknownError(
                f"{what} It may have taken effect or not.",
                provider=self.provider.name,
                request_id=error.request_id if isinstance(error, APIStatusError) else None,
                hint="look whether it did before it is repeated",
            ) from error
        if isinstance(error, APIStatusError):
            raise error
        kind = APITimeoutError if isinstance(error, httpx.TimeoutException) else APIConnectionError
        raise kind(what, provider=self.provider.name) from error

    def _warn_of_retirement(self, request: httpx.Request, headers: httpx.Headers, mask: Mask) -> None:
        """Log what RFC 9745 (Deprecation) and RFC 8594 (Sunset) announce."""
        announced = {name: mask.text(headers[name]) for name in ("deprecation", "sunset", "link") if name in headers}
        if announced.keys() - {"link"}:
            about = {"method": request.method, "path": request.url.path, **announced}
            logger.warning("%s announces the end of an endpoint", self.provider.name, extra=about)


def _read(response: httpx.Response) -> bytes:
    """The body as far as it can be read: up to a limit that no honest answer comes near, or to a broken compression.

    The status says what was done all the same. That something is missing is found where the body is parsed.
    """
    content = bytearray()
    with suppress(httpx.DecodingError):
        for part in response.iter_bytes():
            content += part
            if len(content) > MAX_ANSWER_BYTES:
                break
    return bytes(content[:MAX_ANSWER_BYTES])


def _describe(error: Failure, mask: Mask) -> str:
    if isinstance(error, APIStatusError):
        return f"{error.reason.rstrip('.')}."
    # A protocol error shows the bytes that it is about.
    words = mask.text(str(error))
    return f"{type(error).__name__}: {words}." if words else f"{type(error).__name__}."
