"""What an event of a webhook sets off."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aichats.automations import unrendered
from aichats.automations.firing import Firing, Occurrence, of_event
from aichats.automations.matching import matches
from aichats.automations.model import WebhookTrigger
from aichats.automations.render import Evaluator, RenderError
from aichats.automations.rows import AutomationRow
from aichats.automations.store import AutomationStore
from aichats.runs.dispatch import Dispatcher
from aichats.runs.ledger import Ledger
from aichats.runs.model import Run


@dataclass(frozen=True)
class Listeners:
    """The automations that listen to events."""

    store: AutomationStore
    ledger: Ledger
    dispatcher: Dispatcher
    firing: Firing

    def hear(self, webhook_id: str, event: Mapping[str, Any], moment: datetime) -> list[str]:
        """Have each automation act that asks for this event, once for each of its targets.

        Args:
            webhook_id: the same on every delivery of the event.
            event: its fields, as plain JSON values.
            moment: when it happened.

        Returns:
            The ids of the runs, which are safe in ledger and queue. Those whose texts cannot be made have failed.
        """
        occurrence = of_event(webhook_id, event, moment)
        started: list[Run] = []
        failed: list[str] = []
        for row in self.store.listeners(event["type"]):
            runs, broken = self._fire(row, event, occurrence)
            started += runs
            failed += unrendered.note(self.ledger, broken)
        for provider in dict.fromkeys(run.provider for run in started):
            self.dispatcher.fan_out([run for run in started if run.provider == provider])
        return [run.run_id for run in started] + failed

    def _fire(
        self, row: AutomationRow, event: Mapping[str, Any], occurrence: Occurrence
    ) -> tuple[list[Run], list[tuple[Run, RenderError]]]:
        trigger = row.automation.trigger
        if not isinstance(trigger, WebhookTrigger):
            return [], []
        evaluator = Evaluator()
        try:
            if not matches(event, trigger.events, trigger.filter, evaluator):
                return [], []
        except RenderError as error:
            return [], [(self.firing.stillborn(row.name, row.automation, occurrence), error)]
        fired = self.firing.fire(row.name, row.automation, occurrence, evaluator)
        return fired.runs, fired.failed
