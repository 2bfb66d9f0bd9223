"""What an automation does when its trigger fires: a run for each target, its texts rendered."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from aichats.automations.model import TEMPLATE, Automation, ScheduleTrigger, WebhookTrigger, first_slot, schedule_times
from aichats.automations.samples import Samples, samples_of
from aichats.errors import InputError
from aichats.runs.actions import Action, check_targets
from aichats.runs.model import Run, Trigger, run_id, slot_text
from aichats.templates.filters import check_filter
from aichats.templates.render import (
    SCHEDULE_NAMES,
    WEBHOOK_NAMES,
    WEBHOOK_TARGET_NAMES,
    Evaluator,
    RenderError,
    check,
    check_fields,
    render,
    render_fields,
    slot_names,
    texts,
)
from aichats.templates.syntax import TemplateError, parts

MAX_WEBHOOK_TARGETS = 100
_ACTION: TypeAdapter[Any] = TypeAdapter(Action)
_IDS = ("biz_1", "aich_1")
"""Targets, so that each kind of target takes one of them."""


@dataclass(frozen=True)
class Occurrence:
    """What a trigger fired for.

    Attributes:
        unique: what tells it from every other occurrence: what stands before and after the automation's name.
        moment: the slot; of an event, when it happened; of a run by hand, when that was.
        event: as templates see it; of a webhook only.
    """

    trigger: Trigger
    unique: tuple[str, str]
    moment: datetime
    event: Mapping[str, Any] | None = None

    def run_id(self, automation: str, target: str | None) -> str:
        """The id of the run for a target."""
        before, after = self.unique
        return run_id(self.trigger, *(part for part in (before, automation, after) if part), target)


def slot_of(moment: datetime) -> Occurrence:
    """The occurrence of a slot: whoever finds the slot meets the same runs."""
    return Occurrence("schedule", ("", slot_text(moment)), moment)


def by_hand(unique: str, moment: datetime) -> Occurrence:
    """The occurrence of a call that runs an automation now; it never meets a slot's runs."""
    return Occurrence("http", ("", f"manual:{unique}"), moment)


def of_event(webhook_id: str, event: Mapping[str, Any], moment: datetime) -> Occurrence:
    """The occurrence of an event, however often it is delivered."""
    return Occurrence("webhook", (webhook_id, ""), moment, event)


@dataclass(frozen=True)
class RenderedRuns:
    """The runs of an occurrence.

    Attributes:
        runs: to be performed.
        failed: whose texts cannot be made, each with the reason.
    """

    runs: list[Run] = field(default_factory=list)
    failed: list[tuple[Run, RenderError]] = field(default_factory=list)


@dataclass(frozen=True)
class RunFactory:
    """Makes the runs of automations.

    Args:
        api_version: gives the version of a provider's API for new runs of an action; ``None``: it has none.
        max_message_bytes: longest text after rendering.
    """

    api_version: Callable[[Action], str | None]
    max_message_bytes: int

    def runs_for(
        self, name: str, automation: Automation, occurrence: Occurrence, evaluator: Evaluator | None = None
    ) -> RenderedRuns:
        """A run for each target; a target that stands twice counts once.

        All targets share the budget of the evaluator, a fresh one if there is none. Those for which it does not suffice
        have failed.
        """
        evaluator = evaluator or Evaluator()
        known = _names(name, automation, occurrence)
        fired = RenderedRuns()
        seen: set[str | None] = set()
        places: dict[str | None, int] = {}
        for index, written in enumerate(automation.targets):
            places.setdefault(written, index)
        for written, place in places.items():
            target: str | None = written
            where = f"targets.{place}"
            try:
                target = _rendered_target(automation, written, known, evaluator)
                if target in seen:
                    continue
                where = "action"
                action = self._rendered_action(automation, known | {"target": target or ""}, evaluator)
                fired.runs.append(self._run(name, action, target, occurrence))
            except RenderError as error:
                error.field = f"{where}.{error.field}" if error.field else where
                fired.failed.append((self._run(name, automation.action, target, occurrence), error))
            seen.add(target)
        return fired

    def unrenderable_run(self, name: str, automation: Automation, occurrence: Occurrence) -> Run:
        """The run of an automation of which not even the targets can be told: it can only be noted as failed."""
        return self._run(name, automation.action, automation.targets[0], occurrence)

    def check(self, name: str, automation: Automation, now: datetime) -> None:
        """Check an automation's texts before it is stored.

        Those of a schedule are tried with its next slot, for each target; those of a webhook as far as they do not
        depend on what an event holds.

        Raises:
            InputError: a text is wrong; names its field.
        """
        problems = list(_problems(automation)) or list(_problems_of_samples(name, automation, now))
        if problems:
            raise InputError(problems)
        if isinstance(automation.trigger, ScheduleTrigger):
            fired = self.runs_for(name, automation, slot_of(_next_slot(automation.trigger, now) or now))
            for run, error in fired.failed:
                raise as_input_error(run, error)

    def _rendered_action(self, automation: Automation, names: Mapping[str, Any], evaluator: Evaluator) -> Any:
        fields = automation.action.model_dump(mode="json", exclude_unset=True)
        made = render_fields(fields, names, evaluator)
        if made == fields:
            return automation.action
        try:
            return _ACTION.validate_python(made, context={"max_message_bytes": self.max_message_bytes})
        except ValidationError as error:
            detail = error.errors(include_url=False, include_input=False, include_context=False)[0]
            problem = detail["msg"].removeprefix("Value error, ")
            refused = RenderError(f"is refused when it is rendered: {problem}")
            refused.field = str(detail["loc"][-1])
            raise refused from None

    def _run(self, name: str, action: Any, target: str | None, occurrence: Occurrence) -> Run:
        return Run(
            run_id=occurrence.run_id(name, target),
            trigger=occurrence.trigger,
            action=action,
            target=target,
            api_version=self.api_version(action),
            automation=name,
            slot=slot_text(occurrence.moment) if occurrence.trigger == "schedule" else None,
        )


def as_input_error(run: Run, error: RenderError) -> InputError:
    """What a caller is told of a text that cannot be made."""
    return InputError([(error.field or "action", f"fails for the target {run.target}: {error}")])


def _names(name: str, automation: Automation, occurrence: Occurrence) -> dict[str, Any]:
    trigger = automation.trigger
    timezone = trigger.timezone if isinstance(trigger, ScheduleTrigger) else "UTC"
    event = {} if occurrence.event is None else {"event": occurrence.event}
    return {"automation": name, "slot": slot_names(occurrence.moment.astimezone(UTC), timezone), **event}


def _rendered_target(
    automation: Automation, written: str | None, known: Mapping[str, Any], evaluator: Evaluator
) -> str | None:
    """The target; only a webhook's is a template."""
    if written is None:
        return None
    if isinstance(automation.trigger, ScheduleTrigger):
        if TEMPLATE in written:
            # A slot of a trigger that a webhook replaced: no event tells its targets.
            raise RenderError("is a template, which a schedule's target cannot be")
        return written
    target = render(written, known, evaluator)
    if refusal := _refusal(automation.action, target):
        raise RenderError(f"rendered as a target is refused: {refusal}")
    return target


def _refusal(action: Action, target: str) -> str | None:
    """Why this is no target of the action; `None` if it is one."""
    try:
        check_targets(action, [target])
    except ValueError as error:
        return str(error).partition(": ")[2]
    return None


def _problems(automation: Automation) -> Iterator[tuple[str, str]]:
    """What is wrong with the texts as they are written: field and problem."""
    trigger = automation.trigger
    known = WEBHOOK_NAMES if isinstance(trigger, WebhookTrigger) else SCHEDULE_NAMES
    for name, problem in check_fields(automation.action.model_dump(mode="json", exclude_unset=True), known):
        yield f"action.{name}", problem
    if isinstance(trigger, WebhookTrigger):
        yield from _filter_problems(trigger)
        if len(automation.targets) > MAX_WEBHOOK_TARGETS:
            yield "targets", f"are {len(automation.targets)}; an event may have {MAX_WEBHOOK_TARGETS}"
        for index, target in enumerate(automation.targets):
            try:
                check(target or "", WEBHOOK_TARGET_NAMES)
            except TemplateError as error:
                yield f"targets.{index}", str(error)


def _filter_problems(trigger: WebhookTrigger) -> Iterator[tuple[str, str]]:
    try:
        check_filter(trigger.filter or "`true`")
    except TemplateError as error:
        yield "trigger.filter", str(error)


def _problems_of_samples(name: str, automation: Automation, now: datetime) -> Iterator[tuple[str, str]]:
    """What is wrong with the texts of a webhook for every event that may come: field and problem."""
    trigger = automation.trigger
    if not isinstance(trigger, WebhookTrigger):
        return
    samples = samples_of(name, trigger.events, now)
    for path, text in texts(automation.action.model_dump(mode="json", exclude_unset=True), "action"):
        if told := samples.why_no_text(text):
            yield path, told
    if told := samples.why_no_filter(trigger):
        yield "trigger.filter", told
    for index, target in enumerate(automation.targets):
        if told := _why_no_target(automation, target or "", samples):
            yield f"targets.{index}", told


def _why_no_target(automation: Automation, written: str, samples: Samples) -> str | None:
    """Why this is no target for any event; `None` if it may be one."""
    if told := samples.why_no_text(written):
        return told
    literal, expression = next(parts(written))
    if expression is None:
        return None
    if told := samples.why_never(
        written, lambda names: _rendered_target(automation, written, names, samples.evaluator)
    ):
        return told
    endings = [example[begin:] for example in _IDS for begin in range(len(example) + 1)]
    refusals = [_refusal(automation.action, literal + ending) for ending in endings]
    return f"begins with {literal!r}: {refusals[0]}" if all(refusals) else None


def _next_slot(trigger: ScheduleTrigger, now: datetime) -> datetime | None:
    return next(schedule_times(trigger, first_slot(trigger, now), now), None)
