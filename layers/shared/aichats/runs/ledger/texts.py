"""The actions of runs as the table keeps them.

A short action is part of its run's row. A longer one is an item of its own, once for all runs of an occurrence that
share it, so that a run which is claimed, recorded and ended writes one kilobyte each time whatever its message.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aichats.aws.table import ConditionFailedError, Json, Table
from aichats.errors import UnreadableError
from aichats.runs.actions import Action
from aichats.runs.ledger.rows import read_action, to_json
from aichats.runs.model import Run

INLINE_BYTES = 256
"""Up to this length an action is part of its row: together they are under one kilobyte."""
KEEP = timedelta(days=120)
"""Rows are kept for 90 days after their end, and a run ends within a day or two of its start or its replay."""
CACHED = 64
"""Actions that a container remembers: the runs of a fan-out come together."""


@dataclass(frozen=True)
class Texts:
    """The actions that are items of their own. Safe to share between threads."""

    items: Table
    _known: "OrderedDict[str, Action]" = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, runs: Sequence[Run], now: datetime) -> list[Json]:
        """Store the long actions of new runs. They must be there before the rows that name them.

        Returns:
            For each run what its row says of its action.
        """
        # The runs of a fan-out share one object, which need not be written out for each.
        written = {number: to_json(action) for number, action in {id(run.action): run.action for run in runs}.items()}
        keys: dict[str, str] = {}
        said: list[Json] = []
        for run in runs:
            text = written[id(run.action)]
            if len(text.encode()) <= INLINE_BYTES:
                said.append({"action": text})
            else:
                said.append({"action_key": keys.setdefault(text, _key(text, run.run_id))})
        until = _until(now)
        self.items.overwrite([{"run_id": key, "action": text, "ttl": until} for text, key in keys.items()])
        return said

    def keep_on(self, key: str, now: datetime) -> None:
        """Keep a stored action for as long as a run that is opened now needs it.

        Raises:
            UnreadableError: it is gone.
        """
        try:
            self.items.update(key, {"ttl": _until(now)}, "attribute_exists(run_id)")
        except ConditionFailedError as error:
            raise _gone(key) from error

    def of(self, item: Json) -> Action | None:
        """Return the stored action that a row names; ``None`` if it names none.

        Raises:
            UnreadableError: it is gone, or this version of the code cannot read it.
        """
        key = item.get("action_key")
        if key is None:
            return None
        with self._lock:
            known = self._known.get(key)
        return known or self._fetch(key)

    def _fetch(self, key: str) -> Action:
        stored = self.items.get(key)
        if stored is None:
            raise _gone(key)
        action = read_action(stored["action"], key)
        with self._lock:
            self._known[key] = action
            while len(self._known) > CACHED:
                self._known.popitem(last=False)
        return action


def _key(text: str, run_id: str) -> str:
    """The key of a text. The first run that has it stands for the occurrence: no other occurrence writes this item."""
    return f"action:{hashlib.sha256(f'{run_id}\n{text}'.encode()).hexdigest()[:40]}"


def _until(now: datetime) -> int:
    return int((now + KEEP).timestamp())


def _gone(key: str) -> UnreadableError:
    return UnreadableError(f"{key} is not kept any more")
