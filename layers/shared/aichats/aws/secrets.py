"""A cache of secrets from Secrets Manager. A secret is read again if it is old, or if a provider rejected its value.

The wall clock measures ages, because Lambda freezes the process between invocations, and the monotonic clock may stop
meanwhile. If the wall clock was set back, an age is negative and counts as expired.
"""

import math
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, NotRequired, Protocol, TypedDict, Unpack

from aichats.aws.errors import NoResponseError, ResponseError
from aichats.aws.observability import logger
from aichats.aws.secret_values import is_connection, parse_object, remedy
from aichats.errors import SecretError, SecretUnavailableError
from aichats.frozen import frozen
from aichats.http.deadline import remaining
from aichats.http.tokens import Token
from aichats.json_types import JsonObject

REFRESH_AFTER_SECONDS = 300.0
"""The age from which a value is read again."""
REJECTED_REFRESH_SECONDS = 30.0
"""The shortest time between two reads of a secret after rejections."""
FETCH_SECONDS = 10.0
"""The longest wait for Secrets Manager. The invocation's deadline may end it earlier."""
FETCH_SECONDS_WITH_VALUE = 1.0
"""The longest wait for Secrets Manager if the cached value is still valid."""
MIN_FETCH_SECONDS = 0.5
"""The shortest wait, even after the deadline, which is two seconds before the invocation ends."""
FAILURE_SECONDS = 5.0
"""The time after a temporary failure without a new attempt, so that ten threads share one timeout."""
ROTATION_SECONDS = 900.0
"""The time after a change of a secret in which a provider may still reject the new value."""


class GetSecretValue(TypedDict):
    """A request for a secret's value."""

    SecretId: str
    VersionStage: NotRequired[str]


class SecretsManager(Protocol):
    """The method of the client that this module uses."""

    def get_secret_value(self, **request: Unpack[GetSecretValue]) -> Mapping[str, Any]:
        """Return the current value of a secret, or the value of a stage."""


@frozen
class SecretKind[T]:
    """The content of a secret, and the lifetime of its cached value.

    Attributes:
        parse: returns the value from the secret's name and its JSON object. Raises SecretError if the object is
            invalid; an invalid value is not cached.
        refresh_after: the age in seconds from which a value is read again.
        valid_for: the age in seconds from which a value is no longer used, even if it can't be read again. ``None``:
            a value is used until a new one can be read.
        outlives: the type of error after which the cached value is still used.
        fresh_until: returns the time, in Unix seconds, from which a value is read again and no longer used if it can't
            be read. ``None``: values have no such time.
        absent: whether a secret may be missing. A missing or deleted secret then counts as ``{}``.
    """

    parse: Callable[[str, JsonObject], T]
    refresh_after: float = REFRESH_AFTER_SECONDS
    valid_for: float | None = None
    outlives: type[SecretError] = SecretUnavailableError
    fresh_until: Callable[[T], float] | None = None
    absent: bool = False


class _MissingSecretError(SecretError):
    """Secrets Manager has no secret of this name, or a person has deleted it."""


@frozen
class _Cached:
    value: Any = field(repr=False)
    read_at: float
    rotated_at: float | None
    """The time at which this value replaced an earlier one; ``None`` if it did not, or if that was long ago."""


@dataclass
class _Attempt:
    """An attempt to read a secret. Many threads may wait for it."""

    began_at: float
    outcome: Future[_Cached] = field(default_factory=Future)
    failed_at: float | None = None
    after_rejection: bool = False
    """True if a thread waits for it because the cached value was rejected."""


@dataclass
class _Entry[T]:
    """One secret in the store. Its lock is not held during a call to Secrets Manager."""

    name: str
    kind: SecretKind[T]
    cached: _Cached | None = None
    attempt: _Attempt | None = None
    rejected_at: float = -math.inf
    unchecked: bool = False
    """True if the value was rejected and could not be read again afterwards."""
    lock: threading.RLock = field(default_factory=threading.RLock)


@dataclass
class SecretStore:
    """A cache of secrets, each of which is a JSON object. Safe to share between threads."""

    client: SecretsManager
    clock: Callable[[], float] = field(default_factory=lambda: time.time)
    _entries: dict[tuple[str, SecretKind[Any]], _Entry[Any]] = field(default_factory=dict, repr=False)

    def read[T](self, name: str | None, kind: SecretKind[T]) -> T:
        """Return a secret's value.

        If the cached value is old but can't be read again, it is used for as long as its kind allows.

        Raises:
            SecretUnavailableError: the secret can't be read right now.
            SecretError: the secret is missing, forbidden or malformed.
        """
        entry = self._entry(name, kind)
        with entry.lock:
            if entry.cached is not None and self._is_fresh(entry, entry.cached):
                return self._value(kind, entry.cached)
            attempt = self._attempt(entry)
            patience = FETCH_SECONDS if self._valid(entry) is None else FETCH_SECONDS_WITH_VALUE
        return self._value(kind, self._wait(entry, attempt, patience))

    def read_again[T](self, name: str | None, kind: SecretKind[T]) -> T:
        """Return a secret's value after a provider rejected the value from :meth:`read`.

        The secret is read again, but at most every 30 seconds.

        Raises:
            SecretUnavailableError: the secret can't be read right now, and no cached value is valid.
            SecretError: the secret is missing, forbidden or malformed.
        """
        entry = self._entry(name, kind)
        with entry.lock:
            if entry.cached is not None and self._age(entry.rejected_at) < REJECTED_REFRESH_SECONDS:
                return self._value(kind, entry.cached)
            before, attempt = entry.cached, self._attempt(entry, after_rejection=True)
        cached = self._wait(entry, attempt, FETCH_SECONDS)
        with entry.lock:
            entry.unchecked = cached is before
        return self._value(kind, cached)

    def read_in_background(self, name: str, kind: SecretKind[Any]) -> Future[Any]:
        """Begin to read a secret, without waiting. The next :meth:`read` waits for the result.

        Returns:
            The end of the attempt, which may fail.
        """
        entry = self._entry(name, kind)
        with entry.lock:
            return self._attempt(entry).outcome

    def token[T](self, name: str | None, kind: SecretKind[T], choose: Callable[[T], str]) -> Token:
        """Return a function that returns the token in a secret.

        The function is called with the token that was rejected last, if any. If that is the cached token, the secret is
        read again.

        Args:
            name: the secret's name.
            kind: the kind of the secret.
            choose: returns the token from the secret's value.
        """

        def token(rejected: str | None) -> str:
            current = choose(self.read(name, kind))
            return current if current != rejected else choose(self.read_again(name, kind))

        return token

    def in_rotation(self, name: str | None, kind: SecretKind[Any]) -> bool:
        """Return whether a provider that has just rejected a secret's value may accept it later.

        True if the secret was changed within the last 15 minutes, or could not be read after the rejection. A secret
        that got its first value counts as unchanged.
        """
        entry = self._entry(name, kind)
        with entry.lock:
            cached = entry.cached
            if cached is None or entry.unchecked:
                return True
            return cached.rotated_at is not None and self.clock() - cached.rotated_at < ROTATION_SECONDS

    def _entry[T](self, name: str | None, kind: SecretKind[T]) -> _Entry[T]:
        if name is None:
            raise SecretError("(no name)", "is not for this function", "Set the variable with the secret's name.")
        # setdefault is atomic, so two threads always get the same entry.
        return self._entries.setdefault((name, kind), _Entry(name, kind))

    def _value[T](self, _kind: SecretKind[T], cached: _Cached) -> T:
        value: T = cached.value
        return value

    def _is_fresh(self, entry: _Entry[Any], cached: _Cached) -> bool:
        """Return whether a cached value may be used without another read."""
        age = self._age(cached.read_at)
        # A value that has not been renewed yet is read again from time to time, not at each use.
        return age < (entry.kind.refresh_after if self._in_time(entry, cached) else FAILURE_SECONDS)

    def _in_time(self, entry: _Entry[Any], cached: _Cached) -> bool:
        fresh_until = entry.kind.fresh_until
        return fresh_until is None or self.clock() < fresh_until(cached.value)

    def _age(self, time: float) -> float:
        age = self.clock() - time
        return age if age >= 0 else math.inf

    def _attempt(self, entry: _Entry[Any], *, after_rejection: bool = False) -> _Attempt:
        """Return the attempt to wait for: the running one, the one that has just failed, or a new one."""
        attempt = entry.attempt
        if attempt is not None and not attempt.outcome.done() and self._age(attempt.began_at) < FETCH_SECONDS:
            attempt.after_rejection = attempt.after_rejection or after_rejection
            return attempt
        if attempt is not None and attempt.failed_at is not None and self._age(attempt.failed_at) < FAILURE_SECONDS:
            return attempt
        attempt = entry.attempt = _Attempt(self.clock(), after_rejection=after_rejection)
        # A call may take longer than a thread waits for it, so another thread makes the call. That thread may outlive
        # the invocation. That is harmless, because it only reads.
        pool = ThreadPoolExecutor(max_workers=1)
        pool.submit(self._fetch, entry, attempt.began_at).add_done_callback(partial(self._settle, entry, attempt))
        pool.shutdown(wait=False)
        return attempt

    def _settle(self, entry: _Entry[Any], attempt: _Attempt, read: Future[_Cached]) -> None:
        error = read.exception()
        if isinstance(error, SecretError):
            self._fail(entry, attempt, error)
            return
        with entry.lock:
            # The value of an attempt that another one has replaced is dropped.
            if error is None and entry.attempt is attempt:
                entry.cached = read.result()
                if attempt.after_rejection:
                    entry.rejected_at, entry.unchecked = self.clock(), False
            if attempt.outcome.done():
                return
            if error is None:
                attempt.outcome.set_result(read.result())
            else:
                attempt.outcome.set_exception(error)

    def _fail(self, entry: _Entry[Any], attempt: _Attempt, error: SecretError) -> None:
        with entry.lock:
            if attempt.outcome.done():
                return
            if isinstance(error, SecretUnavailableError):
                attempt.failed_at = self.clock()
            log_fields = {"secret": entry.name, "problem": error.problem, "earlier_value": entry.cached is not None}
            logger.warning("secret could not be read", extra=log_fields)
            attempt.outcome.set_exception(error)

    def _valid(self, entry: _Entry[Any]) -> _Cached | None:
        """Return the cached value if it may be used although it can't be read again."""
        cached, limit = entry.cached, entry.kind.valid_for
        if cached is None or not self._in_time(entry, cached):
            return None
        return None if limit is not None and self._age(cached.read_at) >= limit else cached

    def _wait(self, entry: _Entry[Any], attempt: _Attempt, patience: float) -> _Cached:
        """Wait for an attempt to read a secret. Return the new value, or after a failure the cached one if it is valid.

        Raises:
            SecretError: the attempt failed, and no cached value is valid.
        """
        limit = remaining(default=math.inf)
        try:
            return attempt.outcome.result(min(max(limit, MIN_FETCH_SECONDS), patience))
        except TimeoutError:
            error: SecretError = SecretUnavailableError(entry.name, "could not be read in time", "Try again later.")
            if limit >= patience:
                self._fail(entry, attempt, error)
        except SecretError as failed:
            # Each thread raises its own error, because the error gets the traceback and the run id of the thread.
            error = type(failed)(failed.name, failed.problem, failed.remedy)
        cached = self._valid(entry)
        if cached is None or not isinstance(error, entry.kind.outlives):
            raise error
        return cached

    def _fetch(self, entry: _Entry[Any], now: float) -> _Cached:
        name, kind = entry.name, entry.kind
        try:
            response = self._get(SecretId=name)
        except _MissingSecretError:
            if not kind.absent:
                raise
            return _Cached(kind.parse(name, {}), now, None)
        value = kind.parse(name, parse_object(name, response.get("SecretString")))
        if kind.fresh_until is not None:
            # Such a value is replaced all the time, and that is no rotation by a person.
            return _Cached(value, now, None)
        changed_at = _unix_seconds(response.get("CreatedDate"))
        is_new = changed_at is not None and now - changed_at < ROTATION_SECONDS
        return _Cached(value, now, changed_at if is_new and self._had_a_value(name) else None)

    def _had_a_value(self, name: str) -> bool:
        """Return whether the previous version had a value. The template creates secrets without one."""
        try:
            response = self._get(SecretId=name, VersionStage="AWSPREVIOUS")
            return bool(parse_object(name, response.get("SecretString")))
        except SecretUnavailableError:
            return True
        except SecretError:
            return False

    def _get(self, **request: Unpack[GetSecretValue]) -> Mapping[str, Any]:
        name = request["SecretId"]
        try:
            return self.client.get_secret_value(**request)
        except ResponseError as error:
            raise _unreadable(name, error.response.get("Error", {})) from error
        except NoResponseError as error:
            raise SecretUnavailableError(name, f"could not be read ({error})", "Try again later.") from error


def _unix_seconds(time: datetime | float | None) -> float | None:
    """Return a time as Unix seconds. botocore, which reads a laptop's profiles, returns a ``datetime``."""
    return time.timestamp() if isinstance(time, datetime) else time


def _unreadable(name: str, error: Mapping[str, Any]) -> SecretError:
    code = error.get("Code", "")
    if code == "ResourceNotFoundException":
        creation = "" if is_connection(name) else "Deploy the stack, which creates it. "
        return _MissingSecretError(name, "does not exist", creation + remedy(name))
    if code == "AccessDeniedException" or (code == "DecryptionFailure" and not _is_throttled(error)):
        return SecretError(
            name, f"may not be read ({code})", "Allow the function's role secretsmanager:GetSecretValue on it."
        )
    if code == "InvalidRequestException":
        restore = "To restore it, use: aws secretsmanager restore-secret."
        return _MissingSecretError(name, "is marked for deletion", restore)
    if code in {"InvalidParameterException", "ValidationException"}:
        return SecretError(name, f"could not be read ({code})", "Check the secret's name.")
    return SecretUnavailableError(name, f"could not be read ({code or 'no reason given'})", "Try again later.")


def _is_throttled(error: Mapping[str, Any]) -> bool:
    """Return whether KMS throttled the decryption. Secrets Manager reports this as a decryption failure."""
    words = str(error.get("Message", "")).lower()
    return "throttl" in words or "rate exceeded" in words
