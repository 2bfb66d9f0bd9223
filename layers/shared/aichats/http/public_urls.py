"""URLs that come from outside, such as those of attachments and of receivers of events.

A URL must not reach anything that only this machine can reach (server-side request forgery). So only ``https`` is used,
the name of the host is resolved once for each connection, all its addresses must be public, and the connection goes to
one of these addresses. TLS checks the certificate for the name.
"""

import re

import httpx

from aichats.errors import AichatsError, InputError
from aichats.http.addresses import is_public
from aichats.http.transport import ResolveHost

MAX_PORT = 65535
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
"""The hosts of this machine that a receiver may have if loopback is allowed."""
_LOOPBACK_ADDRESSES = ("127.0.0.1", "::1")
_HOST = re.compile(r"([A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]+")
"""A name, an IPv4 address or an IPv6 address."""


class ForbiddenUrlError(AichatsError):
    """A URL may not be requested. The message is the reason. It shows no part of the URL but its host."""


def parse_url(url: str | httpx.URL) -> httpx.URL:
    """Return a URL with its parts.

    Raises:
        ForbiddenUrlError: the URL is invalid.
    """
    try:
        parsed = httpx.URL(url)
        _ = parsed.host  # Decodes an international name (xn--…), which may be invalid.
    except (httpx.InvalidURL, ValueError):
        raise ForbiddenUrlError("the URL is invalid") from None
    return parsed


def check_url(url: httpx.URL, *, allow_loopback: bool = False) -> None:
    """Check everything about a URL but the addresses of its host.

    Args:
        url: the URL.
        allow_loopback: whether ``http`` is allowed for this machine.

    Raises:
        ForbiddenUrlError: the URL may not be requested.
    """
    is_loopback = allow_loopback and url.host in LOOPBACK_HOSTS
    if url.scheme != "https" and not (is_loopback and url.scheme == "http"):
        raise ForbiddenUrlError("a URL must begin with https://")
    if url.userinfo:
        raise ForbiddenUrlError("a URL must not contain a user name or a password")
    port_is_valid = url.port is None or 0 < url.port <= MAX_PORT
    if not port_is_valid or not _HOST.fullmatch(url.raw_host.decode()):
        raise ForbiddenUrlError("its host or its port is invalid")


def check_receiver_url(url: str, *, allow_loopback: bool) -> None:
    """Check the URL of a receiver as it is written. The name of its host is resolved only when an event is sent.

    Raises:
        InputError: the URL is not allowed.
    """
    try:
        parsed = parse_url(url)
        check_url(parsed, allow_loopback=allow_loopback)
        if not (allow_loopback and parsed.host in LOOPBACK_HOSTS):
            _check_literal(parsed.host)
    except ForbiddenUrlError as error:
        raise InputError([("url", str(error))]) from None


def public_addresses(resolve: ResolveHost, host: str, port: int, *, allow_loopback: bool = False) -> list[str]:
    """Return the addresses of a host if all of them are public, or loopback addresses of an allowed host.

    Raises:
        ForbiddenUrlError: an address is not public.
    """
    addresses = resolve(host, port)
    if allow_loopback and host in LOOPBACK_HOSTS and set(addresses) <= set(_LOOPBACK_ADDRESSES):
        return addresses
    if not all(map(is_public, addresses)):
        raise ForbiddenUrlError(f"{host} is not allowed: it has an address that is not public")
    return addresses


def connection_problem(error: httpx.ConnectError) -> str:
    """Return why a connection failed, without the number of the operating system's error, such as ``[Errno -2]``."""
    return re.sub(r"^\[Errno -?[0-9]+\] ", "", str(error))


def _check_literal(host: str) -> None:
    """Check a host that is an address or a name of this machine, so that an obvious mistake is reported at once."""
    looks_like_address = ":" in host or re.fullmatch(r"[0-9.]+", host)
    if (looks_like_address and not is_public(host)) or host.rstrip(".").lower() == "localhost":
        raise ForbiddenUrlError(f"{host} is not public")
