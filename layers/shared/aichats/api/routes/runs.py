"""``/runs``: start many runs, list the history of runs, replay and resolve runs."""

import math
from collections.abc import Iterable
from copy import replace
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, Field, TypeAdapter, ValidationInfo, field_validator

from aichats.api.cursors import read_cursor, write_cursor
from aichats.api.operation import ApiCall, Reply, operation
from aichats.api.problems import RejectedError
from aichats.api.run_filters import RunConditions, Window, WindowTime
from aichats.api.run_view import RunDetails, RunView, details, view
from aichats.api.starting import accept, check_not_paused, new_run, reserve_key
from aichats.errors import InputError
from aichats.http.deadline import remaining
from aichats.models import OrElse, Request, RunId, WholeNumber
from aichats.runs.action import Action
from aichats.runs.ledger.filters import RunFilter
from aichats.runs.ledger.row_changes import LedgerConflictError
from aichats.runs.ledger.rows import EndStatus, OpenStatus, Row, RunStatus
from aichats.runs.ledger.texts import TextExpiredError
from aichats.runs.replay import TEXT_EXPIRED, NotReplayableError, ReplayTerms
from aichats.runs.schedule_models import Work

MAX_READS = 10
"""The maximum number of pages that are read until one of them has a run inside the window."""
MAX_READS_TO_PICK = 100
"""The same if rows are read to decide which runs to return, so most pages may be empty."""
READ_SECONDS = 10.0
"""The maximum time for another page. Its filter may match no run in 40,000, which takes 40 queries."""


STATUSES: tuple[RunStatus, ...] = (*get_args(OpenStatus), *get_args(EndStatus))
_ONE_STATUS = "|".join(STATUSES)
_STATES = {"succeeded": "has already succeeded", "unknown": "has an unknown outcome", "failed": "failed"}
_RUN = {"run_id": TypeAdapter[str](Annotated[RunId, OrElse("is not the id of a run")])}


class StartRuns(Work):
    """One action for many targets."""


class StartedRuns(BaseModel):
    """The runs that aichats stored and will perform."""

    run_ids: list[str]


class Cancel(Request):
    """The reason for the cancellation, for people."""

    reason: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class Resolve(Request):
    """The outcome that you found for a run."""

    outcome: Literal["succeeded", "failed"]
    chat_id: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    reason: Annotated[
        Annotated[str, Field(min_length=1, max_length=200)] | None,
        Field(description="The reason why the run failed, for people"),
    ] = None

    @field_validator("chat_id")
    @classmethod
    def _only_of_a_success(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("outcome") == "failed":
            raise ValueError('is only for outcome "succeeded"')
        return value

    @field_validator("reason")
    @classmethod
    def _only_of_a_failure(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("outcome") == "succeeded":
            raise ValueError('is only for outcome "failed"')
        return value


class ListRuns(RunConditions):
    """The filters of the list."""

    status: (
        Annotated[
            str,
            Field(pattern=f"^({_ONE_STATUS})(,({_ONE_STATUS}))*$", description="Statuses, separated by commas"),
            OrElse(f"must be one or several of {', '.join(STATUSES)}, separated by commas"),
        ]
        | None
    ) = None
    limit: Annotated[int, Field(ge=1, le=100, description="The maximum number of runs in a page"), WholeNumber] = 50
    cursor: Annotated[
        Annotated[str, Field(min_length=1, max_length=2000)] | None,
        Field(description="The `next_cursor` of the page before"),
    ] = None

    def filter(self) -> RunFilter:
        """Return the filter that the query describes."""
        given = self.status.split(",") if self.status else ()
        return self.with_statuses(*(status for status in STATUSES if status in given))


class HistoryCursor(Request):
    """The content of ``next_cursor``: the window of the first page, and the position of the next page."""

    since: WindowTime
    until: WindowTime
    position: dict[str, str]


class RunPage(BaseModel):
    """A page of runs, newest first."""

    since: Annotated[datetime, Field(description="The start of the window that the list covers")]
    until: Annotated[datetime, Field(description="The end of the window that the list covers")]
    data: list[RunView]
    next_cursor: Annotated[str | None, Field(description="The `cursor` of the next page; null on the last page")]


@operation("GET", "/runs", "List runs", scopes=("runs:read",), query=ListRuns, answers={200: RunPage}, limited=True)
def list_runs(call: ApiCall[None, ListRuns]) -> Reply:
    """Return the runs of the last 7 days, newest first, or of a window of at most 31 days.

    A run counts if it was created inside the window, or ended inside it and was created at most 26 hours earlier.
    `since` and `until` of the answer are the window. With `slot_since`, the window begins there unless `since` is
    given. Follow `next_cursor` until it is null: a page can have fewer runs than `limit`, even none, although there are
    more. `chat` and `reply` are null without the scope `chats:read`. A client that is limited to companies gets only
    the runs for these companies.
    """
    cursor = read_cursor(HistoryCursor, call.query.cursor) if call.query.cursor else None
    window = call.query.window(call.app.ledger.clock(), Window(cursor.since, cursor.until) if cursor else None)
    only, position = call.query.filter(), cursor.position if cursor else None
    rows, position = _next_runs(call, only, window, position)
    next_cursor = write_cursor(HistoryCursor(**vars(window), position=position)) if position else None
    data = [view(row, call.caller) for row in rows]
    return Reply(RunPage(since=window.since, until=window.until, data=data, next_cursor=next_cursor))


def _next_runs(
    call: ApiCall[None, ListRuns], only: RunFilter, window: Window, position: dict[str, str] | None
) -> tuple[list[Row], dict[str, str] | None]:
    """Return the runs of the next page that has some, and the position of the page after it."""
    pick = call.limit.pick
    read = partial(
        call.app.history.page, window.first_created, window.until, only=only, limit=call.query.limit, pick=pick
    )
    rows: list[Row] = []
    for _ in range(MAX_READS_TO_PICK if pick is not None or only.needs_rows else MAX_READS):
        page, start = read(start=position)
        rows, position = list(filter(window.has, page)), dict(start) if start else None
        if rows or position is None or remaining(default=math.inf) < READ_SECONDS:
            break
    return rows, position


@operation(
    "POST",
    "/runs",
    "Start runs",
    scopes=("runs:write", "chats:write"),
    body=StartRuns,
    answers={202: StartedRuns},
    limited=True,
    idempotent=True,
)
def start_runs(call: ApiCall[StartRuns, None]) -> Reply:
    """Perform one action for many targets. Each target is its own run; duplicate targets are ignored.

    Texts are sent as they are: `{{ ... }}` is rendered only in automations.
    """
    call.limit.check_work(call.body.action, call.body.targets)
    call.app.check_action(call.body.action)
    key = reserve_key(call, "POST /runs")
    run_ids = start_each(call, "POST /runs", key, call.body.action, call.body.targets)
    return Reply(StartedRuns(run_ids=run_ids), HTTPStatus.ACCEPTED)


def start_each(
    call: ApiCall[Any, None],
    operation_name: str,
    key: str,
    action: Action,
    targets: Iterable[str | None],
    *,
    not_after: datetime | None = None,
) -> list[str]:
    """Start a run of an action for each target, with the key that ``reserve_key`` returned for the operation.

    Returns:
        The ids of the runs. Duplicate targets are ignored.
    """
    runs = [new_run(call, operation_name, key, action, target) for target in dict.fromkeys(targets)]
    return accept(call, key, [replace(run, not_after=not_after) for run in runs])


@operation(
    "GET",
    "/runs/{run_id}",
    "Get a run",
    scopes=("runs:read",),
    parameters=_RUN,
    answers={200: RunDetails},
    limited=True,
)
def get_run(call: ApiCall[None, None]) -> Reply:
    """Return one run, with the text that it sends and the calls of its attempts.

    `chat` and `reply` are null without the scope `chats:read`. `sent` is null without the scope `messages:read`, and
    after the retention time of texts, the stack's parameter `KeepTextsDays`.
    """
    row = _existing(call)
    return Reply(details(row, call.caller, keeps_text=call.app.ledger.keeps_text(row)))


@operation(
    "POST",
    "/runs/{run_id}/replay",
    "Replay a run",
    scopes=("runs:write",),
    parameters=_RUN,
    answers={202: StartedRuns},
    limited=True,
    conflicts=True,
    headers={"Location": "The run"},
)
def replay_run(call: ApiCall[None, None]) -> Reply:
    """Perform a `failed`, `missed`, `skipped` or `unknown` run again. Its id stays the same.

    If the outcome is unknown, aichats first checks whether the chat exists. If the text of the run could not be
    rendered, it is rendered again, with the automation as it is now. If a target or the filter failed, a new run for
    each target replaces the run, and the answer has the ids of the new runs.
    """
    row = _existing(call)
    check_not_paused(call)
    try:
        replayed = call.app.replays.replay(row, ReplayTerms(call.limit.companies))
    except NotReplayableError as error:
        raise _conflict(error.row, error.reason) from error
    if replayed.row.is_open:
        call.app.dispatcher.enqueue_stored(replayed.row)
    location = f"/runs/{replayed.run_ids[0]}"
    return Reply(StartedRuns(run_ids=replayed.run_ids), HTTPStatus.ACCEPTED, {"Location": location})


@operation(
    "POST",
    "/runs/{run_id}/cancel",
    "Cancel a run",
    scopes=("runs:write",),
    parameters=_RUN,
    body=Cancel,
    body_optional=True,
    answers={200: RunView, 202: RunView},
    limited=True,
    conflicts=True,
    headers={"Location": "The run"},
)
def cancel_run(call: ApiCall[Cancel, None]) -> Reply:
    """Cancel a run that has not begun. It ends as `cancelled`, and is never performed.

    If aichats doesn't know whether the run has begun, the answer is 202: aichats looks for the chat first. If there is
    none, the run ends as `cancelled`. Otherwise it continues. Cancelling a run again changes nothing.
    """
    run_id, before = call.path["run_id"], _existing(call)
    try:
        row = call.app.ledger.steering.cancel(run_id, by=call.caller.name, reason=call.body.reason)
    except LedgerConflictError as conflict:
        begun = conflict.row is not None and conflict.row.is_open
        reason = "can't be cancelled" + (", because it has begun and its chat exists" if begun else "")
        raise _conflict(conflict.row, reason) from conflict
    except TextExpiredError as expired:
        raise _conflict(before, f"can't be cancelled, {TEXT_EXPIRED}. Look for its chat, then resolve it") from expired
    if row.is_open and not before.is_open:
        call.app.dispatcher.enqueue_stored(row)
    status = HTTPStatus.ACCEPTED if row.is_open else HTTPStatus.OK
    return Reply(view(row, call.caller), status, {"Location": f"/runs/{run_id}"})


@operation(
    "POST",
    "/runs/{run_id}/resolve",
    "Resolve a run",
    scopes=("runs:write",),
    parameters=_RUN,
    body=Resolve,
    answers={200: RunView},
    limited=True,
    conflicts=True,
)
def resolve_run(call: ApiCall[Resolve, None]) -> Reply:
    """Record the outcome of a run whose outcome is unknown, after you checked at the provider."""
    run_id, body, row = call.path["run_id"], call.body, _existing(call)
    if body.outcome == "succeeded":
        call.limit.check_chat_id()
        _check_chat_id(row, body.chat_id)
    try:
        call.app.ledger.steering.resolve(
            run_id, body.outcome, chat_id=body.chat_id, by=call.caller.name, reason=body.reason
        )
    except LedgerConflictError as conflict:
        raise _conflict(conflict.row, "can't be resolved") from conflict
    return Reply(view(_existing(call), call.caller))


def _check_chat_id(row: Row, chat_id: str | None) -> None:
    if chat_id is None:
        raise InputError([("chat_id", 'is required with outcome "succeeded"')])
    if not row.run.action.kind.accepts_chat_id(chat_id):
        raise InputError([("chat_id", f"is not the id of a {row.run.provider} chat")])


def _existing(call: ApiCall[Any, Any]) -> Row:
    """Return the run that the path names.

    Raises:
        RejectedError: it doesn't exist, or doesn't belong to the caller.
    """
    row = call.app.ledger.get(call.path["run_id"])
    if row is None or not call.limit.has_run(row):
        raise RejectedError(HTTPStatus.NOT_FOUND, "not-found", f"run {call.path['run_id']} doesn't exist")
    return row


def _conflict(row: Row | None, reason: str) -> RejectedError:
    if row is None:
        return RejectedError(HTTPStatus.NOT_FOUND, "not-found", "the run doesn't exist")
    chat = f" (chat {row.chat_id})" if row.chat_id else ""
    detail = f"run {row.run.run_id} {_STATES.get(row.status, f'is {row.status}')}{chat} and {reason}"
    return RejectedError(HTTPStatus.CONFLICT, "conflict", detail)
