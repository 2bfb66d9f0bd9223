"""The last use of each API client, which ``aichats admin callers list`` shows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import suppress
from dataclasses import field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from aichats.aws.errors import AwsError
from aichats.aws.observability import logger
from aichats.aws.writes import ConditionFailedError
from aichats.frozen import frozen
from aichats.runs.ledger.times import to_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from aichats.api.callers import Caller
    from aichats.aws.table import Table

NOTE_INTERVAL = timedelta(hours=1)
"""The shortest time between two notes of a caller."""
EXPIRES_SOON = timedelta(days=7)
"""The time before the end of a token in which its use is logged as a warning."""
NOTE_SECONDS = 0.2
"""The longest time that a call waits for its note. DynamoDB usually needs a few milliseconds."""


@frozen
class LastUse:
    """Notes the last use of each caller in the table of runs, at most once an hour. Never raises.

    Attributes:
        items: the table of runs. The row of a caller has no attribute of an index.
        clock: returns the current time.
    """

    items: Table
    clock: Callable[[], datetime]
    _noted: dict[str, datetime] = field(default_factory=dict, repr=False)

    def note(self, caller: Caller) -> None:
        """Store that a caller has used the API now. If DynamoDB is slow or fails, the next hour stores it."""
        now, noted = self.clock(), self._noted.get(caller.identity)
        if noted is not None and timedelta(0) <= now - noted < NOTE_INTERVAL:
            return
        self._noted[caller.identity] = now
        if caller.expires_at is not None and caller.expires_at - now < EXPIRES_SOON:
            logger.warning(
                "token expires soon", extra={"caller": caller.name, "expires_at": to_text(caller.expires_at)}
            )
        # Botocore has no time limit for a whole call, so a thread makes the call. The thread may outlive the
        # invocation. That is harmless, because a late write changes nothing but this time.
        pool = ThreadPoolExecutor(max_workers=1)
        with suppress(RuntimeError):  # The process has too many threads.
            wait_for([pool.submit(self._store, caller, now)], NOTE_SECONDS)
        pool.shutdown(wait=False)

    def _store(self, caller: Caller, now: datetime) -> None:
        changes, before = {"used_at": to_text(now)}, {"before": to_text(now - NOTE_INTERVAL)}
        # Another container may have noted a use within the last hour.
        condition = f"{self.items.is_absent} OR #used_at <= :before"
        try:
            with suppress(ConditionFailedError):
                self.items.update(last_use_key(caller.identity), changes, condition, before)
        except AwsError as error:
            logger.warning("last use not stored", extra={"caller": caller.name, "reason": type(error).__name__})


def last_use_key(identity: str) -> str:
    """Return the key of the row with the last use of a caller, by the caller's identity."""
    return f"caller:{identity}"
