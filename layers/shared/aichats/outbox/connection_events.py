"""The events of connections, from the rows that the renewal of their tokens writes."""

from datetime import UTC, datetime
from typing import Any

from aichats.events.log import Entry
from aichats.events.model import SentEvent, event_id
from aichats.frozen import frozen
from aichats.outbox.stream import ItemChange


@frozen
class ConnectionEvents:
    """Returns the entries of changes of connections.

    A renewal that fails is no event. Only a refresh token that Whop rejected breaks a connection, and the first grant
    that is valid after that restores it.

    Args:
        stack: the name of the stack.
        table: the name of the table of runs, which has a row for each connection.
    """

    stack: str
    table: str

    def entries(self, change: ItemChange) -> list[Entry]:
        """Return the entries of a changed row."""
        before, now = change.old.get("broken"), change.new.get("broken")
        if before == now or not change.new:
            return []
        # While a new version is deployed, the previous one may still write rows without the first of the two times.
        if now is None:
            at = change.new.get("restored_at") or change.new["renewed_at"]
            return [self._entry("restored", change, at, {})]
        at = change.new.get("broken_at") or change.old["begun_at"]
        return [self._entry("broken", change, at, {"reason": change.new.get("reason")})]

    def _entry(self, kind: str, change: ItemChange, at: int, data: dict[str, Any]) -> Entry:
        id_ = event_id(self.table, change.key, kind, str(at), change.new.get("broken") or change.old.get("broken"))
        data = {"connection": change.key.partition(":")[2], **data}
        time = datetime.fromtimestamp(at, UTC)
        return Entry.of(SentEvent(id_, f"connection.{kind}", time, self.stack, data))
