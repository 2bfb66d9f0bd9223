"""Subscriptions as API clients see and send them."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from aichats.api.read_only import ReadOnly, written_definition
from aichats.automations.definition_models import Name
from aichats.subscriptions.model import Subscription
from aichats.subscriptions.row import SubscriptionRow

type SigningSecret = Annotated[
    str,
    Field(
        description="The secret with which deliveries are signed (Standard Webhooks). It is shown only once",
        examples=["whsec_…"],
    ),
]


class SubscriptionView(Subscription):
    """A subscription with the state of its receiver."""

    name: Name
    failing_since: Annotated[
        datetime | None, Field(description="The first of the failures since the last success; null if there is none")
    ]
    last_error: Annotated[str | None, Field(description="The reason of the last failure since the last success")]
    last_success_at: Annotated[
        datetime | None, Field(description="The last time at which the receiver accepted an event, to the minute")
    ]
    next_attempt_at: Annotated[
        datetime | None, Field(description="While the receiver fails, the time before which nothing is sent")
    ]
    previous_secret_until: Annotated[
        datetime | None, Field(description="After a rotation, the time until which the previous secret signs too")
    ]
    created_at: datetime
    updated_at: Annotated[datetime, Field(description="The time of the last change of the definition")]
    created_by: Annotated[str | None, Field(description="The API client")]
    updated_by: Annotated[str | None, Field(description="The API client")]
    etag: Annotated[str, Field(description="The version, for `If-Match`")]


class CreatedSubscription(SubscriptionView):
    """A new subscription, with its secret."""

    secret: SigningSecret


class SubscriptionBody(Subscription):
    """A subscription as you write it. The read-only fields of the API's answers are ignored, so you can send them back.

    ``name`` must be the name in the path.
    """

    name: ReadOnly = None
    failing_since: ReadOnly = None
    last_error: ReadOnly = None
    last_success_at: ReadOnly = None
    next_attempt_at: ReadOnly = None
    previous_secret_until: ReadOnly = None
    created_at: ReadOnly = None
    updated_at: ReadOnly = None
    created_by: ReadOnly = None
    updated_by: ReadOnly = None
    etag: ReadOnly = None

    def subscription(self, name: str) -> Subscription:
        """Return the definition, without the read-only fields.

        Raises:
            InputError: the body has another name than the path.
        """
        return written_definition(self, Subscription, name, "a subscription")


class Subscriptions(BaseModel):
    """All subscriptions, sorted by name."""

    data: list[SubscriptionView]


class RotatedSecret(BaseModel):
    """The new secret of a subscription."""

    secret: SigningSecret
    previous_secret_until: Annotated[
        datetime | None, Field(description="The time until which the previous secret signs too")
    ]


def view_subscription(row: SubscriptionRow, now: datetime) -> SubscriptionView:
    """Return a subscription as API clients see it."""
    return SubscriptionView.model_construct(
        **{field: getattr(row.subscription, field) for field in Subscription.model_fields},
        name=row.name,
        failing_since=row.failing_since,
        last_error=row.last_error,
        last_success_at=row.last_success_at,
        next_attempt_at=row.open_until,
        previous_secret_until=previous_secret_until(row, now),
        created_at=row.created_at,
        updated_at=row.updated_at,
        created_by=row.created_by,
        updated_by=row.updated_by,
        etag=row.etag,
    )


def previous_secret_until(row: SubscriptionRow, now: datetime) -> datetime | None:
    """Return the time until which the previous secret signs; ``None`` if it no longer signs."""
    return next((key.until for key in row.keys_at(now) if key.until is not None), None)
