"""The environment variables of the functions, as records. Each function reads only the records that it needs."""

import os
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, Self

from aichats.errors import ConfigurationError
from aichats.message_text import MAX_MESSAGE_BYTES, MAX_STORED_MESSAGE_BYTES
from aichats.records import Field, Record, RecordError

LOOPBACK = r"(localhost|127(\.\d{1,3}){3}|\[::1\])"
"""The hosts to which credentials may be sent without TLS."""
HOST_OF_CONTAINERS = r"host\.docker\.internal"
"""The name of this machine inside the containers of ``sam local``. It is as safe as loopback."""

MAX_CALL_SECONDS = 25
"""The maximum for the time limit of a call. Every function that performs runs has time for two such calls."""

_YES = frozenset({"1", "on", "t", "true", "y", "yes"})
_NO = frozenset({"0", "off", "f", "false", "n", "no"})


class Environment(Record):
    """Settings with one field for each environment variable, which has the same name in capitals.

    An empty variable counts as unset. A field without a default must be set.
    """

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Return the settings.

        Raises:
            ConfigurationError: variables are missing or invalid. The message names them and shows no values.
        """
        try:
            given = {name: value for name in cls.fields if (value := environment.get(name.upper()))}
            return cls.of(given, missing="is required")
        except RecordError as error:
            wrong = "; ".join(f"{str(place[0]).upper()}: {problem}" for place, problem in error.problems)
            raise ConfigurationError(f"environment variables are missing or invalid: {wrong}") from None


# ------------------------------------------------------------------ the values of variables


def setting(text: str) -> str:
    """Return the text of a variable.

    Raises:
        ValueError: it isn't Unicode.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode: it has half of a surrogate pair") from None
    return text


def any_of[T: str](*values: T) -> Callable[[str], T]:
    """Return a reader of one of several texts."""

    def read(text: str) -> T:
        for value in values:
            if value == text:
                return value
        raise ValueError(f"must be {' or '.join(map(repr, values))}")

    return read


def truth(text: str) -> bool:
    """Return a text such as ``true`` or ``0`` as a Boolean.

    Raises:
        ValueError: it is another text.
    """
    if text.lower() not in _YES | _NO:
        raise ValueError("must be true or false")
    return text.lower() in _YES


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return a reader of a whole number with limits."""

    def read(text: str) -> int:
        # Without this, Python also accepts other scripts' digits, spaces and underscores.
        if not (text.isascii() and text.removeprefix("-").isdigit()):
            raise ValueError("must be a whole number")
        try:
            number = int(text)
        except ValueError:  # Python reads at most 4,300 digits.
            raise ValueError("must be a whole number") from None
        if most is not None and number > most:
            raise ValueError(f"must be at most {most}")
        if number < least:
            raise ValueError(f"must be at least {least}")
        return number

    return read


settle_time = whole(1, 900)
"""Reads the time after a lost response in which a provider may still perform the call."""


def seconds_up_to(most: float) -> Callable[[str], float]:
    """Return a reader of a time limit in seconds, which is more than 0."""

    def read(text: str) -> float:
        try:
            seconds = float(text)
        except ValueError:
            raise ValueError("must be a number") from None
        if seconds > most:
            raise ValueError(f"must be at most {float(most)}")
        if not seconds > 0:  # Not a number is not more than 0 either.
            raise ValueError("must be more than 0.0")
        return seconds

    return read


call_seconds = seconds_up_to(MAX_CALL_SECONDS)
"""Reads the time limit of a whole call to a provider, with its retries and waits."""


def url(text: str) -> str:
    """Return a text if it is a URL.

    Raises:
        ValueError: it isn't.
    """
    if not text.startswith(("https://", "http://")):
        raise ValueError("must be a URL that begins with https://")
    return text


def check_secured(text: str, before: Mapping[str, Any]) -> None:
    """Check that credentials are sent to a URL with TLS, or stay on this machine.

    Raises:
        ValueError: they don't.
    """
    if not (text.startswith("https://") or _is_on_this_machine(text, before)):
        raise ValueError("must begin with https://; http:// is only allowed for this machine, as in http://127.0.0.1")


def _is_on_this_machine(text: str, before: Mapping[str, Any]) -> bool:
    """Return whether a URL without TLS leads to this machine."""
    hosts = f"({LOOPBACK}|{HOST_OF_CONTAINERS})" if before.get("aws_sam_local") else LOOPBACK
    return re.match(rf"http://{hosts}(:\d{{1,5}})?(/|\Z)", text) is not None


def _check_local_only(loopback_receivers: str, before: Mapping[str, Any]) -> None:
    """Check that receivers on loopback addresses are forbidden, or that AWS is on this machine too."""
    if loopback_receivers == "allowed" and not _is_on_this_machine(before.get("aws_endpoint_url", ""), before):
        raise ValueError("must be forbidden on AWS, because a loopback address is then that of the function itself")


# ------------------------------------------------------------------ the variables


class Settings(Environment):
    """The settings that all functions share."""

    runs_table = Field(setting)
    """The table of the ledger."""
    automations_table = Field(setting)
    run_queue_url = Field(url)
    slow_run_queue_url = Field(url)
    run_dead_letters_url = Field(url)
    max_message_bytes = Field(whole(1, MAX_STORED_MESSAGE_BYTES), MAX_MESSAGE_BYTES)
    settle_seconds = Field(settle_time, 60)
    """The time after a lost response in which Whop may still create the chat."""
    keep_texts_days = Field(whole(0, 90), 30)
    """The retention time of the texts of runs. With 0, the API never shows them."""
    title_mark = Field(any_of("clean", "off"), "clean")
    """``clean``: a new chat's title has a mark until its id is stored. ``off``: titles have no marks."""


class HttpApiSettings(Environment):
    """The settings of the HTTP API."""

    callers_secret = Field(setting)
    """The secret with the API clients and the hashes of their tokens."""
    allowed_origins = Field(setting, "")
    """The origins whose pages may call the API, separated by commas. Empty: none."""
    aws_sam_local = Field(truth, default=False)
    """True in ``sam local``, which sets the variable."""

    @property
    def origins(self) -> list[str]:
        """The allowed origins as a list."""
        return [origin.strip() for origin in self.allowed_origins.split(",") if origin.strip()]


class ScheduleSettings(Environment):
    """The settings of functions that change schedules of EventBridge Scheduler."""

    schedule_group = Field(setting)
    """The schedule group of the stack, which has the stack's name."""
    run_schedule_arn = Field(setting)
    scheduler_role_arn = Field(setting)
    schedule_dead_letters_arn = Field(setting)


class WebhookSettings(Environment):
    """The settings of the function that receives webhooks."""

    webhook_secret = Field(setting)
    """The secret with which Whop signs webhooks."""


class SigningSettings(Environment):
    """The settings of functions that sign deliveries of events, or show the secrets for that."""

    events_secret = Field(setting)
    """The secret with the signing key of the stack."""


class SweepSettings(Environment):
    """The settings of the sweep."""

    missed_grace_seconds = Field(whole(1, 3600), 300)
    """The time that the event of a slot may be late before the slot counts as missed."""
    webhook_url = Field(setting, None)
    """The URL to which Whop must send events; ``None``: the sweep doesn't check that."""


class EventSettings(Environment):
    """The settings of functions that work with events."""

    events_table = Field(setting)
    """The table of events, subscriptions and usage."""
    event_bus = Field(setting, None)
    """The name of the event bus; ``None`` in functions that publish no events."""
    powertools_service_name = Field(setting)
    """The name of the stack."""


class ReceiverSettings(Environment):
    """The settings about the receivers of subscriptions."""

    aws_sam_local = Field(truth, default=False)
    """True in ``sam local``, which sets the variable."""
    aws_endpoint_url = Field(setting, "")
    """The address of a local AWS. Empty on AWS."""
    loopback_receivers = Field(any_of("forbidden", "allowed"), "forbidden", check=_check_local_only)
    """``allowed``: a receiver may have a loopback address, such as the mock receiver of ``make dev``."""

    @property
    def allow_loopback(self) -> bool:
        """True if receivers may have loopback addresses."""
        return self.loopback_receivers == "allowed"


class ReplySettings(Environment):
    """The settings of the function that watches chats until the agent replies."""

    reply_watch_minutes = Field(whole(1, 120), 120)
    """The time after which a watch ends without a reply."""


class DeliverySettings(Environment):
    """The settings of functions that queue deliveries of events."""

    api_url = Field(setting, None)
    """The URL of the HTTP API; ``None`` in functions that don't need it."""

    delivery_queue_url = Field(url)
    slow_delivery_queue_url = Field(url)
    """The queue for receivers that fail or are slow."""
    delivery_dead_letters_url = Field(url)


class BudgetSettings(Environment):
    """The budget of the stack, for the functions that apply it and show it. A limit of 0 is no limit."""

    budget_runs = Field(whole(0), 0)
    budget_tokens = Field(whole(0), 0)
    budget_per: Field[Literal["day", "month"]] = Field(any_of("day", "month"), "month")

    @property
    def limits(self) -> dict[str, int]:
        """The limits of ``runs`` and ``tokens``; a kind without a limit is missing."""
        limits = {"runs": self.budget_runs, "tokens": self.budget_tokens}
        return {kind: limit for kind, limit in limits.items() if limit}


class RenewalSettings(Environment):
    """The settings of the function that renews connections."""

    connections_prefix = Field(setting)
    """The beginning of the names of the connections' secrets, ``aichats/<stage>/whop/``."""


class ProviderSettings(Environment):
    """The base class of a provider's settings."""

    aws_sam_local = Field(truth, default=False)
    """True in ``sam local``, which sets the variable."""
