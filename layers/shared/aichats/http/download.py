"""Downloads of files whose URLs come from outside, such as from an event.

:mod:`aichats.http.public_urls` says which URLs may be requested. aichats follows redirects itself, with the same
checks. The request has no credentials and no cookies, and uses no proxy.

The query of a URL may contain a signature, so no error shows it. The call doesn't use :class:`httpx.Client`, which logs
URLs and keeps cookies.
"""

from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import BinaryIO

import httpx

from aichats.errors import AttachmentError, AttachmentUnavailableError
from aichats.http.bodies import copy_file
from aichats.http.deadline import time_limit
from aichats.http.public_urls import ForbiddenUrlError, check_url, connection_problem, parse_url, public_addresses
from aichats.http.retry import named_wait
from aichats.http.transport import DeadlineTransport, ResolveHost, addresses_of

DOWNLOAD_SECONDS = 20.0
"""The time limit of a download with its redirects. The deadline around the call applies too."""
CONNECT_LIMIT_SECONDS = 5.0
MAX_REDIRECTS = 3
MAX_SHOWN_CHARACTERS = 200
_HEADERS = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "aichats", "connection": "close"}
_TEMPORARY = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)
_REDIRECTS = (
    HTTPStatus.MOVED_PERMANENTLY,
    HTTPStatus.FOUND,
    HTTPStatus.SEE_OTHER,
    HTTPStatus.TEMPORARY_REDIRECT,
    HTTPStatus.PERMANENT_REDIRECT,
)


def download(url: str, into: BinaryIO, resolve: ResolveHost = addresses_of) -> str | None:
    """Download a file from a public server. Return the type of its content, if the server names it.

    Args:
        url: the URL.
        into: the file to which the content is written.
        resolve: returns the addresses of a host.

    Raises:
        AttachmentUnavailableError: the server was not reached, was too slow, or failed. A retry may help.
        AttachmentError: the URL is not allowed, the server has no such file, or the file is too large.
    """
    with time_limit(DOWNLOAD_SECONDS), closing(DeadlineTransport(partial(public_addresses, resolve))) as transport:
        current = _checked(url)
        for _ in range(MAX_REDIRECTS + 1):
            response = _answer(transport, current)
            with closing(response):
                if response.status_code not in _REDIRECTS:
                    return _content(current, response, into)
                current = _next(current, response)
    raise AttachmentError(f"{_shown(current)} is the end of more than {MAX_REDIRECTS} redirects")


def _checked(url: str | httpx.URL) -> httpx.URL:
    """Return a URL that may be requested, unless its host is not public."""
    shown = ""
    try:
        parsed = parse_url(url)
        shown = f"{_shown(parsed)} is not allowed: " if parsed.host else ""
        check_url(parsed)
    except ForbiddenUrlError as error:
        raise AttachmentError(f"{shown}{error}") from None
    return parsed


def _answer(transport: DeadlineTransport, url: httpx.URL) -> httpx.Response:
    timeout = httpx.Timeout(DOWNLOAD_SECONDS, connect=CONNECT_LIMIT_SECONDS).as_dict()
    request = httpx.Request("GET", url, headers=_HEADERS, extensions={"timeout": timeout})
    try:
        return transport.handle_request(request)
    except ForbiddenUrlError as error:
        raise AttachmentError(str(error)) from None
    except (httpx.UnsupportedProtocol, httpx.LocalProtocolError):
        raise AttachmentError(f"{_shown(url)} can't be requested") from None
    except httpx.TransportError as error:
        raise _unavailable(url, error) from error


def _next(url: httpx.URL, response: httpx.Response) -> httpx.URL:
    """Return the URL to which a response redirects."""
    try:
        following = url.join(response.headers.get("location", ""))
    except (httpx.InvalidURL, ValueError):
        raise AttachmentError(f"{_shown(url)} redirects to an invalid URL") from None
    return _checked(following)


def _content(url: httpx.URL, response: httpx.Response, into: BinaryIO) -> str | None:
    """Write the body of a response. Return the type of its content."""
    status, headers = response.status_code, response.headers
    if status in _TEMPORARY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        wait = named_wait(status, headers, "", now=datetime.now(UTC))
        raise AttachmentUnavailableError(f"{_shown(url)} answered {status}", retry_after=wait)
    if status != HTTPStatus.OK:
        raise AttachmentError(f"{_shown(url)} answered {status}. Check that the URL is right and doesn't need a login")
    if headers.get("content-encoding", "identity") != "identity":
        raise AttachmentError(f"{_shown(url)} answered with compressed content, which aichats didn't ask for")
    try:
        copy_file(response.iter_raw(), into)
    except httpx.TransportError as error:
        raise _unavailable(url, error) from error
    except AttachmentError as error:
        raise AttachmentError(f"{_shown(url)} {error}") from None
    content_type: str | None = headers.get("content-type")
    return content_type


def _unavailable(url: httpx.URL, error: httpx.TransportError) -> AttachmentUnavailableError:
    """Return the error of a request that failed on its way."""
    if isinstance(error, httpx.TimeoutException):
        return AttachmentUnavailableError(f"{_shown(url)} did not answer completely in time")
    # A protocol error shows the bytes that caused it.
    reason = f": {connection_problem(error)}" if isinstance(error, httpx.ConnectError) else ""
    return AttachmentUnavailableError(f"the connection to {_shown(url)} failed{reason}")


def _shown(url: httpx.URL) -> str:
    """Return a URL for people, without its user name, its password and its query."""
    return str(url.copy_with(userinfo=b"", query=None, fragment=None))[:MAX_SHOWN_CHARACTERS]
