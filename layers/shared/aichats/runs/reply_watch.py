"""Watches the chats of runs until the agent replies.

Whop doesn't report replies. So aichats looks at the chat with growing pauses, each of which is a delayed message in the
queue of runs. The agent has replied if the number of messages, the time of the last message or the tokens have grown
since Whop's answer to the create. The run gets the result by one conditional write, so a duplicate or late message
changes nothing. Two watches of one run become one, because a look is left out if a later one was sent already. A look
that fails is repeated until the time of the watch is over, even after a 404: the company's credential may have been
replaced by one that doesn't see the chat.
"""

import random
from collections.abc import Callable
from dataclasses import field
from datetime import datetime, timedelta
from decimal import Decimal

from aichats.aws.observability import logger
from aichats.errors import AichatsError
from aichats.frozen import frozen
from aichats.http.deadline import time_limit
from aichats.json_types import Json
from aichats.runs.decisions import wait_named_by
from aichats.runs.failures import MAX_CHARACTERS
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.replies import as_utc, note_sent_look, replied, sent_looks, store_result
from aichats.runs.ledger.rows import Row
from aichats.runs.ledger.times import to_text
from aichats.runs.queue import MAX_DELAY, Queue
from aichats.runs.queue_messages import WatchMessage
from aichats.whop.chats import WhopChat

FIRST_LOOK = timedelta(seconds=15)
"""The time from the end of a run to the first look at its chat."""
LONGEST_PAUSE = timedelta(minutes=10)
GROWTH, GROWING_PAUSES = 1.5, 20
"""Each pause is 1.5 times as long as the one before. After so many, all have the maximum length."""
JITTER = 0.2
"""The part of a pause by which it is longer or shorter, so that the chats of a fan-out aren't looked at together."""
LOOK_SECONDS = 5.0
"""The time limit of a look, so that the messages behind it don't wait for a slow answer."""
EXTRA_TIME = timedelta(minutes=15)
"""The time for which a watch goes on after its limit if its looks fail, because the agent may have replied."""
MAX_TOKENS = Decimal(10) ** 15
"""The number of tokens from which Whop's number counts as unknown, because a table can't store every number."""


@frozen
class ChatActivity:
    """The fields of a chat that grow when the agent replies."""

    message_count: int
    blended_token_usage: Decimal
    last_message_at: datetime | None

    def moved_since(self, before: "ChatActivity") -> datetime | None:
        """Return the time of the last message, if there is a newer one than before; ``None`` otherwise."""
        if self.last_message_at is None:
            return None
        last = as_utc(self.last_message_at)
        return last if before.last_message_at is None or last > as_utc(before.last_message_at) else None


@frozen
class ReplyWatch:
    """Watches chats. Safe to share between threads.

    Args:
        chat_of: returns the chat of a run as it is now.
        limit: the time after which a watch ends without a reply.
    """

    ledger: Ledger
    queue: Queue
    chat_of: Callable[[Row], WhopChat]
    limit: timedelta
    randomness: random.Random = field(default_factory=random.SystemRandom)

    def look(self, message: WatchMessage) -> None:
        """Look at the chat of a run. Store the result, or send the message of the next look.

        Raises:
            QueueError: SQS did not accept the message of the next look. Let SQS deliver this message again.
        """
        row = self.ledger.steering.read(message.run_id)
        if row is None or row.status != "succeeded" or not row.await_reply or row.replied_at or row.reply_overdue_at:
            return
        if message.looks < sent_looks(self.ledger.items, message.run_id):
            return
        if row.chat_id is None:
            self._end(row, "the run has no chat")
            return
        try:
            with time_limit(LOOK_SECONDS):
                chat = self.chat_of(row)
        except AichatsError as error:
            self._look_later(message, row, error)
        else:
            self._compare(message, row, chat)

    def _compare(self, message: WatchMessage, row: Row, chat: WhopChat) -> None:
        """Store the reply, if the agent has replied since the create."""
        result = reply_of(row, chat, self.ledger.clock())
        if result is None:
            self._look_later(message, row)
        elif store_result(self.ledger.items, row.run.run_id, result):
            logger.info("agent replied", extra={**_log_fields(row), "replied_at": result["replied_at"]})

    def _look_later(self, message: WatchMessage, row: Row, error: AichatsError | None = None) -> None:
        """Send the message of the next look, which is the last one when the time of the watch is over."""
        limit = self.limit + EXTRA_TIME if error else self.limit
        left = message.began_at + limit - self.ledger.clock()
        if left <= timedelta(0):
            self._end(row, f"the last look at the chat failed: {error}" if error else None)
            return
        if error is not None:
            logger.warning("look at a chat failed", extra=_log_fields(row) | {"reason": str(error)[:MAX_CHARACTERS]})
        # A wait that Whop names comes first, so that the looks of a fan-out that it rejected don't all come at its end.
        named = (wait_named_by(error) if error else None) or timedelta(0)
        pause = min(named + self._pause(message.looks + 1), max(left, timedelta(seconds=1)))
        following = message._replace(looks=message.looks + 1)
        self.queue.send_watch(following, min(pause, MAX_DELAY))
        # Noted after it was sent, so that a process that dies in between causes a second watch, and never none.
        note_sent_look(self.ledger.items, message.run_id, following.looks, self.ledger.clock())

    def _pause(self, looks: int) -> timedelta:
        """Return the time from the last look to the next one, with jitter."""
        pause = min(FIRST_LOOK * GROWTH ** min(looks, GROWING_PAUSES), LONGEST_PAUSE)
        return pause * self.randomness.uniform(1 - JITTER, 1 + JITTER)

    def _end(self, row: Row, reason: str | None) -> None:
        """End a watch without a reply. Without a reason, its time is over."""
        result = {
            "reply_overdue_at": to_text(self.ledger.clock()),
            "reply_overdue_reason": reason and reason[:MAX_CHARACTERS],
        }
        if store_result(self.ledger.items, row.run.run_id, result):
            logger.warning("reply overdue", extra=_log_fields(row) | {"reason": reason})


def first_watch(run_id: str, now: datetime) -> WatchMessage:
    """Return the first message of the watch of a run that has succeeded. Send it with the delay :data:`FIRST_LOOK`."""
    return WatchMessage(run_id=run_id, began_at=now)


def reply_of(row: Row, chat: WhopChat, now: datetime) -> Json | None:
    """Return the attributes of a run whose agent has replied; ``None`` if it has not.

    If Whop's answer to the create was lost or could not be read, the agent has replied if the chat has more than one
    message, or if it has used tokens.
    """
    stored = row.result.get("baseline")
    before = None if stored is None else _activity(stored)
    after = _activity(chat.fields)
    moved_at = after.moved_since(before) if before else None
    count, usage = (before.message_count, before.blended_token_usage) if before else (1, Decimal(0))
    if not (moved_at or after.message_count > count or after.blended_token_usage > usage):
        return None
    at = now if moved_at is None else min(moved_at, now)
    since = row.recorded_at or row.updated_at
    return replied(at, since, _tokens(usage, after.blended_token_usage))


def _activity(fields: Json) -> ChatActivity:
    last = fields["last_message_at"]
    return ChatActivity(
        message_count=fields["message_count"],
        blended_token_usage=Decimal(fields["blended_token_usage"]),
        last_message_at=None if last is None else datetime.fromisoformat(last),
    )


def _tokens(before: Decimal, after: Decimal) -> Decimal | None:
    """Return the tokens that a chat has used since its create; ``None`` if a number can't be stored."""
    if max(abs(before), abs(after)) >= MAX_TOKENS:
        return None
    return round(max(after - before, Decimal(0)), 6)


def _log_fields(row: Row) -> dict[str, str | None]:
    return {"run_id": row.run.run_id, "automation": row.run.automation, "chat_id": row.chat_id}
