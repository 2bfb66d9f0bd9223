"""Deliveries of webhooks, signed as Whop signs them. Shares nothing with the code that checks them."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

PATH = "/webhooks/whop"


@dataclass(frozen=True)
class Delivery:
    """One delivery: what is sent to :data:`PATH`."""

    body: bytes
    headers: dict[str, str]


def signed(body: bytes, secret: str, *, webhook_id: str | None = None, age: float = 0) -> Delivery:
    """A delivery that Whop signed ``age`` seconds ago; of an event of its own, unless its id is given."""
    identifier, timestamp = webhook_id or f"msg_{uuid.uuid4().hex}", str(int(time.time() - age))
    content = f"{identifier}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.new(secret.encode(), content, hashlib.sha256).digest()).decode()
    headers = {
        "Content-Type": "application/json",
        "webhook-id": identifier,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }
    return Delivery(body, headers)


def event(event_type: str, **fields: Any) -> bytes:
    """The body of an event: its envelope with these fields."""
    envelope = {
        "id": f"evt_{uuid.uuid4().hex}",
        "type": event_type,
        "timestamp": datetime.now(UTC).isoformat(),
        "api_version": "v1",
        "data": {},
    }
    return json.dumps(envelope | fields).encode()
