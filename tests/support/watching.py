"""A run that has created its chat, and the watch of this chat, whose answers the test sets."""

import json
from datetime import timedelta

from aichats.errors import AichatsError
from aichats.http import Headers
from aichats.http.answers import ProviderAnswer
from aichats.runs.action import Action
from aichats.runs.ledger.rows import Row
from aichats.runs.queue import Queue
from aichats.runs.queue_messages import WatchMessage, read_message
from aichats.runs.reply_watch import ReplyWatch, first_watch
from aichats.whop.chats import WhopChat, read_chat
from tests.support.actions import whop_create_chat
from tests.support.fakes import FakeSqs, Json, Step, ai_chat, ok
from tests.support.ledgers import make_run
from tests.support.waiting import turns
from tests.support.whop_bench import Middle, WhopBench

AWAITING = whop_create_chat(message_text="How was the week?", title="Week", await_reply=True)
LIMIT = timedelta(minutes=120)
ANSWERED: Json = {"message_count": 2, "blended_token_usage": "123.45", "last_message_at": "2026-11-20T12:00:09.500Z"}
"""The fields of a chat that move when the agent replies."""


def new_chat(**fields: object) -> Json:
    """Return a chat as the create of a test answers it: it has one message and no reply."""
    new = {"message_count": 1, "blended_token_usage": "0.0", "last_message_at": "2026-11-20T12:00:00Z"}
    return ai_chat(id="aich_1", **new) | fields


class WatchBench(WhopBench):
    """A run that awaits a reply.

    Attributes:
        chat: what Whop answers to the next looks: a chat, or an error.
        looks: the id of the chat of each look.
    """

    def __init__(self, action: Action = AWAITING) -> None:
        super().__init__(make_run(action=action))
        self.chat: Json | AichatsError = new_chat()
        self.looks: list[str | None] = []
        self.sqs = FakeSqs()
        queue = Queue(lambda: self.sqs, "https://runs", "https://slow", "https://dead-letters", self.clock)
        self.watch = ReplyWatch(self.ledger, queue, self._retrieve, LIMIT, Middle())

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self.run.run_id

    def look(self, message: WatchMessage | None = None) -> Row:
        """Look at the chat, for the first time unless there is a message. Return the row after it."""
        self.watch.look(message or first_watch(self.run_id, self.clock.now))
        return self.row

    def take(self) -> tuple[WatchMessage, int]:
        """Take the only message from the queue. Return it with its delay."""
        [sent] = self.sqs.sent
        self.sqs.sent.clear()
        message = read_message(sent.body)
        assert isinstance(message, WatchMessage)
        return message, sent.delay

    def look_until_the_end(self) -> list[int]:
        """Look each time that a message comes, until none is sent. Return the delays of the messages."""
        delays: list[int] = []
        self.look()
        for _ in turns(100):
            if not self.sqs.sent:
                return delays
            message, delay = self.take()
            delays.append(delay)
            self.clock.forward(seconds=delay)
            self.look(message)
        return delays

    def _retrieve(self, row: Row) -> WhopChat:
        self.looks.append(row.chat_id)
        if isinstance(self.chat, AichatsError):
            raise self.chat
        return read_chat(ProviderAnswer(200, Headers(), json.dumps(self.chat).encode(), "whop"))


def watched(*script: Step, action: Action = AWAITING) -> WatchBench:
    """Return a run that has succeeded. Whop answers by the script, or the create and the change with a new chat."""
    bench = WatchBench(action)
    bench.perform(*(script or (ok(new_chat()), ok(new_chat()))))
    assert bench.row.status == "succeeded"
    bench.clock.forward(seconds=15)
    return bench
