"""Files with an event of Whop, or with the fields of its data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aichats_cli.errors import CommandError
from aichats_cli.messages import STANDARD_INPUT

if TYPE_CHECKING:
    from pathlib import Path

    from aichats_cli.session import Session

EXAMPLE = "to write an example into a file: aichats events types payment.failed -o json > event.json"
PRINTED = {"type", "example"}
"""The fields of what `aichats events types TYPE -o json` prints."""


def read_object(session: Session, path: Path) -> dict[str, Any]:
    """Return the object in a file of JSON, or in standard input for ``-``.

    If the file has what `aichats events types TYPE -o json` prints, this is the event in it.

    Raises:
        CommandError: the file can't be read, or isn't an object in JSON.
    """
    is_piped = str(path) == STANDARD_INPUT
    name = "standard input" if is_piped else str(path)
    try:
        read = json.loads(session.system.stdin.read() if is_piped else path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"can't read {path}: {error.strerror}", EXAMPLE) from error
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{name} is not JSON: {error}", EXAMPLE) from None
    found = read["example"] if isinstance(read, dict) and read.keys() == PRINTED else read
    if not isinstance(found, dict):
        raise CommandError(f'{name} is not an object, such as {{"amount": 25}}', EXAMPLE)
    return found
