"""Ids in the paths of requests."""

from urllib.parse import quote

from aichats.errors import InputError


def segment(value: str, *, problem: str, field: str = "chat_id") -> str:
    """Return an id, quoted as one segment of a path.

    Raises:
        InputError: the path would lead elsewhere. The error names ``field``, and its message is ``problem``.
    """
    if value in ("", ".", ".."):
        raise InputError([(field, problem)])
    return quote(value, safe="")
