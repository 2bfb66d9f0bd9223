"""The sweep, which runs every five minutes. Each part runs even if another part fails."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from aichats.automations.missed import MissedSlots
from aichats.automations.reconcile import AutomationService, Change
from aichats.automations.sweep_part import CallAll, SweepPart, SweepProgress, call_concurrently
from aichats.automations.table import AutomationTable, Contents
from aichats.automations.webhook_check import CHECK_SECONDS, WebhookCheck
from aichats.aws.observability import count, logger
from aichats.frozen import frozen
from aichats.runs.stranded import StrandedRuns

RESERVED_SHARE = 1 / 8
"""The share of the invocation's time that is reserved for the last calls of the third part, and for the webhook."""
SPARE_SECONDS = 2.0
"""The time at the end of the invocation for writes after the last call to Whop."""


@frozen
class Sweep:
    """The parts of the sweep.

    They resume stranded runs, send overdue deliveries, find missed slots, reconcile schedules and check the webhook.

    Args:
        progress: the places at which the parts stopped in the last sweep.
        clock: returns seconds. Only differences within one sweep matter.
        call_all: makes concurrent calls to AWS.
        webhook: checks the webhook in the time that the other parts left; ``None`` if its URL is not known.
        checks: quick checks of the whole table. They come before the check of the webhook.
        send_deliveries: sends the deliveries that are overdue. It needs no automations, and takes a few calls.
    """

    stranded: StrandedRuns
    store: AutomationTable
    missed_slots: MissedSlots
    service: AutomationService
    progress: SweepProgress
    clock: Callable[[], float] = time.monotonic
    call_all: CallAll = call_concurrently
    webhook: WebhookCheck | None = None
    checks: Sequence[Callable[[Contents], None]] = ()
    send_deliveries: Callable[[], None] = lambda: None

    def run(self, seconds: float) -> dict[str, int]:
        """Sweep once. Return the numbers of resumed, ended and missed runs, and of repaired schedules.

        Runs, slots and schedules may each use a third of the time, and the time that the previous parts left.

        Args:
            seconds: the time until the invocation ends.

        Raises:
            Exception: a part failed. The other parts ran. If several parts failed, the context has the other errors.
        """
        begun, share = self.clock(), seconds * (1 - RESERVED_SHARE) / 3
        counts: dict[str, int] = {}
        slots, schedules = self._part("slots", begun + 2 * share), self._part("schedules", begun + 3 * share)
        try:
            counts |= self.stranded.resume(lambda: self.clock() >= begun + share)
        finally:
            # Before the automations, so that deliveries don't wait if the table of automations can't be read.
            try:
                self.send_deliveries()
            finally:
                counts |= self._check_automations(slots, schedules, begun + seconds)
        return counts

    def _part(self, name: str, ends_at: float) -> SweepPart:
        return SweepPart(name, self.progress, lambda: self.clock() >= ends_at, self.call_all)

    def _check_automations(self, slots: SweepPart, schedules: SweepPart, ends_at: float) -> dict[str, int]:
        """Find missed slots, reconcile schedules and make all checks, all with the same read of the table."""
        counts: dict[str, int] = {}
        contents = self.store.contents()
        # The last one that is added runs first, and each runs even if another fails.
        with ExitStack() as checks:
            checks.callback(self._check_webhook, contents, ends_at)
            for check in reversed(self.checks):
                checks.callback(check, contents)
            try:
                # Slots come first, so that a slow EventBridge Scheduler delays no slot.
                counts["missed"] = self.missed_slots.check(contents.rows, slots)
            finally:
                counts["repaired"] = self._report(self.service.reconcile(contents, schedules))
        return counts

    def _check_webhook(self, contents: Contents, ends_at: float) -> None:
        """Check the webhook if there is time. It comes last, because no run waits for it."""
        seconds = ends_at - self.clock() - SPARE_SECONDS
        if self.webhook is not None and seconds > 0:
            self.webhook.check(contents.rows, min(seconds, CHECK_SECONDS))

    def _report(self, changes: list[Change]) -> int:
        """Log and count the changes. Return the number of repaired schedules."""
        for change in changes:
            level = logger.error if change.kind == "failed" else logger.warning
            level(f"automation {change.kind}", extra={"automation": change.name, "reason": change.reason})
        repaired = sum(change.kind in ("created", "updated", "removed") for change in changes)
        count("SchedulesRepaired", repaired)
        count("RepairsFailed", sum(change.kind == "failed" for change in changes))
        return repaired
