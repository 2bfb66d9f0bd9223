"""``/automations``: create, replace, read, list and delete automations."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import BaseModel, Field

from aichats.api.automation_view import (
    AutomationBody,
    AutomationInput,
    AutomationView,
    ShownAutomation,
    StoredAutomation,
    View,
    view_all,
    view_changed,
    view_one,
)
from aichats.api.operation import WEBHOOK, ApiCall, Reply, operation
from aichats.api.problems import RejectedError
from aichats.api.requests import read_if_match
from aichats.api.stored_automations import (
    NAMED,
    READ,
    WITH_ETAG,
    WRITE,
    WRITE_AND_ACT,
    existing_automation,
    unknown_automation,
)
from aichats.automations.checks import check_texts
from aichats.automations.definition_models import LabelFilter, Name
from aichats.automations.model import Automation, WebhookTrigger
from aichats.automations.row import AutomationRow, RowHeader
from aichats.aws.observability import logger
from aichats.errors import AichatsError, InputError
from aichats.models import Request, Truth, WholeNumber
from aichats.runs.model import slot_text
from aichats.whop.webhooks import known_event_types

MAX_LIST_BYTES = 4_000_000
"""The maximum size of an answer. Lambda's limit is 6 MB."""
STACK_SCHEDULE = "stack-schedule"
"""The name of the template's own schedule. An automation with this name would share its runs."""
WEBHOOK_WARNING_SECONDS = 3.0
"""The time limit for the question whether Whop sends the events of an automation."""


class PutAutomation(Request):
    """The options of a put."""

    dry_run: Annotated[bool, Field(description="Check everything, and store nothing"), Truth] = False


class GetAutomation(Request):
    """The form of the answer."""

    view: View = None


class ListAutomations(Request):
    """The filter of the list, and the page."""

    label: Annotated[LabelFilter | None, Field(description="A label, as `key:value`")] = None
    limit: Annotated[int, Field(ge=1, le=100, description="The maximum number in a page"), WholeNumber] = 100
    cursor: Annotated[Name | None, Field(description="The `next_cursor` of the page before")] = None
    view: View = None


class Automations(BaseModel):
    """A page of automations, sorted by name."""

    data: list[AutomationView | AutomationInput]
    next_cursor: Annotated[str | None, Field(description="The `cursor` of the next page; null on the last page")]


@operation(
    "PUT",
    "/automations/{name}",
    "Create or replace an automation",
    scopes=WRITE_AND_ACT,
    parameters=NAMED,
    body=AutomationBody,
    query=PutAutomation,
    answers={200: StoredAutomation, 201: StoredAutomation},
    limited=True,
    conflicts=True,
    conditional=True,
    headers={**WITH_ETAG, "Location": "The automation"},
)
def put_automation(call: ApiCall[AutomationBody, PutAutomation]) -> Reply:
    """Create or replace an automation. Sending the same definition again changes nothing, and repairs its schedule.

    You can send back what `GET` returns. The read-only fields in it are ignored.

    With `If-Match`, the automation is replaced only if you know its current version. With `If-None-Match: *`, it is
    only created. Retrying a conditional request is safe. Unknown event types are accepted with a warning, because Whop
    adds new ones. If Whop does not send one of the event types to this API yet, a warning says so. A client that is
    limited to companies can't replace an automation that it can't see.

    With `dry_run=true`, aichats checks the automation and answers as it would, always with 200, but stores nothing.
    """
    name, now = call.path["name"], datetime.now(UTC)
    if name == STACK_SCHEDULE:
        raise InputError([("name", f"{name} is the name of the stack's own schedule; choose another one")])
    automation = call.body.automation(name)
    call.limit.check_automation(automation)
    call.app.check_action(automation.action)
    check_texts(name, automation, call.app.run_factory, now)
    row, status = _written(call, automation)
    stack = call.app.stack_pause.pauses(now)
    unconfirmed = [slot for slot in row.unconfirmed_slots if not stack.at(slot)]
    warnings = [*_warnings(automation, unconfirmed), *_webhook_warnings(call, row.event_types)]
    body = StoredAutomation.model_construct(**dict(view_changed(call, row)), warnings=warnings)
    return Reply(body, status, {"ETag": row.etag, "Location": f"/automations/{name}"})


@operation(
    "GET",
    "/automations/{name}",
    "Get an automation",
    scopes=READ,
    parameters=NAMED,
    query=GetAutomation,
    answers={200: ShownAutomation},
    limited=True,
    headers=WITH_ETAG,
)
def get_automation(call: ApiCall[None, GetAutomation]) -> Reply:
    """Return an automation. You can change it and put it back, with its `ETag` as `If-Match`.

    `last_run` is its newest slot, or its newest run of the last 7 days. With `view=input`, you get exactly the fields
    that were sent, to compare them with a file.
    """
    row = existing_automation(call)
    shown = AutomationInput(row.written) if call.query.view else view_one(call, row)
    return Reply(shown, headers={"ETag": row.etag})


@operation(
    "GET",
    "/automations",
    "List automations",
    scopes=READ,
    query=ListAutomations,
    answers={200: Automations},
    limited=True,
)
def list_automations(call: ApiCall[None, ListAutomations]) -> Reply:
    """Return the automations, sorted by name. Follow `next_cursor` until it is null.

    `label` selects the automations that have a label, such as `team:growth`. `last_run` is null for an automation that
    listens for events and has no run among the newest runs of the stack; get the automation to look it up.
    """
    rows = list(_selected(call))
    page = rows[: call.query.limit]
    shown: list[AutomationView | AutomationInput] = []
    room = MAX_LIST_BYTES
    for automation in _inputs(page) if call.query.view else view_all(call, page):
        room -= _size(automation)
        if shown and room < 0:
            break
        shown.append(automation)
    next_cursor = rows[len(shown) - 1].name if len(shown) < len(rows) else None
    return Reply(Automations.model_construct(data=shown, next_cursor=next_cursor))


@operation(
    "DELETE",
    "/automations/{name}",
    "Delete an automation",
    scopes=WRITE,
    parameters=NAMED,
    answers={204: None},
    limited=True,
    conditional=True,
)
def delete_automation(call: ApiCall[None, None]) -> Reply:
    """Delete an automation with its schedule. The runs that it started continue, and the history keeps them."""
    if_match, name = read_if_match(call.headers), call.path["name"]

    def hide_others(row: RowHeader) -> None:
        if not call.limit.has_automation(row):
            raise unknown_automation(name)

    if not call.app.automations.delete(name, if_match, hide_others, by=call.caller.name):
        raise unknown_automation(name)
    return Reply(status=HTTPStatus.NO_CONTENT)


def _written(call: ApiCall[Any, PutAutomation], automation: Automation) -> tuple[AutomationRow, HTTPStatus]:
    """Put an automation. Return its row and the status of the answer. A dry run writes nothing."""
    name = call.path["name"]

    def keep_others(row: RowHeader) -> None:
        if not call.limit.has_automation(row):
            detail = f"the name {name} is taken by an automation that this caller can't see. Choose another name"
            raise RejectedError(HTTPStatus.CONFLICT, "conflict", detail)

    conditions = call.headers.get("if-match"), call.headers.get("if-none-match")
    if call.query.dry_run:
        _, row = call.app.automation_table.plan(name, automation, *conditions, keep_others, by=call.caller.name)
        return row, HTTPStatus.OK
    result = call.app.automations.put(name, automation, *conditions, keep_others, by=call.caller.name)
    return result.row, HTTPStatus.CREATED if result.created else HTTPStatus.OK


def _selected(call: ApiCall[None, ListAutomations]) -> Iterator[AutomationRow]:
    """Yield the automations of the list from the cursor on."""
    after, label = call.query.cursor or "", call.query.label
    for row in call.app.automation_table.list():
        labels = {f"{key}:{value}" for key, value in row.automation.labels.items()}
        if row.name > after and call.limit.has_automation(row) and (label is None or label in labels):
            yield row


def _inputs(rows: Sequence[AutomationRow]) -> Iterator[AutomationInput]:
    return (AutomationInput({"name": row.name, "etag": row.etag, **row.written}) for row in rows)


def _size(automation: BaseModel) -> int:
    """Return the bytes that an automation takes in Lambda's response, whose JSON has the answer's JSON as a text."""
    return len(json.dumps(automation.model_dump_json(), ensure_ascii=False).encode())


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
    return [f"trigger.events: {problem}. To change that, type: aichats admin webhook --stack …" for problem in problems]
