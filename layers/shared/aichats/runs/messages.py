"""Handles the messages of the run queues: runs, groups of runs, and events of webhooks."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aichats.aws.observability import Contained, count, logger
from aichats.http.deadline import remaining
from aichats.runs.dispatch import Dispatcher
from aichats.runs.queue import EventMessage, GroupMessage, QueueError, RunMessage, UnreadableMessageError, read_message

RUNS_SECONDS = 40.0
"""The time that is kept for the runs of a batch. Events are rendered before them, while there is more time."""

type Records = Sequence[Mapping[str, Any]]
"""Messages in the form in which SQS sends them to a function."""


@dataclass(frozen=True)
class MessageHandler:
    """Handles messages of the run queues.

    Args:
        render: renders and queues the runs of an automation for an event of a webhook.
    """

    dispatcher: Dispatcher
    render: Callable[[EventMessage], None]

    def handle(self, records: Records, lease: timedelta) -> dict[str, list[dict[str, str]]]:
        """Perform all runs of a batch at the same time, and handle its other messages before.

        Returns:
            ``{"batchItemFailures": [{"itemIdentifier"}]}``: the messages that SQS must deliver again, because their
            code crashed.
        """
        count("Messages", len(records))
        failed: list[str] = []
        runs: dict[str, str] = {}
        for record in records:
            identifier, body = record["messageId"], record["body"]
            try:
                message = read_message(body)
            except UnreadableMessageError as error:
                failed += self._bury(identifier, body, str(error))
                continue
            match message:
                case RunMessage(run_id=run_id):
                    runs[identifier] = run_id
                case GroupMessage() as group:
                    failed += self._expand(identifier, group)
                case EventMessage() as event:
                    failed += self._render(identifier, event)
        outcomes = self.dispatcher.perform_batch(list(runs.values()), lease)
        results = zip(runs, outcomes, strict=True)
        failed += [identifier for identifier, outcome in results if isinstance(outcome, BaseException)]
        return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in failed]}

    def _expand(self, identifier: str, group: GroupMessage) -> list[str]:
        """Send the messages of a group's runs. Return the group's id if SQS must deliver it again."""
        try:
            self.dispatcher.queue.expand(group)
        except QueueError as error:
            about = {"message_id": identifier, "runs": len(group.runs), "reason": str(error)}
            logger.error("group not sent", extra=about)
            return [identifier]
        return []

    def _render(self, identifier: str, message: EventMessage) -> list[str]:
        """Render an event if it is for one automation and there is time. Else send one event for each automation.

        Returns:
            The message's id if that failed and SQS must deliver it again.
        """
        about = {"message_id": identifier, "webhook_id": message.webhook_id, "automations": message.automations}
        # If this fails, the runs of this batch are performed nevertheless.
        with Contained("event not rendered", about) as attempt:
            if len(message.automations) > 1 or remaining(default=math.inf) < RUNS_SECONDS:
                self.dispatcher.queue.send_event(message, apart=True)
            else:
                self.render(message)
        return [identifier] if attempt.error else []

    def _bury(self, identifier: str, body: str, reason: str) -> list[str]:
        """Move a message to the dead letters. Return its id if SQS must deliver it again."""
        logger.error("message cannot be read", extra={"message_id": identifier, "reason": reason})
        try:
            self.dispatcher.queue.bury(body, reason)
        except QueueError as error:
            about = {"message_id": identifier, "reason": str(error)}
            logger.error("message cannot be put to the dead letters", extra=about)
            return [identifier]
        return []
