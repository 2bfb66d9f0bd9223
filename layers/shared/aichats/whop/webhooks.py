"""Whop's webhooks: signatures and events.

Signatures follow Standard Webhooks, but the key is the whole secret, with ``ws_`` and without decoding.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, model_validator

from aichats.errors import AichatsError, InputError
from aichats.http.bodies import compact_json
from aichats.validation import parse_json

TOLERANCE = timedelta(minutes=5)
"""The maximum difference between a delivery's timestamp and the current time. Whop signs each retry again."""
MAX_SIGNATURES = 10


class SignatureError(AichatsError):
    """A delivery can't be trusted, so nothing of its body may be used or logged.

    The message names the invalid header and shows no header, no body and no secret.
    """


def _valid_json(fields: dict[str, JsonValue]) -> dict[str, JsonValue]:
    try:
        compact_json(fields)
    except ValueError:
        raise ValueError("contains a number or a text that JSON can't express") from None
    return fields


type EventFields = Annotated[dict[str, JsonValue], AfterValidator(_valid_json)]
"""Fields of an event in a request. Unlike pydantic's parser, Whop never sends NaN or an infinite number."""


class WebhookEvent(BaseModel):
    """An event of a webhook. It keeps fields that are not listed here.

    ``account_id`` was ``company_id`` before API version 2026-08-14. In this model, both fields have the received value.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    id: Annotated[str, Field(min_length=1, max_length=255)]
    type: Annotated[str, Field(min_length=1, max_length=200)]
    timestamp: Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(3000, 1, 1, tzinfo=UTC))]
    data: dict[str, Any]
    account_id: str | None = None
    company_id: str | None = None
    api_version: str | None = None
    api_version_date: str | None = None
    previous_attributes: dict[str, Any] | None = None

    @model_validator(mode="before")
    @classmethod
    def _both_generations(cls, envelope: Any) -> Any:
        if not isinstance(envelope, dict):
            return envelope
        account = envelope.get("account_id") or envelope.get("company_id")
        return {**envelope, "account_id": account, "company_id": account}


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], *, now: datetime) -> str:
    """Check that Whop signed a delivery within the last minutes. The body is not parsed.

    Args:
        headers: the headers of the request, with names in any case.
        body: the raw bytes of the body.
        secrets: the valid secrets of the webhook. During a rotation there are two.
        now: the current time, with a time zone.

    Returns:
        The ``webhook-id``, 1 to 255 ASCII characters. It is the same for all retries of an event.

    Raises:
        SignatureError: a header is missing or malformed, the delivery is too old or too new, or no signature is valid.
        ValueError: there is no secret, or a secret is empty, so anyone could sign with it.
    """
    if not secrets or not all(secrets):
        raise ValueError("a webhook's secret is missing or empty")
    lower = {name.lower(): value for name, value in headers.items()}
    # With a dot in the id, the signed bytes could also be those of another id, timestamp and body.
    webhook_id = _header(lower, "webhook-id", r"[!-\-/-~]{1,255}", "1 to 255 ASCII characters, none a space or a dot")
    timestamp = _header(lower, "webhook-timestamp", r"[0-9]{1,12}", "whole seconds since 1970, in digits")
    _check_age(now.timestamp() - int(timestamp))
    signatures = _signatures(lower)
    expected = [sign(secret, webhook_id, timestamp, body) for secret in secrets]
    # Every pair is compared, in constant time, so that the duration reveals nothing about the secrets.
    matches = [hmac.compare_digest(signature, valid) for signature in signatures for valid in expected]
    if not any(matches):
        raise SignatureError(
            "webhook-signature fits none of the secrets: the body was changed on its way, "
            "or the secret differs from the one that Whop shows for this webhook"
        )
    return webhook_id


def sign(secret: str, webhook_id: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a delivery, as Whop writes it into the header ``webhook-signature``."""
    digest = hmac.digest(secret.encode(), f"{webhook_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def raw_body(text: str | None, *, is_base64: bool) -> bytes:
    """Return the raw bytes of a body from an event of API Gateway.

    Raises:
        InputError: the body should be base64, but is not.
    """
    if not is_base64:
        return (text or "").encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text or "", validate=True)
    except ValueError:
        raise InputError([("body", "is not valid base64")]) from None


@cache
def known_event_types() -> frozenset[str]:
    """Return the event types that Whop has announced. Whop adds new ones, so an unknown type only causes a warning."""
    return frozenset(Path(__file__).with_name("event_types.txt").read_text("utf-8").split())


def parse_event(body: bytes) -> WebhookEvent:
    """Return the event in a verified body.

    Raises:
        InputError: the body is not JSON or not an event. The error names the fields and shows no value.
    """
    return parse_json(WebhookEvent, body)


def _header(headers: Mapping[str, str], name: str, pattern: str, form: str) -> str:
    value = headers.get(name)
    if value is None:
        raise SignatureError(f"{name} is missing")
    if not re.fullmatch(pattern, value):
        raise SignatureError(f"{name} must be {form}")
    return value


def _check_age(seconds: float) -> None:
    if abs(seconds) > TOLERANCE.total_seconds():
        raise SignatureError(
            f"webhook-timestamp is {abs(seconds):.0f} s {'old' if seconds > 0 else 'ahead'}, "
            f"and {TOLERANCE.total_seconds():.0f} s are allowed"
        )


def _signatures(headers: Mapping[str, str]) -> list[str]:
    """Return the signatures of version ``v1``. Other versions, such as ``v1a``, need other kinds of keys."""
    items = _header(headers, "webhook-signature", r"[ -~]+", "ASCII").split(" ")
    if len(items) > MAX_SIGNATURES:
        raise SignatureError(f"webhook-signature has more than {MAX_SIGNATURES} signatures")
    signatures = [item for item in items if re.fullmatch(r"v1,[A-Za-z0-9+/]{43}=", item)]
    if not signatures:
        raise SignatureError("webhook-signature has no signature of the form v1,<base64 of 32 bytes>")
    return signatures
