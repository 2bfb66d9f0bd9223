"""The credentials of a function: from its environment, or from the endpoint that Lambda offers to snapshots.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

from __future__ import annotations

import json
import math
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from aichats.aws.errors import NoResponseError
from aichats.aws.signing import AwsCredentials

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RENEW_SECONDS = 600.0
"""The time before the end of credentials from which they are read again."""
RENEW_AGAIN_SECONDS = 30.0
"""The time after a failed attempt in which credentials that are still valid are used."""

type FetchCredentials = Callable[[str, Mapping[str, str]], tuple[int, bytes]]
"""Makes a GET request to a URL with headers, and returns the status and the body."""


def has_credentials(environment: Mapping[str, str]) -> bool:
    """Return whether an environment has credentials, or names the endpoint that returns them."""
    return bool(environment.get("AWS_ACCESS_KEY_ID") or environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI"))


class CredentialSource:
    """The credentials of this process. Safe to share between threads.

    Args:
        environment: the environment variables.
        fetch: reads credentials from the endpoint. Raises NoResponseError.
        clock: returns the time in Unix seconds.
    """

    def __init__(self, environment: Mapping[str, str], fetch: FetchCredentials, clock: Callable[[], float]) -> None:
        self._environment = environment
        self._fetch = fetch
        self._clock = clock
        self._current: AwsCredentials | None = None
        self._renew_at = self._ends_at = math.inf
        self._lock = threading.Lock()

    def current(self) -> AwsCredentials:
        """Return credentials that are valid now.

        Raises:
            NoResponseError: there are none, or the endpoint did not return them.
        """
        with self._lock:
            found = self._current
            if found is None or self._clock() >= self._renew_at:
                found = self._current = self._read(found)
            return found

    def expire(self, rejected: AwsCredentials) -> bool:
        """Read the credentials again at the next use, because AWS rejected these. Return whether that may help."""
        with self._lock:
            if self._ends_at == math.inf:
                return False
            if self._current is rejected:
                self._current = None
            return True

    def _read(self, before: AwsCredentials | None) -> AwsCredentials:
        if key_id := self._environment.get("AWS_ACCESS_KEY_ID"):
            secret, token = (self._environment.get(f"AWS_{name}") for name in ("SECRET_ACCESS_KEY", "SESSION_TOKEN"))
            return AwsCredentials(key_id, secret or "", token)
        url = self._environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        if not url:
            raise NoResponseError("there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        try:
            return self._read_from(url)
        except NoResponseError:
            if before is None or self._clock() >= self._ends_at:
                raise
            self._renew_at = self._clock() + RENEW_AGAIN_SECONDS
            return before

    def _read_from(self, url: str) -> AwsCredentials:
        from datetime import datetime

        status, content = self._fetch(url, {"accept": "application/json", **_authorization(self._environment)})
        try:
            found = json.loads(content)
            credentials = AwsCredentials(found["AccessKeyId"], found["SecretAccessKey"], found["Token"])
            self._ends_at = datetime.fromisoformat(found["Expiration"]).timestamp()
        except (ValueError, KeyError, TypeError):
            raise NoResponseError(f"{url} returned no credentials (status {status})") from None
        self._renew_at = self._ends_at - RENEW_SECONDS
        return credentials


def _authorization(environment: Mapping[str, str]) -> dict[str, str]:
    token = environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
    if path := environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
        token = Path(path).read_text(encoding="utf-8")
    return {"authorization": token} if token else {}
