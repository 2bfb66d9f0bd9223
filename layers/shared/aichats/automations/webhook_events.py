"""Handles webhook events.

Whop waits five seconds for a response, however many automations listen for an event. So aichats renders each automation
with a small part of its budget, beginning with the least work. It stores and queues runs as soon as there are enough
for a transaction. If an automation needs more budget or time, or if its runs cannot be stored now, aichats renders the
automation from the run queue with its whole budget. The runs have the same ids in both cases.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from aichats.automations.model import TEMPLATE_START
from aichats.automations.row import AutomationRow
from aichats.automations.run_budgets import add_within_budgets
from aichats.automations.run_factory import Occurrence, RenderedRuns, RunFactory, of_event, store_failed, store_skipped
from aichats.automations.table import AutomationTable
from aichats.aws.errors import AwsError
from aichats.aws.observability import Contained, count, logger
from aichats.errors import AichatsError
from aichats.frozen import frozen
from aichats.http.deadline import remaining
from aichats.runs.dispatch import Dispatcher
from aichats.runs.ledger.events import KeptEvent
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.queue import QueueError, fits
from aichats.runs.queue_messages import EventMessage
from aichats.templates.budget import BUDGET
from aichats.templates.render import Evaluator, texts

RUNS_PER_WRITE = 100
"""The number of runs that are stored together. A transaction of DynamoDB has at most 100 writes."""
RESERVED_SECONDS = 0.5
"""The time that is reserved to store the rendered runs and to queue the other automations."""


@frozen
class Budgets:
    """The maximum numbers of steps that expressions may take.

    Attributes:
        event: for all automations that are rendered immediately. It is at most 1.2 seconds of a whole CPU.
        most: for one of these automations, even if its share of the remaining steps is larger.
        least: for one of these automations, even if its share of the remaining steps is smaller.
        queued: for an automation that is rendered from the queue.
    """

    event: int = 500_000
    most: int = 50_000
    least: int = 1_000
    queued: int = BUDGET


@dataclass
class _Delivery:
    """The progress of one delivery of an event.

    Attributes:
        can_wait: whether the event fits into a message of the queue.
        left: the number of steps that are left.
        rows: the automations whose runs are rendered but not stored yet.
        rendered: the runs of these automations.
        later: the names of the automations to render from the queue.
        ids: the ids of the runs that are in the ledger.
        queued: the number of queued runs for each provider.
    """

    occurrence: Occurrence
    can_wait: bool
    left: int
    rows: list[AutomationRow] = field(default_factory=list)
    rendered: RenderedRuns = field(default_factory=RenderedRuns)
    later: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    queued: Counter[str] = field(default_factory=Counter)


@frozen
class WebhookEvents:
    """Runs the automations that listen for an event."""

    store: AutomationTable
    ledger: Ledger
    dispatcher: Dispatcher
    run_factory: RunFactory
    budgets: Budgets = Budgets()

    def handle(
        self, webhook_id: str, event: Mapping[str, Any], time: datetime, listeners: Sequence[str] | None = None
    ) -> list[str]:
        """Start a run for each target of every automation that listens for an event.

        Args:
            webhook_id: the id of the event, which is the same on each delivery.
            event: the fields of the event as plain JSON values.
            time: the time of the event.
            listeners: the result of :meth:`WebhookIndex.names` for the event's type, if it is known already.

        Returns:
            The ids of the runs that are in the ledger, including failed ones whose texts cannot be rendered. The runs
            of automations that are rendered from the queue are missing.

        Raises:
            QueueError: some runs are neither in the ledger nor in the queue. Whop must deliver the event again.
        """
        rows = sorted(self.store.listeners(event["type"], listeners), key=_rendering_work)
        if not rows:
            return []
        delivery = _Delivery(of_event(webhook_id, event, time), can_wait=fits(event), left=self.budgets.event)
        for number, row in enumerate(rows):
            self._render(delivery, row, share=delivery.left // (len(rows) - number))
            if len(delivery.rendered) >= RUNS_PER_WRITE:
                self._write(delivery)
        self._write(delivery)
        if delivery.later:
            self._defer(webhook_id, event, delivery)
        return delivery.ids

    def render(self, message: EventMessage) -> None:
        """Run the automations that a message of the queue names. Each automation has its whole budget.

        Each automation runs with its current definition. An automation that no longer listens for the event is skipped.
        """
        event = message.event
        occurrence = of_event(message.webhook_id, event, datetime.fromisoformat(str(event["timestamp"])))
        for name in message.automations:
            row = self.store.get(name)
            if row is None or event["type"] not in row.event_types:
                logger.warning("event dropped: the automation no longer listens for it", extra={"automation": name})
                continue
            rendered = self._runs(row, occurrence, Evaluator(self.budgets.queued))
            self._store(occurrence, [row], rendered, Counter())

    def _render(self, delivery: _Delivery, row: AutomationRow, share: int) -> None:
        """Render an automation. If time or budget don't suffice, leave the automation to the queue."""
        if delivery.left <= 0 or remaining(default=math.inf) < RESERVED_SECONDS:
            delivery.later.append(row.name)
            return
        budget = max(self.budgets.least, min(share, self.budgets.most) if delivery.can_wait else share)
        evaluator = Evaluator(budget)
        rendered = RenderedRuns()
        # An unexpected error of one automation must not lose the event for the others.
        with Contained("automation not rendered", {"automation": row.name}) as attempt:
            rendered = self._runs(row, delivery.occurrence, evaluator)
        delivery.left -= budget - evaluator.left
        if attempt.error or (evaluator.is_spent and delivery.can_wait):
            delivery.later.append(row.name)
            return
        delivery.rows.append(row)
        delivery.rendered.extend(rendered)

    def _runs(self, row: AutomationRow, occurrence: Occurrence, evaluator: Evaluator) -> RenderedRuns:
        rendered = self.run_factory.selected_runs(row.name, row.automation, occurrence, evaluator)
        if rendered is None:
            return RenderedRuns()
        if (reason := self._pause_of(row)) is None:
            return rendered
        skipped = {"type": "Skipped", "message": reason}
        if rendered.runs:
            log_fields = {"automation": row.name, "runs": len(rendered.runs), "reason": reason}
            logger.info("event skipped: paused", extra=log_fields)
        return RenderedRuns(skipped=[(run, skipped) for run in rendered.runs], failed=rendered.failed)

    def _pause_of(self, row: AutomationRow) -> str | None:
        """Return the reason why runs are skipped now; ``None`` if neither the automation nor the stack is paused."""
        now = self.ledger.clock()
        if stack := self.dispatcher.stack_pause.current(now):
            return f"the stack is {stack.in_words()}"
        if window := row.pauses.at(now):
            return f"automation {row.name} is {window.in_words()}"
        return None

    def _write(self, delivery: _Delivery) -> None:
        """Store and queue the rendered runs. If this fails, leave their automations to the queue."""
        rows, rendered = delivery.rows, delivery.rendered
        delivery.rows, delivery.rendered = [], RenderedRuns()
        try:
            delivery.ids += self._store(delivery.occurrence, rows, rendered, delivery.queued)
        except (AichatsError, AwsError):
            logger.exception("runs not written", extra={"automations": _names(rows)})
            delivery.later += _names(rows)

    def _store(
        self, occurrence: Occurrence, rows: Sequence[AutomationRow], rendered: RenderedRuns, queued: Counter[str]
    ) -> list[str]:
        """Store the runs of automations, and send messages for the runs to perform. Return the ids of all runs."""
        self.dispatcher.enqueue(rendered.runs, queued, partial(add_within_budgets, self.ledger, rows))
        failing = {run.automation for run, _ in rendered.failed}
        events = _kept_events(occurrence, [row for row in rows if row.name in failing])
        ids = [run.run_id for run in rendered.runs] + store_skipped(self.ledger, rendered.skipped)
        return ids + store_failed(self.ledger, rendered.failed, events)

    def _defer(self, webhook_id: str, event: Mapping[str, Any], delivery: _Delivery) -> None:
        """Leave automations to the queue.

        Raises:
            QueueError: SQS did not accept the message, or the event is too large for a message.
        """
        later = tuple(delivery.later)
        if not delivery.can_wait:
            raise QueueError(f"the event is too large for a message, and {len(later)} automations wait for it")
        self.dispatcher.queue.send_event(EventMessage(webhook_id=webhook_id, event=dict(event), automations=later))
        count("AutomationsDeferred", len(later))
        logger.warning("automations are rendered from the queue", extra={"automations": later})


def _kept_events(occurrence: Occurrence, rows: Sequence[AutomationRow]) -> dict[str, KeptEvent]:
    """Return the part of the event to keep for each automation whose texts cannot be rendered, by its name."""
    if not rows:
        return {}
    from aichats.automations.kept_events import kept_event

    return {row.name: kept_event(row.automation, occurrence) for row in rows}


def _names(rows: Iterable[AutomationRow]) -> tuple[str, ...]:
    return tuple(row.name for row in rows)


def _rendering_work(row: AutomationRow) -> tuple[int, str]:
    """Return the approximate work to render an automation: the length of its templates times the number of targets.

    The automation's name makes the order unique.
    """
    automation = row.automation
    fields = automation.action.as_json()
    length = sum(len(text) for _, text in texts(fields) if TEMPLATE_START in text)
    return len(automation.targets) * length, row.name
