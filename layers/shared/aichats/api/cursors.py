"""The cursors of pages: objects as base64, so that clients take them as they are."""

import base64

from pydantic import BaseModel

from aichats.errors import InputError


def write_cursor(cursor: BaseModel) -> str:
    """Return a cursor as a text, for ``next_cursor``."""
    return base64.urlsafe_b64encode(cursor.model_dump_json().encode()).decode().rstrip("=")


def read_cursor[CursorT: BaseModel](model: type[CursorT], text: str) -> CursorT:
    """Return the cursor in a text.

    Raises:
        InputError: the text is not a cursor of this kind.
    """
    try:
        return model.model_validate_json(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:  # Of base64 or of pydantic.
        raise InputError([("cursor", "invalid; use `next_cursor` from the previous page")]) from None
