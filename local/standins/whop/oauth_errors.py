"""Errors of OAuth: a JSON object with ``error`` and ``error_description``."""

from http import HTTPStatus

from local.standins.shared.exchange import RefusedError, Reply

CODES = {
    400: "invalid_request",
    401: "invalid_grant",
    403: "access_denied",
    415: "invalid_request",
    429: "rate_limit_exceeded",
    503: "temporarily_unavailable",
}
"""The code of each status, if the code is not given. Whop also has ``invalid_grant`` with 401."""
RETRY_AFTER_SECONDS = 1


class OAuthError(RefusedError):
    """Whop's authorization server rejects a request."""

    def __init__(self, status: int, description: str, code: str | None = None) -> None:
        server_error = status >= HTTPStatus.INTERNAL_SERVER_ERROR
        self.code = code or CODES.get(status, "server_error" if server_error else "invalid_request")
        self.description = description
        reply = Reply.of({"error": self.code, "error_description": description}, status)
        super().__init__(description, Reply(reply.status, reply.body, headers=headers_of(status, self.code)))


def headers_of(status: int, code: str) -> dict[str, str]:
    """Return the headers of an error."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return {"retry-after": str(RETRY_AFTER_SECONDS)}
    return {"www-authenticate": f'Bearer error="{code}"'} if code == "invalid_token" else {}


def invalid_grant(description: str) -> OAuthError:
    """Return the error of a code or a refresh token that is not valid."""
    return OAuthError(400, description, "invalid_grant")
