"""``/runs``: the history of runs, many at once, replay and resolve."""

import base64
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from aichats.api.operation import Call, Operation, Reply
from aichats.api.problems import RefusedError
from aichats.api.run_view import RunStatus, RunView, view
from aichats.api.starting import accept, id_of, reserve_key
from aichats.errors import InputError
from aichats.models import OrElse, Request, WholeNumber
from aichats.runs.actions import ACTION_KINDS, Action
from aichats.runs.ledger.history import History
from aichats.runs.ledger.ledger import Ledger, LedgerConflictError
from aichats.runs.ledger.rows import Row
from aichats.runs.model import Run, Work
from aichats.runs.queue import Due
from aichats.validation import A_TIME

MAX_SPAN = timedelta(days=31)
type RunId = Annotated[str, Field(pattern=r"^[a-z2-7]{32}$"), OrElse("is not the id of a run")]


def _a_day_and_a_time(value: object) -> object:
    # pydantic alone would take digits for seconds since 1970.
    if isinstance(value, str) and not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]", value):
        raise ValueError(A_TIME)
    return value


type Moment = Annotated[
    AwareDatetime,
    Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(3000, 1, 1, tzinfo=UTC)),
    BeforeValidator(_a_day_and_a_time),
]
NEVER_RENDERED = (
    "its text could not be made, and events are not kept: mend the automation, its next event or slot uses it"
)
_RUN = {"run_id": TypeAdapter[str](RunId)}


class StartRuns(Work):
    """One action for many targets, each a run of its own."""


class Started(BaseModel):
    """Runs that will be performed."""

    run_ids: list[str]


class Resolve(Request):
    """What a person found out about a run whose outcome is unknown."""

    outcome: Literal["succeeded", "failed"]
    chat_id: Annotated[str, Field(min_length=1, max_length=200)] | None = None

    @field_validator("chat_id")
    @classmethod
    def _of_a_success(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("outcome") == "failed":
            raise ValueError('goes only with outcome "succeeded"')
        return value


class ListRuns(Request):
    """Which runs."""

    automation: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None
    status: RunStatus | None = None
    since: Moment | None = None
    until: Moment | None = None
    limit: Annotated[int, Field(ge=1, le=100), WholeNumber] = 50
    cursor: Annotated[str, Field(min_length=1, max_length=2000)] | None = None


class Cursor(Request):
    """What ``next_cursor`` holds: the span of the first page, and where the next page starts."""

    since: Moment
    until: Moment
    position: dict[str, str]


class RunPage(BaseModel):
    """A page of runs, newest first."""

    data: list[RunView]
    next_cursor: str | None


def start(call: Call[StartRuns, None]) -> Reply:
    """Perform one action for many targets, each as a run of its own. A target that stands twice counts once.

    Texts go out as they are: ``{{ ... }}`` is rendered in automations alone.
    """
    call.app.check_action(call.body.action)
    key = reserve_key(call, "POST /runs")
    run_ids = start_each(call, "POST /runs", key, call.body.action, call.body.targets)
    return Reply(Started(run_ids=run_ids), HTTPStatus.ACCEPTED)


def start_each(
    call: Call[Any, None],
    operation: str,
    key: str,
    action: Action,
    targets: Iterable[str | None],
    *,
    not_after: datetime | None = None,
) -> list[str]:
    """Start a run of an action for each target, once, by the operation and the key that ``reserve_key`` returned.

    Returns:
        The ids of the runs.
    """
    runs = [
        Run(
            run_id=id_of(call, operation, key, target),
            trigger="http",
            action=action,
            target=target,
            api_version=call.app.api_version(action),
            not_after=not_after,
        )
        for target in dict.fromkeys(targets)
    ]
    return accept(call, key, runs)


def list_page(call: Call[None, ListRuns]) -> Reply:
    """Runs, newest first: of the last 24 hours, or of at most 31 days. Follow ``next_cursor`` until it is null.

    ``chat`` and ``reply`` are null without the scope ``chats:read``.
    """
    cursor = _read_cursor(call.query.cursor) if call.query.cursor else None
    since, until = _span(call.query, cursor)
    wanted = {"automation": call.query.automation, "status": call.query.status}
    only = {name: value for name, value in wanted.items() if value is not None}
    start = cursor.position if cursor else None
    rows, following = History(call.app.ledger).page(since, until, only=only, limit=call.query.limit, start=start)
    following_cursor = _write_cursor(Cursor(since=since, until=until, position=following)) if following else None
    return Reply(RunPage(data=[view(row, call.caller) for row in rows], next_cursor=following_cursor))


def _span(query: ListRuns, cursor: Cursor | None) -> tuple[datetime, datetime]:
    """The span that is asked for; further pages are of the first page's span, which may have begun at any moment.

    Raises:
        InputError: it is empty or too long.
    """
    until = query.until or (cursor.until if cursor else datetime.now(UTC))
    since = query.since or (cursor.since if cursor else until - timedelta(hours=24))
    if not timedelta(0) <= until - since <= MAX_SPAN:
        raise InputError([("since", "must be before until, and at most 31 days before it")])
    return since, until


def retrieve(call: Call[None, None]) -> Reply:
    """One run. ``chat`` and ``reply`` are null without the scope ``chats:read``."""
    return Reply(view(_existing(call.app.ledger, call.path["run_id"]), call.caller))


def replay(call: Call[None, None]) -> Reply:
    """Perform a run again that failed, was missed, or whose outcome is unknown; its id stays.

    An unknown outcome is looked up first.
    """
    wanted = call.path["run_id"]
    before = _existing(call.app.ledger, wanted)
    if before.run.not_after is not None and before.run.not_after <= call.app.ledger.clock():
        raise _conflict(before, f"its time was over at {before.run.not_after.isoformat()}")
    try:
        row = call.app.ledger.replay(wanted)
    except LedgerConflictError as refused:
        never = refused.row is not None and refused.row.unrendered
        raise _conflict(refused.row, NEVER_RENDERED if never else "it cannot be replayed") from refused
    call.app.dispatcher.send_or_leave([Due.of(row.run, (row.due_at or row.opened_at) - row.opened_at)])
    return Reply(Started(run_ids=[wanted]), HTTPStatus.ACCEPTED, {"Location": f"/runs/{wanted}"})


def resolve(call: Call[Resolve, None]) -> Reply:
    """Say what became of a run whose outcome is unknown."""
    wanted, body = call.path["run_id"], call.body
    if body.outcome == "succeeded":
        _check_chat_id(_existing(call.app.ledger, wanted), body.chat_id)
    try:
        call.app.ledger.resolve(wanted, body.outcome, chat_id=body.chat_id, by=call.caller.name)
    except LedgerConflictError as refused:
        raise _conflict(refused.row, "it cannot be resolved") from refused
    return Reply(view(_existing(call.app.ledger, wanted), call.caller))


def _check_chat_id(row: Row, chat_id: str | None) -> None:
    if chat_id is None:
        raise InputError([("chat_id", 'is needed with outcome "succeeded"')])
    try:
        ACTION_KINDS[row.run.action.type].chat_id.validate_python(chat_id)
    except ValidationError:
        raise InputError([("chat_id", f"is not the id of a chat of {row.run.provider}")]) from None


def _existing(ledger: Ledger, wanted: str) -> Row:
    row = ledger.get(wanted)
    if row is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, f"there is no run {wanted}")
    return row


def _conflict(row: Row | None, why: str) -> RefusedError:
    if row is None:
        return RefusedError(HTTPStatus.NOT_FOUND, "there is no such run")
    chat = f", its chat is {row.chat_id}" if row.chat_id else ""
    return RefusedError(HTTPStatus.CONFLICT, f"run {row.run.run_id} is {row.status}{chat}: {why}")


def _write_cursor(cursor: Cursor) -> str:
    return base64.urlsafe_b64encode(cursor.model_dump_json().encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> Cursor:
    try:
        return Cursor.model_validate_json(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:  # Of base64 or of pydantic.
        raise InputError([("cursor", "is not one that this API gave")]) from None


OPERATIONS = (
    Operation(
        "POST",
        "/runs",
        "Start runs",
        ("runs:write", "chats:write"),
        start,
        body=StartRuns,
        status=HTTPStatus.ACCEPTED,
        reply=Started,
        idempotent=True,
    ),
    Operation("GET", "/runs", "List runs", ("runs:read",), list_page, query=ListRuns, reply=RunPage),
    Operation(
        "GET",
        "/runs/{run_id}",
        "Retrieve a run",
        ("runs:read",),
        retrieve,
        parameters=_RUN,
        reply=RunView,
    ),
    Operation(
        "POST",
        "/runs/{run_id}/replay",
        "Replay a run",
        ("runs:write",),
        replay,
        parameters=_RUN,
        status=HTTPStatus.ACCEPTED,
        reply=Started,
        conflicts=True,
        headers={"Location": "The run"},
    ),
    Operation(
        "POST",
        "/runs/{run_id}/resolve",
        "Resolve a run",
        ("runs:write",),
        resolve,
        body=Resolve,
        parameters=_RUN,
        reply=RunView,
        conflicts=True,
    ),
)
