"""Secrets, read from Secrets Manager at run time, kept for a while, and read again when one is rejected.

Ages are measured by wall clock, because Lambda freezes the process between invocations, and the monotonic clock may
stand still then. If the clock was set back, an age is negative and counts as expired.
"""

import json
import math
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, NotRequired, Protocol, TypedDict, Unpack

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from pydantic import BaseModel, Field, ValidationError

from aichats.aws.observability import logger
from aichats.errors import SecretError, SecretUnavailableError
from aichats.http.deadline import remaining
from aichats.http.tokens import Token

KEEP_SECONDS = 300.0
"""A value is used this long before it is read again."""
REFRESH_SECONDS = 30.0
"""After a refusal a value is read again at once, but at most this often, however many calls are refused."""
FETCH_SECONDS = 10.0
"""The longest that anybody waits for Secrets Manager, if the invocation's deadline does not come first."""
PATIENCE_SECONDS = 1.0
"""The same where an earlier value is still valid."""
LEAST_SECONDS = 0.5
"""Anybody waits this long even if the deadline is over: invocations keep back a margin of two seconds."""
RETRY_SECONDS = 5.0
"""A failure that may pass is remembered this long, so that ten threads wait for one timeout and not for ten."""
ROTATION_SECONDS = 900.0
"""For this long after a secret was changed, a provider may still reject the new value."""
MAX_BYTES = 65_536
"""Secrets Manager takes no larger value."""

type ApiKey = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,4096}$")]
type Json = dict[str, Any]


class WhopSecret(BaseModel):
    """Whop's credentials: one for all, and where a company has its own, that."""

    api_key: Annotated[ApiKey, Field(repr=False)]
    companies: Annotated[dict[str, ApiKey], Field(repr=False)] = {}


class KodeySecret(BaseModel):
    """Kodey's key."""

    api_key: Annotated[ApiKey, Field(repr=False)]


class WebhookSecret(BaseModel):
    """The secrets with which Whop signs: one, or two during a rotation."""

    secrets: Annotated[list[ApiKey], Field(repr=False, min_length=1, max_length=5)]


class GetSecretValue(TypedDict):
    """A request for a secret's value."""

    SecretId: str
    VersionStage: NotRequired[str]


class SecretsManager(Protocol):
    """The part of boto3's client that is used here."""

    def get_secret_value(self, **request: Unpack[GetSecretValue]) -> Mapping[str, Any]:
        """Get a secret's value: the current one, or that of a stage."""


@dataclass(frozen=True)
class Kind[T]:
    """What a secret holds, and how long its value is used.

    Attributes:
        parse: makes of the secret's name and its JSON object what readers get. Raises SecretError if the object is not
            usable; such a value is never kept.
        refresh_after: the age in seconds from which on a value is read again.
        valid_for: the age in seconds from which on a value is not used, even if it can't be read again. ``None``: it is
            used until a new one can be read.
        outlives: the kind of failure to read that a value outlives.
    """

    parse: Callable[[str, Json], T]
    refresh_after: float = KEEP_SECONDS
    valid_for: float | None = None
    outlives: type[SecretError] = SecretUnavailableError


@dataclass(frozen=True)
class _Kept:
    value: Any
    read_at: float
    rotated_at: float | None
    """When the current version replaced an earlier one; ``None`` if there was none, or Secrets Manager doesn't say."""


@dataclass
class _Flight:
    """One attempt to read a secret, for which any number of threads wait."""

    began_at: float
    landed: Future[_Kept] = field(default_factory=Future)
    failed_at: float | None = None
    after_refusal: bool = False
    """Whether somebody waits for it whose value was rejected."""


@dataclass
class _Entry[T]:
    """What the store knows of one secret. Its lock is never held while Secrets Manager is asked."""

    name: str
    kind: Kind[T]
    kept: _Kept | None = None
    flight: _Flight | None = None
    refused_at: float = -math.inf
    unchecked: bool = False
    """Whether a value was rejected, and could not be read again since."""
    lock: threading.RLock = field(default_factory=threading.RLock)


@dataclass
class SecretStore:
    """Reads secrets that hold a JSON object. Safe to share between threads."""

    client: SecretsManager
    clock: Callable[[], float] = field(default_factory=lambda: time.time)
    _entries: dict[tuple[str, Kind[Any]], _Entry[Any]] = field(default_factory=dict, repr=False)

    def read[T](self, name: str, kind: Kind[T]) -> T:
        """Return the secret's value.

        If it is due to be read again and can't be, the old value is used, as long as its kind allows.

        Raises:
            SecretUnavailableError: it can't be read right now.
            SecretError: it is missing, forbidden or malformed.
        """
        entry = self._entry(name, kind)
        with entry.lock:
            if entry.kept is not None and self._age(entry.kept.read_at) < kind.refresh_after:
                return self._value(kind, entry.kept)
            flight = self._flight(entry)
            patience = FETCH_SECONDS if self._valid(entry) is None else PATIENCE_SECONDS
        return self._value(kind, self._wait(entry, flight, patience))

    def read_again[T](self, name: str, kind: Kind[T]) -> T:
        """Return the secret's value after the one from :meth:`read` was rejected: read anew, at most every 30 seconds.

        Raises:
            SecretUnavailableError: it can't be read right now, and there is no earlier value.
            SecretError: it is missing, forbidden or malformed.
        """
        entry = self._entry(name, kind)
        with entry.lock:
            if entry.kept is not None and self._age(entry.refused_at) < REFRESH_SECONDS:
                return self._value(kind, entry.kept)
            before, flight = entry.kept, self._flight(entry, after_refusal=True)
        kept = self._wait(entry, flight, FETCH_SECONDS)
        with entry.lock:
            entry.unchecked = kept is before
        return self._value(kind, kept)

    def in_rotation(self, name: str, kind: Kind[Any]) -> bool:
        """Return whether a provider may take the secret's value although it rejected it a moment ago.

        That is so if the secret was changed within the last minutes, or if it could not be checked after the rejection
        whether it was. A secret that was filled for the first time counts as unchanged.
        """
        entry = self._entry(name, kind)
        with entry.lock:
            kept = entry.kept
            if kept is None or entry.unchecked:
                return True
            return kept.rotated_at is not None and self.clock() - kept.rotated_at < ROTATION_SECONDS

    def _entry[T](self, name: str, kind: Kind[T]) -> _Entry[T]:
        # setdefault is atomic, so threads that come together get the same entry.
        return self._entries.setdefault((name, kind), _Entry(name, kind))

    def _value[T](self, _kind: Kind[T], kept: _Kept) -> T:
        value: T = kept.value
        return value

    def _age(self, moment: float) -> float:
        age = self.clock() - moment
        return age if age >= 0 else math.inf

    def _flight(self, entry: _Entry[Any], *, after_refusal: bool = False) -> _Flight:
        """Return the attempt to wait for: one that is under way or failed a moment ago, else a new one."""
        flight = entry.flight
        if flight is not None and not flight.landed.done() and self._age(flight.began_at) < FETCH_SECONDS:
            flight.after_refusal = flight.after_refusal or after_refusal
            return flight
        if flight is not None and flight.failed_at is not None and self._age(flight.failed_at) < RETRY_SECONDS:
            return flight
        flight = entry.flight = _Flight(self.clock(), after_refusal=after_refusal)
        # A thread, because botocore has no limit for a whole call. If it outlives the invocation it does no harm: it
        # only reads.
        pool = ThreadPoolExecutor(max_workers=1)
        pool.submit(self._fetch, entry, flight.began_at).add_done_callback(partial(self._land, entry, flight))
        pool.shutdown(wait=False)
        return flight

    def _land(self, entry: _Entry[Any], flight: _Flight, read: Future[_Kept]) -> None:
        error = read.exception()
        if isinstance(error, SecretError):
            self._fail(entry, flight, error)
            return
        with entry.lock:
            if error is None and entry.flight is flight:
                entry.kept = read.result()
            if error is None and flight.after_refusal:
                entry.refused_at, entry.unchecked = self.clock(), False
            if flight.landed.done():
                return
            if error is None:
                flight.landed.set_result(read.result())
            else:
                flight.landed.set_exception(error)

    def _fail(self, entry: _Entry[Any], flight: _Flight, error: SecretError) -> None:
        with entry.lock:
            if flight.landed.done():
                return
            if isinstance(error, SecretUnavailableError):
                flight.failed_at = self.clock()
            about = {"secret": entry.name, "problem": error.problem, "earlier_value": entry.kept is not None}
            logger.warning("secret could not be read", extra=about)
            flight.landed.set_exception(error)

    def _valid(self, entry: _Entry[Any]) -> _Kept | None:
        """Return the value that there is, if it may be used although it can't be read again."""
        kept, limit = entry.kept, entry.kind.valid_for
        return None if kept is None or (limit is not None and self._age(kept.read_at) >= limit) else kept

    def _wait(self, entry: _Entry[Any], flight: _Flight, patience: float) -> _Kept:
        """Wait until the attempt ends, and return what was read; if it failed, the value that there was, if it will do.

        Raises:
            SecretError: there is none that will do.
        """
        limit = remaining(default=math.inf)
        try:
            return flight.landed.result(min(max(limit, LEAST_SECONDS), patience))
        except TimeoutError:
            error: SecretError = SecretUnavailableError(entry.name, "could not be read in time", "Try again later.")
            if limit >= patience:
                self._fail(entry, flight, error)
        except SecretError as failed:
            # Made anew for each thread: what is raised gets a traceback, and a run's id.
            error = type(failed)(failed.name, failed.problem, failed.remedy)
        kept = self._valid(entry)
        if kept is None or not isinstance(error, entry.kind.outlives):
            raise error
        return kept

    def _fetch(self, entry: _Entry[Any], now: float) -> _Kept:
        name = entry.name
        answer = self._get(SecretId=name)
        value = entry.kind.parse(name, _parse(name, answer.get("SecretString")))
        changed_at = answer["CreatedDate"].timestamp() if "CreatedDate" in answer else None
        is_new = changed_at is not None and now - changed_at < ROTATION_SECONDS
        return _Kept(value, now, changed_at if is_new and self._had_a_value(name) else None)

    def _had_a_value(self, name: str) -> bool:
        """Return whether the version before the current one held anything: the template makes secrets empty."""
        try:
            answer = self._get(SecretId=name, VersionStage="AWSPREVIOUS")
            return bool(_parse(name, answer.get("SecretString")))
        except SecretUnavailableError:
            return True
        except SecretError:
            return False

    def _get(self, **request: Unpack[GetSecretValue]) -> Mapping[str, Any]:
        name = request["SecretId"]
        try:
            return self.client.get_secret_value(**request)
        except ClientError as error:
            raise _unreadable(name, error.response.get("Error", {})) from error
        except ParamValidationError as error:
            raise SecretError(name, "could not be read (ParamValidationError)", "Check the secret's name.") from error
        except BotoCoreError as error:
            problem = f"could not be read ({type(error).__name__})"
            raise SecretUnavailableError(name, problem, "Try again later.") from error


def whop_token(store: SecretStore, name: str, company_id: str | None) -> Token:
    """Return what gives Whop's token for a company: its own, else the one for all."""

    def token(refused: str | None) -> str:
        secret = store.read(name, WHOP) if refused is None else store.read_again(name, WHOP)
        return secret.companies.get(company_id or "", secret.api_key)

    return token


def kodey_token(store: SecretStore, name: str) -> Token:
    """Return what gives Kodey's key."""

    def token(refused: str | None) -> str:
        secret = store.read(name, KODEY) if refused is None else store.read_again(name, KODEY)
        return secret.api_key

    return token


def parse_secret[SecretT: BaseModel](model: type[SecretT], name: str, value: dict[str, Any]) -> SecretT:
    """Check the shape of a secret.

    Raises:
        SecretError: it is empty or malformed. The message names fields, never values.
    """
    if not value:
        raise SecretError(name, "is empty", remedy(name))
    try:
        return model.model_validate(value)
    except ValidationError as error:
        wrong = "; ".join(
            f"{detail['loc'][0] if detail['loc'] else 'value'}: {detail['type']}"
            for detail in error.errors(include_input=False, include_url=False)
        )
        raise SecretError(name, f"is malformed ({wrong})", remedy(name)) from None


def remedy(name: str) -> str:
    """What to type to fill a secret; ``aichats/<stage>/<name>`` is how the template names them."""
    last = name.rsplit("/", 1)[-1]
    if last == "callers":
        return "To make a caller, type: make caller NAME=<name> SCOPES=chats:read,chats:write STACK=<stack>"
    return f"To fill it, type: make secret NAME={last} STACK=<stack>"


WHOP = Kind(partial(parse_secret, WhopSecret))
KODEY = Kind(partial(parse_secret, KodeySecret))
WEBHOOK = Kind(partial(parse_secret, WebhookSecret))


def _unreadable(name: str, error: Mapping[str, Any]) -> SecretError:
    code = error.get("Code", "")
    if code == "ResourceNotFoundException":
        return SecretError(name, "does not exist", f"Deploy the stack, which makes it. {remedy(name)}")
    if code == "AccessDeniedException" or (code == "DecryptionFailure" and not _is_throttled(error)):
        return SecretError(
            name, f"may not be read ({code})", "Allow secretsmanager:GetSecretValue on it to the function's role."
        )
    if code == "InvalidRequestException":
        return SecretError(name, "is marked for deletion", "Restore it: aws secretsmanager restore-secret.")
    if code in {"InvalidParameterException", "ValidationException"}:
        return SecretError(name, f"could not be read ({code})", "Check the secret's name.")
    return SecretUnavailableError(name, f"could not be read ({code or 'no reason given'})", "Try again later.")


def _is_throttled(error: Mapping[str, Any]) -> bool:
    """Return whether KMS throttled the decryption, which Secrets Manager reports as a failure to decrypt."""
    words = str(error.get("Message", "")).lower()
    return "throttl" in words or "rate exceeded" in words


def _parse(name: str, text: str | None) -> dict[str, Any]:
    if text is None:
        raise SecretError(name, "holds binary data", remedy(name))
    if len(text.encode(errors="surrogatepass")) > MAX_BYTES:
        raise SecretError(name, f"is larger than {MAX_BYTES} bytes", remedy(name))
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise SecretError(name, "is not JSON", remedy(name)) from None
    if not isinstance(value, dict):
        raise SecretError(name, "is not a JSON object", remedy(name))
    return value
