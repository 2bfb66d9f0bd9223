"""``/events``: examples of Whop's events, and test events."""

import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import BaseModel, Field

from aichats.api.operation import WEBHOOK, ApiCall, Reply, operation
from aichats.api.problems import RejectedError
from aichats.api.routes.runs import StartedRuns
from aichats.api.starting import id_of, reserve_key
from aichats.api.stored_automations import READ, WRITE_AND_ACT
from aichats.automations.definition_models import EventType
from aichats.automations.run_factory import TEST_PREFIX
from aichats.bootstrap import Application
from aichats.errors import InputError, ProviderError, SecretError, SecretUnavailableError
from aichats.http.answers import read_answer
from aichats.json_types import JsonObject
from aichats.models import Request
from aichats.settings import LOOPBACK
from aichats.whop.credentials import WEBHOOK_SECRET
from aichats.whop.event_models import EventFields
from aichats.whop.models import CompanyId
from aichats.whop.webhooks import known_event_types

TEST = "/events/test"


class EventTypesQuery(Request):
    """The event type to return. Without it, all types are returned."""

    type: EventType | None = None


class EventExample(BaseModel):
    """An event type, and an example of such an event as Whop sends it."""

    type: str
    example: dict[str, Any]


class EventExamples(BaseModel):
    """The known event types of Whop, sorted by name."""

    data: list[EventExample]


class EventToTest(Request):
    """The test event to send: the example of a type. The fields in ``data`` replace those of the example's ``data``."""

    type: EventType
    data: EventFields = Field(default_factory=dict)
    account_id: Annotated[CompanyId | None, Field(description="The company of the event; null: the example's")] = None


class DeliveredEvent(StartedRuns):
    """A test event that aichats accepted, and the runs that it started."""

    webhook_id: str
    event_id: str
    status: Annotated[int, Field(description="The HTTP status with which `POST /webhooks/whop` answered")]


@operation("GET", "/events/types", "List event types", scopes=READ, query=EventTypesQuery, answers={200: EventExamples})
def list_event_types(call: ApiCall[None, EventTypesQuery]) -> Reply:
    """Return the known event types of Whop, each with an example event. `type` selects one of them."""
    from aichats.whop.event_examples import example_event

    wanted, now = call.query.type, datetime.now(UTC)
    types = [event_type for event_type in sorted(known_event_types()) if wanted in (None, event_type)]
    examples = [EventExample(type=event_type, example=example_event(event_type, now)) for event_type in types]
    return Reply(EventExamples(data=examples))


@operation(
    "POST",
    TEST,
    "Send a test event",
    scopes=WRITE_AND_ACT,
    body=EventToTest,
    answers={200: DeliveredEvent},
    conflicts=True,
    idempotent=True,
)
def send_test_event(call: ApiCall[EventToTest, None]) -> Reply:
    """Send an example event to your stack's webhook, signed as Whop signs it.

    All enabled automations that listen for the event run for real. Their runs have the label `test`. If aichats
    renders an automation only later, `run_ids` doesn't have the runs of this automation.
    """
    from aichats.whop.own_delivery import OwnWebhook

    event = _test_event(call.body)
    secrets = _webhook_secrets(call.app)
    key = reserve_key(call, f"POST {TEST}")
    unique = id_of(call, f"POST {TEST}", key, None)
    webhook_id, event["id"] = f"{TEST_PREFIX}{unique}", f"evt_test_{unique}"
    webhook = OwnWebhook(_webhook_url(call), call.app.transport)
    try:
        answer = webhook.deliver(webhook_id, event, secrets, datetime.now(UTC))
        started = read_answer(StartedRuns, answer)
    except ProviderError as error:
        detail = (
            f"the stack's webhook {webhook.url} didn't accept the test event: {error.reason.rstrip('.')}. "
            f"Retry the request with the header Idempotency-Key: {key}. Runs that are stored don't start again"
        )
        raise RejectedError(HTTPStatus.BAD_GATEWAY, "test-event-not-delivered", detail) from error
    ids = {"webhook_id": webhook_id, "event_id": event["id"], "status": answer.status}
    return Reply(DeliveredEvent(run_ids=started.run_ids, **ids))


def _test_event(body: EventToTest) -> JsonObject:
    """Return the example of a type with the fields of the body's ``data``.

    Raises:
        InputError: the type has no example.
    """
    from aichats.whop.event_examples import example_event

    if body.type not in known_event_types():
        raise InputError([("type", "has no example; GET /events/types lists the types that have one")])
    event = example_event(body.type, datetime.now(UTC))
    company = {"account_id": body.account_id} if body.account_id else {}
    return event | company | {"data": event["data"] | body.data}


def _webhook_secrets(app: Application) -> list[str]:
    """Return the secrets with which the stack's webhook verifies deliveries.

    Raises:
        RejectedError: the stack has no usable secret.
    """
    try:
        return app.secrets.read(app.webhook_settings.webhook_secret, WEBHOOK_SECRET).secrets
    except SecretUnavailableError:
        raise
    except SecretError as error:
        detail = (
            f"the secret {error.name} {error.problem}, so no event can be signed. To register the webhook at Whop and "
            "to store its secret, type: aichats admin webhook --stack <stack>. If you have its secret, type: "
            "aichats admin secret set webhook --stack <stack>"
        )
        raise RejectedError(HTTPStatus.CONFLICT, "conflict", detail) from error


def _webhook_url(call: ApiCall[Any, Any]) -> str:
    """Return the URL of the stack's webhook, at the domain that the client called."""
    domain = call.domain
    if call.app.http_api_settings.aws_sam_local:
        # In a container of `sam local`, localhost is the container.
        return f"http://host.docker.internal:{call.headers.get('x-forwarded-port', '3000')}{WEBHOOK}"
    scheme = "http" if re.fullmatch(rf"{LOOPBACK}(:\d+)?", domain) else "https"
    return f"{scheme}://{domain}{WEBHOOK}"
