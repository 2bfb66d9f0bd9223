"""Error responses in Kodey's format."""

from http import HTTPStatus

from local.standins.shared.exchange import RefusedError, Reply

MESSAGES = {
    400: "The request is invalid.",
    401: "Unauthorized: Invalid API key.",
    403: "A publishable key may not call this endpoint.",
    404: "There is no such resource.",
    500: "An unexpected error occurred.",
}
DEFAULT_MESSAGE = "The request was rejected."
UPGRADE_INSTRUCTIONS = "Call it with a secret key (sk_live_...), from a server alone."


class KodeyError(RefusedError):
    """Kodey's server rejects a call. ``more`` are further fields of the response."""

    def __init__(self, status: int, message: str | None = None, **more: object) -> None:
        message = message or MESSAGES.get(status, DEFAULT_MESSAGE)
        # This is the only error without a name.
        name = {} if status == HTTPStatus.UNAUTHORIZED else {"error": phrase(status)}
        super().__init__(message, Reply.of({**name, "message": message, **more}, status))


def throttled(wait: int) -> KodeyError:
    """Return the error 429, with the seconds to wait."""
    return KodeyError(429, f"Rate limit exceeded. Please retry after {wait} seconds.", retryAfter=wait)


def forbidden(allowed: list[str]) -> KodeyError:
    """Return the error 403, with the endpoints that a publishable key may call."""
    return KodeyError(403, allowedEndpoints=allowed, upgradeInstructions=UPGRADE_INSTRUCTIONS)


def phrase(status: int) -> str:
    """Return the name of a status, such as ``Too Many Requests`` for 429."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
