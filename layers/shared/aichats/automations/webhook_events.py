"""What an event of a webhook sets off.

Whop waits five seconds for an answer, whatever an event sets off. So each automation is rendered with a small part of
its budget, those with the least to render first, and their runs are written and queued as soon as there are enough
for a transaction. What needs more, cannot be written now, or has no time left is rendered from the run queue, where
each automation has its whole budget. The runs have the same ids wherever they are made.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aichats.automations import unrendered
from aichats.automations.model import TEMPLATE, WebhookTrigger
from aichats.automations.row import AutomationRow
from aichats.automations.run_factory import Occurrence, RenderedRuns, RunFactory, of_event
from aichats.automations.table import AutomationTable
from aichats.aws.errors import AWS_ERRORS
from aichats.aws.observability import Contained, count, logger
from aichats.errors import AichatsError
from aichats.http.deadline import remaining
from aichats.runs.dispatch import Dispatcher
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.queue import EventMessage, QueueError, fits
from aichats.templates.budget import BUDGET
from aichats.templates.filters import matches
from aichats.templates.render import Evaluator, RenderError, texts

TOGETHER = 100
"""Runs that are written together: as many as a transaction of DynamoDB takes."""
RESERVED = 0.5
"""Seconds to write what is rendered, and to queue what is not."""


@dataclass(frozen=True)
class Budgets:
    """Steps that expressions may take.

    Attributes:
        event: of all automations that are rendered at once: 1.2 seconds of a whole CPU at most.
        most: of each of them. It never gets more than its share of what is left.
        least: of each of them, however many there are.
        queued: of an automation that is rendered from the queue.
    """

    event: int = 500_000
    most: int = 50_000
    least: int = 1_000
    queued: int = BUDGET


@dataclass
class _Delivery:
    """An event, and how far it has come.

    Attributes:
        can_wait: whether the event fits into a message of the queue.
        left: steps that its automations may still take.
        rows: the automations whose runs are rendered and not written yet.
        later: the names of those that are to be rendered from the queue.
        queued: how many runs of each provider were written.
    """

    occurrence: Occurrence
    can_wait: bool
    left: int
    rows: list[AutomationRow] = field(default_factory=list)
    fired: RenderedRuns = field(default_factory=RenderedRuns)
    later: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    queued: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class WebhookEvents:
    """The automations that listen to events."""

    store: AutomationTable
    ledger: Ledger
    dispatcher: Dispatcher
    run_factory: RunFactory
    budgets: Budgets = Budgets()

    def handle(self, webhook_id: str, event: Mapping[str, Any], moment: datetime) -> list[str]:
        """Have each automation act that asks for this event, once for each of its targets.

        Args:
            webhook_id: the same on every delivery of the event.
            event: its fields, as plain JSON values.
            moment: when it happened.

        Returns:
            The ids of the runs that are in the ledger. Those whose texts cannot be made have failed. Those of
            automations that are rendered from the queue are not among them.

        Raises:
            QueueError: neither the ledger nor the queue took some of it: the event must be delivered again.
        """
        rows = sorted(self.store.listeners(event["type"]), key=_work)
        delivery = _Delivery(of_event(webhook_id, event, moment), can_wait=fits(event), left=self.budgets.event)
        for number, row in enumerate(rows):
            self._take(delivery, row, share=delivery.left // (len(rows) - number))
            if len(delivery.fired.runs) + len(delivery.fired.failed) >= TOGETHER:
                self._write(delivery)
        self._write(delivery)
        if delivery.later:
            self._defer(webhook_id, event, delivery)
        return delivery.ids

    def render(self, message: EventMessage) -> None:
        """Have the automations act that a message of the queue names, each with its whole budget.

        What counts is the automation as it is now. One that does not listen to this event any more does nothing.
        """
        event = message.event
        occurrence = of_event(message.webhook_id, event, datetime.fromisoformat(str(event["timestamp"])))
        for name in message.automations:
            row = self.store.get(name)
            if row is None or event["type"] not in row.event_types:
                logger.warning("event dropped: the automation no longer listens to it", extra={"automation": name})
                continue
            self._store(self._fire(row, occurrence, Evaluator(self.budgets.queued)), Counter())

    def _take(self, delivery: _Delivery, row: AutomationRow, share: int) -> None:
        """Render an automation, as far as there is time and budget for it."""
        if delivery.left <= 0 or remaining(default=math.inf) < RESERVED:
            delivery.later.append(row.name)
            return
        budget = max(self.budgets.least, min(share, self.budgets.most) if delivery.can_wait else share)
        evaluator = Evaluator(budget)
        fired = RenderedRuns()
        # An automation that breaks the code costs no other the event.
        with Contained("automation not rendered", {"automation": row.name}) as attempt:
            fired = self._fire(row, delivery.occurrence, evaluator)
        delivery.left -= budget - evaluator.left
        if attempt.error or (evaluator.is_spent and delivery.can_wait):
            delivery.later.append(row.name)
            return
        delivery.rows.append(row)
        delivery.fired.runs.extend(fired.runs)
        delivery.fired.failed.extend(fired.failed)

    def _fire(self, row: AutomationRow, occurrence: Occurrence, evaluator: Evaluator) -> RenderedRuns:
        trigger = row.automation.trigger
        event = occurrence.event
        if not isinstance(trigger, WebhookTrigger) or event is None:
            return RenderedRuns()
        try:
            if not matches(event, trigger.events, trigger.filter, evaluator):
                return RenderedRuns()
        except RenderError as error:
            return RenderedRuns(
                failed=[(self.run_factory.unrenderable_run(row.name, row.automation, occurrence), error)]
            )
        return self.run_factory.runs_for(row.name, row.automation, occurrence, evaluator)

    def _write(self, delivery: _Delivery) -> None:
        """Write and queue the runs that are rendered. If that fails, their automations wait."""
        rows, fired = delivery.rows, delivery.fired
        delivery.rows, delivery.fired = [], RenderedRuns()
        try:
            delivery.ids += self._store(fired, delivery.queued)
        except (AichatsError, QueueError, *AWS_ERRORS):
            logger.exception("runs not written", extra={"automations": _names(rows)})
            delivery.later += _names(rows)

    def _store(self, fired: RenderedRuns, queued: Counter[str]) -> list[str]:
        """Write runs to the ledger, and send messages for those that are to be performed. Returns their ids."""
        for provider in dict.fromkeys(run.provider for run in fired.runs):
            runs = [run for run in fired.runs if run.provider == provider]
            self.dispatcher.accept(runs, after=queued[provider])
            queued[provider] += len(runs)
        return [run.run_id for run in fired.runs] + unrendered.note(self.ledger, fired.failed)

    def _defer(self, webhook_id: str, event: Mapping[str, Any], delivery: _Delivery) -> None:
        """Leave automations to the queue.

        Raises:
            QueueError: SQS did not take the message, or it cannot hold the event.
        """
        later = tuple(delivery.later)
        if not delivery.can_wait:
            raise QueueError(f"the event is too large for a message, and {len(later)} automations wait for it")
        self.dispatcher.queue.send_event(EventMessage(webhook_id=webhook_id, event=dict(event), automations=later))
        count("AutomationsDeferred", len(later))
        logger.warning("automations are rendered from the queue", extra={"automations": later})


def _names(rows: Iterable[AutomationRow]) -> tuple[str, ...]:
    return tuple(row.name for row in rows)


def _work(row: AutomationRow) -> tuple[int, str]:
    """About how much there is to render: the length of all that holds expressions, for each target."""
    automation = row.automation
    fields = automation.action.model_dump(mode="json", exclude_unset=True)
    written = sum(len(text) for _, text in texts(fields) if TEMPLATE in text)
    return len(automation.targets) * written, row.name
