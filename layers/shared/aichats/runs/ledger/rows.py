"""A run as the ledger knows it, and as DynamoDB keeps it."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pydantic import TypeAdapter

from aichats.aws.table import Json
from aichats.errors import UnreadableError
from aichats.runs.actions import ABRIDGED, Action
from aichats.runs.ledger.times import from_text, to_text
from aichats.runs.model import Run
from aichats.validation import read_stored

type OpenStatus = Literal["pending", "performing"]
type EndStatus = Literal["succeeded", "failed", "unknown", "missed"]
type Status = OpenStatus | EndStatus

OPEN = "open"
"""What ``open_state`` was in rows of earlier versions."""
OPEN_STATES = tuple(f"{OPEN}.{number:02}" for number in range(16))
"""What ``open_state`` is while a row is open: its key in the index of open rows, spread over 16."""
LANES = tuple(f"{number}" for number in range(4))
"""Keys of the index of the history. Each holds a quarter of all runs, in the order in which they were made."""
MOMENTS = (
    "created_at",
    "opened_at",
    "updated_at",
    "due_at",
    "unsettled_at",
    "lease_until",
    "finished_at",
    "recorded_at",
)
KEPT = ("status", "unrendered", "lease", "chat_id", "seen", "error", "title", "key_base", "action_key")

_ACTION: TypeAdapter[Any] = TypeAdapter(Action)


@dataclass(frozen=True)
class Row:
    """A run as the ledger knows it."""

    run: Run
    status: Status
    attempts: int
    """Claims after which the provider may have been called."""
    key_number: int
    """The ``n`` of ``Idempotency-Key: <key_base>.<n>``."""
    created_at: datetime
    opened_at: datetime
    """When it was made or replayed: it is given up 24 h later."""
    updated_at: datetime
    due_at: datetime | None = None
    unsettled_at: datetime | None = None
    """When a call's outcome became unknown: of a process that died, the end of its lease."""
    seen: Json | None = None
    """What was noted before the effect began that is not recorded yet."""
    lease: str | None = None
    lease_until: datetime | None = None
    chat_id: str | None = None
    result: Mapping[str, Any] = field(default_factory=dict)
    """What the provider answered: ``chat``, and ``reply`` where there is one."""
    error: Mapping[str, Any] | None = None
    finished_at: datetime | None = None
    unrendered: bool = False
    """Whether its texts could not be made, so that it can never be performed."""
    title: str | None = None
    """The exact title to create the chat with, with the run's mark at its front; ``None``: it carries no mark."""
    key_base: str | None = None
    """What its idempotency keys begin with. Rows of earlier versions have none: their keys begin with the run_id."""
    recorded_at: datetime | None = None
    """When the newest effect of it was recorded."""
    action_key: str | None = None
    """The item that holds its action, if the row does not."""

    @property
    def is_open(self) -> bool:
        """Whether it is not ended."""
        return self.due_at is not None

    @property
    def unsettled(self) -> bool:
        """Whether a call began whose outcome is not known."""
        return self.unsettled_at is not None

    @property
    def in_doubt(self) -> bool:
        """Whether an effect may have been made of which nothing is recorded."""
        return self.unsettled and (self.chat_id is None or self.seen is not None)

    @property
    def idempotency_key(self) -> str:
        """The key of its next create."""
        return f"{self.key_base or self.run.run_id}.{self.key_number}"


def new_item(run: Run, now: datetime, due_at: datetime, prepared: Json) -> dict[str, Any]:
    """Return the attributes of a run that waits to be performed.

    ``prepared`` holds what its effects depend on, which never changes afterwards: its action, or where that is.
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
        "lane": _spread(run.run_id, LANES),
        "made_at": f"{to_text(now)} {run.run_id}",
        "open_state": open_state(run.run_id),
        "due_at": to_text(due_at),
        "not_after": to_text(run.not_after) if run.not_after else None,
        **prepared,
    }
    # An attribute that is an index's key must not be null.
    return {name: value for name, value in item.items() if value is not None}


def row_of(item: Json, action: Action | None = None) -> Row:
    """The row that attributes make up.

    Without an ``action`` it is the one in the row, or, of a row that names an item, no more than the action's type.

    Raises:
        UnreadableError: this version of the code cannot read it.
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
    )
    moments = {name: from_text(item[name]) for name in MOMENTS if name in item}
    if "ready_at" in item:
        moments["due_at"] = from_text(item["ready_at"])
    kept = {name: item[name] for name in KEPT if name in item}
    numbers = {name: int(item[name]) for name in ("attempts", "key_number")}
    known: dict[str, Any] = {**moments, **kept, **numbers, "result": json.loads(item.get("result", "{}"))}
    return Row(run=run, **known)


def _action(item: Json) -> Action:
    if "action" in item:
        return read_action(item["action"], f"run {item['run_id']}")
    if item["type"] not in ABRIDGED:
        raise UnreadableError(f"run {item['run_id']}: type")
    return ABRIDGED[item["type"]]


def to_json(action: Action) -> str:
    """An action as it is stored."""
    return action.model_dump_json(exclude_unset=True)


def read_action(text: str, what: str) -> Action:
    """Return a stored action.

    Raises:
        UnreadableError: this version of the code cannot read it; names ``what`` it is of.
    """
    action: Action = read_stored(_ACTION.validate_python, json.loads(text), what)
    return action


def open_state(run_id: str) -> str:
    """The key of an open row in the index of open rows."""
    return _spread(run_id, OPEN_STATES)


def _spread(run_id: str, keys: tuple[str, ...]) -> str:
    """One of several keys, always the same for a run, so that no key of an index takes all writes."""
    return keys[zlib.crc32(run_id.encode()) % len(keys)]
