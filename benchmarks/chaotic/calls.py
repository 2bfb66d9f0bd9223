"""Calls of the HTTP API that are repeated until they are answered."""

import time
from collections.abc import Mapping
from typing import Any

from benchmarks.errors import BenchmarkError
from local.plain_http import plain_client
from local.system import BEARER, System

PATIENCE = 120.0
"""Seconds for which a call is repeated."""
PAUSE = 0.5
"""Seconds in which the function that was killed starts again."""
FIRST_SERVER_ERROR, FIRST_ERROR = 500, 400


def call_api(system: System, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """Return the answer to a call, which is repeated as long as the function fails or is killed.

    Raises:
        BenchmarkError: the call was rejected, or always failed.
    """
    ends_at = time.monotonic() + PATIENCE
    headers = {"Authorization": f"Bearer {BEARER}"}
    with plain_client(base_url=system.api_url, headers=headers) as client:
        while (answer := client.request(method, path, json=body)).status_code >= FIRST_SERVER_ERROR:
            if time.monotonic() > ends_at:
                break
            time.sleep(PAUSE)
    if answer.status_code >= FIRST_ERROR:
        raise BenchmarkError(f"{method} {path} was answered with {answer.status_code}: {answer.text}")
    return answer.json() if answer.content else None


def subscribe(system: System, name: str, url: str) -> str:
    """Let a receiver hear of all events, and return its secret."""
    path, body = f"/subscriptions/{name}", {"url": url, "events": ["*"]}
    # A secret is answered once. If that answer is lost, another one is made.
    secret: str = (
        call_api(system, "PUT", path, body).get("secret") or call_api(system, "POST", f"{path}/rotate")["secret"]
    )
    return secret
