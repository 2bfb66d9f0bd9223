"""Errors as the ledger stores them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aichats.errors import AichatsError, APIStatusError, ProviderError

MAX_CHARACTERS = 1000
STILL_CHANGING = ("APITimeoutError", "APIConnectionError", "InternalServerError", "ProtocolError")
"""The types of errors after which the provider may still be performing a change."""
_NEXT_CHECK = ". aichats checks at "


def describe(error: AichatsError) -> dict[str, str | int]:
    """Return an error as the ledger stores it."""
    fields: dict[str, str | int | None] = {"type": type(error).__name__, "message": str(error)[:MAX_CHARACTERS]}
    if isinstance(error, ProviderError):
        fields |= {"provider": error.provider, "request_id": error.request_id}
    if isinstance(error, APIStatusError):
        fields |= {"status": error.status, "code": error.code, "param": error.param}
    return {name: value for name, value in fields.items() if value is not None}


def with_next_check(error: Mapping[str, Any], due_at: datetime) -> dict[str, Any]:
    """Return a stored error whose message says when aichats checks the outcome. The time replaces an earlier one."""
    check = f"{_NEXT_CHECK}{due_at:%H:%M:%S} UTC and then continues; you don't need to do anything"
    return {**error, "message": without_next_check(error).rstrip(".") + check}


def without_next_check(error: Mapping[str, Any]) -> str:
    """Return the message of a stored error without the time of a check."""
    return str(error.get("message", "")).partition(_NEXT_CHECK)[0]


def cancellation(cancel: Mapping[str, Any]) -> dict[str, Any]:
    """Return the error of a run that a person cancelled. ``cancel`` has ``by`` and perhaps ``reason``."""
    reason = f": {cancel['reason']}" if cancel.get("reason") else ""
    return {"type": "Cancelled", "message": f"cancelled by {cancel['by']}{reason}"}
