"""The bodies of requests and responses."""

import json
from collections.abc import Iterable
from typing import Any, BinaryIO

from aichats.errors import AttachmentError

MAX_ATTACHMENT_BYTES = 25 * 1024 * 1024
"""The maximum size of a file that aichats fetches for a chat."""


def compact_json(value: object) -> bytes:
    """Return the shortest JSON in UTF-8.

    Raises:
        ValueError: the value contains NaN, an infinite number or half a surrogate pair.
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def json_object(content: bytes) -> dict[str, Any]:
    """Return the JSON object in a body; an empty object if the body is anything else."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def copy_file(parts: Iterable[bytes], into: BinaryIO) -> None:
    """Write the parts of a file. They are counted, because a server may announce another size.

    Raises:
        AttachmentError: the file has more than ``MAX_ATTACHMENT_BYTES``.
    """
    size = 0
    for part in parts:
        size += len(part)
        if size > MAX_ATTACHMENT_BYTES:
            raise AttachmentError(f"is larger than {MAX_ATTACHMENT_BYTES // 1024**2} MB")
        into.write(part)
