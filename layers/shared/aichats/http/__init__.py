"""HTTP for all providers: a pooled client, time limits for whole calls, and retries that never repeat an effect."""

from httpx import BaseTransport, Headers

__all__ = ["BaseTransport", "Headers"]
