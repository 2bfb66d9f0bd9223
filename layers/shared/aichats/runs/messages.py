"""Handles the messages of the run queues: runs, groups of runs, webhook events, parts of jobs, and looks at chats."""

from __future__ import annotations

import contextvars
import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from aichats.aws.observability import Contained, count, logger
from aichats.http.deadline import remaining
from aichats.runs.queue import QueueError, run_id_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta
    from typing import Any

    from aichats.runs.dispatch import Dispatcher
    from aichats.runs.queue_messages import EventMessage, GroupMessage, JobMessage, WatchMessage

RUNS_SECONDS = 40.0
"""The time that is reserved for the runs of a batch. Events and jobs come before the runs if more time is left."""

type Records = Sequence[Mapping[str, Any]]
"""Messages as SQS sends them to a function."""


class MessageHandler:
    """Handles messages of the run queues."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        render: Callable[[EventMessage], None],
        perform_part: Callable[[JobMessage], None],
        look: Callable[[WatchMessage], None],
    ) -> None:
        """Return a handler.

        Args:
            dispatcher: performs the runs.
            render: renders and queues the runs of an automation for a webhook event.
            perform_part: performs a part of a job.
            look: looks at the chat of a run, for the agent's reply.
        """
        self.dispatcher = dispatcher
        self.render, self.perform_part, self.look = render, perform_part, look

    def handle(self, records: Records, lease: timedelta) -> dict[str, list[dict[str, str]]]:
        """Handle a batch of messages.

        All runs of the batch are performed at the same time, after its groups, events and jobs. Meanwhile, chats are
        looked at.

        Returns:
            ``{"batchItemFailures": [{"itemIdentifier"}]}``: the messages that SQS must deliver again, because their
            code crashed.
        """
        count("Messages", len(records))
        failed: list[str] = []
        runs: dict[str, str] = {}
        watches: dict[str, WatchMessage] = {}
        for record in records:
            identifier, body = record["messageId"], record["body"]
            if (run_id := run_id_of(body)) is not None:
                runs[identifier] = run_id
            else:
                failed += self._read(identifier, body, runs, watches)
        failed += self._perform_and_look(runs, watches, lease)
        return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in failed]}

    def _read(self, identifier: str, body: str, runs: dict[str, str], watches: dict[str, WatchMessage]) -> list[str]:
        """Read a message. Add its run or watch to the others of the batch, and handle all else.

        Returns:
            The message's id if SQS must deliver the message again.
        """
        from aichats.runs.queue_messages import (
            EventMessage,
            GroupMessage,
            JobMessage,
            RunMessage,
            UnreadableMessageError,
            WatchMessage,
            read_message,
        )

        try:
            message = read_message(body)
        except UnreadableMessageError as error:
            return self._bury(identifier, body, str(error))
        match message:
            case RunMessage(run_id):
                runs[identifier] = run_id
            case WatchMessage() as watch:
                watches[identifier] = watch
            case GroupMessage() as group:
                return self._expand(identifier, group)
            case EventMessage() as event:
                return self._render(identifier, event)
            case JobMessage() as part:
                return self._perform_part(identifier, part)
        return []

    def _perform_and_look(
        self, runs: Mapping[str, str], watches: Mapping[str, WatchMessage], lease: timedelta
    ) -> list[str]:
        """Perform runs and look at chats, all at the same time.

        Returns:
            The ids of the messages that SQS must deliver again.
        """
        with ThreadPoolExecutor(max_workers=max(1, len(watches))) as pool:
            # Each look runs in a copy of this context, which contains the deadline.
            looks = [
                pool.submit(contextvars.copy_context().run, self._look, identifier, watch)
                for identifier, watch in watches.items()
            ]
            outcomes = self.dispatcher.perform_batch(list(runs.values()), lease)
        results = zip(runs, outcomes, strict=True)
        failed = [identifier for identifier, outcome in results if isinstance(outcome, BaseException)]
        return failed + [identifier for look in looks for identifier in look.result()]

    def _look(self, identifier: str, message: WatchMessage) -> list[str]:
        """Look at the chat of a run. Return the message's id if SQS must deliver it again, because this failed."""
        with Contained("chat not looked at", {"message_id": identifier, "run_id": message.run_id}) as attempt:
            self.look(message)
        return [identifier] if attempt.error else []

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
