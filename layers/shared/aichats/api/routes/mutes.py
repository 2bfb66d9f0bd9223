"""``POST /chats/notification-preference``: many chats muted at once, and for a while if need be."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import Field

from aichats.api.operation import Call, Operation, Reply
from aichats.api.routes.runs import Started, start_each
from aichats.api.starting import id_of, reserve_key
from aichats.automations.model import Automation, Moment
from aichats.errors import InputError
from aichats.models import Request
from aichats.runs.actions import MAX_TARGETS, WhopUpdateChat
from aichats.whop.models import ChatId, NotificationPreference

OPERATION = "POST /chats/notification-preference"
OPPOSITE: dict[str, NotificationPreference] = {"all": "none", "none": "all"}
LONGEST = timedelta(days=366)


class SetPreference(Request):
    """A notification preference for many chats."""

    notification_preference: NotificationPreference
    ids: Annotated[list[ChatId], Field(min_length=1, max_length=MAX_TARGETS)]
    until: Moment | None = None
    """Then all of them get the other preference, whatever they had before. The second counts, not its fraction."""


class Muted(Started):
    """Runs that will be performed, and what undoes them."""

    automation: str | None
    """Its name; ``None`` without ``until``."""


def set_preference(call: Call[SetPreference, None]) -> Reply:
    """Mute many chats, or the contrary, each as a run of its own; ``until`` a moment if it is given.

    ``until`` makes an ordinary automation, which fires once; delete it to let things be. From that moment on a run that
    had to wait is not begun any more.
    """
    # Sorted as they will be undone, so that no undoing overtakes what it undoes.
    body, chats = call.body, sorted(set(call.body.ids))
    until = body.until.astimezone(UTC).replace(microsecond=0) if body.until else None
    name, undo = _undo(body.notification_preference, chats, until) if until else (None, None)
    is_new, now = not _was_started(call, chats[0]), call.app.ledger.clock()
    if until and is_new:
        _check(until, now)
    key = reserve_key(call, OPERATION)
    if name and is_new:
        # First: if what follows fails, chats are told twice what they are; the other way round they would stay muted.
        call.app.automations.put(name, Automation.model_validate(undo, context={"now": now}))
    action = WhopUpdateChat(type="whop.update_chat", notification_preference=body.notification_preference)
    run_ids = start_each(call, OPERATION, key, action, chats, not_after=until)
    return Reply(Muted(run_ids=run_ids, automation=name), HTTPStatus.ACCEPTED)


def _was_started(call: Call[SetPreference, None], chat: str) -> bool:
    """Whether this is a repeat, by its key, of a call that started its runs: then it may come after the end too."""
    key = call.idempotency_key
    return key is not None and call.app.ledger.get(id_of(call, OPERATION, key, chat)) is not None


def _check(until: datetime, now: datetime) -> None:
    """Refuse a moment that is past or too far away.

    Raises:
        InputError: says what it may be.
    """
    if not timedelta(0) < until - now <= LONGEST:
        raise InputError([("until", f"must be later than now, {now.isoformat(timespec='seconds')}, by a year at most")])


def _undo(preference: NotificationPreference, chats: list[str], until: datetime) -> tuple[str, dict[str, Any]]:
    """The automation that gives the chats the other preference: its name, which says the same, and its definition."""
    definition = {
        "trigger": {"type": "schedule", "expression": f"at({until:%Y-%m-%dT%H:%M:%S})"},
        "action": {"type": "whop.update_chat", "notification_preference": OPPOSITE[preference]},
        "targets": chats,
        "missed": "run",
        "description": f"Undoes a notification preference of {len(chats)} chats",
    }
    unique = json.dumps([definition["trigger"], definition["action"], chats])
    return f"until-{hashlib.sha256(unique.encode()).hexdigest()[:32]}", definition


OPERATIONS = (
    Operation(
        "POST",
        "/chats/notification-preference",
        "Mute many chats",
        ("chats:write",),
        set_preference,
        body=SetPreference,
        status=HTTPStatus.ACCEPTED,
        reply=Muted,
        idempotent=True,
    ),
)
