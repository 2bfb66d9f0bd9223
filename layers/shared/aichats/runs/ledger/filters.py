"""The filter that selects runs of the history, for lists and for jobs."""

from datetime import datetime
from typing import get_args

from aichats.frozen import frozen
from aichats.json_types import Json
from aichats.runs.ledger.rows import OpenStatus, Row, RunStatus
from aichats.runs.model import Trigger


@frozen
class RunFilter:
    """The conditions that a run must meet. A condition that is ``None`` or empty is met by every run.

    Attributes:
        label: the key and the value of a label.
        slot_since: the first slot. A run without a slot has none of the slots.
        slot_until: the time before which the slots must be.
    """

    statuses: tuple[RunStatus, ...] = ()
    automation: str | None = None
    target: str | None = None
    label: tuple[str, str] | None = None
    trigger: Trigger | None = None
    slot_since: datetime | None = None
    slot_until: datetime | None = None

    @property
    def needs_rows(self) -> bool:
        """True if the index of the history doesn't have all attributes that the conditions name."""
        return any((self.target, self.label, self.trigger, self.slot_since, self.slot_until))

    def in_index(self) -> tuple[str, Json]:
        """Return the conditions on the attributes in the index, as DynamoDB's expression and its values.

        The index doesn't separate pending runs from those that are performed now.
        """
        parts, values = [], dict[str, str]()
        if self.automation is not None:
            parts, values = ["#automation = :automation"], {"automation": self.automation}
        if self.statuses:
            ended = {f"ended_{status}": status for status in self.statuses if status not in get_args(OpenStatus)}
            either = [f"#ended IN ({', '.join(f':{name}' for name in ended)})"] if ended else []
            either += ["attribute_not_exists(#ended)"] if len(ended) < len(set(self.statuses)) else []
            parts, values = [*parts, f"({' OR '.join(either)})"], values | ended
        return " AND ".join(parts), values

    def matches(self, row: Row) -> bool:
        """Return whether a run meets all conditions."""
        run = row.run
        wanted = {"automation": self.automation, "target": self.target, "trigger": self.trigger}
        return (
            (not self.statuses or row.status in self.statuses)
            and all(value is None or getattr(run, name) == value for name, value in wanted.items())
            and (self.label is None or run.labels.get(self.label[0]) == self.label[1])
            and (not (self.slot_since or self.slot_until) or self._has_slot(run.slot))
        )

    def _has_slot(self, text: str | None) -> bool:
        try:
            slot = datetime.fromisoformat(text or "")
        except ValueError:
            return False
        after_begin = self.slot_since is None or self.slot_since <= slot
        return after_begin and (self.slot_until is None or slot < self.slot_until)
