"""Creates the runs of an automation when its trigger fires: one for each target, with rendered texts."""

from collections.abc import Callable, Mapping, Sequence
from copy import replace
from dataclasses import field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from aichats.automations.model import MAX_LABEL_CHARACTERS, Automation, ScheduleTrigger, WebhookTrigger
from aichats.aws.observability import count, count_now, logger
from aichats.errors import InputError
from aichats.frozen import frozen
from aichats.json_types import Json
from aichats.runs.action import Action, check_targets, quick_action
from aichats.runs.failures import describe
from aichats.runs.ledger.events import MAX_EVENT_BYTES, KeptEvent
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.model import Run, Trigger, run_id, slot_runs, slot_text
from aichats.runs.perform import ALARMING
from aichats.templates.filters import matches
from aichats.templates.render import Evaluator, RenderError, render, render_fields, slot_names

FILTER = "trigger.filter"
"""The field of an automation's filter."""
TEST_PREFIX = "msg_test_"
"""The beginning of the ``webhook-id`` of a test event, which the HTTP API sends."""


@frozen
class Occurrence:
    """One firing of a trigger.

    Attributes:
        unique: the parts of the run id before and after the automation's name. No other occurrence has the same parts.
        time: the slot, the time of the event, or the time of the manual run.
        event: the event as templates see it; ``None`` unless the automation's trigger is a webhook.
        labels: the labels of its runs, in addition to those of the automation.
    """

    trigger: Trigger
    unique: tuple[str, str]
    time: datetime
    event: Mapping[str, Any] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    def run_id(self, automation: str, target: str | None) -> str:
        """Return the id of the run for a target."""
        before, after = self.unique
        return run_id(self.trigger, *(part for part in (before, automation, after) if part), target)


def slot_of(slot: datetime) -> Occurrence:
    """Return the occurrence of a slot. The runs of a slot always have the same ids."""
    return Occurrence("schedule", ("", slot_text(slot)), slot)


def by_hand(unique: str, time: datetime, event: Mapping[str, Any] | None = None) -> Occurrence:
    """Return the occurrence of a manual run. Its runs never have the ids of a slot's or a delivery's runs."""
    return Occurrence("http", ("", f"manual:{unique}"), time, event)


def of_event(webhook_id: str, event: Mapping[str, Any], time: datetime) -> Occurrence:
    """Return the occurrence of an event. The runs of duplicate deliveries have the same ids.

    The runs of a test event have the label ``test`` with the ``webhook-id``.
    """
    labels = {"test": webhook_id[:MAX_LABEL_CHARACTERS]} if webhook_id.startswith(TEST_PREFIX) else {}
    return Occurrence("webhook", (webhook_id, ""), time, event, labels)


@frozen
class RenderedRuns:
    """The runs of an occurrence.

    Attributes:
        runs: the runs to perform.
        failed: the runs whose texts cannot be rendered, each with its error.
        skipped: the runs that are not performed on purpose, each with the error that says why.
    """

    runs: list[Run] = field(default_factory=list)
    failed: list[tuple[Run, RenderError]] = field(default_factory=list)
    skipped: list[tuple[Run, Json]] = field(default_factory=list)

    def __len__(self) -> int:
        """Return the number of all runs."""
        return len(self.runs) + len(self.failed) + len(self.skipped)

    def with_slot_runs(self) -> "RenderedRuns":
        """Return the runs of a slot, each with the number of all of them."""
        number = slot_runs(len(self))
        return RenderedRuns(
            [replace(run, slot_runs=number) for run in self.runs],
            [(replace(run, slot_runs=number), error) for run, error in self.failed],
            [(replace(run, slot_runs=number), error) for run, error in self.skipped],
        )

    def extend(self, other: "RenderedRuns") -> None:
        """Add the runs of another occurrence or automation."""
        self.runs.extend(other.runs)
        self.failed.extend(other.failed)
        self.skipped.extend(other.skipped)


@frozen
class RunFactory:
    """Creates the runs of automations.

    Args:
        api_version: returns the version of a provider's API for new runs of an action; ``None`` if it has no versions.
        max_message_bytes: the maximum size of a message after rendering.
    """

    api_version: Callable[[Action], str | None]
    max_message_bytes: int

    def runs_for(
        self, name: str, automation: Automation, occurrence: Occurrence, evaluator: Evaluator | None = None
    ) -> RenderedRuns:
        """Return a run for each target. Duplicate targets are ignored.

        All targets share the budget of the evaluator, by default a new one. A target that exceeds the budget fails.
        """
        evaluator = evaluator or Evaluator()
        names = _names(name, automation, occurrence)
        rendered = RenderedRuns()
        seen: set[str | None] = set()
        first_index: dict[str | None, int] = {}
        for index, template in enumerate(automation.targets):
            first_index.setdefault(template, index)
        for template, index in first_index.items():
            target: str | None = template
            path = f"targets.{index}"
            try:
                target = _rendered_target(automation, template, names, evaluator)
                if target in seen:
                    continue
                path = "action"
                action = self._rendered_action(automation, names | {"target": target or ""}, evaluator)
                rendered.runs.append(self._run(name, automation, action, target, occurrence))
            except RenderError as error:
                error.field = f"{path}.{error.field}" if error.field else path
                rendered.failed.append((self._run(name, automation, automation.action, target, occurrence), error))
            seen.add(target)
        return rendered.with_slot_runs() if occurrence.trigger == "schedule" else rendered

    def selected_runs(
        self, name: str, automation: Automation, occurrence: Occurrence, evaluator: Evaluator
    ) -> RenderedRuns | None:
        """Return the runs that an occurrence starts; ``None`` if the trigger of the automation rejects the event.

        If the filter fails, the targets are unknown. Then there is one failed run, for the first target as it is
        written.
        """
        trigger, event = automation.trigger, occurrence.event
        if event is None:
            return self.runs_for(name, automation, occurrence, evaluator)
        try:
            if not isinstance(trigger, WebhookTrigger) or not matches(event, trigger.events, trigger.filter, evaluator):
                return None
        except RenderError as error:
            error.field = FILTER
            run = self._run(name, automation, automation.action, automation.targets[0], occurrence)
            return RenderedRuns(failed=[(run, error)])
        return self.runs_for(name, automation, occurrence, evaluator)

    def _rendered_action(self, automation: Automation, names: Mapping[str, Any], evaluator: Evaluator) -> Action:
        fields = automation.action.as_json()
        rendered = render_fields(fields, names, evaluator)
        if rendered == fields:
            return automation.action
        action = quick_action(rendered, max_message_bytes=self.max_message_bytes)
        return action or _validated(rendered, self.max_message_bytes)

    def _run(
        self, name: str, automation: Automation, action: Action, target: str | None, occurrence: Occurrence
    ) -> Run:
        return Run(
            run_id=occurrence.run_id(name, target),
            trigger=occurrence.trigger,
            action=action,
            target=target,
            api_version=self.api_version(action),
            automation=name,
            slot=slot_text(occurrence.time) if occurrence.trigger == "schedule" else None,
            labels={**automation.labels, **occurrence.labels},
            budget=automation.budget.stored if automation.budget else None,
        )


def _validated(rendered: Json, max_message_bytes: int) -> Action:
    """Return a rendered action.

    Raises:
        RenderError: the action is invalid. The error names its field.
    """
    from pydantic import ValidationError

    from aichats.runs.action_models import validated_action
    from aichats.validation import field_name, message_of

    try:
        return validated_action(rendered, {"max_message_bytes": max_message_bytes})
    except ValidationError as error:
        details = error.errors(include_url=False)[0]
        invalid = RenderError(f"is invalid after rendering: {message_of(details)}")
        invalid.field = field_name(("action", *details["loc"])).removeprefix("action.")
        raise invalid from None


def as_input_error(run: Run, error: RenderError) -> InputError:
    """Return the error for an API call with a run that cannot be rendered."""
    return InputError([(error.field or "action", f"fails for the target {run.target}: {error}")])


def store_failed(
    ledger: Ledger,
    failed: Sequence[tuple[Run, RenderError]],
    events: Mapping[str, KeptEvent] = MappingProxyType({}),
) -> list[str]:
    """Store runs whose texts cannot be rendered as failed. Return their ids.

    A run that is already in the ledger stays as it is.

    Args:
        ledger: the ledger.
        failed: the runs, each with its error.
        events: the part of the event to keep for the runs of an automation, by the automation's name.
    """
    if not failed:
        return []
    # Counted before the runs are stored. If the process dies in between, the alarm goes off twice instead of never.
    count_now(ALARMING["failed"], len(failed))
    kept = {name: event for name, event in events.items() if not event.is_too_large}
    ledger.events.keep(kept.values())
    ended = [(run, _describe(error, events.get(run.automation or ""))) for run, error in failed]
    keys = {run.run_id: kept[run.automation].key for run, _ in failed if run.automation in kept}
    ledger.add_ended(ended, "failed", unrendered=True, event_keys=keys)
    for run, error in failed:
        logger.error("run failed", extra={"run_id": run.run_id, "automation": run.automation, "error": str(error)})
    return [run.run_id for run, _ in failed]


def store_skipped(ledger: Ledger, skipped: Sequence[tuple[Run, Json]]) -> list[str]:
    """Store runs that are not performed on purpose. They can be replayed. Return their ids.

    A run that is already in the ledger stays as it is.
    """
    if skipped:
        count("RunsSkipped", ledger.add_ended(skipped, "skipped"))
    return [run.run_id for run, _ in skipped]


def _describe(error: RenderError, event: KeptEvent | None) -> Json:
    """Return an error as the ledger stores it, with the field of the automation."""
    described: dict[str, Any] = {**describe(error), "field": error.field or "action"}
    if event is not None and event.is_too_large:
        described["message"] += (
            f". This run can't be replayed, because the fields of its event that the automation uses have more than "
            f"{MAX_EVENT_BYTES} bytes"
        )
    return described


def _names(name: str, automation: Automation, occurrence: Occurrence) -> dict[str, Any]:
    """Return the values of the names that expressions may use."""
    trigger = automation.trigger
    timezone = trigger.timezone if isinstance(trigger, ScheduleTrigger) else "UTC"
    event = {} if occurrence.event is None else {"event": occurrence.event}
    return {"automation": name, "slot": slot_names(occurrence.time.astimezone(UTC), timezone), **event}


def _rendered_target(
    automation: Automation, template: str | None, names: Mapping[str, Any], evaluator: Evaluator
) -> str | None:
    """Return the target of a run. Only the targets of webhooks are templates."""
    if template is None or isinstance(automation.trigger, ScheduleTrigger):
        return template
    target = render(template, names, evaluator)
    try:
        check_targets(automation.action, [target])
    except ValueError as error:
        raise RenderError(f"is not a valid target after rendering: {str(error).partition(': ')[2]}") from None
    return target
