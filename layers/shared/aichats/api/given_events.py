"""The events that API clients send for an automation that listens for events, and the examples in their place."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aichats.automations.model import WebhookTrigger
from aichats.errors import InputError
from aichats.validation import parse
from aichats.whop.event_models import WebhookEvent
from aichats.whop.webhooks import known_event_types


def given_event(trigger: WebhookTrigger, event: Mapping[str, Any], now: datetime) -> WebhookEvent:
    """Return an event with the fields of its envelope that are missing.

    Raises:
        InputError: the event is invalid, or the automation doesn't listen for it. The error names the fields.
    """
    envelope = {"id": f"evt_{uuid.uuid4().hex}", "timestamp": now.isoformat(), **event}
    try:
        content = parse(WebhookEvent, envelope)
    except InputError as error:
        raise InputError([(f"event.{field}", problem) for field, problem in error.problems]) from None
    if content.type not in trigger.events:
        raise InputError([("event.type", f"the automation doesn't listen for it; use {' or '.join(trigger.events)}")])
    return content


def example_for(trigger: WebhookTrigger, now: datetime) -> WebhookEvent:
    """Return an example of the first event type of a trigger that has an example.

    Raises:
        InputError: no event type of the trigger has an example.
    """
    from aichats.whop.event_examples import example_event

    event_type = next((event_type for event_type in trigger.events if event_type in known_event_types()), None)
    if event_type is None:
        raise InputError([("event", "is required, because no event type of the automation has an example")])
    return parse(WebhookEvent, example_event(event_type, now))
