"""An empty handler, which shows the cost of Python and the runtime client alone."""

from typing import Any


def lambda_handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer immediately."""
    return {}
