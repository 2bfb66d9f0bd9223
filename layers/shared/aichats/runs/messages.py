"""What arrives from the run queues: runs to be performed, and groups whose runs get messages of their own."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aichats.aws.observability import Contained, count, logger
from aichats.http.deadline import remaining
from aichats.runs.dispatch import Dispatcher
from aichats.runs.queue import EventMessage, GroupMessage, Message, QueueError, UnreadableMessageError, read

RESERVED = 40.0
"""Seconds that are left to the runs of a batch. Events are rendered first, as long as there are more."""

type Records = Sequence[Mapping[str, Any]]
"""Messages as SQS hands them to a function."""


@dataclass(frozen=True)
class Messages:
    """Handles messages of the run queues.

    Args:
        render: makes and queues the runs that an automation has for an event of a webhook.
    """

    dispatcher: Dispatcher
    render: Callable[[EventMessage], None]

    def handle(self, records: Records, lease: timedelta) -> list[str]:
        """Perform all runs of a batch at the same time, and do what the other messages ask for.

        Returns:
            The ids of the messages that SQS must deliver again: those whose code crashed.
        """
        count("Messages", len(records))
        failed: list[str] = []
        runs: dict[str, str] = {}
        for record in records:
            identifier, body = record["messageId"], record["body"]
            match self._read(identifier, body):
                case Message(run_id=run_id):
                    runs[identifier] = run_id
                case GroupMessage() as group:
                    failed += self._expand(identifier, group)
                case EventMessage() as event:
                    failed += self._render(identifier, event)
                case UnreadableMessageError() as error:
                    failed += self._bury(identifier, body, str(error))
        outcomes = self.dispatcher.perform_batch(list(runs.values()), lease)
        crashed = zip(runs, outcomes, strict=True)
        return failed + [identifier for identifier, outcome in crashed if isinstance(outcome, BaseException)]

    @staticmethod
    def _read(identifier: str, body: str) -> Message | GroupMessage | EventMessage | UnreadableMessageError:
        try:
            return read(body)
        except UnreadableMessageError as error:
            logger.error("message cannot be read", extra={"message_id": identifier, "reason": str(error)})
            return error

    def _expand(self, identifier: str, group: GroupMessage) -> list[str]:
        """Send the messages of a group's runs. Return the group's id if some were not sent: it must come again."""
        try:
            self.dispatcher.queue.expand(group)
        except QueueError:
            logger.exception("group not sent", extra={"message_id": identifier, "runs": len(group.runs)})
            return [identifier]
        return []

    def _render(self, identifier: str, message: EventMessage) -> list[str]:
        """Render an event, if it is for one automation and there is time. Else send it again, apart for each.

        Returns:
            The message's id if that failed: it must come again.
        """
        about = {"message_id": identifier, "webhook_id": message.webhook_id, "automations": message.automations}
        # Whatever goes wrong, the runs of this batch are performed.
        with Contained("event not rendered", about) as attempt:
            if len(message.automations) > 1 or remaining(default=math.inf) < RESERVED:
                self.dispatcher.queue.send_event(message, apart=True)
            else:
                self.render(message)
        return [identifier] if attempt.error else []

    def _bury(self, identifier: str, body: str, reason: str) -> list[str]:
        """Put a message to the dead letters. Return its id if that failed: SQS itself then puts it there in the end."""
        try:
            self.dispatcher.queue.bury(body, reason)
        except QueueError:
            logger.exception("message cannot be put to the dead letters", extra={"message_id": identifier})
            return [identifier]
        return []
