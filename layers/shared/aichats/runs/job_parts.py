"""Performs the parts of jobs: replays or cancels each run of a part once, however often the part's message comes."""

import math
from collections import Counter
from datetime import datetime, timedelta

from aichats.aws.observability import count_now, logger
from aichats.errors import InputError, UnreadableError
from aichats.frozen import frozen
from aichats.http.deadline import remaining
from aichats.runs.dispatch import Dispatcher
from aichats.runs.ledger.jobs import PART_RUNS, Job, Jobs, PartResult
from aichats.runs.ledger.row_changes import LedgerConflictError
from aichats.runs.ledger.rows import Row
from aichats.runs.ledger.texts import TextExpiredError
from aichats.runs.messages import RUNS_SECONDS
from aichats.runs.queue_messages import JobMessage
from aichats.runs.replay import NotReplayableError, Replays, ReplayTerms

CLOCK_STEP = timedelta(milliseconds=1)
"""The smallest difference between two times in the ledger."""
LATE = timedelta(hours=1)
"""The time after which a part is late. The age of its runs then begins an hour before it comes."""


@frozen
class JobParts:
    """Performs the parts of jobs.

    A run that was opened after its job was created is left as it is. It was opened by this job, so that a duplicate
    message replays no run a second time, or by a person who decided later.
    """

    jobs: Jobs
    dispatcher: Dispatcher
    replays: Replays

    def perform(self, message: JobMessage) -> None:
        """Perform a part. If there is too little time for all of it, send a message for the rest.

        The rest doesn't contain the runs that were left as they are. To render their texts again may take seconds each,
        so a part that began again with them might never end.

        Raises:
            LookupError: the job or the part does not exist.
            QueueError: SQS did not accept the message.
        """
        job = self.jobs.get(message.job_id)
        if job is None or message.part >= len(job.parts):
            raise LookupError(f"job {message.job_id} has no part {message.part}")
        run_ids = job.parts[message.part]
        begin = message.part * PART_RUNS + message.handled
        # The runs that come before these count, so that all parts together keep the rate limits.
        earlier = Counter(dict.fromkeys(self.dispatcher.performer.providers, begin))
        opened: list[Row] = []
        results: list[bool] = []
        for place, run_id in enumerate(run_ids[message.handled :], begin + 1):
            if remaining(default=math.inf) < RUNS_SECONDS:
                break
            results.append(self._change(job, run_id, place, earlier, opened))
        self.dispatcher.enqueue_stored(*opened)
        handled, done = message.handled + len(results), message.done + sum(results)
        if handled < len(run_ids):
            self.dispatcher.queue.send_job(message._replace(handled=handled, done=done))
            return
        result = PartResult(done=done, left=handled - done)
        self.jobs.record(job, message.part, result)
        log_fields = {"job_id": job.job_id, "part": message.part, **result._asdict()}
        logger.info("part of a job performed", extra=log_fields)

    def _change(self, job: Job, run_id: str, place: int, earlier: Counter[str], opened: list[Row]) -> bool:
        """Replay or cancel a run. Return whether the run is as the job wants it. Add an open run to ``opened``."""
        try:
            row = self.dispatcher.ledger.steering.read(run_id)
            if row is None:
                return False
            row = self._cancel(job, row) if job.verb == "cancel" else self._replay(job, row, place, earlier)
        except (NotReplayableError, LedgerConflictError, InputError, TextExpiredError) as error:
            logger.info("run left as it is", extra={"run_id": run_id, "job_id": job.job_id, "reason": str(error)})
            return False
        except UnreadableError as error:
            count_now("RunsUnreadable")
            logger.error("run left out", extra={"run_id": run_id, "job_id": job.job_id, "error": str(error)})
            return False
        opened += [row] if row.is_open else []
        return True

    def _replay(self, job: Job, row: Row, place: int, earlier: Counter[str]) -> Row:
        """Open a run again, due when the rate limit of its provider allows it.

        Returns:
            The row. If the run was opened after the job was created, it may have ended again. If other runs replace it,
            it stays failed.

        Raises:
            NotReplayableError: the run can't be replayed.
            InputError: the texts of the run can't be rendered.
        """
        if row.opened_at > job.created_at:
            return row
        now = self.dispatcher.ledger.clock()
        [delay] = self.dispatcher.spread([row.run], earlier)
        # Of the changes of a chat, the one that was opened last wins. So the order of the runs counts, and not that in
        # which the messages come.
        opened_at = max(job.created_at + place * CLOCK_STEP, now - LATE)
        try:
            return self.replays.replay(row, ReplayTerms(job.companies, opened_at, now + delay)).row
        except NotReplayableError as error:
            # A duplicate message, which is handled at the same time, may have opened it.
            if error.row is None or not _is_replayed_since(job.created_at, error.row):
                raise
            return error.row

    def _cancel(self, job: Job, row: Row) -> Row:
        """Cancel a run. A run may be open if aichats must first look up whether it had an effect.

        Raises:
            LedgerConflictError: the run was opened after the job was created, or can't be cancelled.
        """
        if row.status == "cancelled" or (row.is_open and row.cancel is not None):
            return row
        if row.opened_at > job.created_at:
            raise LedgerConflictError(row)
        return self.dispatcher.ledger.steering.cancel(row.run.run_id, by=job.by, reason=f"job {job.job_id}")


def _is_replayed_since(time: datetime, row: Row) -> bool:
    """Return whether a run was opened after a time, or other runs replaced it then or later."""
    return row.opened_at > time or (bool((row.error or {}).get("replaced_by")) and row.updated_at >= time)
