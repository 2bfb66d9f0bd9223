"""Error responses in Whop's format."""

from http import HTTPStatus
from typing import NamedTuple

from local.standins.shared.exchange import RefusedError, Reply


class Refusal(NamedTuple):
    """Whop's default error for a status."""

    type: str
    message: str
    code: str | None = None


REFUSALS = {
    400: Refusal("invalid_request_error", "Invalid request parameters.", "parameter_invalid"),
    401: Refusal("unauthorized", "Invalid or missing API key"),
    403: Refusal("forbidden", "You do not have permission to access this resource"),
    404: Refusal("not_found", "Resource not found"),
    410: Refusal("gone", "This endpoint has been retired"),
    422: Refusal("verification_required", "Verification is required to complete this request"),
    429: Refusal("rate_limit_exceeded", "Try again in 1 seconds."),
}
INVALID = Refusal("invalid_request_error", "The request was rejected")
INTERNAL = Refusal("internal_server_error", "An unexpected error occurred")


class WhopError(RefusedError):
    """Whop's server rejects a call."""

    def __init__(
        self, status: int, message: str | None = None, *, code: str | None = None, param: str | None = None
    ) -> None:
        wording = REFUSALS.get(status, INTERNAL if status >= HTTPStatus.INTERNAL_SERVER_ERROR else INVALID)
        error = {
            "type": wording.type,
            "message": message or wording.message,
            "code": code or wording.code,
            "param": param,
        }
        super().__init__(message or wording.message, Reply.of({"error": error}, status))
