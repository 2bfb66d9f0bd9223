"""The environment variables of the functions as models of pydantic, to judge how :mod:`aichats.settings` reads them."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AliasGenerator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo

from aichats.errors import ConfigurationError
from aichats.message_text import MAX_MESSAGE_BYTES, MAX_STORED_MESSAGE_BYTES
from aichats.models import OrElse
from aichats.settings import HOST_OF_CONTAINERS, LOOPBACK, MAX_CALL_SECONDS
from aichats.validation import message_of

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

type CallSeconds = Annotated[float, Field(gt=0, le=MAX_CALL_SECONDS)]


class Environment(BaseModel):
    """Settings with one field for each environment variable, which has the same name in capitals.

    An empty variable counts as unset. A field without a default must be set.
    """

    # Deferred, because a function uses a few of the models, and to build the others would slow each cold start.
    model_config = ConfigDict(
        frozen=True, alias_generator=AliasGenerator(validation_alias=str.upper), populate_by_name=True, defer_build=True
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
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
    automations_table: NonEmpty
    run_queue_url: QueueUrl
    slow_run_queue_url: QueueUrl
    run_dead_letters_url: QueueUrl
    max_message_bytes: Annotated[int, Field(ge=1, le=MAX_STORED_MESSAGE_BYTES)] = MAX_MESSAGE_BYTES
    settle_seconds: SettleSeconds = 60
    keep_texts_days: Annotated[int, Field(ge=0, le=90)] = 30
    title_mark: Literal["clean", "off"] = "clean"


class HttpApiSettings(Environment):
    """The settings of the HTTP API."""

    callers_secret: NonEmpty
    allowed_origins: str = ""
    aws_sam_local: bool = False


class ScheduleSettings(Environment):
    """The settings of functions that change schedules of EventBridge Scheduler."""

    schedule_group: NonEmpty
    run_schedule_arn: NonEmpty
    scheduler_role_arn: NonEmpty
    schedule_dead_letters_arn: NonEmpty


class WebhookSettings(Environment):
    """The settings of the function that receives webhooks."""

    webhook_secret: NonEmpty


class SigningSettings(Environment):
    """The settings of functions that sign deliveries of events, or show the secrets for that."""

    events_secret: NonEmpty


class SweepSettings(Environment):
    """The settings of the sweep."""

    missed_grace_seconds: Annotated[int, Field(ge=1, le=3600)] = 300
    webhook_url: NonEmpty | None = None


class EventSettings(Environment):
    """The settings of functions that work with events."""

    events_table: NonEmpty
    event_bus: NonEmpty | None = None
    powertools_service_name: NonEmpty


def _local_only(loopback_receivers: str, info: ValidationInfo) -> str:
    """Return the setting if it forbids receivers on loopback addresses, or if AWS is on this machine too."""
    if loopback_receivers == "allowed" and not _is_on_this_machine(info.data.get("aws_endpoint_url", ""), info):
        raise ValueError("must be forbidden on AWS, because a loopback address is then that of the function itself")
    return loopback_receivers


class ReceiverSettings(Environment):
    """The settings about the receivers of subscriptions."""

    aws_sam_local: bool = False
    aws_endpoint_url: str = ""
    loopback_receivers: Annotated[Literal["forbidden", "allowed"], AfterValidator(_local_only)] = "forbidden"


class ReplySettings(Environment):
    """The settings of the function that watches chats until the agent replies."""

    reply_watch_minutes: Annotated[int, Field(ge=1, le=120)] = 120


class DeliverySettings(Environment):
    """The settings of functions that queue deliveries of events."""

    api_url: NonEmpty | None = None

    delivery_queue_url: QueueUrl
    slow_delivery_queue_url: QueueUrl
    delivery_dead_letters_url: QueueUrl


class BudgetSettings(Environment):
    """The budget of the stack, for the functions that apply it and show it. A limit of 0 is no limit."""

    budget_runs: Annotated[int, Field(ge=0)] = 0
    budget_tokens: Annotated[int, Field(ge=0)] = 0
    budget_per: Literal["day", "month"] = "month"


class RenewalSettings(Environment):
    """The settings of the function that renews connections."""

    connections_prefix: NonEmpty


class ProviderSettings(Environment):
    """The base class of a provider's settings."""

    aws_sam_local: bool = False


class WhopSettings(ProviderSettings):
    """The settings for calls to Whop."""

    whop_base_url: BaseUrl
    whop_api_version: Annotated[
        str, Field(pattern=r"^\d{4}-\d{2}-\d{2}(-\d+)?$"), OrElse("must be a version such as 2026-07-08-1")
    ]
    whop_secret: NonEmpty | None = None
    whop_timeout_seconds: CallSeconds = 20.0
    attachments_bucket: NonEmpty | None = None
    refresh_tokens_function: NonEmpty | None = None


class KodeySettings(ProviderSettings):
    """The settings for calls to Kodey."""

    kodey_base_url: BaseUrl
    kodey_secret: NonEmpty | None = None
    kodey_timeout_seconds: CallSeconds = 20.0
    kodey_answer_seconds: Annotated[float, Field(gt=0, le=240.0)] = 240.0
    kodey_settle_seconds: SettleSeconds = 600
