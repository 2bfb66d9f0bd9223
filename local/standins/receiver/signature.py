"""Signatures of Standard Webhooks, checked without the code that makes them."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Literal

START = "whsec_"
"""Start of each secret. The rest is the key in base64."""
TOLERANCE_SECONDS = 300
"""The maximum time between the timestamp of a delivery and its arrival."""

type Verdict = Literal["valid", "invalid", "missing", "unchecked"]
"""``missing``: the delivery has no signature. ``unchecked``: the receiver doesn't know a secret."""


def key_of(secret: str) -> bytes:
    """Return the key of a secret.

    Raises:
        ValueError: it isn't a secret.
    """
    start, prefix, encoded = secret.partition(START)
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if start or not prefix or not key:
        raise ValueError(f"must be {START} and a key in base64, as PUT /subscriptions/{{name}} returned it")
    return key


def verdict(keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, received_at: float) -> Verdict:
    """Return whether one of the keys signed a delivery that arrived at ``received_at``, in seconds since 1970."""
    webhook_id, timestamp, signatures = (
        headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")
    )
    if not signatures:
        return "missing"
    if not keys:
        return "unchecked"
    if not re.fullmatch(r"[0-9]{1,12}", timestamp) or abs(int(timestamp) - received_at) > TOLERANCE_SECONDS:
        return "invalid"
    content = f"{webhook_id}.{timestamp}.".encode() + body
    expected = [b"v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)) for key in keys]
    given = signatures.encode().split()
    return "valid" if any(hmac.compare_digest(one, other) for one in given for other in expected) else "invalid"
