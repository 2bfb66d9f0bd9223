"""The console: the page at ``/console``, which speaks only the HTTP API. It is built from the folder ``console``.

The page itself is never used without a check. Its script has the hash of its content in its name, so browsers keep it.
"""

import gzip
import hashlib
import re
from dataclasses import field
from functools import cache
from http import HTTPStatus
from pathlib import Path

from aichats.api.content_policy import content_policy
from aichats.frozen import frozen

_ASSETS = "/assets/"
_PAGE, _SCRIPT, _LICENSES = "index.html", "console.js", "licenses.txt"
_FOREVER = "public, max-age=31536000, immutable"
_HTML, _JAVASCRIPT, _TEXT = "text/html; charset=utf-8", "text/javascript; charset=utf-8", "text/plain; charset=utf-8"
_TRUSTED_TYPES = "require-trusted-types-for 'script'; trusted-types 'none'"
"""No text can become HTML or a script, not even by a mistake in the console."""


@frozen
class Asset:
    """A file of the console as it is sent. The body is compressed if ``headers`` say so."""

    status: HTTPStatus
    content_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def asset_at(path: str, *, accepted: str, known_etag: str = "") -> Asset:
    """Return what the console has at a path: one of its files, or for every other path the page.

    Args:
        path: the path of the request below ``/console``.
        accepted: the header ``Accept-Encoding``.
        known_etag: the ``ETag`` of the page that the browser has; then the answer is 304 if it is current.
    """
    if path.startswith(_ASSETS):
        return _file(path.removeprefix(_ASSETS), accepted)
    policy, etag = _policy_and_etag()
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-cache", "ETag": etag}
    if known_etag == etag:
        return Asset(HTTPStatus.NOT_MODIFIED, _HTML, b"", headers)
    return _encoded(_PAGE, _HTML, headers, accepted)


def _file(name: str, accepted: str) -> Asset:
    if name == _script_name():
        return _encoded(_SCRIPT, _JAVASCRIPT, {"Cache-Control": _FOREVER}, accepted)
    if name == _LICENSES:
        return Asset(HTTPStatus.OK, _TEXT, _content(name))
    # An earlier version, of a page that is still open.
    return Asset(HTTPStatus.NOT_FOUND, _TEXT, b"Load the console again: this file belongs to another version.\n")


def _encoded(name: str, content_type: str, headers: dict[str, str], accepted: str) -> Asset:
    """Return a file, compressed as well as the browser understands."""
    codings = {coding.strip() for coding in accepted.split(",")}
    body, used = _content(name), {}
    if "br" in codings:
        # It was compressed when it was built, because only that is worth the time that the best compression takes.
        body, used = _content(f"{name}.br"), {"Content-Encoding": "br"}
    elif "gzip" in codings:
        body, used = _zipped(name), {"Content-Encoding": "gzip"}
    return Asset(HTTPStatus.OK, content_type, body, {**headers, **used, "Vary": "Accept-Encoding"})


# The files are read at the first request and kept.


@cache
def _policy_and_etag() -> tuple[str, str]:
    """Return the Content-Security-Policy and the ETag of the page."""
    page = _content(_PAGE)
    policy = f"{content_policy(page.decode(), scripts="'self'")}; {_TRUSTED_TYPES}"
    # The ETag is weak, because it is the same for the compressed page.
    return policy, f'W/"{hashlib.sha256(page).hexdigest()[:16]}"'


@cache
def _script_name() -> str:
    """Return the name that the page has for its script, which contains a hash."""
    [name] = re.findall(rb"assets/(console\.[0-9a-f]+\.js)", _content(_PAGE))
    return str(name, "ascii")


@cache
def _zipped(name: str) -> bytes:
    return gzip.compress(_content(name), mtime=0)


@cache
def _content(name: str) -> bytes:
    return Path(__file__).parent.joinpath("pages", "console", name).read_bytes()
