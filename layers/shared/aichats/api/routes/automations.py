"""``/automations``: automations, and the times at which they run next."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import islice
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field, RootModel

from aichats.api.callers import Caller, Scope
from aichats.api.operation import WEBHOOK, ApiCall, Reply, operation
from aichats.api.problems import RejectedError
from aichats.api.routes.runs import StartedRuns
from aichats.api.starting import accept, reserve_key
from aichats.automations.checks import check_texts
from aichats.automations.model import (
    NAME,
    Automation,
    Name,
    ScheduleTrigger,
    WebhookTrigger,
    first_slot,
    schedule_times,
)
from aichats.automations.row import AutomationRow, RowHeader
from aichats.automations.run_factory import as_input_error, by_hand
from aichats.aws.observability import logger
from aichats.errors import AichatsError, InputError, UnreadableError
from aichats.models import Request, WholeNumber
from aichats.runs.model import slot_text
from aichats.whop.webhooks import known_event_types

type Count = Annotated[int, Field(ge=1, le=100), WholeNumber]
type State = Literal["active", "paused", "done", "deleting"]
MAX_LIST_BYTES = 4_000_000
"""The maximum size of an answer. Lambda's limit is 6 MB."""
STACK_SCHEDULE = "stack-schedule"
"""The name of the template's own schedule. An automation with this name would share its runs."""
WEBHOOK_WARNING_SECONDS = 3.0
"""The time limit for the question whether Whop sends the events of an automation."""
_ETAG = {"ETag": "The version, for `If-Match`"}
_READ: tuple[Scope, ...] = ("automations:read",)
_WRITE: tuple[Scope, ...] = ("automations:write",)
_WRITE_AND_ACT: tuple[Scope, ...] = ("automations:write", "chats:write")
"""The scopes for operations that can start an automation's action."""
_NAMED = {"name": NAME}


class AutomationState(Automation):
    """An automation with its state."""

    name: Name
    state: Annotated[State, Field(description="`paused` if `enabled` is false; `done` after the last time")]
    next_at: Annotated[
        datetime | None,
        Field(description="The next time; null if there is none, or if the automation listens to events"),
    ]


class StoredAutomation(AutomationState):
    """An automation as aichats stored it."""

    warnings: Annotated[list[str], Field(description="Possible mistakes in the automation")]


class ListedAutomation(AutomationState):
    """An automation in the list."""

    etag: str


class ListAutomations(Request):
    """The position in the list."""

    cursor: Name | None = None


class Automations(BaseModel):
    """A page of automations, sorted by name."""

    data: list[ListedAutomation]
    next_cursor: Annotated[str | None, Field(description="The `cursor` of the next page; null on the last page")]


class PreviewQuery(Request):
    """The number of times to return."""

    count: Count = 5


class FireTime(BaseModel):
    """A time at which a schedule fires, in ISO 8601."""

    utc: str
    local: str


class Preview(RootModel[list[FireTime]]):
    """The next times at which a schedule fires. If the schedule ends, there are fewer than requested."""


@operation(
    "PUT",
    "/automations/{name}",
    "Create or replace an automation",
    scopes=_WRITE_AND_ACT,
    parameters=_NAMED,
    body=Automation,
    answers={200: StoredAutomation, 201: StoredAutomation},
    limited=True,
    conflicts=True,
    conditional=True,
    headers={**_ETAG, "Location": "The automation"},
)
def put_automation(call: ApiCall[Automation, None]) -> Reply:
    """Create or replace an automation. Sending the same definition again changes nothing, and repairs its schedule.

    With `If-Match`, the automation is replaced only if you know its current version. With `If-None-Match: *`, it is
    only created. Retrying a conditional request is safe. Unknown event types are accepted with a warning, because Whop
    adds new ones. If Whop does not send one of the event types to this API yet, a warning says so. A client that is
    limited to companies can't replace an automation that it can't see.
    """
    name, now = call.path["name"], datetime.now(UTC)
    if name == STACK_SCHEDULE:
        raise InputError([("name", f"{name} is the name of the stack's own schedule; choose another one")])
    call.limit.check_automation(call.body)
    call.app.check_action(call.body.action)
    check_texts(name, call.body, call.app.run_factory, now)
    conditions = call.headers.get("if-match"), call.headers.get("if-none-match")

    def keep_others(row: RowHeader) -> None:
        if not call.limit.has_automation(row):
            detail = f"the name {name} is taken by an automation that this caller can't see. Choose another name"
            raise RejectedError(HTTPStatus.CONFLICT, "conflict", detail)

    result = call.app.automations.put(name, call.body, *conditions, guard=keep_others)
    row = result.row
    warnings = [*_warnings(call.body, row.unconfirmed_slots), *_webhook_warnings(call, row.event_types)]
    body = StoredAutomation.model_construct(**_with_state(row, now), warnings=warnings)
    status = HTTPStatus.CREATED if result.created else HTTPStatus.OK
    return Reply(body, status, {"ETag": row.etag, "Location": f"/automations/{name}"})


@operation(
    "GET",
    "/automations/{name}",
    "Get an automation",
    scopes=_READ,
    parameters=_NAMED,
    answers={200: Automation},
    limited=True,
    headers=_ETAG,
)
def get_automation(call: ApiCall[None, None]) -> Reply:
    """Return the definition of an automation. You can change it and put it back, with its `ETag` as `If-Match`."""
    row = _existing(call)
    return Reply(row.automation, headers={"ETag": row.etag})


@operation(
    "GET",
    "/automations",
    "List automations",
    scopes=_READ,
    query=ListAutomations,
    answers={200: Automations},
    limited=True,
)
def list_automations(call: ApiCall[None, ListAutomations]) -> Reply:
    """Return the automations with the next time of each. Follow `next_cursor` until it is null."""
    now, after = datetime.now(UTC), call.query.cursor or ""
    rows = [row for row in call.app.automation_table.list() if row.name > after and call.limit.has_automation(row)]
    shown: list[ListedAutomation] = []
    room = MAX_LIST_BYTES
    for row in rows:
        automation = ListedAutomation.model_construct(**_with_state(row, now), etag=row.etag)
        room -= _size(automation)
        if shown and room < 0:
            break
        shown.append(automation)
    next_cursor = shown[-1].name if len(shown) < len(rows) else None
    return Reply(Automations.model_construct(data=shown, next_cursor=next_cursor))


@operation(
    "DELETE",
    "/automations/{name}",
    "Delete an automation",
    scopes=_WRITE,
    parameters=_NAMED,
    answers={204: None},
    limited=True,
    conditional=True,
)
def delete_automation(call: ApiCall[None, None]) -> Reply:
    """Delete an automation with its schedule. The runs that it started continue, and the history keeps them."""
    if "if-none-match" in call.headers:
        raise InputError([("If-None-Match", "is not supported here; use If-Match")])
    name = call.path["name"]

    def hide_others(row: RowHeader) -> None:
        if not call.limit.has_automation(row):
            raise _unknown(name)

    if not call.app.automations.delete(name, call.headers.get("if-match"), hide_others):
        raise _unknown(name)
    return Reply(status=HTTPStatus.NO_CONTENT)


@operation(
    "POST",
    "/automations/{name}/run",
    "Run an automation now",
    scopes=_WRITE_AND_ACT,
    parameters=_NAMED,
    answers={202: StartedRuns},
    limited=True,
    idempotent=True,
)
def run_automation(call: ApiCall[None, None]) -> Reply:
    """Run an automation now, in addition to its scheduled runs. A paused automation runs too."""
    row = _existing(call)
    call.app.check_action(row.automation.action)
    name, key = row.name, reserve_key(call, f"POST /automations/{row.name}/run")
    occurrence = by_hand(_call_id(call.caller, key), datetime.now(UTC))
    rendered = call.app.run_factory.runs_for(name, row.automation, occurrence)
    for run, error in rendered.failed:
        raise as_input_error(run, error)
    return Reply(StartedRuns(run_ids=accept(call, key, rendered.runs)), HTTPStatus.ACCEPTED)


def _call_id(caller: Caller, key: str) -> str:
    """Return a text that identifies a call of this caller. A colon in the caller's name is escaped."""
    return f"{caller.identity.replace('%', '%25').replace(':', '%3A')}:{key}"


@operation(
    "GET",
    "/automations/{name}/preview",
    "Preview an automation",
    scopes=_READ,
    parameters=_NAMED,
    query=PreviewQuery,
    answers={200: Preview},
    limited=True,
)
def preview_automation(call: ApiCall[None, PreviewQuery]) -> Reply:
    """Return the next times of an automation, even if it is paused."""
    row = _existing(call)
    trigger = row.automation.trigger
    if not isinstance(trigger, ScheduleTrigger):
        raise InputError([("name", f"{row.name} listens to events, so it has no times")])
    return Reply(_preview(trigger, row.rate_start, call.query.count))


@operation(
    "POST",
    "/automations/preview",
    "Preview a schedule",
    scopes=_READ,
    body=ScheduleTrigger,
    query=PreviewQuery,
    answers={200: Preview},
    limited=True,
)
def preview_schedule(call: ApiCall[ScheduleTrigger, PreviewQuery]) -> Reply:
    """Preview a schedule without saving it."""
    trigger = call.body
    return Reply(_preview(trigger, first_slot(trigger, datetime.now(UTC)), call.query.count))


def _preview(trigger: ScheduleTrigger, rate_start: datetime | None, count: int) -> Preview:
    zone = ZoneInfo(trigger.timezone)
    times = islice(schedule_times(trigger, rate_start, datetime.now(UTC)), count)
    return Preview([FireTime(utc=slot_text(time), local=time.astimezone(zone).isoformat()) for time in times])


def _size(automation: ListedAutomation) -> int:
    """Return the bytes that an automation takes in Lambda's response, whose JSON has the answer's JSON as a text."""
    return len(json.dumps(automation.model_dump_json(), ensure_ascii=False).encode())


def _with_state(row: AutomationRow, now: datetime) -> dict[str, Any]:
    """Return the fields of an automation with its state."""
    state: State = "paused" if row.state == "active" and not row.automation.trigger.enabled else row.state
    fields = {field: getattr(row.automation, field) for field in Automation.model_fields}
    return fields | {"name": row.name, "state": state, "next_at": row.next_slot(now) if state == "active" else None}


def _warnings(automation: Automation, unconfirmed_slots: Sequence[datetime]) -> list[str]:
    events = automation.trigger.events if isinstance(automation.trigger, WebhookTrigger) else []
    unknown = [event for event in events if event not in known_event_types()]
    warnings = [f"trigger.events: {event} is not a known event of Whop" for event in unknown]
    if unconfirmed_slots:
        slots = ", ".join(map(slot_text, unconfirmed_slots))
        warnings.append(
            f"trigger: changed before aichats checked whether it fired at {slots}. "
            "aichats does not report these times as missed. Look them up in GET /runs"
        )
    return warnings


def _webhook_warnings(call: ApiCall[Any, Any], events: Sequence[str]) -> list[str]:
    """Return a warning if Whop does not send the events to this API; none if Whop can't be asked quickly."""
    if not events:
        return []
    from aichats.automations.webhook_check import problems_at_whop
    from aichats.runs.providers.whop import WhopProvider

    whop, url = call.app.provider(WhopProvider), f"https://{call.domain}{WEBHOOK}"
    try:
        problems = problems_at_whop(whop.webhooks(), url, events, datetime.now(UTC), WEBHOOK_WARNING_SECONDS)
    except AichatsError as error:
        logger.info("webhook not checked", extra={"reason": str(error)})
        return []
    return [f"trigger.events: {problem}. To change that, type: make webhook STACK=…" for problem in problems]


def _existing(call: ApiCall[Any, Any]) -> AutomationRow:
    """Return the automation that the path names.

    Raises:
        RejectedError: it doesn't exist, doesn't belong to the caller, or can't be read.
    """
    try:
        row = call.app.automation_table.get(call.path["name"])
    except UnreadableError as error:
        if call.limit.companies is not None:
            raise _unknown(call.path["name"]) from error
        detail = f"{error}. Replace it with PUT, or delete it"
        raise RejectedError(HTTPStatus.INTERNAL_SERVER_ERROR, "automation-unreadable", detail) from error
    if row is None or not call.limit.has_automation(row):
        raise _unknown(call.path["name"])
    return row


def _unknown(name: str) -> RejectedError:
    return RejectedError(HTTPStatus.NOT_FOUND, "not-found", f"automation {name} doesn't exist")
