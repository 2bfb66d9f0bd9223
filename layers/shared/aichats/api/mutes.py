"""``POST /chats/notification-preference``: many chats muted at once, and for a while if need be."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated

from pydantic import Field

from aichats.api.operations import Call, Operation, Reply
from aichats.api.runs import Started, reserve_key, start_each
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


def set_preference(call: Call[SetPreference, None]) -> Reply:
    """Mute many chats, or the contrary, each as a run of its own; ``until`` a moment if it is given.

    ``until`` makes an ordinary automation, ``until-<hash>``, which fires once; delete it to let things be.
    """
    body = call.body
    undo = _undo(body, body.until) if body.until else None
    key = reserve_key(call, OPERATION)
    if undo:
        # First: if what follows fails, chats are told twice what they are; the other way round they would stay muted.
        call.app.keeper.put(*undo)
    action = WhopUpdateChat(type="whop.update_chat", notification_preference=body.notification_preference)
    # In the order in which they will be undone, so that no undoing overtakes what it undoes.
    return start_each(call, (OPERATION, key), action, sorted(body.ids))


def _undo(body: SetPreference, until: datetime) -> tuple[str, Automation]:
    """The automation that gives the chats the other preference, with its name.

    Raises:
        InputError: it would be in the past, or too far away.
    """
    now, until = datetime.now(UTC), until.astimezone(UTC).replace(microsecond=0)
    if not timedelta(0) < until - now <= LONGEST:
        raise InputError([("until", f"must be later than now, {now.isoformat(timespec='seconds')}, by a year at most")])
    ids = sorted(set(body.ids))
    definition = {
        "trigger": {"type": "schedule", "expression": f"at({until:%Y-%m-%dT%H:%M:%S})"},
        "action": {"type": "whop.update_chat", "notification_preference": OPPOSITE[body.notification_preference]},
        "targets": ids,
        "missed": "run",
        "description": f"Undoes a notification preference of {len(ids)} chats",
    }
    unique = json.dumps([definition["trigger"], definition["action"], ids])
    name = f"until-{hashlib.sha256(unique.encode()).hexdigest()[:32]}"
    return name, Automation.model_validate(definition, context={"now": now})


OPERATIONS = (
    Operation(
        "POST",
        "/chats/notification-preference",
        "Mute many chats",
        "chats:write",
        set_preference,
        body=SetPreference,
        status=HTTPStatus.ACCEPTED,
        reply=Started,
        idempotent=True,
    ),
)
