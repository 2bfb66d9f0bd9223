"""The model of a webhook's event: it defines the fields, and explains what is invalid.

Import this module only where :func:`aichats.whop.webhooks.read_event` can't read an event on its own, or where a person
sends one, because pydantic slows a cold start.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, model_validator

from aichats.http.bodies import compact_json
from aichats.validation import parse_json


def _valid_json(fields: dict[str, JsonValue]) -> dict[str, JsonValue]:
    try:
        compact_json(fields)
    except ValueError:
        raise ValueError("contains a number or a text that JSON can't express") from None
    return fields


type EventFields = Annotated[dict[str, JsonValue], AfterValidator(_valid_json)]
"""Fields of an event in a request. Unlike pydantic's parser, Whop never sends NaN or an infinite number."""


class WebhookEvent(BaseModel):
    """An event of a webhook. It keeps fields that are not listed here.

    ``account_id`` was ``company_id`` before API version 2026-08-14. In this model, both fields have the received value.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    id: Annotated[str, Field(min_length=1, max_length=255)]
    type: Annotated[str, Field(min_length=1, max_length=200)]
    timestamp: Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(3000, 1, 1, tzinfo=UTC))]
    data: dict[str, Any]
    account_id: str | None = None
    company_id: str | None = None
    api_version: str | None = None
    api_version_date: str | None = None
    previous_attributes: dict[str, Any] | None = None

    @model_validator(mode="before")
    @classmethod
    def _both_generations(cls, envelope: Any) -> Any:
        if not isinstance(envelope, dict):
            return envelope
        account = envelope.get("account_id") or envelope.get("company_id")
        return {**envelope, "account_id": account, "company_id": account}


def parse_event(body: bytes) -> WebhookEvent:
    """Return the event in a verified body.

    Raises:
        InputError: the body is not JSON or not an event. The error names the fields and shows no value.
    """
    return parse_json(WebhookEvent, body)
