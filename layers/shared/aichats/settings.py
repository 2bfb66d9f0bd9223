"""The environment variables of the functions, as models. Each function reads only the models that it needs."""

import os
import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AliasGenerator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo

from aichats.errors import ConfigurationError
from aichats.message_text import MAX_MESSAGE_BYTES, MAX_STORED_MESSAGE_BYTES
from aichats.models import OrElse
from aichats.validation import message_of

LOOPBACK = r"(localhost|127(\.\d{1,3}){3}|\[::1\])"
"""The hosts to which credentials may be sent without TLS."""
HOST_OF_CONTAINERS = r"host\.docker\.internal"
"""The name of this machine inside the containers of ``sam local``. It is as safe as loopback."""

type NonEmpty = Annotated[str, Field(min_length=1)]


def _is_on_this_machine(url: str, info: ValidationInfo) -> bool:
    """Return whether a URL without TLS leads to this machine."""
    hosts = f"({LOOPBACK}|{HOST_OF_CONTAINERS})" if info.data.get("aws_sam_local") else LOOPBACK
    return re.match(rf"http://{hosts}(:\d{{1,5}})?(/|\Z)", url) is not None


def _secured(url: str, info: ValidationInfo) -> str:
    """Return a provider's URL if credentials are sent with TLS or stay on this machine."""
    if not (url.startswith("https://") or _is_on_this_machine(url, info)):
        raise ValueError("must begin with https://; http:// is only allowed for this machine, as in http://127.0.0.1")
    return url


type QueueUrl = Annotated[str, Field(pattern=r"^https?://"), OrElse("must be a URL that begins with https://")]
type BaseUrl = Annotated[QueueUrl, AfterValidator(_secured)]
type SettleSeconds = Annotated[int, Field(ge=1, le=900)]

MAX_CALL_SECONDS = 25
"""The maximum for :type:`CallSeconds`. Every function that performs runs has time for two such calls."""
type CallSeconds = Annotated[float, Field(gt=0, le=MAX_CALL_SECONDS)]
"""The time limit of a whole call to a provider, with its retries and waits."""


class Environment(BaseModel):
    """Settings with one field for each environment variable, which has the same name in capitals.

    An empty variable counts as unset. A field without a default must be set.
    """

    # Deferred, because a function uses a few of the models, and to build the others would slow each cold start.
    model_config = ConfigDict(
        frozen=True, alias_generator=AliasGenerator(validation_alias=str.upper), populate_by_name=True, defer_build=True
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Return the settings.

        Raises:
            ConfigurationError: variables are missing or invalid. The message names them and shows no values.
        """
        try:
            return cls.model_validate({name: value for name, value in environment.items() if value})
        except ValidationError as error:
            wrong = "; ".join(f"{detail['loc'][0]}: {message_of(detail)}" for detail in error.errors(include_url=False))
            raise ConfigurationError(f"environment variables are missing or invalid: {wrong}") from None


class Settings(Environment):
    """The settings that all functions share."""

    runs_table: NonEmpty
    """The table of the ledger."""
    automations_table: NonEmpty
    run_queue_url: QueueUrl
    slow_run_queue_url: QueueUrl
    run_dead_letters_url: QueueUrl
    max_message_bytes: Annotated[int, Field(ge=1, le=MAX_STORED_MESSAGE_BYTES)] = MAX_MESSAGE_BYTES
    settle_seconds: SettleSeconds = 60
    """The time after a lost response in which Whop may still create the chat."""
    keep_texts_days: Annotated[int, Field(ge=0, le=90)] = 30
    """The retention time of the texts of runs. With 0, the API never shows them."""
    title_mark: Literal["clean", "off"] = "clean"
    """``clean``: a new chat's title has a mark until its id is stored. ``off``: titles have no marks."""


class HttpApiSettings(Environment):
    """The settings of the HTTP API."""

    callers_secret: NonEmpty
    """The secret with the API clients and the hashes of their tokens."""
    allowed_origins: str = ""
    """The origins whose pages may call the API, separated by commas. Empty: none."""
    aws_sam_local: bool = False
    """True in ``sam local``, which sets the variable."""

    @property
    def origins(self) -> list[str]:
        """The allowed origins as a list."""
        return [origin.strip() for origin in self.allowed_origins.split(",") if origin.strip()]


class ScheduleSettings(Environment):
    """The settings of functions that change schedules of EventBridge Scheduler."""

    schedule_group: NonEmpty
    """The schedule group of the stack, which has the stack's name."""
    run_schedule_arn: NonEmpty
    scheduler_role_arn: NonEmpty
    schedule_dead_letters_arn: NonEmpty


class WebhookSettings(Environment):
    """The settings of the function that receives webhooks."""

    webhook_secret: NonEmpty
    """The secret with which Whop signs webhooks."""


class SigningSettings(Environment):
    """The settings of functions that sign deliveries of events, or show the secrets for that."""

    events_secret: NonEmpty
    """The secret with the signing key of the stack."""


class SweepSettings(Environment):
    """The settings of the sweep."""

    missed_grace_seconds: Annotated[int, Field(ge=1, le=3600)] = 300
    """The time that the event of a slot may be late before the slot counts as missed."""
    webhook_url: NonEmpty | None = None
    """The URL to which Whop must send events; ``None``: the sweep doesn't check that."""


class EventSettings(Environment):
    """The settings of functions that work with events."""

    events_table: NonEmpty
    """The table of events, subscriptions and usage."""
    event_bus: NonEmpty | None = None
    """The name of the event bus; ``None`` in functions that publish no events."""
    powertools_service_name: NonEmpty
    """The name of the stack."""


def _local_only(loopback_receivers: str, info: ValidationInfo) -> str:
    """Return the setting if it forbids receivers on loopback addresses, or if AWS is on this machine too."""
    if loopback_receivers == "allowed" and not _is_on_this_machine(info.data.get("aws_endpoint_url", ""), info):
        raise ValueError("must be forbidden on AWS, because a loopback address is then that of the function itself")
    return loopback_receivers


class ReceiverSettings(Environment):
    """The settings about the receivers of subscriptions."""

    aws_sam_local: bool = False
    """True in ``sam local``, which sets the variable."""
    aws_endpoint_url: str = ""
    """The address of a local AWS. Empty on AWS."""
    loopback_receivers: Annotated[Literal["forbidden", "allowed"], AfterValidator(_local_only)] = "forbidden"
    """``allowed``: a receiver may have a loopback address, such as the mock receiver of ``make dev``."""

    @property
    def allow_loopback(self) -> bool:
        """True if receivers may have loopback addresses."""
        return self.loopback_receivers == "allowed"


class ReplySettings(Environment):
    """The settings of the function that watches chats until the agent replies."""

    reply_watch_minutes: Annotated[int, Field(ge=1, le=120)] = 120
    """The time after which a watch ends without a reply."""


class DeliverySettings(Environment):
    """The settings of functions that queue deliveries of events."""

    api_url: NonEmpty | None = None
    """The URL of the HTTP API; ``None`` in functions that don't need it."""

    delivery_queue_url: QueueUrl
    slow_delivery_queue_url: QueueUrl
    """The queue for receivers that fail or are slow."""
    delivery_dead_letters_url: QueueUrl


class BudgetSettings(Environment):
    """The budget of the stack, for the functions that apply it and show it. A limit of 0 is no limit."""

    budget_runs: Annotated[int, Field(ge=0)] = 0
    budget_tokens: Annotated[int, Field(ge=0)] = 0
    budget_per: Literal["day", "month"] = "month"

    @property
    def limits(self) -> dict[str, int]:
        """The limits of ``runs`` and ``tokens``; a kind without a limit is missing."""
        limits = {"runs": self.budget_runs, "tokens": self.budget_tokens}
        return {kind: limit for kind, limit in limits.items() if limit}


class RenewalSettings(Environment):
    """The settings of the function that renews connections."""

    connections_prefix: NonEmpty
    """The beginning of the names of the connections' secrets, ``aichats/<stage>/whop/``."""


class ProviderSettings(Environment):
    """The base class of a provider's settings."""

    aws_sam_local: bool = False
    """True in ``sam local``, which sets the variable."""
