"""HTTP clients for servers on this machine, which use no TLS."""

import ssl
from typing import Any

import httpx

NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""TLS settings without certificate authorities. To load these takes httpx 20 ms for each new client."""


PATIENT_SECONDS = 180.0
"""Default time limit of a client. A function that starts on a busy machine may take a minute to answer."""


def plain_client(*, timeout: float | httpx.Timeout = PATIENT_SECONDS, **options: Any) -> httpx.Client:
    """Return a client for `http://` URLs that ignores proxy variables. The options are those of `httpx.Client`."""
    return httpx.Client(verify=NO_AUTHORITIES, trust_env=False, timeout=timeout, **options)
