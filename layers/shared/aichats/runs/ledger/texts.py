"""The stored actions of runs.

A short action is part of its run's row. A longer action is an item of its own, which all runs of an occurrence share.
So the write of a run costs one kilobyte, whatever the length of the message.

The item is deleted after the retention time of the stack (``KeepTextsDays``). The row is kept longer, without the text.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import field
from datetime import datetime, timedelta

from aichats.aws.table import Table
from aichats.aws.writes import ConditionFailedError
from aichats.errors import UnreadableError
from aichats.frozen import frozen
from aichats.json_types import Json
from aichats.runs.action import Action, read_action, to_json
from aichats.runs.ledger.rows import EndStatus
from aichats.runs.model import Run

INLINE_BYTES = 256
"""The maximum size of an action that is part of its row. Such a row takes less than one kilobyte."""
KEEP_TEXTS = timedelta(days=30)
"""The default retention time of texts."""
KEEP_AT_LEAST = timedelta(days=3)
"""The minimum retention time of an item. A run is open for at most 26 hours, and needs its action until it ends."""
FINAL: tuple[EndStatus, ...] = ("succeeded", "cancelled")
"""The ends after which a run is never performed again."""
CACHED_ACTIONS = 64
"""The maximum number of actions in the cache. Runs that share an action are performed at about the same time."""


class TextExpiredError(UnreadableError):
    """The text of a run is no longer kept."""


@frozen
class Texts:
    """The actions of a table of runs. Safe to share between threads.

    Args:
        keep_for: the retention time of texts.
    """

    items: Table
    keep_for: timedelta = KEEP_TEXTS
    _cache: "OrderedDict[str, Action]" = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, runs: Sequence[Run], now: datetime) -> list[Json]:
        """Store the long actions of new runs. Call this before you write the rows that name the actions.

        Returns:
            An attribute for the row of each run: the action, or the action's key.
        """
        # The runs of one occurrence share an object, so it is converted only once.
        texts = {number: to_json(action) for number, action in {id(run.action): run.action for run in runs}.items()}
        keys: dict[str, str] = {}
        attributes: list[Json] = []
        for run in runs:
            text = texts[id(run.action)]
            if len(text.encode()) <= INLINE_BYTES:
                attributes.append({"action": text})
            else:
                attributes.append({"action_key": keys.setdefault(text, _key(text, run.run_id))})
        expires_at = self.expires_at(now)
        self.items.overwrite([{"run_id": key, "action": text, "ttl": expires_at} for text, key in keys.items()])
        return attributes

    def expires_at(self, now: datetime) -> int:
        """Return the time from which DynamoDB may delete an item that is written now, in seconds since 1970."""
        return int((now + max(self.keep_for, KEEP_AT_LEAST)).timestamp())

    def dropped_at(self, end: EndStatus) -> tuple[str, ...]:
        """Return the attributes with texts that a row loses when its run ends, because no replay needs them."""
        return ("action", "title") if not self.keep_for and end in FINAL else ()

    def extend(self, key: str, now: datetime) -> None:
        """Extend the retention of a stored action for a run that is opened now.

        Raises:
            TextExpiredError: the action has expired.
        """
        try:
            self.items.update(key, {"ttl": self.expires_at(now)}, self.items.is_present)
        except ConditionFailedError as error:
            raise _gone(key) from error

    def of(self, item: Json) -> Action | None:
        """Return the action that an item names; ``None`` if the action is in the item.

        Raises:
            TextExpiredError: the action has expired.
            UnreadableError: this version of the code cannot read the action.
        """
        key = item.get("action_key")
        if key is None:
            return None
        with self._lock:
            cached = self._cache.get(key)
        return cached or self._fetch(key)

    def _fetch(self, key: str) -> Action:
        stored = self.items.get(key)
        if stored is None:
            raise _gone(key)
        action = read_action(stored["action"], key)
        with self._lock:
            self._cache[key] = action
            while len(self._cache) > CACHED_ACTIONS:
                self._cache.popitem(last=False)
        return action


def _key(text: str, run_id: str) -> str:
    """Return the key of a text. It contains the id of the first run, so no other occurrence writes this item."""
    return f"action:{hashlib.sha256(f'{run_id}\n{text}'.encode()).hexdigest()[:40]}"


def _gone(key: str) -> TextExpiredError:
    return TextExpiredError(f"{key} has expired")
