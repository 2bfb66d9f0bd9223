"""``/automations/preview``: the times at which automations run next, and what they will send."""

from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Annotated, Any

from pydantic import Field, RootModel, SkipValidation

from aichats.api.automation_view import AutomationBody
from aichats.api.given_events import example_for, given_event
from aichats.api.operation import ApiCall, Reply, operation
from aichats.api.preview_view import (
    FireTime,
    PausedTimes,
    Preview,
    RenderedPreview,
    as_intervals,
    invalid_texts,
    next_times,
    paused_times,
    rendered_targets,
    times_of,
)
from aichats.api.stored_automations import NAMED, READ, existing_automation
from aichats.automations.checks import text_problems
from aichats.automations.definition_models import Name, ScheduleTriggerModel, Time
from aichats.automations.model import Automation, WebhookTrigger, first_slot
from aichats.automations.run_factory import Occurrence, of_event, slot_of
from aichats.errors import InputError
from aichats.frozen import frozen
from aichats.models import Request, Truth, WholeNumber
from aichats.runs.model import slot_text
from aichats.templates.render import Evaluator
from aichats.validation import parse_strictly
from aichats.whop.event_models import EventFields

type Count = Annotated[int, Field(ge=1, le=100, description="The number of times"), WholeNumber]

PREVIEW = "preview"
"""The name in texts of an automation that has none, and the id of the events in previews."""


class PreviewQuery(Request):
    """The number of times to return."""

    count: Count = 5


class StoredPreviewQuery(PreviewQuery):
    """The number of times to return, and whether to render what the automation will send."""

    render: Annotated[bool, Field(description="Also render the texts, and answer with an object"), Truth] = False


class AutomationToPreview(AutomationBody):
    """An automation as PUT takes it, and the time or the event to render it for."""

    name: Annotated[Name, Field(description="The name that the texts use")] = PREVIEW
    at: Annotated[Time | None, Field(description="The time to render for; by default the next time")] = None
    event: Annotated[
        EventFields | None,
        Field(description="The event to render for, as Whop sends it; by default an example of the first event type"),
    ] = None


@frozen
class _Subject:
    """The automation to preview, and the time or the event to render it for, if they are given."""

    name: str
    automation: Automation
    at: datetime | None = None
    event: Mapping[str, Any] | None = None


class PreviewBody(RootModel[SkipValidation[ScheduleTriggerModel | AutomationToPreview]]):
    """A schedule, or a whole automation.

    The body is validated when it is known which of them it is, so that errors name the same fields as those of a PUT.
    """


@operation(
    "GET",
    "/automations/{name}/preview",
    "Preview an automation",
    scopes=READ,
    parameters=NAMED,
    query=StoredPreviewQuery,
    answers={200: Preview},
    limited=True,
    headers={"Paused": "The pauses that leave out times, as intervals"},
)
def preview_automation(call: ApiCall[None, StoredPreviewQuery]) -> Reply:
    """Return the next times of an automation, even if it is disabled.

    Times inside a pause of the automation or of the stack are left out. If a pause leaves out times, the header
    `Paused` has the interval of the pause. With `render=true`, the answer also contains what the automation sends to
    each target at the next time, or for an example event.
    """
    row, now, query = existing_automation(call), call.app.ledger.clock(), call.query
    trigger = row.automation.trigger
    subject = _Subject(row.name, row.automation)
    if isinstance(trigger, WebhookTrigger):
        if not query.render:
            raise InputError([("name", f"{row.name} listens for events, so it has no times. Use render=true")])
        return Reply(Preview(_of_webhook(call, subject, trigger)))
    stack = call.app.stack_pause.pauses(now)
    times = list(islice(stack.skip(row.unpaused_slots, now), query.count))
    paused = paused_times(row, stack, now, times, query.count)
    headers = {"Paused": as_intervals(paused)} if paused else {}
    shown = times_of(trigger, times)
    if not query.render:
        return Reply(Preview(shown), headers=headers)
    return Reply(Preview(_of_schedule(call, subject, times[0] if times else None, shown, paused)), headers=headers)


@operation(
    "POST",
    "/automations/preview",
    "Preview a schedule or an automation",
    scopes=READ,
    body=PreviewBody,
    query=PreviewQuery,
    answers={200: Preview},
    limited=True,
)
def preview_schedule(call: ApiCall[PreviewBody, PreviewQuery]) -> Reply:
    """Preview a schedule or an automation without saving it.

    For a schedule, the answer is the list of its next times. For an automation, it also contains what the automation
    sends to each target at the next time, or for an event. Texts that fail are in the answer with their error.
    """
    body: object = call.body.root
    now = call.app.ledger.clock()
    context = {"max_message_bytes": call.app.settings.max_message_bytes, "now": now}
    if not (isinstance(body, dict) and body.keys() & {"trigger", "action", "targets"}):
        trigger = parse_strictly(ScheduleTriggerModel, body, **context).plain
        times = next_times(trigger, first_slot(trigger, now), now, call.query.count)
        return Reply(Preview(times_of(trigger, times)))
    given = parse_strictly(AutomationToPreview, body, **context)
    subject = _Subject(given.name, given.plain, given.at, given.event)
    call.limit.check_automation(subject.automation)
    call.app.check_action(subject.automation.action)
    return Reply(Preview(_of_automation(call, subject, now)))


def _of_automation(call: ApiCall[Any, PreviewQuery], subject: _Subject, now: datetime) -> RenderedPreview:
    """Return the preview of an automation that is not stored."""
    trigger = subject.automation.trigger
    if isinstance(trigger, WebhookTrigger):
        return _of_webhook(call, subject, trigger)
    if subject.event is not None:
        raise InputError([("event", "must be omitted, because the automation runs on a schedule")])
    times = next_times(trigger, first_slot(trigger, now), now, call.query.count)
    return _of_schedule(call, subject, subject.at or times[0], times_of(trigger, times), [])


def _of_schedule(
    call: ApiCall[Any, Any],
    subject: _Subject,
    at: datetime | None,
    times: list[FireTime],
    paused: list[PausedTimes],
) -> RenderedPreview:
    if at is None:
        return RenderedPreview(at=None, times=times, paused=paused, rendered=[])
    return _rendered(call, subject, slot_of(at)).model_copy(update={"times": times, "paused": paused})


def _of_webhook(call: ApiCall[Any, Any], subject: _Subject, trigger: WebhookTrigger) -> RenderedPreview:
    now = subject.at or call.app.ledger.clock()
    given = subject.event
    event = example_for(trigger, now) if given is None else given_event(trigger, given, now)
    occurrence = of_event(PREVIEW, event.model_dump(mode="json"), subject.at or event.timestamp)
    shown = {"event_type": event.type, "is_example": given is None}
    return _rendered(call, subject, occurrence).model_copy(update=shown)


def _rendered(call: ApiCall[Any, Any], subject: _Subject, occurrence: Occurrence) -> RenderedPreview:
    """Return a preview without times, with the runs that an occurrence would start."""
    at = slot_text(occurrence.time)
    if problems := text_problems(subject.automation):
        return RenderedPreview.model_construct(at=at, times=[], rendered=invalid_texts(problems))
    runs = call.app.run_factory.selected_runs(subject.name, subject.automation, occurrence, Evaluator())
    if runs is None:
        return RenderedPreview.model_construct(at=at, times=[], rendered=[], filtered=True)
    rendered, not_shown = rendered_targets(runs)
    return RenderedPreview.model_construct(at=at, times=[], rendered=rendered, not_shown=not_shown)
