"""``POST /automations/{name}/run``: runs an automation now."""

from collections.abc import Mapping, Sequence
from copy import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import Field

from aichats.api.callers import Caller
from aichats.api.given_events import given_event
from aichats.api.operation import ApiCall, Reply, operation
from aichats.api.routes.runs import StartedRuns
from aichats.api.starting import accept, reserve_key
from aichats.api.stored_automations import NAMED, WRITE_AND_ACT, existing_automation
from aichats.automations.definition_models import Target
from aichats.automations.model import Automation, ScheduleTrigger
from aichats.automations.run_factory import as_input_error, by_hand
from aichats.errors import InputError
from aichats.models import Request
from aichats.runs.action import MAX_TARGETS
from aichats.templates.filters import matches
from aichats.templates.render import Evaluator, RenderError
from aichats.whop.event_models import EventFields, WebhookEvent


class RunNow(Request):
    """The event for an automation that listens for events, and the targets to run; by default all."""

    event: EventFields | None = None
    targets: Annotated[list[Target], Field(min_length=1, max_length=MAX_TARGETS)] | None = None


@operation(
    "POST",
    "/automations/{name}/run",
    "Run an automation now",
    scopes=WRITE_AND_ACT,
    parameters=NAMED,
    body=RunNow,
    body_optional=True,
    answers={202: StartedRuns},
    limited=True,
    idempotent=True,
)
def run_automation(call: ApiCall[RunNow, None]) -> Reply:
    """Run an automation now, in addition to its scheduled runs. A paused automation runs too.

    An automation that listens for events needs an `event`. Of the event, only `type` and `data` are required. `targets`
    selects some of the automation's targets, as the automation has them.
    """
    row = existing_automation(call)
    call.app.check_action(row.automation.action)
    automation = _with_targets(row.automation, call.body.targets)
    now = datetime.now(UTC)
    event = _event_for(automation, call.body.event, now)
    key = reserve_key(call, f"POST /automations/{row.name}/run")
    occurrence = by_hand(_call_id(call.caller, key), event.timestamp if event else now, _fields(event))
    rendered = call.app.run_factory.runs_for(row.name, automation, occurrence)
    for run, error in rendered.failed:
        raise as_input_error(run, error)
    return Reply(StartedRuns(run_ids=accept(call, key, rendered.runs)), HTTPStatus.ACCEPTED)


def _with_targets(automation: Automation, targets: Sequence[str | None] | None) -> Automation:
    """Return the automation with only these of its targets; with all if ``targets`` is ``None``.

    Raises:
        InputError: the automation doesn't have a target.
    """
    if targets is None:
        return automation
    others = [index for index, target in enumerate(targets) if target not in automation.targets]
    if others:
        problem = "is not a target of the automation; write it as in the automation"
        raise InputError([(f"targets.{index}", problem) for index in others])
    return replace(automation, targets=list(targets))


def _event_for(automation: Automation, event: Mapping[str, Any] | None, now: datetime) -> WebhookEvent | None:
    """Return the event for which an automation runs; ``None`` if its trigger is a schedule.

    Raises:
        InputError: the event is missing or invalid, or the automation doesn't run for it.
    """
    trigger = automation.trigger
    if isinstance(trigger, ScheduleTrigger):
        if event is not None:
            raise InputError([("event", "must be omitted, because the automation runs on a schedule")])
        return None
    if event is None:
        problem = "is required, because the automation listens for events; GET /events/types has an example of each"
        raise InputError([("event", problem)])
    content = given_event(trigger, event, now)
    try:
        if matches(_fields(content) or {}, trigger.events, trigger.filter, Evaluator()):
            return content
    except RenderError as error:
        raise InputError([("event", f"the filter of the automation fails for this event: {error}")]) from None
    raise InputError([("event", "the filter of the automation rejects this event")])


def _fields(event: WebhookEvent | None) -> Mapping[str, Any] | None:
    """Return an event as templates see it."""
    return None if event is None else event.model_dump(mode="json")


def _call_id(caller: Caller, key: str) -> str:
    """Return a text that identifies a call of this caller. A colon in the caller's name is escaped."""
    return f"{caller.identity.replace('%', '%25').replace(':', '%3A')}:{key}"
