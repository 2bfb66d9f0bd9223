"""When a call is repeated, and after how long. Pure: no clock, no network.

=================== ============================================ =================================================
call                repeated                                     not repeated
=================== ============================================ =================================================
GET, PATCH, DELETE  connect errors, timeouts, 408, 429, 5xx      other 4xx
POST                what surely took no effect: connect errors   everything whose outcome is unknown:
                    before the request went out, 429; and 409    :class:`~aichats.errors.OutcomeUnknownError`
                    ``idempotency_request_in_progress`` with the
                    same key
=================== ============================================ =================================================
"""

import random
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from http import HTTPStatus

import httpx

from aichats.errors import APIStatusError

MAX_ATTEMPTS = 4
FIRST_BACKOFF_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 8.0
MAX_PAUSE_SECONDS = 15.0
"""Longer waits that a provider names are not slept through: who called waits elsewhere, and calls with all its time."""
MAX_WAIT_SECONDS = 24 * 3600.0
"""What a provider may ask for at the most; a larger number is taken as nonsense and ignored."""

IN_PROGRESS = "idempotency_request_in_progress"
"""The code of a 409: another request with the same key still runs."""

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_CANNOT_BE_SENT = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)
_IN_WORDS = re.compile(r"(?:try again|retry) (?:in|after) (\d{1,6}(?:\.\d{1,3})?) ?s", re.IGNORECASE)


class Verdict(Enum):
    """What a failed attempt means."""

    REPEAT = "repeat"
    """It may be repeated: it took no effect, or the effect is the same however often."""
    FINAL = "final"
    """It took no effect, and would fail again."""
    UNKNOWN = "unknown"
    """It may have taken effect, and a second one would be a second effect."""


type Failure = APIStatusError | httpx.TransportError
"""How an attempt fails: the provider refused, or no whole answer came."""


def judge(method: str, error: Failure) -> Verdict:
    """What a failed attempt means."""
    if isinstance(error, APIStatusError):
        return _judge_status(method, error)
    if isinstance(error, _CANNOT_BE_SENT):
        return Verdict.FINAL
    return Verdict.REPEAT if method != "POST" or isinstance(error, _NOT_SENT) else Verdict.UNKNOWN


def is_in_progress(method: str, error: Failure) -> bool:
    """Whether another request with the same idempotency key still runs. Until a success is seen, it may be one."""
    return method == "POST" and isinstance(error, APIStatusError) and error.code == IN_PROGRESS


def may_have_deleted(method: str, error: Failure) -> bool:
    """Whether a DELETE that failed may have taken effect all the same."""
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
    """Seconds that the provider asks to wait, in whichever way it says so; ``None`` if it does not.

    In this order: a field of the body that holds seconds, ``Retry-After`` in seconds or as a date (RFC 9110, section
    10.2.3), words such as "Try again in 12 seconds", and on a 429 ``X-RateLimit-Reset`` in Unix seconds.
    """
    reset = headers.get("x-ratelimit-reset", "") if status == HTTPStatus.TOO_MANY_REQUESTS else ""
    candidates = (
        _number(in_body),
        _retry_after(headers.get("retry-after", ""), now),
        _number(found.group(1)) if (found := _IN_WORDS.search(message)) else None,
        _until(reset, now),
    )
    return next((wait for wait in candidates if wait is not None), None)


def backoff(attempt: int, randomness: random.Random) -> float:
    """Seconds before attempt ``attempt + 1`` where nobody named a wait: exponential, with full jitter."""
    return randomness.uniform(0.0, min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** (attempt - 1)))


def _retry_after(value: str, now: datetime) -> float | None:
    seconds = _number(value)
    if seconds is not None:
        return seconds
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
    """A moment that is past means now; a wait of days is nonsense, and so is not-a-number."""
    return max(0.0, seconds) if seconds <= MAX_WAIT_SECONDS else None


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
