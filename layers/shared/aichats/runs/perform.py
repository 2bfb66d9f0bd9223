"""Performs a run so that it takes effect once.

1. Claim it in the ledger, by one conditional write. Created, taken or not due: nothing is called.
2. Make the effects of its action one by one (:mod:`aichats.runs.providers.port`). If an earlier call's outcome is
   unknown, look for its effect first. Each is recorded before the next begins: a run that is taken up again goes on
   there.
3. Make the calls that may be repeated.
4. Finish it, or put it back to wait: for a provider that throttles or is down, or until an outcome can be settled.

Whoever calls :meth:`Performer.perform` sends a run that waits to the queue; if that fails, ``sweep_runs`` finds it.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Literal

from aichats.aws.observability import count_now, logger
from aichats.aws.table import Json
from aichats.errors import (
    AichatsError,
    APIConnectionError,
    APIStatusError,
    AuthenticationError,
    InternalServerError,
    OutcomeUnknownError,
    ProtocolError,
    ProviderError,
    RateLimitError,
    SecretUnavailableError,
)
from aichats.http.deadline import remaining, time_limit
from aichats.runs.failures import describe
from aichats.runs.ledger.ledger import Ledger, LedgerConflictError
from aichats.runs.ledger.locks import LockedError, Locks
from aichats.runs.ledger.rows import EndStatus, Row
from aichats.runs.model import Run
from aichats.runs.providers.marks import mark_of
from aichats.runs.providers.port import Created, Effect, NotYetError, Provider, SupersededError

MAX_ATTEMPTS = 8
"""Attempts that reached the provider and were not turned away with 429, which proves that nothing was done."""
MAX_AGE = timedelta(hours=24)
ROTATION = timedelta(minutes=15)
"""How long a run waits whose credential is rejected: it may be replaced just now."""
FIRST_WAIT = timedelta(seconds=2)
MAX_WAIT = timedelta(minutes=10)
ALARMING: dict[EndStatus, str] = {"failed": "RunsFailed", "unknown": "RunsUnknown"}
"""The metric of an end that somebody must be told of."""

type State = Literal["succeeded", "failed", "unknown", "missed", "waiting", "in_progress"]


@dataclass(frozen=True)
class Outcome:
    """What a run came to when it was performed.

    Attributes:
        performed: whether it was performed now; ``False`` where it was found ended, taken or waiting.
        error: why it failed or waits, where that happened now.
    """

    state: State
    row: Row
    performed: bool
    error: AichatsError | None = None


class _WaitError(Exception):
    """The run must wait, and be tried again.

    Attributes:
        wait: for how long; ``None``: longer each time.
        unsettled: whether an effect's outcome is unknown.
        called: whether the attempt counts: the provider may have done something.
        refused: whether the answer proves that nothing was done; the next call then needs another idempotency key.
    """

    def __init__(
        self,
        error: AichatsError | None,
        wait: timedelta | None = None,
        *,
        unsettled: bool = False,
        called: bool = False,
        refused: bool = False,
    ) -> None:
        super().__init__()
        self.error, self.wait = error, wait
        self.unsettled, self.called, self.refused = unsettled, called, refused


class _EndError(Exception):
    """The run ends without success."""

    def __init__(self, status: EndStatus, error: AichatsError, *, refused: bool = False) -> None:
        super().__init__()
        self.status, self.error, self.refused = status, error, refused


@dataclass(frozen=True)
class Performer:
    """Performs runs. Safe to share between threads.

    Args:
        actions: those of each provider, by its name.
        in_rotation: whether the credential for a provider was replaced a short time ago, or may have been.
    """

    ledger: Ledger
    actions: Mapping[str, Provider]
    in_rotation: Callable[[str], bool] = lambda _: False
    randomness: random.Random = field(default_factory=random.SystemRandom)

    def perform(self, run: Run | str, lease: timedelta) -> Outcome:
        """Perform a run, or the one that has this id.

        Args:
            run: the run, or the id of one that is in the ledger.
            lease: until Lambda would kill this invocation, never less: nobody else acts before.

        Raises:
            LookupError: there is no run with this id.
        """
        try:
            row = self.ledger.claim(run, lease)
        except LedgerConflictError as refused:
            return _refused(refused.row, run)
        try:
            try:
                while (effect := self._next_effect(row)) is not None:
                    row = self._look(row, effect) if row.unsettled else self._make(row, effect)
                done = self._complete(row)
            except _WaitError as wait:
                return self._put_back(row, wait)
            except _EndError as end:
                if self._may_pass(run, row, end.error):
                    return self._put_back(row, _WaitError(end.error, refused=end.refused))
                return self._end(row, end)
            return self._succeed(row, done)
        except LedgerConflictError as refused:
            # The lease was over and somebody else went on, or ended it: what stands in the ledger counts.
            return _refused(refused.row, run)

    # ------------------------------------------------------------------ what is to be done

    def _next_effect(self, row: Row) -> Effect | None:
        """The effect that is neither known nor recorded yet; ``None`` when all are."""
        try:
            return self._actions(row).effect(row)
        except AichatsError as error:
            # With an effect whose outcome is unknown the run has not failed: it cannot be looked up now.
            raise _WaitError(error, unsettled=True) if row.unsettled else _EndError("failed", error) from error

    def _look(self, row: Row, effect: Effect) -> Row:
        """Find out what became of the earlier call. None found after the settle time: it took no effect."""
        if effect.seen is not None and row.seen is None:
            return replace(row, unsettled_at=None)  # It never began.
        self._wait_until_settled(row)
        self._need_time(self._actions(row).call_limit, unsettled=True)
        if effect.find is None:
            raise _EndError("unknown", _unknown(row, "there is nothing to find it by"))
        is_alone = effect.lock is None or self._locked(row, partial(Locks(self.ledger).is_kept, row, effect.lock))
        try:
            found = effect.find(row.seen or {})
        except NotYetError as error:
            raise _WaitError(None, error.wait, unsettled=True) from error
        except AichatsError as error:
            raise _WaitError(error, _named_wait(error), unsettled=True) from error
        if len(found) > 1 or (found and not is_alone):
            which = ", ".join(dict.fromkeys(done.chat_id for done in found))
            whose = "its own" if is_alone else "its own or another run's"
            raise _EndError("unknown", _unknown(row, f"{len(found)} were found that may be {whose}, of {which}"))
        if found:
            return self.ledger.record(row, found[0].chat_id, found[0].result)
        if row.attempts > MAX_ATTEMPTS:
            raise _EndError("failed", _last_error(row))
        return replace(row, unsettled_at=None, seen=None)

    def _wait_until_settled(self, row: Row) -> None:
        """Look for no effect as long as it may still appear."""
        wait = (row.unsettled_at or self.ledger.clock()) + self._actions(row).settle - self.ledger.clock()
        if wait > timedelta(0):
            raise _WaitError(None, wait, unsettled=True)

    def _make(self, row: Row, effect: Effect) -> Row:
        actions = self._actions(row)
        self._need_time(effect.limit + (actions.call_limit if effect.seen else timedelta(0)))
        before: Json = {}
        if effect.lock is not None:
            before = self._locked(row, partial(Locks(self.ledger).take, row, effect.lock))
        if effect.seen is not None:
            self.ledger.begin(row, self._repeatable(partial(effect.seen, before)))
        try:
            done = effect.act()
        except AichatsError as error:
            raise _judge(error, actions.settle) from error
        return self.ledger.record(row, done.chat_id, done.result)

    def _locked[T](self, row: Row, call: Callable[[], T]) -> T:
        """What a call of a lock gives. While another run holds it, this one waits."""
        try:
            return call()
        except LockedError as locked:
            why = AichatsError(f"waits until it is known what came of run {locked.owner}, which does the same")
            raise _WaitError(why, unsettled=row.unsettled) from locked

    def _complete(self, row: Row) -> Created:
        actions = self._actions(row)
        self._need_time(actions.call_limit)
        if row.run.not_after is None:
            return self._repeatable(lambda: actions.complete(row))
        left = row.run.not_after - self.ledger.clock()
        if left <= timedelta(0):
            over = AichatsError(f"not begun any more: its time was over at {row.run.not_after.isoformat()}")
            raise _EndError("failed", over)
        with time_limit(left.total_seconds()):
            return self._repeatable(lambda: actions.complete(row))

    def _repeatable[T](self, call: Callable[[], T]) -> T:
        """What calls give whose effect is the same however often they are made."""
        try:
            return call()
        except NotYetError as error:
            raise _WaitError(error, error.wait) from error
        except (APIConnectionError, RateLimitError, InternalServerError, ProtocolError) as error:
            called = not isinstance(error, APIConnectionError | RateLimitError)
            raise _WaitError(error, _named_wait(error), called=called) from error
        except AichatsError as error:
            raise _EndError("failed", error) from error

    def _need_time(self, limit: timedelta, *, unsettled: bool = False) -> None:
        """Begin no call that might outlive the lease."""
        if remaining(default=float("inf")) < limit.total_seconds():
            raise _WaitError(None, timedelta(0), unsettled=unsettled)

    def _actions(self, row: Row) -> Provider:
        return self.actions[row.run.provider]

    def _may_pass(self, run: Run | str, row: Row, error: AichatsError) -> bool:
        """Return whether a run must wait that would end: its secret can't be read, or its credential is being replaced.

        A caller who waits for the first attempt is told at once that the credential is rejected, unless it was replaced
        a short time ago.
        """
        if isinstance(error, SecretUnavailableError):
            return True
        if not isinstance(error, AuthenticationError):
            return False
        if self.in_rotation(row.run.provider):
            return True
        has_caller = row.run.trigger == "http" and row.error is None and (isinstance(run, Run) or row.run.slow)
        # A run that is older has waited for something else: this is the first that it learns of the rejection.
        is_news = row.error is None or row.error.get("type") != AuthenticationError.__name__
        return not has_caller and (is_news or self.ledger.clock() - row.opened_at < ROTATION)

    # ------------------------------------------------------------------ what became of it

    def _succeed(self, row: Row, done: Created) -> Outcome:
        self.ledger.finish(row, "succeeded", chat_id=done.chat_id, result=done.result)
        logger.info("run succeeded", extra=_about(row) | {"chat_id": done.chat_id})
        known = replace(row, chat_id=done.chat_id, result=done.result)
        return Outcome("succeeded", replace(known, status="succeeded", due_at=None, error=None), performed=True)

    def _put_back(self, row: Row, wait: _WaitError) -> Outcome:
        _count_rejection(wait.error)
        now = self.ledger.clock()
        age = now - row.opened_at
        row = replace(row, attempts=row.attempts - (not wait.called))
        if age >= MAX_AGE:
            status: EndStatus = "unknown" if wait.unsettled else "failed"
            return self._end(row, _EndError(status, wait.error or _last_error(row), refused=wait.refused))
        if row.attempts >= MAX_ATTEMPTS and wait.called and not wait.unsettled:
            return self._end(row, _EndError("failed", wait.error or _last_error(row), refused=wait.refused))
        due_at = now + (wait.wait or timedelta(0))
        if wait.wait is None or isinstance(wait.error, APIStatusError):
            # Added to what the provider names, so that not all that it turned away come back together.
            due_at += self._longer_each_time(age)
        error = describe(wait.error) if wait.error else row.error
        key_number = row.key_number + wait.refused
        unsettled_at = (row.unsettled_at or now) if wait.unsettled else None
        waiting = replace(
            row, status="pending", key_number=key_number, due_at=due_at, error=error, unsettled_at=unsettled_at
        )
        self.ledger.put_back(waiting, due_at, unsettled_at=waiting.unsettled_at, error=error)
        about = {"due_at": due_at.isoformat(), "unsettled": wait.unsettled, "error": error}
        logger.warning("run waits", extra=_about(row) | about)
        return Outcome("waiting", waiting, performed=True, error=wait.error)

    def _end(self, row: Row, end: _EndError) -> Outcome:
        error = describe(end.error)
        ended = replace(row, status=end.status, key_number=row.key_number + end.refused, due_at=None, error=error)
        end.error.run_id = row.run.run_id
        if isinstance(end.error, ProviderError):
            end.error.chat_id = row.chat_id
        _count_rejection(end.error)
        # Before the row ends: if the process dies between the two, the alarm goes off once too often, never too seldom.
        if not isinstance(end.error, SupersededError):
            count_now(ALARMING[end.status])
        self.ledger.finish(ended, end.status, error=error)
        logger.error(f"run {end.status}", extra=_about(row) | {"chat_id": row.chat_id, "error": error})
        return Outcome(end.status, ended, performed=True, error=end.error)

    def _longer_each_time(self, age: timedelta) -> timedelta:
        """Half as long again as it waits already, with jitter."""
        longest = max(FIRST_WAIT, min(MAX_WAIT, age / 2)).total_seconds()
        return timedelta(seconds=self.randomness.uniform(longest / 2, longest))


def _judge(error: AichatsError, settle: timedelta) -> Exception:
    """What it means for a run that an effect failed."""
    match error:
        case OutcomeUnknownError() | ProtocolError():
            return _WaitError(error, settle, unsettled=True, called=True)
        case APIConnectionError():
            return _WaitError(error)
        case RateLimitError():
            return _WaitError(error, _named_wait(error), refused=True)
        case _:
            return _EndError("failed", error, refused=isinstance(error, APIStatusError))


def _count_rejection(error: AichatsError | None) -> None:
    """Count a rejected credential at once, even if the run waits."""
    if isinstance(error, AuthenticationError):
        count_now("CredentialsRejected")


def _refused(row: Row | None, run: Run | str) -> Outcome:
    """The outcome of a run that could not be claimed."""
    if row is None:
        raise LookupError(f"there is no run {run if isinstance(run, str) else run.run_id}")
    return found(row)


def found(row: Row) -> Outcome:
    """The outcome of a run that is not performed here and now."""
    state: State = "waiting" if row.status == "pending" else "in_progress" if row.status == "performing" else row.status
    return Outcome(state, row, performed=False)


def _named_wait(error: AichatsError) -> timedelta | None:
    wait = error.retry_after if isinstance(error, APIStatusError) else None
    return None if wait is None else timedelta(seconds=wait)


def _unknown(row: Row, why: str) -> AichatsError:
    mark = mark_of(row.title)
    where = f" for a chat whose title begins with {mark}" if mark else ""
    return AichatsError(f"the outcome is unknown: {why}. Look{where}, then POST /runs/{row.run.run_id}/resolve")


def _last_error(row: Row) -> AichatsError:
    last = (row.error or {}).get("message", "no attempt reached the provider")
    return AichatsError(f"given up after {min(row.attempts, MAX_ATTEMPTS)} attempts; the last error: {last}")


def _about(row: Row) -> dict[str, str | int | None]:
    """What a log line says of a run. No texts, no titles."""
    run = row.run
    return {
        "run_id": run.run_id,
        "trigger": run.trigger,
        "automation": run.automation,
        "slot": run.slot,
        "action": run.action.type,
        "target": run.target,
        "attempts": row.attempts,
    }
