"""The pause of the whole stack. It is one item in the table of runs, which each process caches for 20 seconds.

While the stack is paused, no run is performed. Slots inside a pause are dropped, events are stored as skipped runs, and
waiting runs stay in the ledger. After the pause, the next sweep sends their messages.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from aichats.aws.errors import AwsError
from aichats.aws.observability import count_now, logger
from aichats.aws.table import Table
from aichats.aws.writes import succeeds
from aichats.errors import UnreadableError
from aichats.schedules.pauses import Pauses, PauseWindow

STACK_PAUSE_KEY = "stack:pause"
"""The key of the item in the table of runs."""
READ_EVERY = timedelta(seconds=20)
"""The age from which the pauses are read again."""
READ_EVERY_WHILE_PAUSED = timedelta(seconds=1)
"""The same while the stack is paused, so that nothing is dropped after it was resumed."""
LONGEST_WAIT_SECONDS = 2.0
"""The longest wait for the read that began in the init phase."""


@dataclass
class StackPause:
    """The pauses of the stack. Safe to share between threads."""

    items: Table
    _cached: tuple[Pauses, datetime] | None = None
    """The last known pauses, and the time at which they were read."""
    _early: tuple[Future[Pauses], datetime] | None = None
    """The read that began in the init phase, with its time."""

    def current(self, now: datetime) -> PauseWindow | None:
        """Return the window that ``now`` is in; ``None`` if the stack is not paused."""
        return self.pauses(now).at(now)

    def pauses(self, now: datetime) -> Pauses:
        """Return the pauses, which may be some seconds old. If they can't be read, return the last known ones."""
        known, read_at = self._cached or (Pauses(), None)
        longest = READ_EVERY_WHILE_PAUSED if known.at(now) else READ_EVERY
        if read_at is None or not timedelta(0) <= now - read_at < longest:
            # Without a lock, threads may read at the same time, which is harmless.
            known = self._read_or_keep(known, now)
            self._cached = known, now
        return known

    def read_in_background(self, now: datetime) -> None:
        """Begin to read the pauses, without waiting. The first :meth:`pauses` waits for the result."""
        # The thread may outlive the invocation. That is harmless, because it only reads.
        pool = ThreadPoolExecutor(max_workers=1)
        self._early = pool.submit(self.read), now
        pool.shutdown(wait=False)

    def read(self) -> Pauses:
        """Return the pauses as they are now.

        Raises:
            UnreadableError: this version of the code can't read them.
        """
        return _pauses_of((self.items.get(STACK_PAUSE_KEY) or {}).get("pauses"))

    def change(self, change: Callable[[Pauses], Pauses], now: datetime) -> Pauses:
        """Change the pauses. ``change`` may be called again if another request changes them meanwhile.

        Raises:
            UnreadableError: this version of the code can't read the pauses.
        """
        while True:
            text = (self.items.get(STACK_PAUSE_KEY) or {}).get("pauses")
            old = _pauses_of(text)
            new = change(old)
            condition = "attribute_not_exists(#pauses)" if text is None else "#pauses = :read"
            values = {} if text is None else {"read": text}
            write = partial(self.items.update, STACK_PAUSE_KEY, {"pauses": new.to_text()}, condition, values)
            if new == old or succeeds(write):
                self._cached = new, now
                return new

    def _read_or_keep(self, known: Pauses, now: datetime) -> Pauses:
        early, self._early = self._early, None
        try:
            if early is not None and now - early[1] < READ_EVERY:
                return early[0].result(LONGEST_WAIT_SECONDS)
            return self.read()
        except (TimeoutError, UnreadableError, AwsError) as error:
            count_now("StackPauseUnread")
            logger.warning("stack pause not read", extra={"reason": f"{type(error).__name__}: {error}"})
            return known


def _pauses_of(text: str | None) -> Pauses:
    try:
        return Pauses.from_text(text)
    except ValueError:
        remedy = f"Delete the item {STACK_PAUSE_KEY} of the table of runs, or deploy the newer version again"
        raise UnreadableError(f"the stack's pauses can't be read by this version of the code. {remedy}") from None
