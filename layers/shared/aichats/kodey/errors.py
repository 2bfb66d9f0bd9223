"""Kodey's rejections as errors, and the style of calls to Kodey.

The body of a rejection is ``{"error", "message"}``, with ``retryAfter`` for a 429. A 401 has only a ``message``. If a
publishable key does not allow a call, the body has ``allowedEndpoints`` and ``upgradeInstructions``.
"""

from http import HTTPStatus
from typing import Any

from aichats.errors import APIStatusError
from aichats.http import Headers
from aichats.http.bodies import json_object
from aichats.http.client import HttpStyle
from aichats.http.masking import Mask
from aichats.http.rejections import NOTHING_TO_HIDE, rejection

OTHER_KEY_NEEDED = "use a secret key (sk_live_...): a publishable key (pk_live_...) can only call chats and messages"
"""The hint after a 403 for a publishable key."""


def kodey_error(
    status: int, headers: Headers, content: bytes, mask: Mask = NOTHING_TO_HIDE, _operation: str = ""
) -> APIStatusError:
    """Return a response of 300 or above as an error."""
    body = json_object(content)
    fields = {"error_type": body.get("error"), "retry_after": body.get("retryAfter")}
    hint = _hint(status, body)
    return rejection("kodey", status, headers, mask, {"message": body.get("message"), **fields}, hint=hint)


def _hint(status: int, body: dict[str, Any]) -> str:
    if status == HTTPStatus.UNAUTHORIZED:
        return "check the api_key in the secret; it may have been revoked"
    of_publishable_key = status == HTTPStatus.FORBIDDEN and (
        "allowedEndpoints" in body or "upgradeInstructions" in body
    )
    return OTHER_KEY_NEEDED if of_publishable_key else ""


KODEY_STYLE = HttpStyle(name="kodey", authorization=lambda token: {"x-api-key": token}, error=kodey_error)
