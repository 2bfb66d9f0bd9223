"""An example of each event that Whop has announced, with the fields that Whop sends.

The file ``event_examples.json`` has the data of each kind of object, and the fields that differ from event to event.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from aichats.whop.webhook_registration import WEBHOOKS_API_VERSION

EXAMPLE_ACCOUNT = "biz_XXXXX"
"""The company of the examples: the placeholder of Whop's documentation, which no company has."""


def example_event(event_type: str, now: datetime) -> dict[str, Any]:
    """Return an event of a known type as Whop sends it, with the time ``now``."""
    examples = _examples()
    event: Mapping[str, Any] = examples["events"].get(event_type, {})
    resource = event.get("resource", event_type.rpartition(".")[0])
    envelope = {
        "id": "evt_xxxxxxxxxxxxx",
        "api_version": "v1",
        "api_version_date": WEBHOOKS_API_VERSION,
        "timestamp": now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "type": event_type,
        "account_id": EXAMPLE_ACCOUNT,
        "data": {**examples["resources"][resource], **event.get("changes", {})},
    }
    return envelope | {name: event[name] for name in event if name == "previous_attributes"}


@cache
def _examples() -> Mapping[str, Any]:
    examples: Mapping[str, Any] = json.loads(Path(__file__).with_name("event_examples.json").read_text("utf-8"))
    return examples
