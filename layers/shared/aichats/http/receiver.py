"""POST requests to receivers of events, whose URLs come from outside.

:mod:`aichats.http.public_urls` says which URLs may be requested. A redirect is not followed. The request has no cookies
and uses no proxy. One time limit applies to everything: the look-up of the name, the connection, TLS and the answer.

The path of a URL may be a secret, as Slack's is, and an event may contain a reply. So errors show only the host of the
URL, and nothing of the request that a receiver repeats in its answer.
"""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus

import httpcore
import httpx

from aichats.errors import AichatsError
from aichats.frozen import frozen
from aichats.http.deadline import remaining, time_limit
from aichats.http.masking import Mask
from aichats.http.public_urls import ForbiddenUrlError, check_url, connection_problem, parse_url, public_addresses
from aichats.http.retry import named_wait
from aichats.http.transport import DeadlineTransport, ResolveHost, addresses_of

MAX_READ_BYTES = 1024
"""The maximum number of bytes that are read of an answer."""
MAX_SHOWN_ANSWER = 200
"""The maximum number of characters of an answer in an error."""
_HEADERS = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "aichats", "connection": "close"}


@frozen
class ReceiverAnswer:
    """The answer of a receiver that has accepted an event.

    Attributes:
        status: the HTTP status, from 200 to 299.
        seconds: the duration of the request.
    """

    status: int
    seconds: float


class ReceiverError(AichatsError):
    """A receiver did not accept an event. The message is for people.

    Attributes:
        status: the HTTP status; ``None`` if there was no answer.
        retry_after: the seconds that the receiver asks to wait, if it names them.
    """

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class ReceiverClient:
    """Sends requests to receivers. Safe to share between threads.

    Args:
        allow_loopback: whether receivers on this machine are allowed, which only a development stack does.
        resolve: returns the addresses of a host.
        clock: returns seconds, for the duration of a request.
    """

    def __init__(
        self,
        *,
        allow_loopback: bool = False,
        resolve: ResolveHost = addresses_of,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._allow_loopback = allow_loopback
        self._clock = clock
        limited = partial(_resolve_in_time, resolve)
        self._transport = DeadlineTransport(partial(public_addresses, limited, allow_loopback=allow_loopback))

    def post(self, url: str, body: bytes, headers: Mapping[str, str], limit_seconds: float) -> ReceiverAnswer:
        """Send a request.

        Args:
            url: the URL of the receiver.
            body: the body.
            headers: further headers.
            limit_seconds: the time limit of everything.

        Raises:
            ReceiverError: the receiver was not reached, was too slow, or did not answer with a status of 2xx.
        """
        begun = self._clock()
        with time_limit(limit_seconds):
            try:
                parsed = parse_url(url)
                check_url(parsed, allow_loopback=self._allow_loopback)
                response = self._answer(parsed, body, headers, limit_seconds)
            except ForbiddenUrlError as error:
                raise ReceiverError(f"the URL is not allowed: {error}") from None
            with closing(response):
                _check_status(parsed.host, response, _mask(parsed, body))
        return ReceiverAnswer(response.status_code, self._clock() - begun)

    def _answer(self, url: httpx.URL, body: bytes, headers: Mapping[str, str], limit: float) -> httpx.Response:
        timeout = httpx.Timeout(limit).as_dict()
        request = httpx.Request("POST", url, content=body, headers={**_HEADERS, **headers})
        request.extensions = {"timeout": timeout}
        try:
            return self._transport.handle_request(request)
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError):
            raise ReceiverError(f"{url.host} can't be requested") from None
        except httpx.TimeoutException:
            raise ReceiverError(f"{url.host} did not answer within {limit:g} seconds") from None
        except httpx.TransportError as error:
            # A protocol error shows the bytes that caused it.
            reason = f": {connection_problem(error)}" if isinstance(error, httpx.ConnectError) else ""
            raise ReceiverError(f"the connection to {url.host} failed{reason}") from None


def _mask(url: httpx.URL, body: bytes) -> Mask:
    """Return the mask of a request, because many servers repeat a path that they don't know."""
    return Mask((url.raw_path.decode(), url.path), {"content": body.decode()})


def _check_status(host: str, response: httpx.Response, mask: Mask) -> None:
    """Read the beginning of an answer.

    Raises:
        ReceiverError: the status is not 2xx.
    """
    status = response.status_code
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        message = f"{host} answered {status}, a redirect, which aichats does not follow. Use the final URL"
        raise ReceiverError(message, status=status)
    wait = named_wait(status, response.headers, "", now=datetime.now(UTC))
    text = (mask.text(_beginning(response)) or "")[:MAX_SHOWN_ANSWER]
    raise ReceiverError(f"{host} answered {status}" + (f": {text}" if text else ""), status=status, retry_after=wait)


def _beginning(response: httpx.Response) -> str:
    """Return the beginning of an answer; empty if it can't be read."""
    content = b""
    with suppress(httpx.TransportError):
        for part in response.iter_raw():
            content += part
            if len(content) >= MAX_READ_BYTES:
                break
    return content[:MAX_READ_BYTES].decode(errors="replace")


def _resolve_in_time(resolve: ResolveHost, host: str, port: int) -> list[str]:
    """Return the addresses of a host, within the deadline. The operating system's look-up has no limit of its own.

    Raises:
        httpcore.ConnectTimeout: the look-up did not end in time. Its thread ends when the look-up does.
    """
    found: list[list[str]] = []
    failed: list[Exception] = []

    def look_up() -> None:
        try:
            found.append(resolve(host, port))
        except httpcore.ConnectError as error:
            failed.append(error)

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(remaining(default=threading.TIMEOUT_MAX))
    if failed:
        raise failed[0]
    if not found:
        raise httpcore.ConnectTimeout(f"the name {host} was not resolved in time")
    return found[0]
