"""Signature Version 4 for requests without a query, as all calls of AWS's JSON protocols are.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

ALGORITHM = "AWS4-HMAC-SHA256"


class AwsCredentials:
    """Credentials of AWS. ``token`` is the session token; long-term keys have none."""

    __slots__ = ("key_id", "secret", "token")

    def __init__(self, key_id: str, secret: str, token: str | None = None) -> None:
        self.key_id = key_id
        self.secret = secret
        self.token = token


def sign_request(
    credentials: AwsCredentials,
    body: bytes,
    *,
    headers: Mapping[str, str],
    scope: tuple[str, str],
    time: str,
    path: str = "/",
    method: str = "POST",
) -> dict[str, str]:
    """Return the headers of a request with its signature.

    Args:
        credentials: the credentials.
        body: the body.
        headers: the headers, all of which are signed: ``host`` and those of the protocol, in small letters.
        scope: the region and the service.
        time: the time in UTC, such as ``20261120T090000Z``.
        path: the path as it is sent, without a query.
        method: the method.
    """
    signed = {**headers, "x-amz-date": time}
    if credentials.token:
        signed["x-amz-security-token"] = credentials.token
    names = sorted(signed)
    lines = [f"{name}:{' '.join(signed[name].split())}" for name in names]
    listed = ";".join(names)
    payload = hashlib.sha256(body).hexdigest()
    canonical = "\n".join([method, quote(path, safe="/~"), "", *lines, "", listed, payload])
    region, service = scope
    place = f"{time[:8]}/{region}/{service}/aws4_request"
    text = f"{ALGORITHM}\n{time}\n{place}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.digest(_signing_key(credentials.secret, place), text.encode(), "sha256").hex()
    signed["authorization"] = (
        f"{ALGORITHM} Credential={credentials.key_id}/{place}, SignedHeaders={listed}, Signature={signature}"
    )
    return signed


@lru_cache(maxsize=16)
def _signing_key(secret: str, place: str) -> bytes:
    """Return the key of a day, a region and a service. It is the same for all requests of the day."""
    key = f"AWS4{secret}".encode()
    for part in place.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
