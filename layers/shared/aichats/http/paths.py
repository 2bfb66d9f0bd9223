"""Ids in the paths of requests."""

from urllib.parse import quote

from aichats.errors import InputError


def segment(chat_id: str, *, problem: str) -> str:
    """A chat's id as one segment of a path, quoted.

    Raises:
        InputError: it would make the path of something else; says ``problem``.
    """
    if chat_id in ("", ".", ".."):
        raise InputError([("chat_id", problem)])
    return quote(chat_id, safe="")
