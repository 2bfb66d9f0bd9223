"""Replays runs whose texts could not be rendered, after their automation was fixed.

Such a run has no action. It is rendered again: with the automation as it is now, for the kept part of its event or for
its slot. Three things may have failed:

- A text: the run knows its target, and gets its action now.
- The template of a target: the run's id is not that of a run for a real target. So the runs of the rendered targets
  replace it.
- The filter: the targets were not rendered at all. So all runs of the event are started, and replace the run if it is
  not one of them.

Every step may be repeated: the runs of an event always have the same ids, and a run that has a row is not started.
"""

from collections.abc import Sequence
from datetime import datetime

from aichats.automations.kept_events import event_fields
from aichats.automations.model import ScheduleTrigger
from aichats.automations.row import AutomationRow
from aichats.automations.run_factory import RenderedRuns, RunFactory, as_input_error, of_event, slot_of
from aichats.automations.table import AutomationTable
from aichats.errors import UnreadableError
from aichats.frozen import frozen
from aichats.runs.dispatch import Dispatcher
from aichats.runs.ledger.events import KeptEvent
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.row_changes import LedgerConflictError
from aichats.runs.ledger.rows import Row
from aichats.runs.ledger.texts import TextExpiredError
from aichats.runs.model import Run
from aichats.runs.replay import NEVER_RENDERED, NotReplayableError, Replayed, ReplayTerms, is_within
from aichats.templates.paths import is_covered
from aichats.templates.render import Evaluator

LISTED = 3
"""The number of runs that an error names."""


@frozen
class _Again:
    """A failed run, and the runs of the same event or slot as the automation renders them now."""

    row: Row
    rendered: RenderedRuns

    @property
    def own_run(self) -> Run | None:
        """The failed run with its action; ``None`` if it is not among the rendered runs."""
        return next((run for run in self.rendered.runs if run.run_id == self.row.run.run_id), None)

    @property
    def has_target(self) -> bool:
        """True if a text of the action failed, so the failed run is for a real target."""
        return _is_in_action((self.row.error or {}).get("field"))

    @property
    def replacements(self) -> Sequence[str]:
        """The ids of the runs that an earlier replay planned in place of the failed run."""
        ids: Sequence[str] = (self.row.error or {}).get("replaced_by", ())
        return ids

    def check_own_texts(self) -> None:
        """Check that the run itself is rendered, or that its target is not one of the automation's targets.

        Raises:
            InputError: the run cannot be rendered.
        """
        for run, error in self.rendered.failed:
            hides_targets = self.own_run is None and self.has_target and not _is_in_action(error.field)
            if run.run_id == self.row.run.run_id or hides_targets:
                raise as_input_error(run, error)


@frozen
class UnrenderedRuns:
    """Replays runs whose texts could not be rendered. Safe to share between threads."""

    store: AutomationTable
    ledger: Ledger
    dispatcher: Dispatcher
    run_factory: RunFactory

    def replay(self, row: Row, terms: ReplayTerms) -> Replayed:
        """Render a failed run again that was read a short time ago, and open it, or start the runs that replace it.

        Raises:
            NotReplayableError: the event or the automation is missing, the automation no longer selects the event, the
                run was replayed already, or a run is for another company.
            InputError: the texts cannot be rendered now either. The error names the field.
        """
        again = _Again(row, self._rendered(row))
        again.check_own_texts()
        own_run = again.own_run
        if again.has_target and own_run is None:
            raise _no(row, f"{row.run.target} is no longer a target of automation {row.run.automation}")
        others = [] if again.has_target else self._others(again)
        if not all(is_within(run, terms.companies) for run in (own_run, *others) if run is not None):
            raise _no(row, "it would start runs for other companies")
        try:
            if own_run is None:
                return self._replace(again, others)
            # The run itself is opened last. If the process dies before this, the run can still be replayed.
            self.dispatcher.enqueue(others)
            opened = self.ledger.steering.open_rendered(row, own_run, opened_at=terms.opened_at, due_at=terms.due_at)
        except LedgerConflictError as conflict:
            raise _no(conflict.row, "it changed at the same time") from conflict
        return Replayed(opened, [run.run_id for run in others])

    def _replace(self, again: _Again, others: Sequence[Run]) -> Replayed:
        """Start the runs that replace a run.

        Raises:
            LedgerConflictError: the row of the replaced run changed since it was read.
        """
        started = [run_id for run_id in again.replacements if self._has_row(run_id)]
        ids = [*started, *(run.run_id for run in others)]
        # Stored first. If the process dies after this, the next replay starts those that have no row.
        row = self.ledger.steering.note_replacement(again.row, ids)
        self.dispatcher.enqueue(others)
        return Replayed(row, ids)

    def _others(self, again: _Again) -> list[Run]:
        """Return the other runs of the event that have no row.

        Raises:
            NotReplayableError: all of them have a row, and the run itself is not one of them.
            InputError: the texts of a run without a row cannot be rendered.
        """
        row, planned = again.row, again.replacements
        others = [run for run in again.rendered.runs if run.run_id != row.run.run_id]
        missing = [run for run in others if not self._has_row(run.run_id)]
        if planned and all(map(self._has_row, planned)):
            raise _no(row, f"it was replayed as {_listed(planned)}")
        # An earlier replay died. It starts no runs for targets that are newer than its plan.
        if unfinished := [run for run in missing if run.run_id in planned]:
            return unfinished
        for run, error in again.rendered.failed:
            if not self._has_row(run.run_id):
                raise as_input_error(run, error)
        if not missing and again.own_run is None:
            raise _no(row, f"its event already has {_listed([run.run_id for run in others])}")
        return missing

    def _has_row(self, run_id: str) -> bool:
        return self.ledger.items.get(run_id) is not None

    def _rendered(self, row: Row) -> RenderedRuns:
        """Return the runs of the slot or the event of a failed run.

        Raises:
            NotReplayableError: the event or the automation is missing, or the automation no longer selects the event.
        """
        event = self._event(row)
        automation = self._automation(row)
        if event is None:
            slot = datetime.fromisoformat(row.run.slot or "")
            return self.run_factory.runs_for(automation.name, automation.automation, slot_of(slot))
        _check_fields(row, automation, event)
        occurrence = of_event(event.webhook_id, event.event, datetime.fromisoformat(str(event.event["timestamp"])))
        rendered = self.run_factory.selected_runs(automation.name, automation.automation, occurrence, Evaluator())
        if rendered is None:
            raise _no(row, f"automation {automation.name} does not select its event any more")
        return rendered

    def _event(self, row: Row) -> KeptEvent | None:
        """Return the kept event of a run; ``None`` if the run has a slot instead."""
        if row.run.trigger == "schedule" and row.run.slot is not None:
            return None
        if row.event_key is None:
            raise NotReplayableError(row, NEVER_RENDERED)
        try:
            return self.ledger.events.get(row.event_key)
        except TextExpiredError as error:
            raise _no(row, "its event is no longer kept (parameter KeepTextsDays)") from error

    def _automation(self, row: Row) -> AutomationRow:
        """Return the automation of a run, which must still have the same kind of trigger."""
        name = row.run.automation or ""
        try:
            found = self.store.get(name)
        except UnreadableError as error:
            raise _no(row, f"{error}. Replace it with PUT, then replay the run") from error
        if found is None:
            raise _no(row, f"automation {name} does not exist any more")
        if isinstance(found.automation.trigger, ScheduleTrigger) != (row.run.trigger == "schedule"):
            raise _no(row, f"automation {name} has another kind of trigger now")
        return found


def _check_fields(row: Row, automation: AutomationRow, event: KeptEvent) -> None:
    """Check that aichats kept all fields of an event that an automation uses now."""
    used = event_fields(automation.automation)
    missing = sorted(".".join(path) or "the whole event" for path in used if not is_covered(path, event.fields))
    if missing:
        kept = ", ".join(".".join(path) for path in event.fields)
        problem = f"automation {automation.name} now uses {', '.join(missing)}, and these fields of its event are kept"
        raise _no(row, f"{problem}: {kept}")


def _is_in_action(field: str | None) -> bool:
    """Return whether the field of an error is in the action. Rows of earlier versions have no field."""
    return (field or "action").partition(".")[0] == "action"


def _listed(run_ids: Sequence[str]) -> str:
    """Return runs as a part of a message. The message and its log entry must stay short for 1,000 runs."""
    if len(run_ids) == 1:
        return f"run {run_ids[0]}"
    others = f" and {len(run_ids) - LISTED} others" if len(run_ids) > LISTED else ""
    return f"the runs {', '.join(run_ids[:LISTED])}{others}"


def _no(row: Row | None, reason: str) -> NotReplayableError:
    return NotReplayableError(row, f"can't be replayed, because {reason}")
