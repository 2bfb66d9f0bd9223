"""The webhooks of the mock server. Tests and replays deliver signed events to their URLs."""

import itertools
import json
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any, ClassVar

import httpx
from pydantic import AwareDatetime, Field, HttpUrl
from starlette.datastructures import QueryParams

from local.plain_http import plain_client
from local.standins.shared.clock import Clock, iso
from local.standins.shared.exchange import Call, Elsewhere, Operation, Reply
from local.standins.shared.ids import new_id
from local.standins.shared.listing import listed
from local.standins.whop.deliveries import event, signed
from local.standins.whop.errors import WhopError
from local.standins.whop.pages import page_of
from local.standins.whop.parameters import ListPage, Parameters, parse_body, parse_query

WEBHOOKS = "/api/v1/webhooks"
WEBHOOK = "/api/v1/webhooks/{id}"
WEBHOOK_OPERATIONS = (
    Operation("list_webhooks", "GET", WEBHOOKS),
    Operation("create_webhook", "POST", WEBHOOKS),
    Operation("retrieve_webhook", "GET", WEBHOOK),
    Operation("update_webhook", "PATCH", WEBHOOK),
    Operation("delete_webhook", "DELETE", WEBHOOK),
    Operation("test_webhook", "POST", f"{WEBHOOK}/test"),
    Operation("list_deliveries", "GET", f"{WEBHOOK}/deliveries"),
    Operation("replay_webhook", "POST", f"{WEBHOOK}/replay"),
)
DELIVERY_SECONDS = 5.0
"""The time that Whop waits for the answer to a delivery."""
ACCOUNT = "biz_localstandin1"
"""The account of every credential."""


class CreateWebhook(Parameters):
    """The body of a create."""

    url: HttpUrl
    events: list[str] = Field(default_factory=list)
    enabled: bool = True
    resource_id: str | None = None
    api_version_date: str | None = None
    child_resource_events: bool = False


class UpdateWebhook(Parameters):
    """The body of an update. Fields that aren't set stay."""

    url: HttpUrl | None = None
    events: list[str] | None = None
    enabled: bool | None = None
    api_version_date: str | None = None
    child_resource_events: bool | None = None


class ListWebhooks(ListPage):
    """The query of a list of webhooks."""

    account_id: str | None = None
    app_id: str | None = None
    include_app_webhooks: bool | None = None
    has_failures: bool | None = None


class SendTest(Parameters):
    """The body of a test."""

    event: str


class Replay(Parameters):
    """The body of a replay."""

    sent_after: AwareDatetime
    sent_before: AwareDatetime | None = None
    events: list[str] | None = None
    failed_only: bool = False
    regenerate_ids: bool = False


@dataclass
class SentEvent:
    """One attempt to deliver an event."""

    sequence: int
    created_at: float
    webhook_id: str
    body: bytes
    resource_id: str
    replayed_from: str | None
    response_code: int
    response: str
    total_time: float
    id: str = field(default_factory=lambda: new_id("whdel_"))

    @property
    def success(self) -> bool:
        """True if the URL answered with 2xx."""
        return HTTPStatus.OK <= self.response_code < HTTPStatus.MULTIPLE_CHOICES

    @property
    def event_type(self) -> str:
        """The type of the event."""
        event_type: str = json.loads(self.body)["type"]
        return event_type

    def as_delivery(self) -> dict[str, Any]:
        """Return the delivery as the API shows it."""
        response: object = None
        with suppress(ValueError):
            response = json.loads(self.response)
        error = {"error": "invalid_json", "raw_body": self.response[:100]}
        return {
            "id": self.id,
            "event": self.event_type,
            "sent_at": iso(self.created_at),
            "success": self.success,
            "response_code": self.response_code,
            "response_body": response if isinstance(response, dict) else error,
            "request_body": json.loads(self.body),
            "total_time": self.total_time,
            "replayed_from": self.replayed_from,
            "resource_id": self.resource_id,
        }


@dataclass
class RegisteredWebhook:
    """One webhook. Times are seconds since 1970; ``sequence`` is the number of its creation."""

    sequence: int
    created_at: float
    url: str
    events: list[str]
    enabled: bool
    resource_id: str
    api_version_date: str | None
    child_resource_events: bool
    failing_since: float | None = None
    consecutive_failures: int = 0
    sent: list[SentEvent] = field(default_factory=list)
    id: str = field(default_factory=lambda: new_id("hook_"))
    secret: str = field(default_factory=lambda: f"ws_{secrets.token_hex(32)}")

    def as_webhook(self, *, with_secret: bool = False) -> dict[str, Any]:
        """Return the webhook as the API shows it. Only the answer to the create has the secret."""
        return {
            "id": self.id,
            "url": self.url,
            "events": self.events,
            "testable_events": self.events,
            "enabled": self.enabled,
            "resource_id": self.resource_id,
            "api_version": "v1",
            "api_version_date": self.api_version_date,
            "child_resource_events": self.child_resource_events,
            "created_at": iso(self.created_at),
            "disabled_at": None,
            "disabled_reason": None,
            "failing_since": iso(self.failing_since) if self.failing_since else None,
            "last_failure_at": None,
            "consecutive_failures": self.consecutive_failures,
            "webhook_secret": self.secret if with_secret else None,
        }

    def as_state(self) -> dict[str, Any]:
        """Return the webhook with data that the API doesn't show."""
        deliveries = [{**sent.as_delivery(), "webhook_id": sent.webhook_id} for sent in self.sent]
        return self.as_webhook(with_secret=True) | {"deliveries": deliveries}


class Webhooks:
    """All webhooks, in order of creation."""

    NAMES: ClassVar = {operation.name for operation in WEBHOOK_OPERATIONS}
    SENDING: ClassVar = {"test_webhook", "replay_webhook"}
    """The operations that deliver events before they answer."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sequence = itertools.count(1)
        self._webhooks: dict[str, RegisteredWebhook] = {}

    def as_state(self) -> list[dict[str, Any]]:
        """Return every webhook, the oldest first."""
        return [webhook.as_state() for webhook in self._webhooks.values()]

    def perform(self, call: Call) -> object:
        """Perform a call that delivers no event, and return the content of the response.

        Raises:
            WhopError: 400 or 404.
        """
        if call.operation == "list_webhooks":
            return self._list(parse_query(ListWebhooks, dict(QueryParams(call.query))))
        if call.operation == "create_webhook":
            return self._create(parse_body(CreateWebhook, call.body))
        webhook = self._find(call)
        if call.operation == "update_webhook":
            self._update(webhook, parse_body(UpdateWebhook, call.body))
        elif call.operation == "list_deliveries":
            return self._deliveries(webhook, parse_query(ListPage, dict(QueryParams(call.query))))
        elif call.operation == "delete_webhook":
            del self._webhooks[webhook.id]
            return {"id": webhook.id, "deleted": True}
        return webhook.as_webhook()

    def send(self, call: Call) -> Elsewhere:
        """Return the rest of a call that delivers events.

        Raises:
            WhopError: 400 or 404.
        """
        webhook = self._find(call)
        if call.operation == "test_webhook":
            return Elsewhere(partial(self._test, webhook, parse_body(SendTest, call.body)))
        if not webhook.enabled:
            raise WhopError(400, "Only an enabled webhook can be replayed")
        return Elsewhere(partial(self._replay, webhook, parse_body(Replay, call.body)))

    def _find(self, call: Call) -> RegisteredWebhook:
        webhook = self._webhooks.get(call.path_parameters.get("id", ""))
        if webhook is None:
            raise WhopError(404)
        return webhook

    def _list(self, query: ListWebhooks) -> dict[str, Any]:
        account = query.account_id or ACCOUNT
        shown = [
            webhook
            for webhook in self._webhooks.values()
            if webhook.resource_id == account and (webhook.failing_since or not query.has_failures)
        ]
        page = page_of(listed(shown, "newest", until=self._clock.now()), query, "newest")
        return {"data": [webhook.as_webhook() for webhook in page.items], "page_info": page.info()}

    def _create(self, body: CreateWebhook) -> dict[str, Any]:
        fields = body.model_dump(mode="json") | {"resource_id": body.resource_id or ACCOUNT}
        webhook = RegisteredWebhook(sequence=next(self._sequence), created_at=self._clock.now(), **fields)
        self._webhooks[webhook.id] = webhook
        return webhook.as_webhook(with_secret=True)

    def _update(self, webhook: RegisteredWebhook, body: UpdateWebhook) -> None:
        if body.enabled and not webhook.enabled:
            webhook.failing_since, webhook.consecutive_failures = None, 0
        for name, value in body.model_dump(mode="json", exclude_unset=True).items():
            setattr(webhook, name, value)

    def _deliveries(self, webhook: RegisteredWebhook, query: ListPage) -> dict[str, Any]:
        page = page_of(listed(webhook.sent, "newest", until=self._clock.now()), query, "newest")
        return {"data": [sent.as_delivery() for sent in page.items], "page_info": page.info()}

    def _test(self, webhook: RegisteredWebhook, body: SendTest) -> Reply:
        envelope = event(body.event, account_id=webhook.resource_id, api_version_date=webhook.api_version_date)
        sent = self._deliver(webhook, envelope, None, None)
        return Reply.of({"success": sent.success, "status": sent.response_code, "body": sent.response})

    def _replay(self, webhook: RegisteredWebhook, body: Replay) -> Reply:
        """Deliver each message of the window once more. Whop does that after its answer; here it is done before."""
        until = body.sent_before.timestamp() if body.sent_before else self._clock.now()
        newest = {
            sent.webhook_id: sent for sent in webhook.sent if body.sent_after.timestamp() <= sent.created_at <= until
        }
        for sent in newest.values():
            if sent.event_type in (body.events or [sent.event_type]) and not (body.failed_only and sent.success):
                webhook_id = None if body.regenerate_ids else sent.webhook_id
                self._deliver(webhook, sent.body, webhook_id, sent.id)
        return Reply.of({"queued": True})

    def _deliver(
        self, webhook: RegisteredWebhook, body: bytes, webhook_id: str | None, replayed_from: str | None
    ) -> SentEvent:
        """Send a signed event to the webhook's URL, and note the result. The status is 0 if the URL isn't reached."""
        delivery, began = signed(body, webhook.secret, webhook_id=webhook_id), time.monotonic()
        status, text = 0, ""
        with suppress(httpx.HTTPError), plain_client(timeout=DELIVERY_SECONDS) as http:
            response = http.post(webhook.url, content=delivery.body, headers=delivery.headers)
            status, text = response.status_code, response.text
        sent = SentEvent(
            sequence=len(webhook.sent) + 1,
            created_at=self._clock.now(),
            webhook_id=delivery.headers["webhook-id"],
            body=body,
            resource_id=webhook.resource_id,
            replayed_from=replayed_from,
            response_code=status,
            response=text,
            total_time=time.monotonic() - began,
        )
        webhook.sent.append(sent)
        webhook.consecutive_failures = 0 if sent.success else webhook.consecutive_failures + 1
        webhook.failing_since = None if sent.success else webhook.failing_since or sent.created_at
        return sent
