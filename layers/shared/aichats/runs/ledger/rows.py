"""The row of a run, and its attributes in DynamoDB."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from aichats.errors import UnreadableError
from aichats.frozen import frozen
from aichats.json_types import Json
from aichats.runs.action import ABRIDGED, Action, read_action
from aichats.runs.ledger.times import from_text, to_text
from aichats.runs.model import Run

OpenStatus = Literal["pending", "performing"]
EndStatus = Literal["succeeded", "failed", "unknown", "missed", "skipped", "cancelled"]
type RunStatus = Literal[OpenStatus, EndStatus]

OPEN = "open"
"""The ``open_state`` of open rows from earlier versions."""
OPEN_STATES = tuple(f"{OPEN}.{number:02}" for number in range(16))
"""The values of ``open_state`` in open rows, which are the keys of their index."""
LANES = tuple(f"{number}" for number in range(4))
"""The keys of the index of the history. Each key has a quarter of all runs, in the order of their creation."""
TIME_ATTRIBUTES = (
    "created_at",
    "opened_at",
    "updated_at",
    "due_at",
    "unsettled_at",
    "lease_until",
    "finished_at",
    "recorded_at",
    "replied_at",
    "reply_overdue_at",
)
COPIED_ATTRIBUTES = (
    "status",
    "unrendered",
    "lease",
    "chat_id",
    "seen",
    "error",
    "title",
    "key_base",
    "action_key",
    "event_key",
    "credential",
    "cancel",
    "calls",
    "files",
    "await_reply",
    "reply_overdue_reason",
)
DECIMAL_ATTRIBUTES = ("reply_seconds", "tokens")


@frozen
class Row:
    """A run in the ledger."""

    run: Run
    status: RunStatus
    attempts: int
    """The number of claims that may have called the provider."""
    key_number: int
    """The ``n`` of ``Idempotency-Key: <key_base>.<n>``."""
    created_at: datetime
    opened_at: datetime
    """The time of the run's creation or last replay. After 24 hours, the run fails."""
    updated_at: datetime
    due_at: datetime | None = None
    unsettled_at: datetime | None = None
    """The time at which a call's outcome became unknown. If the process died, this is the end of its lease."""
    credential: str | None = None
    """The name of the credential of the call whose outcome is unknown, because another credential may not see its chat.
    ``None`` if the outcome is known, or if the process died."""
    files: Json = field(default_factory=dict)
    """The files that each credential has uploaded for this run (:mod:`aichats.runs.providers.attachments`)."""
    seen: Json | None = None
    """Similar effects that existed before this run's effect began; ``None`` after the effect is recorded."""
    lease: str | None = None
    lease_until: datetime | None = None
    chat_id: str | None = None
    result: Mapping[str, Any] = field(default_factory=dict)
    """The provider's answers: ``chat``, and ``reply`` if there is one."""
    error: Mapping[str, Any] | None = None
    finished_at: datetime | None = None
    unrendered: bool = False
    """True if the run's texts could not be rendered, so the run has no action yet."""
    event_key: str | None = None
    """The key of the kept event from which a run without an action can be rendered again."""
    title: str | None = None
    """The title to create the chat with. It begins with the run's mark; ``None`` if the chat gets no mark."""
    key_base: str | None = None
    """The beginning of the run's idempotency keys; ``None`` in rows of earlier versions, which use the run's id."""
    recorded_at: datetime | None = None
    """The time at which the newest effect was recorded."""
    action_key: str | None = None
    """The key of the item with the action; ``None`` if the action is in the row."""

    cancel: Mapping[str, Any] | None = None
    """The client (``by``) and the ``reason`` of a cancellation that could not end the run at once."""
    calls: str | None = None
    """The calls of the run's attempts, as :mod:`aichats.runs.attempts_log` writes them."""
    await_reply: bool = False
    """True if aichats watches the chat after the run has succeeded, until the agent replies."""
    replied_at: datetime | None = None
    reply_seconds: Decimal | None = None
    """The time that the reply took; ``None`` if it isn't known."""
    tokens: Decimal | None = None
    """The tokens that the chat had used when aichats saw the reply; ``None`` if the provider doesn't report them."""
    reply_overdue_at: datetime | None = None
    """The time at which the watch ended without a reply."""
    reply_overdue_reason: str | None = None
    """The reason why the watch ended; ``None`` if its time was over."""

    @property
    def is_open(self) -> bool:
        """True if the run has not ended."""
        return self.due_at is not None

    @property
    def unsettled(self) -> bool:
        """True if the outcome of a call is unknown."""
        return self.unsettled_at is not None

    @property
    def in_doubt(self) -> bool:
        """True if the run may have an effect that is not recorded."""
        return self.unsettled and (self.chat_id is None or self.seen is not None)

    @property
    def idempotency_key(self) -> str:
        """The idempotency key of the run's next create."""
        return f"{self.key_base or self.run.run_id}.{self.key_number}"


def new_item(run: Run, now: datetime, due_at: datetime, prepared: Json) -> dict[str, Any]:
    """Return the attributes of a pending run.

    ``prepared`` are attributes that never change: the action or its key, and everything that the effects depend on.
    """
    item = {
        "run_id": run.run_id,
        "status": "pending",
        "trigger": run.trigger,
        "automation": run.automation,
        "slot": run.slot,
        "type": run.action.type,
        "target": run.target,
        "api_version": run.api_version,
        "attempts": 0,
        "key_number": 1,
        "created_at": to_text(now),
        "opened_at": to_text(now),
        "updated_at": to_text(now),
        "lane": _key_of(run.run_id, LANES),
        "made_at": f"{to_text(now)} {run.run_id}",
        "open_state": open_state(run.run_id),
        "due_at": to_text(due_at),
        "not_after": to_text(run.not_after) if run.not_after else None,
        "labels": dict(run.labels) or None,
        "slot_runs": run.slot_runs,
        "await_reply": awaits_reply(run),
        "budget": run.budget,
        **prepared,
    }
    # The key of an index must not be null.
    return {name: value for name, value in item.items() if value is not None}


def awaits_reply(run: Run) -> Literal[True] | None:
    """Return the attribute of a run whose action asks to watch the chat; ``None`` for any other run."""
    return True if run.action.fields.get("await_reply") else None


def row_from(item: Json, action: Action | None = None) -> Row:
    """Return an item as a row.

    Without an ``action``, the row gets the action in the item. If the item has only the key of an action, the row gets
    an action that has nothing but its type.

    Raises:
        UnreadableError: this version of the code cannot read the item.
    """
    run = Run(
        run_id=item["run_id"],
        trigger=item["trigger"],
        action=action or _action(item),
        target=item.get("target"),
        api_version=item.get("api_version"),
        automation=item.get("automation"),
        slot=item.get("slot"),
        not_after=from_text(item["not_after"]) if "not_after" in item else None,
        labels=item.get("labels", {}),
        slot_runs=item.get("slot_runs"),
        budget=item.get("budget"),
    )
    times = {name: from_text(item[name]) for name in TIME_ATTRIBUTES if name in item}
    if "ready_at" in item:
        times["due_at"] = from_text(item["ready_at"])
    copies = {name: item[name] for name in COPIED_ATTRIBUTES if name in item}
    numbers: dict[str, Any] = {name: int(item[name]) for name in ("attempts", "key_number")}
    numbers |= {name: Decimal(item[name]) for name in DECIMAL_ATTRIBUTES if name in item}
    attributes: dict[str, Any] = {**times, **copies, **numbers, "result": json.loads(item.get("result", "{}"))}
    return Row(run=run, **attributes)


def _action(item: Json) -> Action:
    if "action" in item:
        return read_action(item["action"], f"run {item['run_id']}")
    if item["type"] not in ABRIDGED:
        raise UnreadableError(f"run {item['run_id']}: type")
    return ABRIDGED[item["type"]]


def open_state(run_id: str) -> str:
    """Return the key of an open row in the index of open rows."""
    return _key_of(run_id, OPEN_STATES)


def _key_of(run_id: str, keys: tuple[str, ...]) -> str:
    """Return one of several keys, always the same for a run. So the writes are spread evenly over the keys."""
    return keys[zlib.crc32(run_id.encode()) % len(keys)]
