"""The check of the webhook at Whop: once an hour, the sweep asks whether Whop sends what automations listen for."""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta

from aichats.automations.row import AutomationRow
from aichats.aws.observability import count, logger
from aichats.aws.table import Table
from aichats.aws.writes import ConditionFailedError
from aichats.errors import (
    AichatsError,
    APIConnectionError,
    AuthenticationError,
    ConfigurationError,
    InternalServerError,
    PermissionDeniedError,
    RateLimitError,
    SecretUnavailableError,
)
from aichats.frozen import frozen
from aichats.http.deadline import time_limit
from aichats.runs.ledger.times import to_text, utc_now
from aichats.runs.providers.whop import WhopProvider
from aichats.whop.webhook_registration import WebhooksClient, webhook_problems, webhooks_for

CHECK_EVERY = timedelta(hours=1)
CHECK_RESERVED = timedelta(minutes=4)
"""The time for which a sweep reserves a check. If the check fails or its process dies, the next sweep checks."""
CHECK_SECONDS = 10.0
"""The maximum duration of the calls to Whop."""
CHECK_KEY = "check:webhook"
"""The key of the row in the table of runs that has the time of the next check."""
TEMPORARY_FAILURES = (APIConnectionError, InternalServerError, RateLimitError, SecretUnavailableError)
"""The errors after which the next sweep checks again. After others, the next check is due in an hour."""


@frozen
class WebhookCheck:
    """Checks that Whop sends the events that automations listen for.

    Args:
        items: the table of runs.
        whop: asks Whop.
        url: the URL to which Whop sends events.
    """

    items: Table
    whop: WhopProvider
    url: str
    clock: Callable[[], datetime] = utc_now

    def check(self, rows: Iterable[AutomationRow], seconds: float = CHECK_SECONDS) -> None:
        """Check if an hour has passed since the last check. Log and count the problems.

        Args:
            rows: all automations.
            seconds: the time limit of the calls to Whop.
        """
        events = {event for row in rows for event in row.event_types}
        if not events:
            # This ends an alarm about a webhook that no automation needs anymore.
            count("WebhookProblems", 0)
        elif self._reserve() and self._report(events, seconds):
            due_at = to_text(self.clock() + CHECK_EVERY)
            self.items.overwrite([{"run_id": CHECK_KEY, "next_check_at": due_at}])

    def _reserve(self) -> bool:
        """Return whether a check is due. If so, no other sweep checks for some minutes."""
        now = self.clock()
        changes = {"next_check_at": to_text(now + CHECK_RESERVED)}
        condition = "attribute_not_exists(#next_check_at) OR #next_check_at <= :now"
        try:
            self.items.update(CHECK_KEY, changes, condition, {"now": to_text(now)})
        except ConditionFailedError:
            return False
        return True

    def _report(self, events: Collection[str], seconds: float) -> bool:
        """Ask Whop, and report the answer. Return whether the check is done for this hour."""
        try:
            problems = problems_at_whop(self.whop.webhooks(), self.url, events, self.clock(), seconds)
        except AichatsError as error:
            # The events may come nevertheless, so this raises no alarm.
            logger.warning("webhook not checked", extra={"reason": str(error)})
            return not isinstance(error, TEMPORARY_FAILURES)
        if problems:
            fields = {"url": self.url, "reason": "; ".join(problems), "remedy": "aichats admin webhook --stack …"}
            logger.error("webhook needs repair", extra=fields)
        count("WebhookProblems", len(problems))
        return True


def request_webhook_check(items: Table) -> None:
    """Let the next sweep check, even if the hour is not over."""
    items.delete(CHECK_KEY, items.is_present)


def problems_at_whop(
    keys: Iterable[tuple[WebhooksClient, str | None]], url: str, events: Collection[str], now: datetime, seconds: float
) -> list[str]:
    """Ask Whop why event types don't reach a URL; no reasons if all of them do.

    A company with an API key of its own may have the webhook, so this asks with each key until one finds the webhook.
    The keys of companies often lack the permission.

    Raises:
        ConfigurationError: there is no API key.
        AichatsError: Whop or a secret can't be read within the time limit, or no key found the webhook and a key was
            rejected.
    """
    asked, rejection = False, None
    with time_limit(seconds):
        for client, company_id in keys:
            asked = True
            try:
                webhooks = list(client.list(company_id))
            except (AuthenticationError, PermissionDeniedError) as error:
                rejection = rejection or error
                continue
            if webhooks_for(url, webhooks):
                return webhook_problems(webhooks, url, events, now)
    if rejection is not None:
        raise rejection
    if not asked:
        remedy = "Store one with the permission developer:manage_webhook: aichats admin secret set whop --stack …"
        raise ConfigurationError(f"Whop lets only API keys manage webhooks, and the stack has none. {remedy}")
    return webhook_problems([], url, events, now)
