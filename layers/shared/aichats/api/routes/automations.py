"""``/automations``: triggers with their actions, and when they fire."""

from datetime import UTC, datetime
from http import HTTPStatus
from itertools import islice
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field, RootModel, TypeAdapter

from aichats.api.callers import Caller, Scope
from aichats.api.operation import Call, Operation, Reply
from aichats.api.problems import RefusedError
from aichats.api.routes.runs import Started
from aichats.api.starting import accept, reserve_key
from aichats.automations.model import Automation, Name, ScheduleTrigger, WebhookTrigger, first_slot, schedule_times
from aichats.automations.row import AutomationRow, State
from aichats.automations.run_factory import as_input_error, by_hand
from aichats.errors import InputError, UnreadableError
from aichats.models import Request, WholeNumber
from aichats.whop.webhooks import KNOWN_EVENT_TYPES

type Count = Annotated[int, Field(ge=1, le=100), WholeNumber]
MAX_LIST_BYTES = 4_000_000
"""Of one answer: Lambda gives at most 6 MB back."""
STACK_SCHEDULE = "stack-schedule"
"""What the template calls its schedule: another one of this name would meet its runs."""
_NAMED = {"name": TypeAdapter[str](Name)}


class Written(Automation):
    """An automation as it was written; and what is doubtful about it, where something is."""

    warnings: Annotated[list[str], Field(default_factory=list)]


class Listed(Automation):
    """An automation in the list."""

    name: Name
    etag: str
    state: State
    """``done``: it fired for the last time."""
    next_at: datetime | None
    """When it fires next; ``None``: it does not, or it listens to events."""


class ListAutomations(Request):
    """Where the list goes on."""

    cursor: Name | None = None


class Automations(BaseModel):
    """Automations, by name: all, or as many as fit into an answer."""

    data: list[Listed]
    next_cursor: str | None
    """Where the list goes on; ``None``: these are the last."""


class PreviewQuery(Request):
    """How many times."""

    count: Count = 5


class FireTime(BaseModel):
    """A moment at which a schedule fires, in ISO 8601."""

    utc: str
    local: str


class Preview(RootModel[list[FireTime]]):
    """The next moments at which a schedule fires; fewer than asked for where it ends."""


def put(call: Call[Automation, None]) -> Reply:
    """Create or replace an automation. The same again changes nothing, and repairs its schedule where need be.

    ``If-Match`` replaces only what is known, ``If-None-Match: *`` only creates; a request that is repeated with the
    condition of its first time is no conflict. An event type that is not known is worth a warning: Whop adds new ones.
    """
    name, now = call.path["name"], datetime.now(UTC)
    if name == STACK_SCHEDULE:
        raise InputError([("name", f"{name} is the name of the stack's own schedule: choose another one")])
    call.app.check_action(call.body.action)
    call.app.run_factory.check(name, call.body, now)
    conditions = call.headers.get("if-match"), call.headers.get("if-none-match")
    row, created = call.app.automations.put(name, call.body, *conditions)
    warnings = _warnings(call.body)
    body = Written.model_construct(**_definition(row), warnings=warnings) if warnings else row.automation
    status = HTTPStatus.CREATED if created else HTTPStatus.OK
    return Reply(body, status, {"ETag": row.etag, "Location": f"/automations/{name}"})


def retrieve(call: Call[None, None]) -> Reply:
    """One automation, as it was written: it can be changed and put back, with its ``ETag`` as ``If-Match``."""
    row = _existing(call)
    return Reply(row.automation, headers={"ETag": row.etag})


def list_page(call: Call[None, ListAutomations]) -> Reply:
    """Automations, with the moment at which each fires next. Follow ``next_cursor`` until it is null."""
    now, after = datetime.now(UTC), call.query.cursor or ""
    rows = [row for row in call.app.automation_table.list() if row.name > after]
    shown: list[Listed] = []
    room = MAX_LIST_BYTES
    for listed in (_listed(row, now) for row in rows):
        room -= len(listed.model_dump_json())
        if shown and room < 0:
            break
        shown.append(listed)
    following = shown[-1].name if len(shown) < len(rows) else None
    return Reply(Automations.model_construct(data=shown, next_cursor=following))


def delete(call: Call[None, None]) -> Reply:
    """Delete an automation with its schedule. Runs that it started go on, and the history keeps them."""
    if "if-none-match" in call.headers:
        raise InputError([("If-None-Match", "is not supported here: use If-Match")])
    if not call.app.automations.delete(call.path["name"], call.headers.get("if-match")):
        raise _unknown(call.path["name"])
    return Reply(status=HTTPStatus.NO_CONTENT)


def run_now(call: Call[None, None]) -> Reply:
    """Run an automation now, whether or not it is switched on. It never meets a slot's runs."""
    row = _existing(call)
    call.app.check_action(row.automation.action)
    name, key = row.name, reserve_key(call, f"POST /automations/{row.name}/run")
    fired = call.app.run_factory.runs_for(name, row.automation, by_hand(_unique(call.caller, key), datetime.now(UTC)))
    for run, error in fired.failed:
        raise as_input_error(run, error)
    return Reply(Started(run_ids=accept(call, key, fired.runs)), HTTPStatus.ACCEPTED)


def _unique(caller: Caller, key: str) -> str:
    """Return what tells a call by hand from all others. A colon within the caller's name is escaped."""
    return f"{caller.identity.replace('%', '%25').replace(':', '%3A')}:{key}"


def preview(call: Call[None, PreviewQuery]) -> Reply:
    """When an automation fires next, switched on or not."""
    row = _existing(call)
    trigger = row.automation.trigger
    if not isinstance(trigger, ScheduleTrigger):
        raise InputError([("name", f"{row.name} listens to events: it has no times")])
    return Reply(_preview(trigger, row.rate_start, call.query.count))


def preview_trigger(call: Call[ScheduleTrigger, PreviewQuery]) -> Reply:
    """When a schedule would fire that is not stored."""
    trigger = call.body
    return Reply(_preview(trigger, first_slot(trigger, datetime.now(UTC)), call.query.count))


def _preview(trigger: ScheduleTrigger, rate_start: datetime | None, count: int) -> Preview:
    zone = ZoneInfo(trigger.timezone)
    times = islice(schedule_times(trigger, rate_start, datetime.now(UTC)), count)
    return Preview([FireTime(utc=_iso(time), local=time.astimezone(zone).isoformat()) for time in times])


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _listed(row: AutomationRow, now: datetime) -> Listed:
    is_on = row.automation.trigger.enabled
    return Listed.model_construct(
        **_definition(row),
        name=row.name,
        etag=row.etag,
        state=row.state,
        next_at=row.next_slot(now) if row.state == "active" and is_on else None,
    )


def _definition(row: AutomationRow) -> dict[str, Any]:
    return {field: getattr(row.automation, field) for field in Automation.model_fields}


def _warnings(automation: Automation) -> list[str]:
    if not isinstance(automation.trigger, WebhookTrigger):
        return []
    unknown = [event for event in automation.trigger.events if event not in KNOWN_EVENT_TYPES]
    return [f"trigger.events: {event} is not an event that Whop was known to send" for event in unknown]


def _existing(call: Call[Any, Any]) -> AutomationRow:
    try:
        row = call.app.automation_table.get(call.path["name"])
    except UnreadableError as error:
        raise RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, f"{error}. Put it anew, or delete it") from error
    if row is None:
        raise _unknown(call.path["name"])
    return row


def _unknown(name: str) -> RefusedError:
    return RefusedError(HTTPStatus.NOT_FOUND, f"there is no automation {name}")


_ETAG = {"ETag": "The version, for If-Match"}
_READ: tuple[Scope, ...] = ("automations:read",)
_WRITE: tuple[Scope, ...] = ("automations:write",)
_ACT: tuple[Scope, ...] = ("automations:write", "chats:write")
"""The action of an automation needs the scope of its effect, too."""
OPERATIONS = (
    Operation("GET", "/automations", "List automations", _READ, list_page, query=ListAutomations, reply=Automations),
    Operation(
        "POST",
        "/automations/preview",
        "Preview a schedule",
        _READ,
        preview_trigger,
        body=ScheduleTrigger,
        query=PreviewQuery,
        reply=Preview,
    ),
    Operation(
        "PUT",
        "/automations/{name}",
        "Create or replace an automation",
        _ACT,
        put,
        body=Automation,
        parameters=_NAMED,
        reply=Written,
        also={HTTPStatus.CREATED: Written},
        conditional=True,
        headers={**_ETAG, "Location": "Where the automation is"},
    ),
    Operation(
        "GET",
        "/automations/{name}",
        "Retrieve an automation",
        _READ,
        retrieve,
        parameters=_NAMED,
        reply=Automation,
        headers=_ETAG,
    ),
    Operation(
        "DELETE",
        "/automations/{name}",
        "Delete an automation",
        _WRITE,
        delete,
        parameters=_NAMED,
        status=HTTPStatus.NO_CONTENT,
        conditional=True,
    ),
    Operation(
        "POST",
        "/automations/{name}/run",
        "Run an automation now",
        _ACT,
        run_now,
        parameters=_NAMED,
        status=HTTPStatus.ACCEPTED,
        reply=Started,
        idempotent=True,
    ),
    Operation(
        "GET",
        "/automations/{name}/preview",
        "Preview an automation",
        _READ,
        preview,
        query=PreviewQuery,
        parameters=_NAMED,
        reply=Preview,
    ),
)
