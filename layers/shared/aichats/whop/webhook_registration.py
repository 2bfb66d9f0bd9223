"""The webhooks that are registered at Whop: their operations, and what is wrong with them.

The version of Whop's API is a property of the operation. The models follow the version that Whop's own client uses.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, Field

from aichats.errors import ProtocolError
from aichats.frozen import frozen
from aichats.http.answers import ProviderAnswer, read_answer
from aichats.http.client import HttpClient
from aichats.http.masking import MAX_WORD_CHARACTERS, identifier, one_line
from aichats.http.paths import segment
from aichats.models import ProviderReply
from aichats.whop.models import NextPage

WEBHOOKS_API_VERSION = "2026-10-15-1"
"""The version of the calls, and of the events that a webhook from :meth:`WebhooksClient.create` sends."""
WEBHOOKS_PER_PAGE = 100
MAX_WEBHOOK_PAGES = 50
"""A list that is longer counts as unreadable, so that a server that repeats its pages doesn't keep the client."""
FAILING_AFTER = timedelta(minutes=15)
"""The time after which failed deliveries are a problem. By then, Whop has repeated the first one three times."""


def _shown(value: object) -> object:
    """Return a text of Whop as one short line, without characters that control a terminal."""
    return one_line(value)[:MAX_WORD_CHARACTERS] if isinstance(value, str) else value


def _event_types(value: object) -> object:
    """Return the texts of a list that may be event types, which have only visible characters."""
    texts = value if isinstance(value, list) else []
    return [text for text in texts if isinstance(text, str) and text and identifier(text) == text]


class Webhook(ProviderReply):
    """A webhook that is registered at Whop."""

    id: Annotated[str, BeforeValidator(_shown)]
    url: str
    enabled: bool
    events: Annotated[list[str], BeforeValidator(_event_types), Field(default_factory=list)]
    """The event types that Whop sends, such as ``payment.failed``."""
    disabled_reason: Annotated[str | None, BeforeValidator(_shown)] = None
    failing_since: AwareDatetime | None = None
    """The time of the first failed delivery since the last successful one."""
    webhook_secret: Annotated[str | None, Field(repr=False)] = None
    """The secret that signs deliveries. Only the answer to :meth:`WebhooksClient.create` has it."""


class WebhookPage(ProviderReply):
    """A page of the list of webhooks."""

    data: list[Webhook]
    page_info: NextPage


@frozen
class WebhooksClient:
    """The operations on webhooks. They need the scope ``developer:manage_webhook``."""

    http: HttpClient

    def list(self, account_id: str | None = None) -> Iterator[Webhook]:
        """Yield the webhooks of an account, or of the credential's own account. Follow all pages.

        Raises:
            ProviderError: the call failed, or the list doesn't end.
        """
        query = {"first": str(WEBHOOKS_PER_PAGE)} | ({"account_id": account_id} if account_id else {})
        for _ in range(MAX_WEBHOOK_PAGES):
            page = read_answer(WebhookPage, self._call("GET", params=query))
            yield from page.data
            if not page.page_info.has_next_page or not page.page_info.end_cursor:
                return
            query["after"] = page.page_info.end_cursor
        raise ProtocolError(f"the list of webhooks has more than {MAX_WEBHOOK_PAGES} pages", provider="whop")

    def create(self, url: str, events: Sequence[str], account_id: str | None = None) -> Webhook:
        """Register a webhook that is disabled. Its events keep their fields when Whop's API changes.

        Raises:
            OutcomeUnknownError: Whop may have registered the webhook.
            ProtocolError: the webhook is registered, but the answer can't be read.
            ProviderError: the webhook is not registered.
        """
        body = {"url": url, "events": list(events), "enabled": False, "api_version_date": WEBHOOKS_API_VERSION}
        owner = {"resource_id": account_id} if account_id else {}
        return read_answer(Webhook, self._call("POST", body=body | owner))

    def update(self, webhook_id: str, *, events: Sequence[str], enabled: bool) -> Webhook:
        """Change a webhook's event types, and enable or disable it. The call is safe to repeat.

        Raises:
            NotFoundError: the webhook does not exist.
            ProviderError: any other failure.
        """
        body = {"events": list(events), "enabled": enabled}
        return read_answer(Webhook, self._call("PATCH", _path(webhook_id), body=body))

    def delete(self, webhook_id: str) -> None:
        """Delete a webhook. Whop sends no more events to it.

        Raises:
            ProviderError: the call failed.
        """
        self._call("DELETE", _path(webhook_id))

    def replay(self, webhook_id: str, sent_after: datetime) -> None:
        """Ask Whop to send the deliveries since a time again, each with its own ``webhook-id``.

        Raises:
            OutcomeUnknownError: Whop may send them again.
            ProviderError: Whop rejected the call, for example because the webhook is disabled.
        """
        body = {"sent_after": sent_after.astimezone(UTC).isoformat(timespec="seconds"), "regenerate_ids": False}
        self._call("POST", f"{_path(webhook_id)}/replay", body=body)

    def _call(self, method: str, path: str = "/webhooks", **options: Any) -> ProviderAnswer:
        return self.http.call(method, path, headers={"api-version-date": WEBHOOKS_API_VERSION}, **options)


def webhooks_for(url: str, webhooks: Iterable[Webhook]) -> list[Webhook]:
    """Return the webhooks that send to a URL, with or without TLS."""
    address = url.partition("://")[2]
    return [webhook for webhook in webhooks if webhook.url.partition("://")[2] == address]


def webhook_problems(webhooks: Iterable[Webhook], url: str, events: Iterable[str], now: datetime) -> list[str]:
    """Return the reasons why events don't reach a URL; none if Whop sends all of them and the deliveries succeed.

    Args:
        webhooks: all webhooks of an account.
        url: the URL that receives the events.
        events: the event types that must reach the URL.
        now: the current time, with a time zone.
    """
    ours = webhooks_for(url, webhooks)
    if not ours:
        return [f"Whop has no webhook for {url}"]
    enabled = [webhook for webhook in ours if webhook.enabled]
    if not enabled:
        reasons = ", ".join(sorted({webhook.disabled_reason or "by a person" for webhook in ours}))
        return [f"the webhook for {url} is disabled ({reasons})"]
    since = [webhook.failing_since for webhook in enabled if webhook.failing_since]
    problems = [f"deliveries have failed since {min(since):%Y-%m-%d %H:%M} UTC"] if _all_fail(enabled, now) else []
    sent = Counter(event for webhook in enabled for event in set(webhook.events))
    if missing := sorted(set(events) - sent.keys()):
        problems.append(f"Whop does not send {', '.join(missing)}")
    if repeated := sorted(event for event in events if sent[event] > 1):
        problems.append(f"{len(enabled)} webhooks send {', '.join(repeated)}, so each event comes several times")
    return problems


def _all_fail(webhooks: Iterable[Webhook], now: datetime) -> bool:
    return all(webhook.failing_since and now - webhook.failing_since >= FAILING_AFTER for webhook in webhooks)


def _path(webhook_id: str) -> str:
    return f"/webhooks/{segment(webhook_id, problem='is not the id of a webhook (hook_...)')}"
