"""Deliveries of webhooks, signed as Whop signs them. This module shares no code with the one that verifies them."""

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
    """One delivery to :data:`PATH`."""

    body: bytes
    headers: dict[str, str]


def signed(body: bytes, secret: str, *, webhook_id: str | None = None, age: float = 0) -> Delivery:
    """Return a delivery that Whop signed ``age`` seconds ago. Without ``webhook_id``, it has a new ID."""
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
    """Return the body of an event: its envelope with these fields."""
    envelope = {
        "id": f"evt_{uuid.uuid4().hex}",
        "type": event_type,
        "timestamp": datetime.now(UTC).isoformat(),
        "api_version": "v1",
        "data": {},
    }
    return json.dumps(envelope | fields).encode()
