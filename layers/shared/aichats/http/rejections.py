"""The rejections of providers as errors."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus

from aichats.errors import APIStatusError, status_error
from aichats.http import Headers
from aichats.http.masking import Mask, identifier
from aichats.http.retry import named_wait

NOTHING_TO_HIDE = Mask()


type ErrorFactory = Callable[[int, Headers, bytes, Mask, str], APIStatusError]
"""Returns a response of 300 or above as an error, with the provider's texts masked and shortened.

The last argument is the operation: the method and the path of the request, such as ``POST /api/v1/ai_chats``.
"""


def rejection(
    provider: str, status: int, headers: Headers, mask: Mask, body: Mapping[str, object], *, hint: str = ""
) -> APIStatusError:
    """Return a response of 300 or above as an error, with the texts of the provider's body masked and shortened.

    Args:
        provider: the provider's name.
        status: the HTTP status.
        headers: the headers of the response.
        mask: hides the request's secrets.
        body: ``message``, ``code``, ``error_type``, ``param`` and ``retry_after`` from the provider's body. If the
            message is not a text, the phrase of the status replaces it. If ``retry_after`` is not a number of seconds,
            the wait comes from the headers or the message.
        hint: a possible fix; empty if there is none.
    """
    reason = mask.text(body.get("message")) or _phrase(status)
    words = {name: mask.word(body.get(name)) or None for name in ("code", "error_type", "param")}
    wait = named_wait(status, headers, reason, now=datetime.now(UTC), in_body=body.get("retry_after"))
    id_ = request_id(headers, mask)
    error = status_error(status)
    return error(reason, provider=provider, status=status, request_id=id_, retry_after=wait, hint=hint, **words)


def request_id(headers: Headers, mask: Mask) -> str | None:
    """Return the provider's id of a request, or the id of the proxy in front of the provider."""
    candidates = (identifier(mask.text(headers.get(name))) for name in ("x-request-id", "cf-ray"))
    return next(filter(None, candidates), None)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no reason given"
