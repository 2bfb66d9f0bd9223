"""Decides whether and when a call to AWS is repeated, by the rules that all AWS SDKs share since November 2026.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html

These functions use no clock and no network. A repeated call is safe, because each write of aichats has a condition or a
token, leaves the same if it is made twice, or is a message or an event whose duplicates are harmless.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

THROTTLING = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
"""Codes of a call that came too early."""
TRANSIENT = frozenset({"ReplicatedWriteConflictException", "RequestTimeout", "RequestTimeoutException"})
"""Codes of a call that another one may follow soon."""
TRANSIENT_STATUSES = frozenset({500, 502, 503, 504})
TOO_MANY_REQUESTS = 429
SKEWED = frozenset(
    {
        "AuthFailure",
        "InvalidSignatureException",
        "RequestExpired",
        "RequestInTheFuture",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
    }
)
"""Codes of a call whose signature AWS rejects if the clock is wrong."""
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException", "InvalidClientTokenId"})
"""Codes of a call with credentials that have ended."""

THROTTLED_SECONDS = 1.0
MAX_AWS_PAUSE_SECONDS = 20.0
MAX_LONGER_SECONDS = 5.0
"""The longest time that AWS may add to a pause with ``x-amz-retry-after``."""
QUOTA = 500
"""The tokens of a client. Each repetition takes some, and each success returns some, so an outage gets few of them."""
COST, THROTTLED_COST = 14, 5


def is_throttled(code: str, status: int) -> bool:
    """Return whether a call came too early."""
    return code in THROTTLING or status == TOO_MANY_REQUESTS


def may_pass(code: str, status: int) -> bool:
    """Return whether a call that failed may succeed soon. Without a response, the code is empty and the status is 0."""
    return not status or is_throttled(code, status) or code in TRANSIENT or status in TRANSIENT_STATUSES


def pause_after(
    attempt: int, first_seconds: float, share: float, *, throttled: bool, headers: Mapping[str, str]
) -> float:
    """Return the seconds until the next attempt.

    Args:
        attempt: the number of the attempt that failed, from 1.
        first_seconds: the longest pause after the first attempt of a call that was not throttled.
        share: a random number from 0 to 1, because otherwise all clients would come back at once.
        throttled: whether the call was throttled.
        headers: the headers of the response; empty without a response.
    """
    first = THROTTLED_SECONDS if throttled else first_seconds
    own = share * min(first * (1 << attempt - 1), MAX_AWS_PAUSE_SECONDS)
    try:
        named = int(headers.get("x-amz-retry-after", "")) / 1000
    except (ValueError, OverflowError):
        return own
    return own if named < 0 else max(own, min(named, own + MAX_LONGER_SECONDS))


class Quota:
    """The tokens for repetitions of one client. Safe to share between threads."""

    def __init__(self) -> None:
        self._left = QUOTA
        self._lock = threading.Lock()

    def take(self, *, throttled: bool) -> int:
        """Take the tokens for a repetition. Return their number; 0 if there are not enough."""
        cost = THROTTLED_COST if throttled else COST
        with self._lock:
            if cost > self._left:
                return 0
            self._left -= cost
        return cost

    def give_back(self, tokens: int) -> None:
        """Return the tokens of the last repetition after a success; one token if there was no repetition."""
        with self._lock:
            self._left = min(QUOTA, self._left + (tokens or 1))
