"""The heartbeat of the events: the time since the newest event, and the time between two slots that explains it.

Each slot of a schedule ends in events of its runs. So if there is no event for longer than the gap between two slots,
runs or events are late or lost, whatever the reason. An alarm watches this, and does not need this code to run: without
the metric, it reports insufficient data.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import takewhile

from aichats.automations.row import AutomationRow
from aichats.automations.sweep_part import SweepProgress
from aichats.automations.table import Contents
from aichats.aws.observability import measure_seconds
from aichats.frozen import frozen
from aichats.runs.ledger.times import from_text, to_text, utc_now
from aichats.runs.stack_pause import StackPause
from aichats.schedules.pauses import Pauses

HEARTBEAT = "heartbeat"
"""The name under which the sweep keeps the time of the newest event, which outlives the event."""
LOOK_BACK = tuple(timedelta(minutes=minutes) for minutes in (5, 60)) + tuple(
    timedelta(days=days) for days in (1, 8, 32, 367, 1462)
)
"""The times before which the last slot is searched, so that a frequent schedule is not gone through for days."""


@frozen
class Silence:
    """The time without an event.

    Attributes:
        since_event: the time since the newest event, or since a schedule began or its pause ended, if that was later.
        slot_gap: the time between the two slots around that.
    """

    since_event: timedelta
    slot_gap: timedelta

    @property
    def excess(self) -> timedelta:
        """The time for which the slots don't explain the silence. It is negative if they explain it."""
        return self.since_event - self.slot_gap


NOTHING_EXPECTED = Silence(timedelta(), timedelta())
"""The silence of a stack whose schedules have no next slot, or are paused."""


@frozen
class Heartbeat:
    """Measures the time without an event.

    Args:
        newest_event: returns the time of the newest event that is not older than a time; ``None`` if there is none.
        stack_pause: the pause of the stack.
        progress: keeps the time of the newest event.
        clock: returns the current time.
    """

    newest_event: Callable[[datetime], datetime | None]
    stack_pause: StackPause
    progress: SweepProgress
    clock: Callable[[], datetime] = utc_now

    def measure(self, contents: Contents) -> None:
        """Add the silence to the metrics of this invocation, in seconds.

        Raises:
            UnreadableError: this version of the code can't read the pauses of the stack.
        """
        silence = self.silence(contents.rows)
        measure_seconds("SecondsSinceEvent", silence.since_event.total_seconds())
        measure_seconds("LongestSlotGap", silence.slot_gap.total_seconds())
        measure_seconds("EventsOverdue", max(silence.excess, timedelta()).total_seconds())

    def silence(self, rows: Iterable[AutomationRow]) -> Silence:
        """Return the silence of the schedule that explains it least.

        A paused schedule, and one that fires once, explain nothing. While the stack is paused, no event is expected.
        """
        now, stack = self.clock(), self.stack_pause.read()
        newest = self._newest_event(now)
        if stack.at(now) is not None:
            return NOTHING_EXPECTED
        silences = _silences(rows, max(newest, _last_end(stack, now) or newest), now)
        return max(silences, key=lambda silence: silence.excess, default=NOTHING_EXPECTED)

    def _newest_event(self, now: datetime) -> datetime:
        """Return the time of the newest event; without any event, the time of the first sweep."""
        # Events expire, and the first event of a new stack may be months away.
        stored = self.progress.get(HEARTBEAT)
        known = from_text(stored) if stored else now
        newest = max(self.newest_event(known) or known, known)
        if not stored or newest.date() > known.date():
            self.progress.put(HEARTBEAT, to_text(newest))
        return min(newest, now)


def _silences(rows: Iterable[AutomationRow], newest: datetime, now: datetime) -> Iterator[Silence]:
    """Yield the silence of each schedule that must fire. ``newest`` is the time since which events are expected."""
    for row in rows:
        if row.schedule is None or row.schedule.is_once or not row.schedule.enabled or row.pauses.at(now) is not None:
            continue
        since = max(newest, row.trigger_changed_at, _last_end(row.pauses, now) or newest)
        if (gap := _slot_gap(row, since)) is not None:
            yield Silence(max(now - since, timedelta()), gap)


def _last_end(pauses: Pauses, now: datetime) -> datetime | None:
    """Return the end of the last pause that has ended; ``None`` if there is none."""
    return max((window.end for window in pauses.windows if window.end <= now), default=None)


def _slot_gap(row: AutomationRow, time: datetime) -> timedelta | None:
    """Return the time between the slots before and after a time; ``None`` if there is no slot after it.

    Before the first slot, the gap begins at ``time``.
    """
    following = row.next_slot(time)
    return None if following is None else following - _last_slot(row, time)


def _last_slot(row: AutomationRow, time: datetime) -> datetime:
    """Return the last slot up to a time; ``time`` if there is none."""
    for back in LOOK_BACK:
        if slots := list(takewhile(lambda slot: slot <= time, row.slots(time - back))):
            return slots[-1]
    return time
