"""What a provider answers when it refuses, as an error."""

from datetime import UTC, datetime
from http import HTTPStatus

from aichats.errors import APIStatusError, status_error
from aichats.http import Headers
from aichats.http.retry import named_wait

CHECK_THE_KEY = "check the api_key in the secret; it may have been revoked"
"""What may help after a 401."""
MAX_TEXT_CHARACTERS = 500


def refused(
    provider: str,
    status: int,
    headers: Headers,
    *,
    message: object,
    code: str | None = None,
    error_type: str | None = None,
    param: str | None = None,
    retry_after: object = None,
    hint: str = "",
) -> APIStatusError:
    """An answer of 300 and above as an error, made of what the provider's body says.

    Where ``message`` is no text, the words of the status stand in; where ``retry_after`` is no number of seconds, the
    headers and the message are looked at.
    """
    reason = text(message) or _phrase(status)
    return status_error(status)(
        reason,
        provider=provider,
        status=status,
        code=code,
        error_type=error_type,
        param=param,
        request_id=request_id(headers),
        retry_after=named_wait(status, headers, reason, now=datetime.now(UTC), in_body=retry_after),
        hint=hint,
    )


def request_id(headers: Headers) -> str | None:
    """The provider's own id of a request, else the one of the proxy in front of it."""
    found: str | None = headers.get("x-request-id") or headers.get("cf-ray")
    return found


def text(value: object) -> str | None:
    """A field of a refusal if it is a text, cut to what a message can hold."""
    return value[:MAX_TEXT_CHARACTERS] if isinstance(value, str) else None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "an answer without a reason"
