"""Secrets, read from Secrets Manager at run time, kept for a while, and read again when one is refused."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol, TypedDict, Unpack

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, Field, ValidationError

from aichats.errors import SecretError
from aichats.http.tokens import Token

KEEP_SECONDS = 300.0
"""A value is used this long before it is read again."""
REFRESH_SECONDS = 30.0
"""After a refusal a value is read again at once, but at most this often, however many calls are refused."""
MAX_BYTES = 65_536
"""Secrets Manager takes no larger value."""

type ApiKey = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,4096}$")]


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
    """What Secrets Manager is asked."""

    SecretId: str


class SecretsManager(Protocol):
    """The part of boto3's client that is used here."""

    def get_secret_value(self, **request: Unpack[GetSecretValue]) -> Mapping[str, Any]:
        """Get the current value of a secret."""


@dataclass
class _Kept:
    value: dict[str, Any]
    read_at: float


@dataclass
class SecretStore:
    """Reads secrets that hold a JSON object. Safe to share between threads."""

    client: SecretsManager
    clock: Callable[[], float] = time.monotonic
    _kept: dict[str, _Kept] = field(default_factory=dict, repr=False)
    _refused_at: dict[str, float] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def read(self, name: str) -> dict[str, Any]:
        """The secret's value, at most ``KEEP_SECONDS`` old.

        Raises:
            SecretError: it cannot be had, or is not a JSON object.
        """
        with self._lock:
            kept = self._kept.get(name)
            if kept is None or self.clock() - kept.read_at >= KEEP_SECONDS:
                kept = self._fetch(name)
            return kept.value

    def read_again(self, name: str) -> dict[str, Any]:
        """The secret's value after the one from :meth:`read` was refused: read anew, at most every ``REFRESH_SECONDS``.

        Raises:
            SecretError: it cannot be had, or is not a JSON object. The value that there was is kept.
        """
        with self._lock:
            kept, refused_at = self._kept.get(name), self._refused_at.get(name, float("-inf"))
            if kept is None or self.clock() - refused_at >= REFRESH_SECONDS:
                self._refused_at[name] = self.clock()
                kept = self._fetch(name)
            return kept.value

    def _fetch(self, name: str) -> _Kept:
        try:
            answer = self.client.get_secret_value(SecretId=name)
        except ClientError as error:
            raise _unreadable(name, error.response.get("Error", {}).get("Code", "")) from error
        except BotoCoreError as error:
            raise SecretError(name, f"could not be read ({type(error).__name__})", "Try again later.") from error
        kept = self._kept[name] = _Kept(_parse(name, answer.get("SecretString")), self.clock())
        return kept


def whop_token(store: SecretStore, name: str, company_id: str | None) -> Token:
    """What gives Whop's token for a company: its own, else the one for all."""

    def token(refused: str | None) -> str:
        value = store.read(name) if refused is None else store.read_again(name)
        secret = parse_secret(WhopSecret, name, value)
        return secret.companies.get(company_id or "", secret.api_key)

    return token


def kodey_token(store: SecretStore, name: str) -> Token:
    """What gives Kodey's key."""

    def token(refused: str | None) -> str:
        value = store.read(name) if refused is None else store.read_again(name)
        return parse_secret(KodeySecret, name, value).api_key

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


def _unreadable(name: str, code: str) -> SecretError:
    if code == "ResourceNotFoundException":
        return SecretError(name, "does not exist", f"Deploy the stack, which makes it. {remedy(name)}")
    if code in {"AccessDeniedException", "DecryptionFailure"}:
        return SecretError(
            name, f"may not be read ({code})", "Allow secretsmanager:GetSecretValue on it to the function's role."
        )
    if code == "InvalidRequestException":
        return SecretError(name, "is marked for deletion", "Restore it: aws secretsmanager restore-secret.")
    return SecretError(name, f"could not be read ({code or 'no reason given'})", "Try again later.")


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
