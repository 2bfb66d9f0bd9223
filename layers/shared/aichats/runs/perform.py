"""Performs a run so that its effects happen at most once.

1. Claim the run in the ledger with one conditional write. If the run has ended, is claimed or is not due, stop.
2. Perform the effects of its action one by one (:mod:`aichats.runs.providers.port`). If the outcome of an earlier call
   is unknown, look for its effect first. Record each effect before the next one begins, so that a resumed run continues
   there.
3. Make the calls that may be repeated.
4. End the run, or put it back to wait. A run waits if the provider throttles or is down, or until its outcome is known.

The caller of :meth:`Performer.perform` sends a waiting run to the queue. If that fails, ``sweep_runs`` finds the run.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from copy import replace
from dataclasses import field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Literal

from aichats.aws.observability import count_now, logger
from aichats.errors import (
    AichatsError,
    APIConnectionError,
    APIStatusError,
    AuthenticationError,
    InternalServerError,
    ProtocolError,
    ProviderError,
    RateLimitError,
    SecretUnavailableError,
)
from aichats.frozen import frozen
from aichats.http.call_log import recorded_calls, take_calls
from aichats.http.deadline import remaining, time_limit
from aichats.json_types import Json
from aichats.runs.attempts_log import with_calls
from aichats.runs.decisions import (
    MAX_RUN_ATTEMPTS,
    End,
    StopError,
    Wait,
    cancelled_meanwhile,
    decide,
    last_error,
    unknown_outcome,
    wait_named_by,
)
from aichats.runs.failures import STILL_CHANGING, cancellation, describe, with_next_check, without_next_check
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.locks import LockedError, Locks
from aichats.runs.ledger.row_changes import LedgerConflictError
from aichats.runs.ledger.rows import EndStatus, Row
from aichats.runs.model import Run
from aichats.runs.providers.port import Created, Effect, NotYetError, SupersededError

if TYPE_CHECKING:
    from aichats.runs.providers.provider import Provider

MAX_AGE = timedelta(hours=24)
ROTATION = timedelta(minutes=15)
"""The time in which a run retries a rejected credential, because an operator may be replacing the credential."""
FIRST_WAIT = timedelta(seconds=2)
MAX_WAIT = timedelta(minutes=10)
ALARMING: dict[EndStatus, str] = {"failed": "RunsFailed", "unknown": "RunsUnknown"}
"""The metric for each end status that a person must look at."""

type OutcomeState = EndStatus | Literal["waiting", "in_progress"]


@frozen
class Outcome:
    """The state of a run after an attempt to perform it.

    Attributes:
        performed: whether this attempt performed the run; ``False`` if the run had ended, was claimed or was not due.
        error: the reason if this attempt failed or must wait.
    """

    state: OutcomeState
    row: Row
    performed: bool
    error: AichatsError | None = None


@frozen
class Performer:
    """Performs runs. Safe to share between threads.

    Args:
        providers: the providers by their names.
        locks: keep two runs from having the same effect at the same time.
    """

    ledger: Ledger
    providers: Mapping[str, Provider]
    locks: Locks
    randomness: random.Random = field(default_factory=random.SystemRandom)

    def perform(self, run: Run | str, lease: timedelta) -> Outcome:
        """Perform a run, or the stored run with this id.

        Args:
            run: the run, or the id of a run in the ledger.
            lease: at least the time until Lambda would kill this invocation. No other process claims the run before.

        Raises:
            LookupError: no run has this id.
        """
        try:
            row = self.ledger.claim(run, lease)
        except LedgerConflictError as conflict:
            return _not_claimed(conflict.row, run)
        with recorded_calls():
            return self._perform(run, row)

    def _perform(self, run: Run | str, row: Row) -> Outcome:
        try:
            try:
                while (effect := self._next_effect(row)) is not None:
                    row = self._look(row, effect) if row.unsettled else self._make(row, effect)
                created = self._complete(row)
            except StopError as stop:
                return self._stop(run, row, stop.decision)
            return self._succeed(row, created)
        except LedgerConflictError as conflict:
            # The lease was over, and another process continued or ended the run. So the row in the ledger counts.
            return _not_claimed(conflict.row, run)

    # ------------------------------------------------------------------ effects and calls

    def _next_effect(self, row: Row) -> Effect | None:
        """Return the next effect that is not recorded yet; ``None`` if all effects are recorded."""
        try:
            return self._provider(row).effect(row)
        except AichatsError as error:
            if not row.unsettled:
                self._obey_cancellation(row)
            # If the outcome of an effect is unknown, the run has not failed. aichats just can't check the outcome now.
            decision = Wait(error, unsettled=True) if row.unsettled else End("failed", error)
            raise StopError(decision) from error

    def _look(self, row: Row, effect: Effect) -> Row:
        """Look for the effect of an earlier call. An effect that is missing after the settle time did not happen."""
        if effect.seen is not None and row.seen is None:
            return replace(row, unsettled_at=None)  # The effect never began.
        self._wait_until_settled(row)
        self._need_time(self._provider(row).call_limit, unsettled=True)
        if effect.find is None:
            raise StopError(End("unknown", unknown_outcome(row, "the chat has no mark by which it can be found")))
        is_alone = effect.lock is None or self._locked(row, partial(self.locks.is_kept, row, effect.lock))
        try:
            candidates = effect.find(row.seen or {})
        except NotYetError as error:
            raise StopError(Wait(None, error.wait, unsettled=True)) from error
        except AichatsError as error:
            raise StopError(Wait(error, wait_named_by(error), unsettled=True)) from error
        if len(candidates) > 1 or (candidates and not is_alone):
            chats = ", ".join(dict.fromkeys(candidate.chat_id for candidate in candidates))
            owner = "this run" if is_alone else "this run or to another"
            reason = f"{len(candidates)} found that may belong to {owner}, in {chats}"
            raise StopError(End("unknown", unknown_outcome(row, reason)))
        if candidates:
            return self.ledger.record(self._with_calls(row), candidates[0].chat_id, candidates[0].result)
        return self._without_effect(row)

    def _without_effect(self, row: Row) -> Row:
        """Return the row of a run whose effect did not happen. If the effect must not begin now, stop."""
        self._obey_cancellation(row)
        if row.attempts > MAX_RUN_ATTEMPTS:
            raise StopError(End("failed", last_error(row)))
        if row.credential not in (None, self._credential(row)):
            # If the process died while the effect begins with another credential, this one would not find the effect.
            # So the run waits for no time, and the row forgets the credential.
            raise StopError(Wait(None, timedelta(0)))
        return replace(row, unsettled_at=None, seen=None)

    def _wait_until_settled(self, row: Row) -> None:
        """Stop if the effect of an earlier call may still appear."""
        wait = (row.unsettled_at or self.ledger.clock()) + self._provider(row).settle - self.ledger.clock()
        if wait > timedelta(0):
            raise StopError(Wait(None, wait, unsettled=True))

    def _make(self, row: Row, effect: Effect) -> Row:
        self._obey_cancellation(row)
        provider = self._provider(row)
        self._need_time(effect.limit + (provider.call_limit if effect.seen else timedelta(0)))
        if effect.prepare is not None:
            return self.ledger.keep_files(row, self._repeatable(effect.prepare))
        before: Json = {}
        if effect.lock is not None:
            before = self._locked(row, partial(self.locks.take, row, effect.lock, provider.settle))
        if effect.seen is not None:
            self.ledger.begin(row, self._repeatable(partial(effect.seen, before)))
        try:
            created = effect.act()
        except AichatsError as error:
            raise StopError(decide(error, provider.settle)) from error
        return self.ledger.record(self._with_calls(row), created.chat_id, created.result)

    def _obey_cancellation(self, row: Row) -> None:
        """Stop if a person cancelled the run before its first effect.

        An earlier call of the run may still change something at the provider. Then the run waits until that is over.
        """
        if row.cancel is None or row.chat_id is not None:
            return
        wait = row.updated_at + self._provider(row).settle - self.ledger.clock()
        if (row.error or {}).get("type") in STILL_CHANGING and wait > timedelta(0):
            reason = NotYetError("the run is cancelled as soon as its last call can't have an effect any more")
            raise StopError(Wait(reason, wait))
        raise StopError(End("cancelled", AichatsError(cancellation(row.cancel)["message"])))

    def _locked[T](self, row: Row, call: Callable[[], T]) -> T:
        """Return the result of a call to the locks. If another run has the lock, stop and let this run wait."""
        try:
            return call()
        except LockedError as locked:
            error = AichatsError(f"waits for the outcome of run {locked.owner}, which does the same")
            raise StopError(Wait(error, unsettled=row.unsettled)) from locked

    def _complete(self, row: Row) -> Created:
        self._obey_cancellation(row)
        provider = self._provider(row)
        self._need_time(provider.call_limit)
        if row.run.not_after is None:
            return self._repeatable(lambda: provider.complete(row))
        time_left = row.run.not_after - self.ledger.clock()
        if time_left <= timedelta(0):
            error = AichatsError(f"not started: its time ended at {row.run.not_after.isoformat()}")
            raise StopError(End("failed", error))
        with time_limit(time_left.total_seconds()):
            return self._repeatable(lambda: provider.complete(row))

    def _repeatable[T](self, call: Callable[[], T]) -> T:
        """Return the result of calls that are safe to repeat. After a failure, stop."""
        try:
            return call()
        except NotYetError as error:
            raise StopError(Wait(error, error.wait)) from error
        except (APIConnectionError, RateLimitError, InternalServerError, ProtocolError) as error:
            called = not isinstance(error, APIConnectionError | RateLimitError)
            raise StopError(Wait(error, wait_named_by(error), called=called)) from error
        except AichatsError as error:
            raise StopError(End("failed", error)) from error

    def _need_time(self, limit: timedelta, *, unsettled: bool = False) -> None:
        """Stop if a call might outlive the lease."""
        if remaining(default=float("inf")) < limit.total_seconds():
            raise StopError(Wait(None, timedelta(0), unsettled=unsettled))

    def _credential(self, row: Row) -> str | None:
        """Return the name of the credential that the run has just used; ``None`` if it can't be read any more."""
        try:
            return self._provider(row).credential(row)
        except AichatsError:
            return None

    def _provider(self, row: Row) -> Provider:
        return self.providers[row.run.provider]

    def _may_pass(self, run: Run | str, row: Row, error: AichatsError) -> bool:
        """Return whether the error may pass, because the secret can't be read now or the credential is being replaced.

        If an API client waits for the first attempt, a rejected credential fails the run at once, unless the credential
        was replaced a short time ago.
        """
        if isinstance(error, SecretUnavailableError):
            return True
        if not isinstance(error, AuthenticationError):
            return False
        if self._provider(row).may_recover(row):
            return True
        has_client = row.run.trigger == "http" and row.error is None and (isinstance(run, Run) or row.run.slow)
        # An older run may have waited for something else before its first rejection.
        is_news = row.error is None or row.error.get("type") != AuthenticationError.__name__
        return not has_client and (is_news or self.ledger.clock() - row.opened_at < ROTATION)

    # ------------------------------------------------------------------ the outcome

    def _stop(self, run: Run | str, row: Row, decision: Wait | End) -> Outcome:
        if isinstance(decision, Wait):
            return self._put_back(row, decision)
        if self._may_pass(run, row, decision.error):
            return self._put_back(row, Wait(decision.error, rejected=decision.rejected))
        return self._end(row, decision)

    def _succeed(self, row: Row, created: Created) -> Outcome:
        row = self._with_calls(row)
        self.ledger.finish(
            row, "succeeded", chat_id=created.chat_id, result=created.result, replied_at=created.replied_at
        )
        logger.info("run succeeded", extra=_log_fields(row) | {"chat_id": created.chat_id})
        ended = replace(row, status="succeeded", chat_id=created.chat_id, result=created.result)
        return Outcome("succeeded", replace(ended, due_at=None, error=None), performed=True)

    def _put_back(self, row: Row, wait: Wait) -> Outcome:
        _count_rejection(wait.error)
        now = self.ledger.clock()
        age = now - row.opened_at
        credential = self._credential(row) if wait.unsettled and not row.unsettled else row.credential
        row = replace(self._with_calls(row), attempts=row.attempts - (not wait.called), credential=credential)
        if age >= MAX_AGE:
            status: EndStatus = "unknown" if wait.unsettled else "failed"
            return self._end(row, End(status, wait.error or last_error(row), wait.rejected))
        if row.attempts >= MAX_RUN_ATTEMPTS and wait.called and not wait.unsettled:
            return self._end(row, End("failed", wait.error or last_error(row), wait.rejected))
        due_at = now + (wait.wait or timedelta(0))
        if wait.wait is None or isinstance(wait.error, APIStatusError):
            # Added to the time that the provider names, so that throttled runs don't all return at the same time.
            due_at += self._longer_each_time(age)
        error = describe(wait.error) if wait.error else row.error
        if error:
            # An earlier attempt may have stored the time of its next check.
            message = {"message": without_next_check(error)}
            error = with_next_check(error, due_at) if wait.unsettled else {**error, **message}
        key_number = row.key_number + wait.rejected
        unsettled_at = (row.unsettled_at or now) if wait.unsettled else None
        waiting = replace(
            row, status="pending", key_number=key_number, due_at=due_at, error=error, unsettled_at=unsettled_at
        )
        self.ledger.put_back(waiting, due_at, unsettled_at=waiting.unsettled_at, error=error)
        log_fields = {"due_at": due_at.isoformat(), "unsettled": wait.unsettled, "error": error}
        logger.warning("run waits", extra=_log_fields(row) | log_fields)
        return Outcome("waiting", waiting, performed=True, error=wait.error)

    def _end(self, row: Row, end: End) -> Outcome:
        error = cancellation(row.cancel) if end.status == "cancelled" and row.cancel else describe(end.error)
        row = self._with_calls(row)
        ended = replace(row, status=end.status, key_number=row.key_number + end.rejected, due_at=None, error=error)
        end.error.run_id = row.run.run_id
        if isinstance(end.error, ProviderError):
            end.error.chat_id = row.chat_id
        _count_rejection(end.error)
        # Counted before the row ends. If the process dies in between, the alarm goes off twice instead of never.
        if not isinstance(end.error, SupersededError) and end.status in ALARMING:
            count_now(ALARMING[end.status])
        try:
            self.ledger.finish(ended, end.status, error=error)
        except LedgerConflictError as conflict:
            if (cancel := cancelled_meanwhile(row, conflict.row)) is None:
                raise
            # The next attempt ends the run as cancelled, so that no replay of failed runs performs it.
            return self._put_back(replace(row, cancel=cancel), Wait(end.error, timedelta(0), rejected=end.rejected))
        level = logger.info if end.status == "cancelled" else logger.error
        level(f"run {end.status}", extra=_log_fields(row) | {"chat_id": row.chat_id, "error": error})
        return Outcome(end.status, ended, performed=True, error=end.error)

    def _with_calls(self, row: Row) -> Row:
        """Return the row with the calls of this attempt that its log does not have yet."""
        return replace(row, calls=with_calls(row, take_calls(), self.ledger.clock()))

    def _longer_each_time(self, age: timedelta) -> timedelta:
        """Return the time to wait: half of the run's age, with jitter."""
        longest = max(FIRST_WAIT, min(MAX_WAIT, age / 2)).total_seconds()
        return timedelta(seconds=self.randomness.uniform(longest / 2, longest))


def _count_rejection(error: AichatsError | None) -> None:
    """Count a rejected credential at once, even if the run waits."""
    if isinstance(error, AuthenticationError):
        count_now("CredentialsRejected")


def _not_claimed(row: Row | None, run: Run | str) -> Outcome:
    """Return the outcome of a run that could not be claimed.

    Raises:
        LookupError: the run does not exist.
    """
    if row is None:
        raise LookupError(f"there is no run {run if isinstance(run, str) else run.run_id}")
    return outcome_of(row)


def outcome_of(row: Row) -> Outcome:
    """Return the outcome of a run that this process does not perform."""
    state: OutcomeState = (
        "waiting" if row.status == "pending" else "in_progress" if row.status == "performing" else row.status
    )
    return Outcome(state, row, performed=False)


def _log_fields(row: Row) -> dict[str, str | int | None]:
    """Return the log fields of a run. They contain no texts and no titles."""
    run = {name: getattr(row.run, name) for name in ("run_id", "trigger", "automation", "slot", "target")}
    return run | {"action": row.run.action.type, "attempts": row.attempts}
