"""The rejections of a provider as errors."""

from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus

from aichats.errors import APIStatusError, status_error
from aichats.http import Headers
from aichats.http.masking import Mask, identifier
from aichats.http.retry import named_wait

CHECK_THE_KEY = "check the api_key in the secret; it may have been revoked"
"""The hint after a 401."""
NOTHING_TO_HIDE = Mask()


type ErrorFactory = Callable[[int, Headers, bytes, Mask], APIStatusError]
"""Turns a response of 300 or above into an error, with the provider's texts masked and shortened."""


def rejection(
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
    """Return a response of 300 or above as an error, with the texts of the provider's body masked and shortened.

    If ``message`` is not a text, the phrase of the status replaces it. If ``retry_after`` is not a number of seconds,
    the headers and the message are searched for one.
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
    """Return the provider's id of a request, or the id of the proxy in front of the provider."""
    return identifier(headers.get("x-request-id")) or identifier(headers.get("cf-ray"))


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no reason given"
