"""Errors as the ledger keeps them."""

from aichats.errors import AichatsError, APIStatusError, ProviderError

MAX_CHARACTERS = 1000


def describe(error: AichatsError) -> dict[str, str | int]:
    """An error as the ledger keeps it."""
    found: dict[str, str | int | None] = {"type": type(error).__name__, "message": str(error)[:MAX_CHARACTERS]}
    if isinstance(error, ProviderError):
        found |= {"provider": error.provider, "request_id": error.request_id}
    if isinstance(error, APIStatusError):
        found |= {"status": error.status, "code": error.code, "param": error.param}
    return {name: value for name, value in found.items() if value is not None}
