"""Pause and resume: one automation, or the whole stack."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from http import HTTPStatus
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from aichats.api.automation_view import AutomationView, view_changed
from aichats.api.operation import ApiCall, Reply, operation
from aichats.api.pause_view import ShownPause, shown_pause
from aichats.api.problems import RejectedError
from aichats.api.stored_automations import NAMED, READ, WITH_ETAG, WRITE, existing_automation, unknown_automation
from aichats.automations.model import ScheduleTrigger
from aichats.automations.row import AutomationRow
from aichats.aws.observability import logger
from aichats.errors import InputError
from aichats.models import OrElse, Request
from aichats.schedules.pauses import Pauses, PauseWindow

LONGEST_PLAN = timedelta(days=5 * 366)
"""The maximum time until a pause begins or ends."""
_TIME = r"^2\d{3}-\d{2}-\d{2}([Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?([Zz]|[+-]\d{2}:\d{2})?)?$"
_EXAMPLES = ["2026-12-24", "2026-12-24T18:00", "2026-12-24T18:00:00-05:00"]

type PauseTime = Annotated[
    str,
    Field(pattern=_TIME, examples=_EXAMPLES),
    OrElse("must be a date such as 2026-12-24, or a time such as 2026-12-24T18:00 or 2026-12-24T18:00:00-05:00"),
]
"""A date or a time. Without an offset, it is in the time zone of the automation. A date is its midnight."""


class Pause(Request):
    """The pause to add. All fields are optional: the default is from now until you resume."""

    reason: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    begins: Annotated[PauseTime | None, Field(alias="from", description="The first time that is skipped")] = None
    until: Annotated[PauseTime | None, Field(description="The first time that runs again")] = None


class Resume(Request):
    """The pause to end. By default, all pauses that are effective now end."""

    begins: Annotated[
        PauseTime | None, Field(alias="from", description="The beginning of a planned pause, which is removed")
    ] = None


class EndedPause(ShownPause):
    """A pause that has ended."""

    resumed_by: Annotated[str | None, Field(description="The API client that resumed; null if it ended as planned")]


class StackState(BaseModel):
    """The pauses of the stack."""

    state: Literal["active", "paused"]
    paused: Annotated[ShownPause | None, Field(description="The pause that is effective now")]
    pauses: Annotated[list[ShownPause], Field(description="The pauses that have not ended")]
    ended: Annotated[list[EndedPause], Field(description="The pauses that ended within the last 31 days")]


@operation(
    "POST",
    "/automations/{name}/pause",
    "Pause an automation",
    scopes=WRITE,
    parameters=NAMED,
    body=Pause,
    body_optional=True,
    answers={200: AutomationView},
    limited=True,
    conflicts=True,
    headers=WITH_ETAG,
)
def pause_automation(call: ApiCall[Pause, None]) -> Reply:
    """Skip the times of a schedule, and the events of a webhook, from now or `from` until before `until`.

    Skipped times are neither run nor missed. Runs for skipped events are stored as `skipped`, and you can replay them.
    A time without an offset is in the automation's time zone. The ETag stays the same, and a PUT keeps the pauses.
    Repeating the request changes nothing.
    """
    now = call.app.ledger.clock()
    return _change(call, "automation paused", lambda row: _paused(call, row.pauses, _zone(row), now))


@operation(
    "POST",
    "/automations/{name}/resume",
    "Resume an automation",
    scopes=WRITE,
    parameters=NAMED,
    body=Resume,
    body_optional=True,
    answers={200: AutomationView},
    limited=True,
    conflicts=True,
    headers=WITH_ETAG,
)
def resume_automation(call: ApiCall[Resume, None]) -> Reply:
    """End the pauses that are effective now, or remove the planned pause that begins at `from`.

    Times that were skipped stay skipped. If no pause is effective, nothing changes. If only `enabled: false` stops the
    automation, the answer is 409.
    """
    now = call.app.ledger.clock()

    def resumed(row: AutomationRow) -> Pauses:
        is_paused = row.pauses.at(now) is not None
        if call.body.begins is None and not row.automation.trigger.enabled and not is_paused:
            detail = f"automation {row.name} is disabled. Put it again with trigger.enabled: true"
            raise RejectedError(HTTPStatus.CONFLICT, "conflict", detail)
        return _resumed(call, row.pauses, _zone(row), now)

    return _change(call, "automation resumed", resumed)


@operation(
    "POST",
    "/pause",
    "Pause the stack",
    scopes=WRITE,
    body=Pause,
    body_optional=True,
    answers={200: StackState},
    conflicts=True,
)
def pause_stack(call: ApiCall[Pause, None]) -> Reply:
    """Stop all runs of the stack, from now or `from` until before `until`. It takes up to a minute.

    Times of schedules are skipped. Runs for events are stored as `skipped`. Waiting runs wait. Requests that start runs
    are answered with 503. You can still read, change and delete chats, automations and runs. A time without an offset
    is in UTC.
    """
    now = call.app.ledger.clock()
    return _change_stack(call, "stack paused", lambda pauses: _paused(call, pauses, UTC, now), now)


@operation(
    "POST",
    "/resume",
    "Resume the stack",
    scopes=WRITE,
    body=Resume,
    body_optional=True,
    answers={200: StackState},
)
def resume_stack(call: ApiCall[Resume, None]) -> Reply:
    """End the pauses of the stack that are effective now, or remove the planned pause that begins at `from`.

    Waiting runs continue within about five minutes. If no pause is effective, nothing changes.
    """
    now = call.app.ledger.clock()
    return _change_stack(call, "stack resumed", lambda pauses: _resumed(call, pauses, UTC, now), now)


@operation("GET", "/pause", "Get the pauses of the stack", scopes=READ, answers={200: StackState})
def get_stack_pause(call: ApiCall[None, None]) -> Reply:
    """Return whether the stack is paused, its planned pauses, and the pauses of the last 31 days."""
    return Reply(_stack_state(call.app.stack_pause.read(), call.app.ledger.clock()))


def _change(call: ApiCall[Any, None], message: str, change: Callable[[AutomationRow], Pauses]) -> Reply:
    """Change the pauses of the automation that the path names. Log the message if they have changed."""
    before, now = existing_automation(call), call.app.ledger.clock()

    def guarded(row: AutomationRow) -> Pauses:
        if not call.limit.has_automation(row):
            raise unknown_automation(row.name)
        return change(row)

    row = call.app.automation_table.change_pauses(before.name, guarded, by=call.caller.name)
    if row is None:
        raise unknown_automation(before.name)
    if row.pauses != before.pauses:
        logger.info(message, extra={"automation": row.name, "pauses": len(row.pauses.after(now))})
    return Reply(view_changed(call, row), headers={"ETag": row.etag})


def _change_stack(call: ApiCall[Any, None], message: str, change: Callable[[Pauses], Pauses], now: datetime) -> Reply:
    """Change the pauses of the stack. Log the message if they have changed."""
    before = call.app.stack_pause.read()
    pauses = call.app.stack_pause.change(change, now)
    if pauses != before:
        logger.warning(message, extra={"pauses": len(pauses.after(now))})
    return Reply(_stack_state(pauses, now))


def _stack_state(pauses: Pauses, now: datetime) -> StackState:
    current, open_windows = pauses.at(now), pauses.after(now)
    ended = [window for window in pauses.windows if window not in open_windows]
    return StackState.model_construct(
        state="paused" if current else "active",
        paused=shown_pause(current) if current else None,
        pauses=[shown_pause(window) for window in open_windows],
        ended=[
            EndedPause.model_construct(**dict(shown_pause(window)), resumed_by=window.resumed_by) for window in ended
        ],
    )


def _paused(call: ApiCall[Pause, None], pauses: Pauses, zone: tzinfo, now: datetime) -> Pauses:
    """Return pauses with the pause of a request. If it is there already, return them as they are.

    Raises:
        InputError: a time of the request is invalid.
        RejectedError: there are too many pauses.
    """
    begins, until = _time_in("from", call.body.begins, zone, now), _time_in("until", call.body.until, zone, now)
    if until is not None and until <= max(begins or now, now):
        raise InputError([("until", f"must be later than from, and in the future {_present(now)}")])
    if any(_is_same(window, begins, until, now) for window in pauses.after(now)):
        return pauses
    try:
        return pauses.add(PauseWindow(begins or now, until, call.caller.name, now, call.body.reason), now)
    except ValueError as error:
        raise RejectedError(HTTPStatus.CONFLICT, "conflict", str(error)) from None


def _is_same(window: PauseWindow, begins: datetime | None, until: datetime | None, now: datetime) -> bool:
    """Return whether a window does what a request asks, for example because the request is a retry."""
    if begins is None:
        return window.has(now) and window.until in (until, None)
    return (window.begins, window.until) == (begins, until)


def _resumed(call: ApiCall[Resume, None], pauses: Pauses, zone: tzinfo, now: datetime) -> Pauses:
    begins = _time_in("from", call.body.begins, zone, now)
    if begins is None:
        return pauses.resumed(now, call.caller.name)
    try:
        return pauses.without(begins, now, call.caller.name)
    except LookupError as error:
        raise InputError([("from", str(error))]) from None


def _time_in(field: str, text: str | None, zone: tzinfo, now: datetime) -> datetime | None:
    """Return a time of a request in UTC. A time without an offset is in ``zone``.

    Raises:
        InputError: the time doesn't exist, or is more than five years ahead.
    """
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text.upper())
        time = (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InputError([(field, "doesn't exist in the calendar")]) from None
    if time - now > LONGEST_PLAN:
        raise InputError([(field, f"must be within five years {_present(now)}")])
    return time


def _present(now: datetime) -> str:
    return f"(now: {now.isoformat(timespec='seconds')})"


def _zone(row: AutomationRow) -> tzinfo:
    trigger = row.automation.trigger
    return ZoneInfo(trigger.timezone) if isinstance(trigger, ScheduleTrigger) else UTC
