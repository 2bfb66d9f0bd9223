"""Kodey's refusals as our errors, and how Kodey wants to be called.

The envelope is ``{"error", "message"}``, with ``retryAfter`` on a 429. A 401 has only a ``message``; a publishable key
that may not do something is told so in ``allowedEndpoints`` and ``upgradeInstructions``.
"""

from http import HTTPStatus
from typing import Any

from aichats.errors import APIStatusError
from aichats.http import Headers
from aichats.http.bodies import json_object
from aichats.http.client import Provider
from aichats.http.masking import Mask
from aichats.http.refusals import CHECK_THE_KEY, NOTHING_TO_HIDE, refused

OTHER_KEY_NEEDED = (
    "this needs a secret key (sk_live_...): a publishable key (pk_live_...) may call chats and messages only"
)
"""What may help where a publishable key is refused."""


def refusal(status: int, headers: Headers, content: bytes, mask: Mask = NOTHING_TO_HIDE) -> APIStatusError:
    """An answer of 300 and above as an error."""
    body = json_object(content)
    return refused(
        "kodey",
        status,
        headers,
        mask,
        message=body.get("message"),
        error_type=body.get("error"),
        retry_after=body.get("retryAfter"),
        hint=_hint(status, body),
    )


def _hint(status: int, body: dict[str, Any]) -> str:
    if status == HTTPStatus.UNAUTHORIZED:
        return CHECK_THE_KEY
    of_publishable_key = status == HTTPStatus.FORBIDDEN and (
        "allowedEndpoints" in body or "upgradeInstructions" in body
    )
    return OTHER_KEY_NEEDED if of_publishable_key else ""


KODEY = Provider(name="kodey", authorization=lambda token: {"x-api-key": token}, error=refusal)
