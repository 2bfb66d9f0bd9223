"""One attempt to deliver an event: its body, its signature and the request."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from aichats.aws.table import Table
from aichats.events.model import SentEvent
from aichats.frozen import frozen
from aichats.http.bodies import compact_json
from aichats.http.receiver import ReceiverAnswer
from aichats.runs.ledger.times import utc_now
from aichats.subscriptions.row import SubscriptionRow
from aichats.subscriptions.signing import sign_delivery, signing_secret
from aichats.subscriptions.slack import slack_message

MAX_SENT_CHARACTERS = 100_000
"""The maximum length of the reply in a delivery."""
_WITH_REPLY = ("run.replied", "run.succeeded")


@frozen
class Attempts:
    """Sends events to receivers.

    Args:
        post: sends a request with a URL, a body, headers and a time limit in seconds.
        signing_key: returns the stack's signing key.
        runs: the table of runs, which has the replies.
        api_url: the URL of the HTTP API, for links; ``None``: messages have no links.
        clock: returns the current time.
    """

    post: Callable[[str, bytes, Mapping[str, str], float], ReceiverAnswer]
    signing_key: Callable[[], str]
    runs: Table
    api_url: str | None = None
    clock: Callable[[], datetime] = utc_now

    def make(self, row: SubscriptionRow, event: SentEvent, limit_seconds: float) -> ReceiverAnswer:
        """Send an event.

        Raises:
            ReceiverError: the receiver did not accept the event.
            SecretError: the signing key can't be used.
            AwsError: DynamoDB did not answer.
        """
        now = self.clock()
        body, timestamp = self._body(row, event), int(now.timestamp())
        secrets = [signing_secret(self.signing_key(), row.name, key.id) for key in row.keys_at(now)]
        headers = {
            "content-type": "application/json",
            "webhook-id": event.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign_delivery(secrets, event.id, timestamp, body),
        }
        return self.post(row.subscription.url, body, headers, limit_seconds)

    def _body(self, row: SubscriptionRow, event: SentEvent) -> bytes:
        envelope = event.envelope
        if row.subscription.include_reply and event.type in _WITH_REPLY and (reply := self._reply(event)) is not None:
            envelope = envelope | {"data": {**event.data, "reply": reply}}
        if row.subscription.format == "slack":
            return compact_json(slack_message(SentEvent.from_envelope(envelope), self.api_url))
        return compact_json(envelope)

    def _reply(self, event: SentEvent) -> str | None:
        """Return the text of Kodey's reply in a run; ``None`` if it is no longer stored, or if there is none."""
        item: dict[str, Any] = self.runs.get(event.data["run_id"]) or {}
        reply = json.loads(item.get("result", "{}")).get("reply") or {}
        content = reply.get("content")
        return content[:MAX_SENT_CHARACTERS] if isinstance(content, str) else None
