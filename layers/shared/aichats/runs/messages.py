"""Handles the messages of the run queues: runs, groups of runs, webhook events, and parts of jobs."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aichats.aws.observability import Contained, count, logger
from aichats.http.deadline import remaining
from aichats.runs.dispatch import Dispatcher
from aichats.runs.queue import (
    EventMessage,
    GroupMessage,
    JobMessage,
    QueueError,
    RunMessage,
    UnreadableMessageError,
    read_message,
)

RUNS_SECONDS = 40.0
"""The time that is reserved for the runs of a batch. Events and jobs come before the runs if more time is left."""

type Records = Sequence[Mapping[str, Any]]
"""Messages as SQS sends them to a function."""


@dataclass(frozen=True)
class MessageHandler:
    """Handles messages of the run queues.

    Args:
        render: renders and queues the runs of an automation for a webhook event.
        perform_part: performs a part of a job.
    """

    dispatcher: Dispatcher
    render: Callable[[EventMessage], None]
    perform_part: Callable[[JobMessage], None]

    def handle(self, records: Records, lease: timedelta) -> dict[str, list[dict[str, str]]]:
        """Handle a batch of messages. All runs of the batch are performed at the same time, after its other messages.

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
                case JobMessage() as part:
                    failed += self._perform_part(identifier, part)
        outcomes = self.dispatcher.perform_batch(list(runs.values()), lease)
        results = zip(runs, outcomes, strict=True)
        failed += [identifier for identifier, outcome in results if isinstance(outcome, BaseException)]
        return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in failed]}

    def _expand(self, identifier: str, group: GroupMessage) -> list[str]:
        """Send a message for each run of a group. Return the id of the group's message if SQS must deliver it again."""
        try:
            self.dispatcher.queue.expand(group)
        except QueueError as error:
            log_fields = {"message_id": identifier, "runs": len(group.runs), "reason": str(error)}
            logger.error("group not sent", extra=log_fields)
            return [identifier]
        return []

    def _render(self, identifier: str, message: EventMessage) -> list[str]:
        """Render an event for one automation if there is time. Otherwise send a message for each automation.

        Returns:
            The message's id if SQS must deliver the message again, because this failed.
        """
        log_fields = {"message_id": identifier, "webhook_id": message.webhook_id, "automations": message.automations}
        # If this fails, the runs of the batch must be performed nevertheless.
        with Contained("event not rendered", log_fields) as attempt:
            if len(message.automations) > 1 or remaining(default=math.inf) < RUNS_SECONDS:
                self.dispatcher.queue.send_event(message, apart=True)
            else:
                self.render(message)
        return [identifier] if attempt.error else []

    def _perform_part(self, identifier: str, message: JobMessage) -> list[str]:
        """Perform a part of a job. Return the message's id if SQS must deliver it again, because this failed."""
        log_fields = {"message_id": identifier, "job_id": message.job_id, "part": message.part}
        with Contained("part of a job not performed", log_fields) as attempt:
            self.perform_part(message)
        return [identifier] if attempt.error else []

    def _bury(self, identifier: str, body: str, reason: str) -> list[str]:
        """Move a message to the dead letters. Return the message's id if SQS must deliver it again."""
        logger.error("message cannot be read", extra={"message_id": identifier, "reason": reason})
        try:
            self.dispatcher.queue.bury(body, reason)
        except QueueError as error:
            log_fields = {"message_id": identifier, "reason": str(error)}
            logger.error("message cannot be put to the dead letters", extra=log_fields)
            return [identifier]
        return []
