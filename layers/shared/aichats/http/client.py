"""One call to a provider: limits, retries, a refreshed token, and errors that say what happened."""

import json
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from aichats.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    OutcomeUnknownError,
    ProviderError,
)
from aichats.http import retry
from aichats.http.deadline import remaining, time_limit
from aichats.http.retry import Verdict

CONNECT_SECONDS = 5.0
MAX_ANSWER_BYTES = 8 * 1024 * 1024

type Token = str | Callable[[str | None], str]
"""A token, or what gives one: called with ``None`` at first, and with the refused token after a 401."""

type Failure = APIStatusError | httpx.TransportError
"""How an attempt fails: the provider refused, or no whole answer came."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """A 2xx answer, read whole."""

    status: int
    headers: httpx.Headers
    content: bytes
    request_id: str | None


@dataclass(frozen=True)
class Provider:
    """What differs between providers when a call is made."""

    name: str
    authorization: Callable[[str], dict[str, str]]
    """The headers that carry a token."""
    error: Callable[[int, httpx.Headers, bytes], APIStatusError]
    """An answer of 300 and above as an error, with ``retry_after`` where the provider names a wait."""
    request_id: Callable[[httpx.Headers], str | None]


@dataclass
class HttpClient:
    """Makes calls to one provider with one credential.

    Args:
        timeout: seconds for one whole call, its retries and waits included. The deadline around it
            (:func:`aichats.http.deadline.time_limit`) holds as well.
    """

    provider: Provider
    base_url: str
    token: Token
    timeout: float
    transport: httpx.BaseTransport
    headers: Mapping[str, str] = field(default_factory=dict)
    sleep: Callable[[float], None] = time.sleep
    randomness: random.Random = field(default_factory=random.SystemRandom)

    def __post_init__(self) -> None:
        limits = httpx.Timeout(self.timeout, connect=min(CONNECT_SECONDS, self.timeout))
        self._client = httpx.Client(
            transport=self.transport, timeout=limits, trust_env=False, headers=dict(self.headers)
        )
        self._token: str | None = self.token if isinstance(self.token, str) else None

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make one call, and repeat it as :mod:`aichats.http.retry` says.

        Every attempt sends the same bytes.

        Raises:
            APIStatusError: refused, and nothing was done (or the same however often it is done).
            APIConnectionError: not reached; of a POST, nothing was sent.
            OutcomeUnknownError: a POST that may have taken effect.
        """
        content = None if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        extra = dict(headers or {}) | ({"content-type": "application/json"} if content is not None else {})
        with time_limit(self.timeout):
            request = self._client.build_request(
                method, self.base_url.rstrip("/") + path, params=params, content=content, headers=extra
            )
            return self._attempts(request)

    def _attempts(self, request: httpx.Request) -> Answer:
        attempt, refreshed = 1, False
        while True:
            try:
                return self._attempt(request)
            except AuthenticationError as error:
                if refreshed or not self._new_token():
                    raise
                refreshed = True
                logger.info("credential read again after a 401", extra={"request_id": error.request_id})
                continue
            except (APIStatusError, httpx.TransportError) as error:
                wait = self._wait_before_next(request.method, error, attempt)
                if wait is None:
                    raise self._verdict(request, error) from error
            self.sleep(wait)
            attempt += 1

    def _attempt(self, request: httpx.Request) -> Answer:
        request.headers.update(self.provider.authorization(self._current_token()))
        response = self._client.send(request, stream=True)
        try:
            content = _read(response)
        finally:
            response.close()
        self._warn_of_retirement(request, response.headers)
        if not response.is_success:
            raise self.provider.error(response.status_code, response.headers, content)
        return Answer(response.status_code, response.headers, content, self.provider.request_id(response.headers))

    def _wait_before_next(self, method: str, error: Failure, attempt: int) -> float | None:
        """Seconds to wait before the next attempt; ``None`` when there is none."""
        if attempt >= retry.MAX_ATTEMPTS or _judge(method, error) is not Verdict.REPEAT:
            return None
        named = error.retry_after if isinstance(error, APIStatusError) else None
        wait = retry.backoff(attempt, self.randomness) if named is None else named
        return wait if wait < remaining(default=self.timeout) else None

    def _verdict(self, request: httpx.Request, error: Failure) -> ProviderError:
        """The error that the caller gets when there is no further attempt."""
        what = f"{request.method} {request.url.path}"
        if _judge(request.method, error) is Verdict.UNKNOWN or _outlasted(error):
            return OutcomeUnknownError(
                f"{what}: {_describe(error)} It may have taken effect or not.",
                provider=self.provider.name,
                request_id=error.request_id if isinstance(error, APIStatusError) else None,
                hint="look whether it did before it is repeated",
            )
        if isinstance(error, APIStatusError):
            return error
        kind = APITimeoutError if isinstance(error, httpx.TimeoutException) else APIConnectionError
        return kind(f"{what}: {_describe(error)}", provider=self.provider.name)

    def _current_token(self) -> str:
        if self._token is None:
            self._token = self._ask_token(None)
        return self._token

    def _new_token(self) -> bool:
        """Whether there is another token than the refused one; if so it is used from now on."""
        if isinstance(self.token, str):
            return False
        refused, self._token = self._token, self._ask_token(self._token)
        return self._token != refused

    def _ask_token(self, refused: str | None) -> str:
        return self.token if isinstance(self.token, str) else self.token(refused)

    def _warn_of_retirement(self, request: httpx.Request, headers: httpx.Headers) -> None:
        """Log what RFC 9745 (Deprecation) and RFC 8594 (Sunset) announce."""
        announced = {name: headers[name] for name in ("deprecation", "sunset", "link") if name in headers}
        if announced.keys() - {"link"}:
            about = {"method": request.method, "path": request.url.path, **announced}
            logger.warning("%s announces the end of an endpoint", self.provider.name, extra=about)


def _read(response: httpx.Response) -> bytes:
    """The whole body, up to a limit that no honest answer comes near."""
    content = bytearray()
    for part in response.iter_bytes():
        content += part
        if len(content) > MAX_ANSWER_BYTES:
            raise httpx.ReadError(f"the answer is larger than {MAX_ANSWER_BYTES} bytes", request=response.request)
    return bytes(content)


def _judge(method: str, error: Failure) -> Verdict:
    if isinstance(error, APIStatusError):
        return retry.judge_status(method, error)
    return retry.judge_transport_error(method, error)


def _outlasted(error: Failure) -> bool:
    """Whether another request with the same key still ran when the waits were over: its outcome is not known."""
    return isinstance(error, APIStatusError) and error.code == "idempotency_request_in_progress"


def _describe(error: Failure) -> str:
    if isinstance(error, APIStatusError):
        return f"{error}."
    return f"{type(error).__name__}: {error}." if str(error) else f"{type(error).__name__}."
