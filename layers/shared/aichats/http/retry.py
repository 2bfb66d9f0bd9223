"""Decides whether and when a call is retried. These functions use no clock and no network.

=================== ============================================ =================================================
call                retried                                      not retried
=================== ============================================ =================================================
GET, PATCH, DELETE  connect errors, timeouts, 408, 429, 5xx      other 4xx
POST                calls that were certainly not performed:     calls whose outcome is unknown:
                    connect errors before the request was sent,  :class:`~aichats.errors.OutcomeUnknownError`
                    429; and 409
                    ``idempotency_request_in_progress`` with the
                    same key
=================== ============================================ =================================================
"""

import random
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from http import HTTPStatus

import httpx

from aichats.errors import APIStatusError

MAX_ATTEMPTS = 4
FIRST_BACKOFF_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 8.0
MAX_PAUSE_SECONDS = 15.0
"""The maximum wait inside a call. If the wait is longer, the call fails, and the run waits in the queue."""
MAX_WAIT_SECONDS = 24 * 3600.0
"""The maximum wait that a provider may name. A longer wait is ignored."""

IN_PROGRESS = "idempotency_request_in_progress"
"""The code of a 409 if another request with the same key is in progress."""

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_CANNOT_BE_SENT = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)
# Compiled on demand, because few calls fail.
_IN_WORDS = r"(?i)(?:try again|retry) (?:in|after) (\d{1,6}(?:\.\d{1,3})?) ?s"


class Verdict(Enum):
    """The meaning of a failed attempt."""

    REPEAT = "repeat"
    """The call may be repeated, because it was not performed or because a repetition changes nothing."""
    FINAL = "final"
    """The call was not performed, and a repetition would fail too."""
    UNKNOWN = "unknown"
    """The call may have been performed, and a repetition could perform it twice."""


type Failure = APIStatusError | httpx.TransportError
"""A failed attempt: the provider rejected the call, or did not respond completely."""


def judge(method: str, error: Failure) -> Verdict:
    """Return the meaning of a failed attempt."""
    if isinstance(error, APIStatusError):
        return _judge_status(method, error)
    if isinstance(error, _CANNOT_BE_SENT):
        return Verdict.FINAL
    return Verdict.REPEAT if method != "POST" or isinstance(error, _NOT_SENT) else Verdict.UNKNOWN


def is_in_progress(method: str, error: Failure) -> bool:
    """Return whether another request with the same idempotency key is in progress, which may still succeed."""
    return method == "POST" and isinstance(error, APIStatusError) and error.code == IN_PROGRESS


def may_have_deleted(method: str, error: Failure) -> bool:
    """Return whether the call is a DELETE that may have been performed although it failed."""
    return method == "DELETE" and judge("POST", error) is Verdict.UNKNOWN


def _judge_status(method: str, error: APIStatusError) -> Verdict:
    if error.status == HTTPStatus.TOO_MANY_REQUESTS:
        return Verdict.REPEAT
    if method == "POST":
        return _judge_post(error)
    return Verdict.REPEAT if _failed_on_the_way(error) else Verdict.FINAL


def _judge_post(error: APIStatusError) -> Verdict:
    if error.code == IN_PROGRESS:
        return Verdict.REPEAT
    conflict = error.status == HTTPStatus.CONFLICT or error.code == "idempotency_key_mismatch"
    return Verdict.UNKNOWN if conflict or _failed_on_the_way(error) else Verdict.FINAL


def _failed_on_the_way(error: APIStatusError) -> bool:
    return error.status == HTTPStatus.REQUEST_TIMEOUT or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR


def named_wait(
    status: int, headers: Mapping[str, str], message: str, *, now: datetime, in_body: object = None
) -> float | None:
    """Return the seconds that the provider asks to wait; ``None`` if it names none.

    The first of these counts: a field of the body with seconds, ``Retry-After`` in seconds or as a date (RFC 9110,
    section 10.2.3), words such as "Try again in 12 seconds", and for a 429 ``X-RateLimit-Reset`` in Unix seconds.
    """
    reset = headers.get("x-ratelimit-reset", "") if status == HTTPStatus.TOO_MANY_REQUESTS else ""
    candidates = (
        _number(in_body),
        _retry_after(headers.get("retry-after", ""), now),
        _number(match.group(1)) if (match := re.search(_IN_WORDS, message)) else None,
        _until(reset, now),
    )
    return next((wait for wait in candidates if wait is not None), None)


def backoff(attempt: int, randomness: random.Random) -> float:
    """Return the seconds before the next attempt if the provider names no wait: exponential, with full jitter."""
    return randomness.uniform(0.0, min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** (attempt - 1)))


def _retry_after(value: str, now: datetime) -> float | None:
    seconds = _number(value)
    if seconds is not None:
        return seconds
    from email.utils import parsedate_to_datetime

    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return _sane((_aware(date) - now).total_seconds())


def _until(value: str, now: datetime) -> float | None:
    try:
        return _sane(float(value) - now.timestamp())
    except ValueError:
        return None


def _number(value: object) -> float | None:
    try:
        seconds = float(str(value))
    except ValueError:
        return None
    return _sane(seconds) if seconds >= 0 else None


def _sane(seconds: float) -> float | None:
    """Return the wait, but 0.0 for a time in the past, and ``None`` for more than a day or for NaN."""
    return max(0.0, seconds) if seconds <= MAX_WAIT_SECONDS else None


def _aware(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)
