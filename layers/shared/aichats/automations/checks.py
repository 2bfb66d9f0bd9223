"""Checks the texts of an automation before it is stored."""

from collections.abc import Iterator
from datetime import datetime

from aichats.automations.model import Automation, ScheduleTrigger, WebhookTrigger, first_slot, schedule_times
from aichats.automations.run_factory import RunFactory, as_input_error, slot_of
from aichats.errors import InputError
from aichats.templates.filters import check_filter
from aichats.templates.render import SCHEDULE_NAMES, WEBHOOK_NAMES, WEBHOOK_TARGET_NAMES, check_fields
from aichats.templates.syntax import TemplateError

MAX_WEBHOOK_TARGETS = 100


def check_texts(name: str, automation: Automation, run_factory: RunFactory, now: datetime) -> None:
    """Check the syntax and the names in the texts of an automation.

    If the trigger is a schedule, the texts are also rendered for the next slot and each target. If the trigger is a
    webhook, the texts depend on the event, so they are rendered only when an event arrives.

    Raises:
        InputError: texts are invalid. The error names their fields.
    """
    if problems := text_problems(automation):
        raise InputError(problems)
    trigger = automation.trigger
    if isinstance(trigger, ScheduleTrigger):
        slot = next(schedule_times(trigger, first_slot(trigger, now), now), now)
        for run, error in run_factory.runs_for(name, automation, slot_of(slot)).failed:
            raise as_input_error(run, error)


def text_problems(automation: Automation) -> list[tuple[str, str]]:
    """Return the field and the problem of each invalid text."""
    return list(_problems(automation))


def _problems(automation: Automation) -> Iterator[tuple[str, str]]:
    """Yield the field and the problem of each invalid text."""
    trigger = automation.trigger
    names = WEBHOOK_NAMES if isinstance(trigger, WebhookTrigger) else SCHEDULE_NAMES
    yield from check_fields({"action": automation.action.as_json()}, names)
    if isinstance(trigger, WebhookTrigger):
        try:
            check_filter(trigger.filter or "`true`")
        except TemplateError as error:
            yield "trigger.filter", str(error)
        if len(automation.targets) > MAX_WEBHOOK_TARGETS:
            yield "targets", f"has {len(automation.targets)} items. A webhook allows at most {MAX_WEBHOOK_TARGETS}"
        yield from check_fields({"targets": automation.targets}, WEBHOOK_TARGET_NAMES)
