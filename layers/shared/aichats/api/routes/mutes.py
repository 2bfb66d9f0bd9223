"""``POST /chats/notification-preference``: mutes many chats at once, optionally until a given time."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import Field

from aichats.api.operation import ApiCall, Reply, operation
from aichats.api.routes.runs import StartedRuns, start_each
from aichats.api.starting import id_of, reserve_key
from aichats.automations.definition_models import Time, validated_automation
from aichats.errors import InputError
from aichats.models import Request
from aichats.runs.action import MAX_TARGETS, Action
from aichats.whop.models import ChatId, NotificationPreference

OPERATION = "POST /chats/notification-preference"
OPPOSITE: dict[str, NotificationPreference] = {"all": "none", "none": "all"}
LONGEST_MUTE = timedelta(days=366)


class SetPreference(Request):
    """The notification preference to set for many chats."""

    notification_preference: NotificationPreference
    ids: Annotated[list[ChatId], Field(min_length=1, max_length=MAX_TARGETS)]
    until: Annotated[
        Time | None,
        Field(description="The time at which all these chats get the other preference. A fraction of a second is cut"),
    ] = None


class PreferenceRuns(StartedRuns):
    """The started runs, and the automation that reverts them."""

    automation: Annotated[str | None, Field(description="The automation's name; null without `until`")]


@operation(
    "POST",
    OPERATION.removeprefix("POST "),
    "Set the notification preference of many chats",
    scopes=("chats:write",),
    body=SetPreference,
    answers={202: PreferenceRuns},
    idempotent=True,
)
def set_notification_preference(call: ApiCall[SetPreference, None]) -> Reply:
    """Set the notification preference of up to 1,000 chats, optionally until a given time. Each chat is its own run.

    With `until`, aichats creates an automation that fires once and sets the other preference. To keep the preference,
    delete this automation. A run that hasn't started by `until` fails.
    """
    # Sorted like the automation's targets, so that no chat is reverted before it is changed.
    body, chats = call.body, sorted(set(call.body.ids))
    until = body.until.astimezone(UTC).replace(microsecond=0) if body.until else None
    name, definition = _reverting_automation(body.notification_preference, chats, until) if until else (None, None)
    is_new, now = not _was_started(call, chats[0]), call.app.ledger.clock()
    if until and is_new:
        _check_until(until, now)
    key = reserve_key(call, OPERATION)
    if name and is_new:
        # The automation comes first. If the runs then fail, it sets a preference that the chats already have. In the
        # other order, a failure could leave the chats muted.
        call.app.automations.put(name, validated_automation(definition, now=now), by=call.caller.name)
    action = Action("whop.update_chat", {"notification_preference": body.notification_preference})
    run_ids = start_each(call, OPERATION, key, action, chats, not_after=until)
    return Reply(PreferenceRuns(run_ids=run_ids, automation=name), HTTPStatus.ACCEPTED)


def _was_started(call: ApiCall[SetPreference, None], chat: str) -> bool:
    """Return whether an earlier call with this key started its runs. Then a retry is valid even after ``until``."""
    key = call.idempotency_key
    return key is not None and call.app.ledger.get(id_of(call, OPERATION, key, chat)) is not None


def _check_until(until: datetime, now: datetime) -> None:
    """Check that a time is in the future, by at most a year.

    Raises:
        InputError: the time is in the past or too far away.
    """
    if not timedelta(0) < until - now <= LONGEST_MUTE:
        problem = f"must be in the future, by at most one year (now: {now.isoformat(timespec='seconds')})"
        raise InputError([("until", problem)])


def _reverting_automation(
    preference: NotificationPreference, chats: list[str], until: datetime
) -> tuple[str, dict[str, Any]]:
    """Return the name and the definition of the automation that sets the other preference. The name is a hash."""
    definition = {
        "trigger": {"type": "schedule", "expression": f"at({until:%Y-%m-%dT%H:%M:%S})"},
        "action": {"type": "whop.update_chat", "notification_preference": OPPOSITE[preference]},
        "targets": chats,
        "missed": "run",
        "description": f"Undoes a notification preference of {len(chats)} chats",
    }
    unique = json.dumps([definition["trigger"], definition["action"], chats])
    return f"until-{hashlib.sha256(unique.encode()).hexdigest()[:32]}", definition
