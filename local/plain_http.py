"""HTTP without TLS, to what listens on this machine."""

import ssl
from typing import Any

import httpx

NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts no certificate, for there is none: by default each new client loads all authorities, which takes 20 ms."""


def plain_client(**options: Any) -> httpx.Client:
    """Return a client for `http://` alone, which takes no proxy from the environment; the options are httpx's."""
    return httpx.Client(verify=NO_AUTHORITIES, trust_env=False, **options)
