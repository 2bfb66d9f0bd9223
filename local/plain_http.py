"""Clients for servers on this machine, which speak HTTP without TLS."""

import ssl
from typing import Any

import httpx

NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""TLS settings without certificate authorities. httpx loads all authorities for each new client, which takes 20 ms."""


def plain_client(**options: Any) -> httpx.Client:
    """Return a client for `http://` URLs that ignores proxy variables. The options are those of `httpx.Client`."""
    return httpx.Client(verify=NO_AUTHORITIES, trust_env=False, **options)
