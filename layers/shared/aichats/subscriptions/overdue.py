"""The sweep's part for deliveries: count receivers that fail for long, and send what is overdue."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from aichats.automations.sweep_part import CallAll, call_concurrently
from aichats.aws.observability import Contained, count, logger
from aichats.runs.ledger.times import to_text, utc_now
from aichats.subscriptions.row import SubscriptionRow
from aichats.subscriptions.table import SubscriptionTable
from aichats.subscriptions.waiting import WaitingDeliveries

FAILING_LONG = timedelta(minutes=15)
"""The time after which a receiver that fails raises an alarm."""


@dataclass(frozen=True)
class OverdueDeliveries:
    """Looks at all subscriptions."""

    subscriptions: SubscriptionTable
    waiting: WaitingDeliveries
    clock: Callable[[], datetime] = utc_now
    call_all: CallAll = call_concurrently

    def check(self) -> None:
        """Count the receivers that fail, and send messages for deliveries that are overdue.

        Raises:
            Exception: a subscription could not be checked. The others were.
        """
        rows = self.subscriptions.list()
        failing = [row for row in rows if row.subscription.enabled and self._fails_long(row)]
        for row in failing:
            since = to_text(row.failing_since or row.updated_at)
            log_fields = {"subscription": row.name, "failing_since": since, "reason": row.last_error}
            logger.warning("subscription fails", extra=log_fields)
        count("SubscriptionsFailing", len(failing))
        errors = [error for error in self.call_all(self._nudge, rows) if error is not None]
        if errors:
            raise errors[0]

    def _fails_long(self, row: SubscriptionRow) -> bool:
        return row.failing_since is not None and self.clock() - row.failing_since >= FAILING_LONG

    def _nudge(self, row: SubscriptionRow) -> Exception | None:
        """Send messages for the overdue deliveries of a subscription. Return the error, if there was one."""
        with Contained("overdue deliveries not sent", {"subscription": row.name}) as attempt:
            self.waiting.nudge(row)
        return attempt.error
