"""What a provider answers when it refuses, as an error."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Protocol

from aichats.errors import APIStatusError, status_error
from aichats.http import Headers
from aichats.http.masking import Mask, identifier
from aichats.http.retry import named_wait

CHECK_THE_KEY = "check the api_key in the secret; it may have been revoked"
"""What may help after a 401."""
NOTHING_TO_HIDE = Mask()


class ReadRefusal(Protocol):
    """Makes an error of a provider's answer of 300 and above."""

    def __call__(
        self, status: int, headers: Headers, content: bytes, mask: Mask = NOTHING_TO_HIDE, /
    ) -> APIStatusError:
        """Return the error, with what the provider says masked and bounded."""


def refused(
    provider: str,
    status: int,
    headers: Headers,
    mask: Mask,
    *,
    message: object,
    code: object = None,
    error_type: object = None,
    param: object = None,
    retry_after: object = None,
    hint: str = "",
) -> APIStatusError:
    """Return an answer of 300 and above as an error, made of what the provider's body says, masked and bounded.

    If ``message`` is no text, the words of the status stand in. If ``retry_after`` is no number of seconds, the headers
    and the message are looked at.
    """
    reason = mask.text(message) or _phrase(status)
    return status_error(status)(
        reason,
        provider=provider,
        status=status,
        code=mask.word(code) or None,
        error_type=mask.word(error_type) or None,
        param=mask.word(param) or None,
        request_id=request_id(headers),
        retry_after=named_wait(status, headers, reason, now=datetime.now(UTC), in_body=retry_after),
        hint=hint,
    )


def request_id(headers: Headers) -> str | None:
    """The provider's own id of a request, else the one of the proxy in front of it."""
    return identifier(headers.get("x-request-id")) or identifier(headers.get("cf-ray"))


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "an answer without a reason"
