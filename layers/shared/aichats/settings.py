"""What the functions are told by their environment, as a model."""

import os
import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AliasGenerator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from aichats.errors import ConfigurationError
from aichats.models import MAX_MESSAGE_BYTES

LOOPBACK = r"(localhost|127(\.\d{1,3}){3}|\[::1\])"
"""The hosts to which credentials may be sent without TLS."""
HOST_OF_CONTAINERS = r"host\.docker\.internal"
"""What ``sam local`` calls this machine in its containers: loopback from there."""


class Settings(BaseModel):
    """One field for each environment variable, which has the same name in capitals.

    What has no default must be set; ``template.yaml`` sets all of them.
    """

    model_config = ConfigDict(
        frozen=True, alias_generator=AliasGenerator(validation_alias=str.upper), populate_by_name=True, extra="ignore"
    )

    aws_sam_local: bool = False
    """Whether ``sam local`` runs the function; it sets this variable itself."""
    whop_base_url: Annotated[str, Field(pattern=r"^https?://")]
    whop_api_version: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}(-\d+)?$")]
    whop_secret: str
    """Name of the secret with Whop's credentials; empty in functions that call nobody."""
    whop_timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 20.0
    """For one whole call to Whop, its retries and waits included. Below every function's own timeout."""
    kodey_base_url: Annotated[str, Field(pattern=r"^https?://")]
    kodey_secret: str
    """Name of the secret with Kodey's key; empty in functions that call nobody."""
    kodey_timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 20.0
    """For one whole call to Kodey, but for a message."""
    kodey_answer_seconds: Annotated[float, Field(gt=0, le=240)] = 240.0
    """For the answer to a message. With the calls before it below the timeout of the function for slow runs."""
    callers_secret: str = ""
    """Name of the secret with the callers of the HTTP API."""
    allowed_origins: str = ""
    """Origins that browsers may call from, separated by commas. Empty: none."""
    max_message_bytes: Annotated[int, Field(ge=1, le=131072)] = MAX_MESSAGE_BYTES
    runs_table: Annotated[str, Field(min_length=1)]
    """Name of the ledger's table."""
    automations_table: str = ""
    """Name of the table of automations. Empty in functions that need none; likewise what follows."""
    schedule_group: str = ""
    """Of the stack's schedules. It has the stack's name."""
    run_schedule_arn: str = ""
    scheduler_role_arn: str = ""
    schedule_dead_letters_arn: str = ""
    webhook_secret: str = ""
    """Name of the secret with which Whop signs webhooks."""
    missed_grace_seconds: Annotated[int, Field(ge=1, le=3600)] = 300
    """How long after a slot its event may come before the slot counts as missed."""
    run_queue_url: Annotated[str, Field(pattern=r"^https?://")]
    slow_run_queue_url: Annotated[str, Field(pattern=r"^https?://")]
    run_dead_letters_url: Annotated[str, Field(pattern=r"^https?://")]
    settle_seconds: Annotated[int, Field(ge=1, le=900)] = 60
    """How long after a call of unknown outcome Whop may still act on it."""
    kodey_settle_seconds: Annotated[int, Field(ge=1, le=900)] = 600
    """The same for Kodey."""
    title_mark: Literal["clean", "off"] = "clean"
    """Whether a new chat's title carries a mark until its id is known."""

    @field_validator("whop_base_url", "kodey_base_url")
    @classmethod
    def _credentials_are_sent_with_tls(cls, value: str, info: ValidationInfo) -> str:
        hosts = f"({LOOPBACK}|{HOST_OF_CONTAINERS})" if info.data.get("aws_sam_local") else LOOPBACK
        if not re.match(rf"https://|http://{hosts}(:\d{{1,5}})?(/|\Z)", value):
            raise ValueError("must begin with https://; http:// is for this machine only, such as http://127.0.0.1")
        return value

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the settings.

        Raises:
            ConfigurationError: a variable is missing or wrong; names each, and shows no value.
        """
        try:
            return cls.model_validate(dict(environment))
        except ValidationError as error:
            wrong = "; ".join(f"{detail['loc'][0]}: {detail['msg']}" for detail in error.errors(include_input=False))
            raise ConfigurationError(f"environment variables are missing or wrong: {wrong}") from None

    @property
    def origins(self) -> list[str]:
        """The allowed origins, one by one."""
        return [origin.strip() for origin in self.allowed_origins.split(",") if origin.strip()]
