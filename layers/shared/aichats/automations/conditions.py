"""The conditions of a request: the headers ``If-Match`` and ``If-None-Match``, compared with an automation's ETag."""

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
        name: the automation's name.
        etag: the automation's current ETag; ``None`` if the automation does not exist.
    """

    def __init__(self, header: str, name: str, etag: str | None) -> None:
        if etag is None:
            reason = f"automation {name} doesn't exist"
        elif header == "If-Match":
            reason = f"automation {name} was changed. Get it, and repeat your change with its current ETag, {etag}"
        else:
            reason = f"automation {name} exists. Its ETag is {etag}"
        super().__init__(f"{header} failed: {reason}")


def check_conditions(name: str, etag: str | None, if_match: str | None, if_none_match: str | None) -> None:
    """Check the conditions of a request against the current state of an automation.

    Args:
        name: the automation's name.
        etag: the automation's current ETag; ``None`` if the automation does not exist.
        if_match: the header ``If-Match``; ``None`` if the request does not have it.
        if_none_match: the header ``If-None-Match``; ``None`` if the request does not have it.

    Raises:
        StaleError: a condition failed.
    """
    if not conditions_hold(etag, if_match, None):
        raise StaleError("If-Match", name, etag)
    if not conditions_hold(etag, None, if_none_match):
        raise StaleError("If-None-Match", name, etag)


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
