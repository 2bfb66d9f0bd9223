"""The conditions of a request, ``If-Match`` and ``If-None-Match``, checked against the ETag of an automation."""

import re

from aichats.errors import AichatsError

_ETAG = r'(?:W/)?"[^"\x00-\x20\x7f]*"'
_ELEMENT = rf"[ \t]*(?:{_ETAG}[ \t]*)?"
_LIST = rf"{_ELEMENT}(?:,{_ELEMENT})*"
"""A list of ETags, as RFC 9110 writes it. Its elements may be empty."""


class StaleError(AichatsError):
    """A condition of a request failed, so nothing was changed.

    Args:
        header: the condition that failed.
        name: the automation.
        etag: its current ETag; ``None`` if it does not exist.
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
        name: the automation.
        etag: its current ETag; ``None`` if it does not exist.
        if_match: the header; ``None`` if the request has none.
        if_none_match: the header; ``None`` if the request has none.

    Raises:
        StaleError: a condition failed.
    """
    if not conditions_hold(etag, if_match, None):
        raise StaleError("If-Match", name, etag)
    if not conditions_hold(etag, None, if_none_match):
        raise StaleError("If-None-Match", name, etag)


def conditions_hold(etag: str | None, if_match: str | None, if_none_match: str | None) -> bool:
    """Return whether an ETag meets the conditions of a request.

    ``None`` means that the automation does not exist, or that the request does not have the header.
    """
    return (if_match is None or _matches(etag, if_match)) and (if_none_match is None or _differs(etag, if_none_match))


def _matches(etag: str | None, if_match: str) -> bool:
    """Return whether an ``If-Match`` names this ETag. ``*`` names any. A weak one (``W/``) names none."""
    return etag is not None and (if_match.strip() == "*" or etag in _etags(if_match))


def _differs(etag: str | None, if_none_match: str) -> bool:
    """Return whether an ``If-None-Match`` names ETags, but not this one. A header without any ETag always fails."""
    if if_none_match.strip() == "*":
        return etag is None
    etags = [tag.removeprefix("W/") for tag in _etags(if_none_match)]
    return bool(etags) and etag not in etags


def _etags(header: str) -> list[str]:
    """Return the ETags of a header. A malformed header has none."""
    return re.findall(_ETAG, header) if re.fullmatch(_LIST, header) else []
