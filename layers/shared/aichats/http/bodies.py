"""JSON as it goes out and as it comes back."""

import json
from typing import Any


def compact_json(value: object) -> bytes:
    """JSON in UTF-8 without a needless byte.

    Raises:
        ValueError: it holds what JSON or UTF-8 has not: a number that is none, half a surrogate pair.
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def json_object(content: bytes) -> dict[str, Any]:
    """The object that a body holds; empty for whatever else it holds."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
