"""A client for calls to one provider: time limits, retries, new tokens after rejections, and meaningful errors."""

import logging
import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
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
from aichats.http.answers import ProviderAnswer
from aichats.http.bodies import compact_json
from aichats.http.call_log import is_recorded, record_call
from aichats.http.deadline import remaining, time_limit
from aichats.http.masking import Mask
from aichats.http.rejections import ErrorFactory, request_id
from aichats.http.retry import Failure, Verdict
from aichats.http.tokens import Token, current_token

CONNECT_SECONDS = 5.0
MAX_ANSWER_BYTES = 8 * 1024 * 1024
_HEADERS = {
    "accept": "application/json",
    "accept-encoding": "gzip, deflate",
    "connection": "keep-alive",
    "user-agent": "aichats",
}

logger = logging.getLogger(__name__)


class HttpStyle:
    """The part of a call that differs between providers.

    Args:
        name: the provider's name.
        authorization: returns the headers with a token.
        error: returns a response of 300 or above as an error, with ``retry_after`` if the provider names a wait.
    """

    def __init__(self, name: str, authorization: Callable[[str], dict[str, str]], error: ErrorFactory) -> None:
        self.name, self.authorization, self.error = name, authorization, error


class HttpClient:
    """Calls one provider with one credential.

    Args:
        timeout: the time limit of a whole call in seconds, with its retries and waits. The deadline around the call
            (:func:`aichats.http.deadline.time_limit`) applies too.
    """

    def __init__(
        self,
        provider: HttpStyle,
        base_url: str,
        token: Token,
        timeout: float,
        transport: httpx.BaseTransport,
        *,
        headers: Mapping[str, str] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        randomness: random.Random | None = None,
    ) -> None:
        self.provider, self.base_url, self.token, self.timeout = provider, base_url, token, timeout
        self.transport, self.sleep = transport, sleep
        self.randomness = randomness or random.SystemRandom()
        self._headers = {**_HEADERS, **(headers or {})}
        self._base_path = httpx.URL(base_url).path.rstrip("/")
        self._cookies = httpx.Cookies()

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> ProviderAnswer:
        """Make one call, with retries as :mod:`aichats.http.retry` decides.

        Every attempt sends the same bytes. ``timeout`` replaces the client's time limit for this call. If the response
        to a DELETE was lost and a retry returns 404, the DELETE has succeeded.

        Raises:
            APIStatusError: the provider rejected the call. It did nothing, or the call may be repeated.
            APIConnectionError: the provider was not reached. If the call is a POST, nothing was sent.
            OutcomeUnknownError: the call is a POST, and the provider may have performed it.
        """
        content = None if body is None else compact_json(body)
        sent = {**self._headers, **(headers or {})}
        if content is not None:
            sent["content-type"] = "application/json"
        limit = self.timeout if timeout is None else timeout
        limits = httpx.Timeout(limit, connect=min(CONNECT_SECONDS, limit))
        url = self.base_url.rstrip("/") + path
        with time_limit(limit):
            request = httpx.Request(
                method, url, params=params, headers=sent, content=content, cookies=self._cookies or None
            )
            request.extensions = {"timeout": limits.as_dict()}
            return self._attempts(request, Mask((current_token(self.token),), body))

    def _attempts(self, request: httpx.Request, mask: Mask) -> ProviderAnswer:
        refreshed, in_progress, deleted, attempt = False, False, False, 1
        while True:
            try:
                return self._attempt(request, mask)
            except (APIStatusError, httpx.TransportError) as error:
                if isinstance(error, (AuthenticationError, PermissionDeniedError)) and not refreshed:
                    another, refreshed = self._another_token(request, error, mask, in_progress=in_progress), True
                    if another is not None:
                        mask = Mask((another, *mask.tokens), mask.body)
                        continue
                if deleted and isinstance(error, NotFoundError):
                    return ProviderAnswer(HTTPStatus.NO_CONTENT, httpx.Headers(), b"", self.provider.name)
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
        """Return another token after a rejection; ``None`` if there is no other token.

        Raises:
            OutcomeUnknownError: the secret can't be read, and another request with the same key was in progress.
            AichatsError: the secret with the token can't be read.
        """
        rejected = mask.tokens[0]
        try:
            token = current_token(self.token, rejected)
        except AichatsError:
            if in_progress:
                self._give_up(request, error, mask, in_progress=True)
            raise
        if token == rejected:
            return None
        logger.info("another token after a %s", error.status, extra={"request_id": error.request_id})
        return token

    def _attempt(self, request: httpx.Request, mask: Mask) -> ProviderAnswer:
        request.headers.update(self.provider.authorization(mask.tokens[0]))
        began, response = time.monotonic(), None
        try:
            response = self._send(request)
            content = _read(response)
        finally:
            self._record(began, request, response, mask)
        self._warn_of_retirement(request, response.headers, mask)
        if not response.is_success:
            operation = f"{request.method} {request.url.path}"
            raise self.provider.error(response.status_code, response.headers, content, mask, operation)
        return ProviderAnswer(response.status_code, response.headers, content, self.provider.name, mask)

    def _send(self, request: httpx.Request) -> httpx.Response:
        """Send a request without :class:`httpx.Client`, which parses each URL four times. Keep cookies as it does."""
        response = self.transport.handle_request(request)
        if "set-cookie" in response.headers:
            response.request = request
            self._cookies.extract_cookies(response)
        return response

    def _record(self, began: float, request: httpx.Request, response: httpx.Response | None, mask: Mask) -> None:
        """Close the response of an attempt, and record the attempt."""
        if response is not None:
            response.close()
        # To hide the secrets in an id takes time, and few calls outside of runs are recorded.
        if is_recorded():
            call = f"{request.method} {request.url.path.removeprefix(self._base_path)}"
            status = None if response is None else response.status_code
            record_call(began, call, status, None if response is None else request_id(response.headers, mask))

    def _wait_before_next(self, method: str, error: Failure, attempt: int) -> float | None:
        """Return the seconds to wait before the next attempt; ``None`` if there is no next attempt."""
        if attempt >= retry.MAX_ATTEMPTS or retry.judge(method, error) is not Verdict.REPEAT:
            return None
        retry_after = error.retry_after if isinstance(error, APIStatusError) else None
        wait = retry.backoff(attempt, self.randomness) if retry_after is None else retry_after
        return wait if wait <= retry.MAX_PAUSE_SECONDS and wait < remaining(default=self.timeout) else None

    def _give_up(self, request: httpx.Request, error: Failure, mask: Mask, *, in_progress: bool) -> NoReturn:
        """Raise the error of a call that is not retried.

        If another request with the same key was in progress, the outcome is unknown, because that request may succeed.
        """
        what = f"{request.method} {request.url.path}: {_describe(error, mask)}"
        if in_progress or retry.judge(request.method, error) is Verdict.UNKNOWN:
            raise OutcomeUnknownError(
                f"{what} {self.provider.name.capitalize()} may have performed the call.",
                provider=self.provider.name,
                request_id=error.request_id if isinstance(error, APIStatusError) else None,
            ) from error
        if isinstance(error, APIStatusError):
            raise error
        kind = APITimeoutError if isinstance(error, httpx.TimeoutException) else APIConnectionError
        raise kind(what, provider=self.provider.name) from error

    def _warn_of_retirement(self, request: httpx.Request, headers: httpx.Headers, mask: Mask) -> None:
        """Log a warning if the provider announces the end of an endpoint (RFC 9745, RFC 8594)."""
        announcement = {name: mask.text(headers[name]) for name in ("deprecation", "sunset", "link") if name in headers}
        if announcement.keys() - {"link"}:
            log_fields = {"method": request.method, "path": request.url.path, **announcement}
            logger.warning("%s announces the end of an endpoint", self.provider.name, extra=log_fields)


def _read(response: httpx.Response) -> bytes:
    """Return the body of a response, up to a limit that no correct answer reaches or up to a compression error.

    The status shows the outcome even if the body is incomplete. The parser of the body reports the missing part.
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
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)):
        problem = "the connection failed"
    else:
        problem = "no response in time" if isinstance(error, httpx.TimeoutException) else "the response was lost"
    # A protocol error shows the bytes that caused it.
    text = (mask.text(str(error)) or "").rstrip(".")
    return f"{problem} ({text})." if text else f"{problem}."
