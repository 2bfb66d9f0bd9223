"""Begins the watch of each run that succeeds and waits for the agent's reply.

The stream sends the end of a run at least once, so no watch is lost, and performing the run takes no further call.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from aichats.frozen import frozen
from aichats.outbox.stream import ItemChange
from aichats.runs.queue import Queue
from aichats.runs.reply_watch import FIRST_LOOK, first_watch


@frozen
class ReplyWatches:
    """Sends the first message of watches."""

    queue: Queue
    clock: Callable[[], datetime]

    def begin(self, changes: Iterable[ItemChange]) -> None:
        """Begin the watches of the runs that have succeeded with these changes. A second watch of a run is harmless.

        Raises:
            QueueError: SQS did not accept some messages.
        """
        now = self.clock()
        watches = [first_watch(change.key, now) for change in changes if _begins_to_wait(change)]
        if watches:
            self.queue.send_watches(watches, FIRST_LOOK)


def _begins_to_wait(change: ItemChange) -> bool:
    old, new = change.old, change.new
    has_result = "replied_at" in new or "reply_overdue_at" in new
    return bool(new.get("await_reply")) and new.get("ended") == "succeeded" != old.get("ended") and not has_result
