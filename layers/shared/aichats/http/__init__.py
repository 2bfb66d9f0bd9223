"""HTTP for all providers: one pooled client, limits for a whole call, and retries that never repeat an effect."""

from httpx import BaseTransport, Headers

__all__ = ["BaseTransport", "Headers"]
