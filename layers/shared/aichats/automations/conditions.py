"""The conditions of a request: the headers ``If-Match`` and ``If-None-Match``, compared with the ETag of a resource."""

import re

from aichats.errors import AichatsError

_ETAG = r'(?:W/)?"[^"\x00-\x20\x7f]*"'
_ELEMENT = rf"[ \t]*(?:{_ETAG}[ \t]*)?"
_LIST = rf"{_ELEMENT}(?:,{_ELEMENT})*"
"""A list of ETags (RFC 9110). Its elements may be empty."""


class StaleError(AichatsError):
    """A condition of a request failed, so nothing was changed.

    Args:
        header: the header that failed.
        resource: the kind and the name of the resource, such as ``automation weekly-revenue``.
        etag: the resource's current ETag; ``None`` if the resource does not exist.
    """

    def __init__(self, header: str, resource: str, etag: str | None) -> None:
        if etag is None:
            reason = f"{resource} doesn't exist"
        elif header == "If-Match":
            reason = f"{resource} was changed. Get it, and repeat your change with its current ETag, {etag}"
        else:
            reason = f"{resource} exists. Its ETag is {etag}"
        super().__init__(f"{header} failed: {reason}")


def check_conditions(
    name: str, etag: str | None, if_match: str | None, if_none_match: str | None, *, kind: str = "automation"
) -> None:
    """Check the conditions of a request against the current state of an automation, or of a resource of another kind.

    Args:
        name: the resource's name.
        etag: the resource's current ETag; ``None`` if the resource does not exist.
        if_match: the header ``If-Match``; ``None`` if the request does not have it.
        if_none_match: the header ``If-None-Match``; ``None`` if the request does not have it.
        kind: the kind of the resource.

    Raises:
        StaleError: a condition failed.
    """
    if not conditions_hold(etag, if_match, None):
        raise StaleError("If-Match", f"{kind} {name}", etag)
    if not conditions_hold(etag, None, if_none_match):
        raise StaleError("If-None-Match", f"{kind} {name}", etag)


def conditions_hold(etag: str | None, if_match: str | None, if_none_match: str | None) -> bool:
    """Return whether an ETag meets the conditions of a request.

    An ``etag`` of ``None`` means that the automation does not exist. A header of ``None`` means that the request does
    not have it.
    """
    return (if_match is None or _matches(etag, if_match)) and (if_none_match is None or _differs(etag, if_none_match))


def _matches(etag: str | None, if_match: str) -> bool:
    """Return whether an ``If-Match`` names an ETag. ``*`` names every ETag. A weak ETag (``W/``) never matches."""
    return etag is not None and (if_match.strip() == "*" or etag in _etags(if_match))


def _differs(etag: str | None, if_none_match: str) -> bool:
    """Return whether an ``If-None-Match`` names other ETags only. A header without any ETag always fails."""
    if if_none_match.strip() == "*":
        return etag is None
    etags = [tag.removeprefix("W/") for tag in _etags(if_none_match)]
    return bool(etags) and etag not in etags


def _etags(header: str) -> list[str]:
    """Return the ETags of a header. A malformed header has none."""
    return re.findall(_ETAG, header) if re.fullmatch(_LIST, header) else []
