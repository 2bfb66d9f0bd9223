"""Refusals, in Kodey's own shape."""

from http import HTTPStatus

from local.standins.shared.exchange import RefusedError, Reply

MESSAGES = {
    400: "The request is invalid.",
    401: "Unauthorized: Invalid API key.",
    403: "A publishable key may not call this endpoint.",
    404: "There is no such resource.",
    500: "An unexpected error occurred.",
}
DEFAULT_MESSAGE = "The request was refused."
UPGRADE_INSTRUCTIONS = "Call it with a secret key (sk_live_...), from a server alone."


class KodeyError(RefusedError):
    """Kodey's server refuses; ``more`` is what the answer says besides."""

    def __init__(self, status: int, message: str | None = None, **more: object) -> None:
        message = message or MESSAGES.get(status, DEFAULT_MESSAGE)
        # The only error that does not name itself.
        name = {} if status == HTTPStatus.UNAUTHORIZED else {"error": phrase(status)}
        super().__init__(message, Reply.of({**name, "message": message, **more}, status))


def throttled(wait: int) -> KodeyError:
    """429: so many seconds are to pass first."""
    return KodeyError(429, f"Rate limit exceeded. Please retry after {wait} seconds.", retryAfter=wait)


def forbidden(allowed: list[str]) -> KodeyError:
    """403: a publishable key may call these endpoints alone."""
    return KodeyError(403, allowedEndpoints=allowed, upgradeInstructions=UPGRADE_INSTRUCTIONS)


def phrase(status: int) -> str:
    """The name of a status: ``Too Many Requests`` for 429."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
