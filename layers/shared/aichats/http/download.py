"""Downloads of files whose URLs come from outside, such as from an event.

A URL must not reach anything that only this machine can reach (server-side request forgery). So only ``https`` is
used, the name of the host is resolved once for each request, all its addresses must be public, and the connection goes
to one of these addresses. TLS checks the certificate for the name. aichats follows redirects itself, with the same
checks. The request has no credentials and no cookies, and uses no proxy.

The query of a URL may contain a signature, so no error shows it. The call doesn't use :class:`httpx.Client`, which logs
URLs and keeps cookies.
"""

import re
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import BinaryIO

import httpx

from aichats.errors import AttachmentError, AttachmentUnavailableError
from aichats.http.addresses import is_public
from aichats.http.bodies import copy_file
from aichats.http.deadline import time_limit
from aichats.http.retry import named_wait
from aichats.http.transport import DeadlineTransport, ResolveHost, addresses_of

DOWNLOAD_SECONDS = 20.0
"""The time limit of a download with its redirects. The deadline around the call applies too."""
CONNECT_LIMIT_SECONDS = 5.0
MAX_REDIRECTS = 3
MAX_SHOWN_CHARACTERS = 200
MAX_PORT = 65535
_HOST = re.compile(r"([A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]+")
"""A name, an IPv4 address or an IPv6 address."""
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
    with time_limit(DOWNLOAD_SECONDS), closing(DeadlineTransport(partial(_public_addresses, resolve))) as transport:
        current = _checked(url)
        for _ in range(MAX_REDIRECTS + 1):
            response = _answer(transport, current)
            with closing(response):
                if response.status_code not in _REDIRECTS:
                    return _content(current, response, into)
                current = _next(current, response)
    raise AttachmentError(f"{_shown(current)} is the end of more than {MAX_REDIRECTS} redirects")


def _public_addresses(resolve: ResolveHost, host: str, port: int) -> list[str]:
    """Return the addresses of a host if all of them are public."""
    addresses = resolve(host, port)
    if not all(map(is_public, addresses)):
        raise AttachmentError(f"{host} is not allowed: it has an address that is not public")
    return addresses


def _checked(url: str | httpx.URL) -> httpx.URL:
    """Return a URL that may be requested, unless its host is not public."""
    try:
        checked = httpx.URL(url)
        host = checked.host  # Decodes an international name (xn--…), which may be invalid.
    except (httpx.InvalidURL, ValueError):
        raise AttachmentError("the URL is invalid") from None
    if checked.scheme != "https":
        name = f"{_shown(checked)} is not allowed: " if host else ""
        raise AttachmentError(f"{name}a URL must begin with https://")
    if checked.userinfo:
        raise AttachmentError(f"{_shown(checked)} is not allowed: a URL must not contain a user name or a password")
    port_is_valid = checked.port is None or 0 < checked.port <= MAX_PORT
    if not port_is_valid or not _HOST.fullmatch(checked.raw_host.decode()):
        raise AttachmentError(f"{_shown(checked)} is not allowed: its host or its port is invalid")
    return checked


def _answer(transport: DeadlineTransport, url: httpx.URL) -> httpx.Response:
    timeout = httpx.Timeout(DOWNLOAD_SECONDS, connect=CONNECT_LIMIT_SECONDS).as_dict()
    request = httpx.Request("GET", url, headers=_HEADERS, extensions={"timeout": timeout})
    try:
        return transport.handle_request(request)
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
    # The operating system's message begins with its number, such as "[Errno -2] ".
    reason = f": {re.sub(r'^\[Errno -?[0-9]+\] ', '', str(error))}" if isinstance(error, httpx.ConnectError) else ""
    return AttachmentUnavailableError(f"the connection to {_shown(url)} failed{reason}")


def _shown(url: httpx.URL) -> str:
    """Return a URL for people, without its user name, its password and its query."""
    return str(url.copy_with(userinfo=b"", query=None, fragment=None))[:MAX_SHOWN_CHARACTERS]
