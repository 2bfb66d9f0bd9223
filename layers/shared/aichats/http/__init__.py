"""HTTP as both providers need it: one pooled client, limits for a whole call, retries that never repeat an effect."""

from httpx import BaseTransport, Headers

__all__ = ["BaseTransport", "Headers"]
