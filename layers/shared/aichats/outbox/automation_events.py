"""The events of automations, from the notes about their changes."""

from aichats.events.log import Entry
from aichats.events.model import SentEvent, event_id
from aichats.frozen import frozen
from aichats.outbox.stream import ItemChange
from aichats.runs.ledger.times import from_text

_OPTIONAL = ("by", "enabled", "from", "until", "reason")


@frozen
class AutomationEvents:
    """Returns the entries of notes about changes of automations.

    Args:
        stack: the name of the stack.
        table: the name of the table of automations.
    """

    stack: str
    table: str

    def entries(self, change: ItemChange) -> list[Entry]:
        """Return the entries of a note that was written; none if it has expired."""
        note = change.new
        if not note:
            return []
        data = {name: note[name] for name in ("automation", "version", "etag")}
        data |= {name: note.get(name) for name in _OPTIONAL} | {"labels": note.get("labels", {})}
        unique = (str(note.get(name)) for name in ("version", "etag", "at", "from", "until"))
        type_ = f"automation.{note['kind']}"
        id_ = event_id(self.table, change.key, type_, *unique)
        return [Entry.of(SentEvent(id_, type_, from_text(note["at"]), self.stack, data))]
