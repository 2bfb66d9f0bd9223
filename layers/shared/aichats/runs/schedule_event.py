"""The events of schedules as plain data. Events that are certainly valid are read without models.

The models in :mod:`aichats.runs.schedule_models` read all other events, and explain what is invalid.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from aichats.runs.action import MAX_TARGETS, quick_action
from aichats.runs.model import slot_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeIs

    from aichats.runs.action import Action

AUTOMATION_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
MAX_AUTOMATION_CHARACTERS = 64
WORK = frozenset({"action", "targets"})
"""The fields of an event that contains an action and targets, besides those of every event."""


class Tick:
    """The event of an automation's schedule."""

    def __init__(self, automation: str, scheduled_time: datetime) -> None:
        """Return an event.

        Args:
            automation: the name of the automation.
            scheduled_time: the slot: the time for which the schedule fired. EventBridge Scheduler sets it.
        """
        self.automation, self.scheduled_time = automation, scheduled_time

    @property
    def slot(self) -> str:
        """The slot as runs store it."""
        return slot_text(self.scheduled_time)


class TickWithWork(Tick):
    """The event of a schedule that you create yourself: it contains the action and the targets."""

    def __init__(
        self, automation: str, scheduled_time: datetime, action: Action, targets: Sequence[str | None]
    ) -> None:
        """Return an event. See :class:`Tick`."""
        super().__init__(automation, scheduled_time)
        self.action, self.targets = action, targets


def read_schedule_event(event: object, max_message_bytes: int) -> Tick:
    """Return the event of a schedule: a :class:`TickWithWork` if it contains an action or targets.

    Raises:
        InputError: the event is invalid.
    """
    tick = quick_event(event, max_message_bytes)
    if tick is not None:
        return tick
    from aichats.runs.schedule_models import read_tick, read_tick_with_work

    if isinstance(event, dict) and event.keys() & WORK:
        return read_tick_with_work(event, max_message_bytes)
    return read_tick(event)


def quick_event(event: object, max_message_bytes: int) -> Tick | None:
    """Return the event of a schedule if it is certainly valid; ``None`` if the models must decide."""
    match event:
        case {"automation": str(automation), "scheduled_time": str(scheduled_time), **work}:
            time = _slot(scheduled_time)
        case _:
            return None
    if time is None or not _is_name(automation):
        return None
    if not work:
        return Tick(automation, time)
    if work.keys() != WORK:
        return None
    action, targets = quick_action(work["action"], max_message_bytes=max_message_bytes), work["targets"]
    if action is None or not _are_targets(targets, action):
        return None
    return TickWithWork(automation, time, action, targets)


def _slot(text: str) -> datetime | None:
    """Return a text as a time if it is as :func:`slot_text` writes it, from the year 2000 on; else ``None``."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo and text.startswith("2") and slot_text(time) == text else None


def _is_name(automation: str) -> bool:
    return 0 < len(automation) <= MAX_AUTOMATION_CHARACTERS and AUTOMATION_CHARACTERS.issuperset(automation)


def _are_targets(targets: object, action: Action) -> TypeIs[list[str | None]]:
    if not isinstance(targets, list) or not 0 < len(targets) <= MAX_TARGETS:
        return False
    accepts = action.kind.accepts_target
    return all((target is None or isinstance(target, str)) and accepts(target) for target in targets)
