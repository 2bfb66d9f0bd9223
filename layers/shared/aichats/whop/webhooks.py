"""Whop's webhooks: signatures and events.

Signatures follow Standard Webhooks, but the key is the whole secret, with ``ws_`` and without decoding.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import re
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from aichats.errors import AichatsError, InputError
from aichats.json_types import CERTAIN_LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aichats.json_types import JsonObject

TOLERANCE = timedelta(minutes=5)
"""The maximum difference between a delivery's timestamp and the current time. Whop signs each retry again."""
MAX_SIGNATURES = 10


class SignatureError(AichatsError):
    """A delivery can't be trusted, so nothing of its body may be used or logged.

    The message names the invalid header and shows no header, no body and no secret.
    """


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
    from pathlib import Path

    return frozenset(Path(__file__).with_name("event_types.txt").read_text("utf-8").split())


def read_event(body: bytes) -> tuple[JsonObject, datetime]:
    """Return the fields of the event in a verified body as plain JSON values, and the time of the event.

    An event that is certainly valid is read without models, because pydantic slows a cold start.

    Raises:
        InputError: the body is not JSON or not an event. The error names the fields and shows no value.
    """
    event = _certain_event(body)
    if event is not None:
        return event
    from aichats.whop.event_models import parse_event

    parsed = parse_event(body)
    return parsed.model_dump(mode="json"), parsed.timestamp


def _certain_event(body: bytes) -> tuple[JsonObject, datetime] | None:
    """Return the fields and the time of an event that is certainly valid; ``None`` if the models must decide."""
    # The models reject many levels, and halves of surrogate pairs, which the standard library accepts.
    if body.count(b"{") + body.count(b"[") > CERTAIN_LEVELS or b"\\ud" in body.lower():
        return None
    try:
        event = json.loads(body.decode(), parse_float=_finite, parse_constant=_finite)
    except ValueError:
        return None
    if not isinstance(event, dict):
        return None
    account = event.get("account_id") or event.get("company_id")
    known = {name: event.get(name) for name in FIELDS} | {"account_id": account, "company_id": account}
    time = _certain_time(known["timestamp"])
    if time is None or not all(is_valid(known[name]) for name, is_valid in FIELDS.items()):
        return None
    known["timestamp"] = time.isoformat().replace("+00:00", "Z")
    return known | {name: value for name, value in event.items() if name not in FIELDS}, time


def _certain_time(value: object) -> datetime | None:
    """Return a time such as ``2026-11-20T09:00:00.401Z``; ``None`` if the models must decide."""
    if not isinstance(value, str) or not value.startswith("2"):
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return None
    forms = {
        time.isoformat(timespec=unit).replace("+00:00", "Z") for unit in ("seconds", "milliseconds", "microseconds")
    }
    return time if value.endswith("Z") and value in forms else None


def _finite(text: str) -> float:
    """Return a number of JSON.

    Raises:
        ValueError: the number is infinite, or the text isn't a number.
    """
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("is not a finite number")
    return number


def _is_text(longest: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and 0 < len(value) <= longest


def _is_optional(kind: type) -> Callable[[Any], bool]:
    return lambda value: value is None or isinstance(value, kind)


FIELDS: Mapping[str, Callable[[Any], bool]] = {
    "id": _is_text(255),
    "type": _is_text(200),
    "timestamp": _is_text(40),
    "data": lambda value: isinstance(value, dict),
    "account_id": _is_optional(str),
    "company_id": _is_optional(str),
    "api_version": _is_optional(str),
    "api_version_date": _is_optional(str),
    "previous_attributes": _is_optional(dict),
}
"""The fields of the model of an event, in its order, each with the check that a value is certainly valid."""


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
