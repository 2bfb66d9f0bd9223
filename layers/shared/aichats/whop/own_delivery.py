"""Delivers an event to the stack's own webhook, signed as Whop signs it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from aichats.errors import APIStatusError
from aichats.frozen import frozen
from aichats.http import BaseTransport, Headers
from aichats.http.answers import ProviderAnswer
from aichats.http.bodies import compact_json, json_object
from aichats.http.client import HttpClient, HttpStyle
from aichats.http.masking import Mask
from aichats.http.rejections import rejection
from aichats.whop.webhooks import sign

DELIVERY_SECONDS = 8.0
"""The time limit of a delivery. API Gateway ends the call that waits for it after 30 seconds."""


@frozen
class OwnWebhook:
    """The webhook of this stack, at its URL."""

    url: str
    transport: BaseTransport

    def deliver(
        self, webhook_id: str, event: Mapping[str, Any], secrets: Sequence[str], now: datetime
    ) -> ProviderAnswer:
        """Deliver an event. It has a signature for each of the webhook's secrets, as during a rotation.

        Args:
            webhook_id: the id of the delivery. Deliveries with the same id start the same runs.
            event: the fields of the event as plain JSON values.
            secrets: the secrets of the webhook.
            now: the current time.

        Raises:
            ProviderError: the webhook was not reached or rejected the event. The error shows nothing of the event.
        """
        timestamp, body = str(int(now.timestamp())), compact_json(event)
        headers = {
            "webhook-id": webhook_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(sign(secret, webhook_id, timestamp, body) for secret in secrets),
        }
        # No token is sent, because the signature takes its place.
        http = HttpClient(_STYLE, self.url, "-", DELIVERY_SECONDS, self.transport)
        return http.call("POST", "", body=event, headers=headers)


def _error(status: int, headers: Headers, content: bytes, mask: Mask, _operation: str) -> APIStatusError:
    """Return a rejection as an error: a problem of aichats, or a message of API Gateway."""
    body = json_object(content)
    return rejection("webhook", status, headers, mask, {"message": body.get("detail") or body.get("message")})


_STYLE = HttpStyle(name="webhook", authorization=lambda _: {}, error=_error)
