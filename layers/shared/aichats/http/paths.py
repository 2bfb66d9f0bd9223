"""Ids in the paths of requests."""

from urllib.parse import quote

from aichats.errors import InputError


def segment(chat_id: str, *, problem: str) -> str:
    """Return a chat's id, quoted as one segment of a path.

    Raises:
        InputError: the path would lead elsewhere. The message is ``problem``.
    """
    if chat_id in ("", ".", ".."):
        raise InputError([("chat_id", problem)])
    return quote(chat_id, safe="")
