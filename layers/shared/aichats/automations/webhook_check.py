"""The check of the webhook at Whop: once an hour, the sweep asks whether Whop sends what automations listen for."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from aichats.automations.row import AutomationRow
from aichats.aws.observability import count, logger
from aichats.aws.table import Table
from aichats.aws.writes import ConditionFailedError
from aichats.errors import AichatsError, PermissionDeniedError
from aichats.http.deadline import time_limit
from aichats.runs.ledger.times import to_text, utc_now

CHECK_EVERY = timedelta(hours=1)
RETRY_AFTER_FAILURE = timedelta(minutes=4)
"""The time for which a check is reserved. A check that failed, or whose process died, comes again with the next sweep."""
CHECK_SECONDS = 10.0
"""The maximum duration of the calls to Whop."""
CHECK_KEY = "check:webhook"
"""The key of the row in the table of runs that has the time of the next check."""

type FindProblems = Callable[[str, Collection[str]], list[str]]
"""Returns the reasons why event types don't reach a URL. Raises AichatsError if Whop can't be asked."""


@dataclass(frozen=True)
class WebhookCheck:
    """Checks that Whop sends the events that automations listen for.

    Args:
        items: the table of runs.
        find_problems: asks Whop.
        url: the URL to which Whop sends events.
    """

    items: Table
    find_problems: FindProblems
    url: str
    clock: Callable[[], datetime] = utc_now

    def check(self, rows: Iterable[AutomationRow], seconds: float = CHECK_SECONDS) -> None:
        """Check if an hour has passed since the last check. Log and count the problems.

        Args:
            rows: all automations.
            seconds: the time for the calls to Whop.
        """
        events = {event for row in rows for event in row.event_types}
        if not events:
            # Ends an alarm about a webhook that nothing needs anymore.
            count("WebhookProblems", 0)
        elif self._take_turn(RETRY_AFTER_FAILURE) and self._report(events, seconds):
            self._put_due(CHECK_EVERY)

    @staticmethod
    def forget(items: Table) -> None:
        """Let the next sweep check, even if the hour is not over."""
        items.delete(CHECK_KEY, items.is_present)

    def _report(self, events: Collection[str], seconds: float) -> bool:
        """Ask Whop, and report the answer. Return whether there was an answer."""
        try:
            with time_limit(seconds):
                problems = self.find_problems(self.url, events)
        except PermissionDeniedError as error:
            # Only a person can change that, so it's reported once an hour. It doesn't mean that events are missing.
            logger.warning("webhook not checked", extra={"reason": str(error)})
            return True
        except AichatsError as error:
            logger.warning("webhook not checked", extra={"reason": str(error)})
            return False
        if problems:
            remedy = "Type: make webhook STACK=…"
            logger.error(
                "webhook needs repair", extra={"url": self.url, "reason": "; ".join(problems), "remedy": remedy}
            )
        count("WebhookProblems", len(problems))
        return True
