"""JSON in requests and responses."""

import json
from typing import Any


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
