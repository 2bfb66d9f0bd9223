"""The console: the page at ``/console``, which speaks only the HTTP API. It is built from the folder ``console``.

The page itself is never used without a check. Its script has the hash of its content in its name, so browsers keep it.
"""

import gzip
import hashlib
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from importlib import resources

from aichats.api.content_policy import content_policy

_ASSETS = "/assets/"
_SCRIPT, _LICENSES = "console.js", "licenses.txt"
_FOREVER = "public, max-age=31536000, immutable"
_HTML, _JAVASCRIPT, _TEXT = "text/html; charset=utf-8", "text/javascript; charset=utf-8", "text/plain; charset=utf-8"
_TRUSTED_TYPES = "require-trusted-types-for 'script'; trusted-types 'none'"
"""No text can become HTML or a script, not even by a mistake in the console."""


@dataclass(frozen=True)
class Asset:
    """A file of the console as it is sent. The body is compressed if ``headers`` say so."""

    status: HTTPStatus
    content_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def asset_at(path: str, *, accepts_gzip: bool, known_etag: str = "") -> Asset:
    """Return what the console has at a path: one of its files, or for every other path the page.

    Args:
        path: the path of the request below ``/console``.
        accepts_gzip: whether the browser understands gzip.
        known_etag: the ``ETag`` of the page that the browser has; then the answer is 304 if it is current.
    """
    if path.startswith(_ASSETS):
        return _file(path.removeprefix(_ASSETS), accepts_gzip=accepts_gzip)
    page, policy, etag = _page()
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-cache", "ETag": etag}
    if known_etag == etag:
        return Asset(HTTPStatus.NOT_MODIFIED, _HTML, b"", headers)
    return _compressed(_HTML, page, headers, accepts_gzip=accepts_gzip)


def _file(name: str, *, accepts_gzip: bool) -> Asset:
    if name == _script_name():
        return _compressed(_JAVASCRIPT, _content(_SCRIPT), {"Cache-Control": _FOREVER}, accepts_gzip=accepts_gzip)
    if name == _LICENSES:
        return _compressed(_TEXT, _content(name), {}, accepts_gzip=accepts_gzip)
    # An earlier version, of a page that is still open.
    return Asset(HTTPStatus.NOT_FOUND, _TEXT, b"Load the console again: this file belongs to another version.\n")


def _compressed(content_type: str, body: bytes, headers: dict[str, str], *, accepts_gzip: bool) -> Asset:
    headers = headers | {"Vary": "Accept-Encoding"}
    if not accepts_gzip:
        return Asset(HTTPStatus.OK, content_type, body, headers)
    return Asset(HTTPStatus.OK, content_type, _zipped(body), headers | {"Content-Encoding": "gzip"})


# The files are read at the first request and kept.


@cache
def _zipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


@cache
def _page() -> tuple[bytes, str, str]:
    """Return the page, its Content-Security-Policy and its ETag."""
    page = _content("index.html").decode().replace("$script", _script_name())
    policy = f"{content_policy(page, scripts="'self'")}; {_TRUSTED_TYPES}"
    # The ETag is weak, because it is the same for the compressed page.
    return page.encode(), policy, f'W/"{_hash(page.encode())}"'


@cache
def _script_name() -> str:
    return f"console.{_hash(_content(_SCRIPT))}.js"


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


@cache
def _content(name: str) -> bytes:
    return resources.files("aichats.api").joinpath("pages", "console", name).read_bytes()
