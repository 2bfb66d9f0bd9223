"""Performs a run so that it takes effect once.

1. Claim it in the ledger, by one conditional write. Done, taken or not due: nothing is called.
2. If an earlier call's outcome is unknown, settle it: look for the run's mark among the provider's chats.
3. Call the provider. The chat is recorded before it is changed, so that a run that is taken up again goes on there.
4. Finish it, or put it back to wait: for a provider that throttles or is down, or until an outcome can be settled.

Whoever calls :meth:`Performer.perform` sends a run that waits to the queue; if that fails, ``sweep_runs`` finds it.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal

from aichats.errors import (
    AichatsError,
    APIConnectionError,
    APIStatusError,
    InternalServerError,
    OutcomeUnknownError,
    ProtocolError,
    ProviderError,
    RateLimitError,
)
from aichats.http.deadline import remaining
from aichats.observability import count_now, logger
from aichats.runs.ledger import Ledger, RefusedByLedgerError
from aichats.runs.marks import find_marked, marked_title
from aichats.runs.model import Run, WhopCreateChat, WhopUpdateChat
from aichats.runs.rows import EndStatus, Row
from aichats.whop import AiChat, CreateAiChat, UpdateAiChat, WhopClient

MAX_ATTEMPTS = 8
"""Attempts that reached the provider."""
MAX_AGE = timedelta(hours=24)
FIRST_WAIT = timedelta(seconds=2)
MAX_WAIT = timedelta(minutes=10)
PAGE_SIZE = 100
ALARMING: dict[EndStatus, str] = {"failed": "RunsFailed", "unknown": "RunsUnknown"}
"""The metric of an end that somebody must be told of."""

type WhopFor = Callable[[str | None, str], WhopClient]
"""Gives the client for a company (or ``None``) and an API version."""
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
    chat: AiChat | None = None
    error: AichatsError | None = None


class _WaitError(Exception):
    """The run must wait, and be tried again.

    Attributes:
        wait: for how long; ``None``: longer each time.
        unsettled: whether a create's outcome is unknown.
        called: whether the provider was reached, so that the attempt counts.
        refused: whether the answer proves that a create took no effect; the next one then needs another key.
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
        call_limit: the longest that one call to the provider may take; none begins with less time left.
        mark_titles: whether a title carries the run's mark until its chat is known (parameter ``TitleMark``).
    """

    ledger: Ledger
    whop: WhopFor
    call_limit: timedelta
    mark_titles: bool = True
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
        except RefusedByLedgerError as refused:
            return _found(refused.row, run)
        try:
            try:
                row = self._have_chat(row)
                chat = self._change(row)
            except _WaitError as wait:
                return self._put_back(row, wait)
            except _EndError as end:
                return self._end(row, end)
            return self._succeed(row, chat)
        except RefusedByLedgerError as refused:
            # The lease was over and somebody else went on, or ended it: what stands in the ledger counts.
            return _found(refused.row, run)

    # ------------------------------------------------------------------ what is to be done

    def _have_chat(self, row: Row) -> Row:
        """The row with the chat that the action makes: known already, found again, or created now."""
        action = row.run.action
        if isinstance(action, WhopUpdateChat) or row.chat_id is not None:
            return row
        client = self._client(row, row.run.target, unsettled=row.unsettled)
        if row.unsettled:
            row = self._settle(row, client)
        return row if row.chat_id is not None else self._create(row, action, client)

    def _change(self, row: Row) -> AiChat:
        """Make the chat what the action wants it to be."""
        action = row.run.action
        if not isinstance(action, WhopUpdateChat):
            return self._complete(row, action, self._client(row, row.run.target))
        client = self._client(row, action.company_id)
        changes = UpdateAiChat.model_construct(**action.model_dump(exclude_unset=True, exclude={"type"}))
        return self._repeatable(lambda: client.update_ai_chat(str(row.run.target), changes))

    def _settle(self, row: Row, client: WhopClient) -> Row:
        """Find out what became of the earlier call. None found after the settle time: it took no effect."""
        self._need_time(unsettled=True)
        if not self.mark_titles:
            raise _EndError("unknown", _unknown(row, "titles are not marked (TitleMark is off)"))
        try:
            found = find_marked(client.list_ai_chats(first=PAGE_SIZE), row.run.run_id)
        except AichatsError as error:
            raise _WaitError(error, _named_wait(error), unsettled=True) from error
        if len(found) > 1:
            raise _EndError("unknown", _unknown(row, f"several chats carry its mark: {', '.join(found)}"))
        if found:
            return self.ledger.record_chat(row, found[0])
        if row.attempts > MAX_ATTEMPTS:
            raise _EndError("failed", _last_error(row))
        return replace(row, unsettled=False)

    def _create(self, row: Row, action: WhopCreateChat, client: WhopClient) -> Row:
        self._need_time(unsettled=False)
        fields = action.model_dump(exclude_unset=True, exclude={"type", "notification_preference"})
        if self.mark_titles:
            fields["title"] = marked_title(action, row.run.run_id)
        if row.run.target is not None:
            fields["company_id"] = row.run.target
        # Built, not validated again: the limits were checked where the action came in.
        chat = CreateAiChat.model_construct(**fields)
        try:
            return self.ledger.record_chat(row, client.create_ai_chat(chat, idempotency_key=row.idempotency_key).id)
        except AichatsError as error:
            if isinstance(error, ProtocolError) and error.chat_id:
                return self.ledger.record_chat(row, error.chat_id)
            raise self._judge_create(error) from error

    def _judge_create(self, error: AichatsError) -> Exception:
        """What a failed create means for the run."""
        match error:
            case OutcomeUnknownError() | ProtocolError():
                return _WaitError(error, self.ledger.settle, unsettled=True, called=True)
            case APIConnectionError():
                return _WaitError(error)
            case RateLimitError():
                return _WaitError(error, _named_wait(error), called=True, refused=True)
            case _:
                return _EndError("failed", error, refused=True)

    def _complete(self, row: Row, action: WhopCreateChat, client: WhopClient) -> AiChat:
        """Give the chat its clean title and its notification preference, in one call."""
        changes: dict[str, Any] = {"title": action.title} if self.mark_titles else {}
        if action.notification_preference is not None:
            changes["notification_preference"] = action.notification_preference
        chat_id = str(row.chat_id)
        if not changes:
            return self._repeatable(lambda: client.retrieve_ai_chat(chat_id))
        return self._repeatable(lambda: client.update_ai_chat(chat_id, UpdateAiChat.model_construct(**changes)))

    def _repeatable(self, call: Callable[[], AiChat]) -> AiChat:
        """A call whose effect is the same however often it is made."""
        self._need_time(unsettled=False)
        try:
            return call()
        except (APIConnectionError, RateLimitError, InternalServerError, ProtocolError) as error:
            called = not isinstance(error, APIConnectionError)
            raise _WaitError(error, _named_wait(error), called=called) from error
        except AichatsError as error:
            raise _EndError("failed", error) from error

    def _need_time(self, *, unsettled: bool) -> None:
        """Begin no call that might outlive the lease."""
        if remaining(default=float("inf")) < self.call_limit.total_seconds():
            raise _WaitError(None, timedelta(0), unsettled=unsettled)

    def _client(self, row: Row, company_id: str | None, *, unsettled: bool = False) -> WhopClient:
        try:
            return self.whop(company_id, row.run.api_version)
        except AichatsError as error:
            # With a create whose outcome is unknown the run has not failed: it cannot be looked up now.
            raise _WaitError(error, unsettled=True) if unsettled else _EndError("failed", error) from error

    # ------------------------------------------------------------------ what became of it

    def _succeed(self, row: Row, chat: AiChat) -> Outcome:
        self.ledger.finish(row, "succeeded", chat_id=chat.id, reply=chat.model_dump_json())
        logger.info("run succeeded", extra=_about(row) | {"chat_id": chat.id})
        ended = replace(row, status="succeeded", chat_id=chat.id, due_at=None, error=None)
        return Outcome("succeeded", ended, performed=True, chat=chat)

    def _put_back(self, row: Row, wait: _WaitError) -> Outcome:
        now = self.ledger.clock()
        age = now - row.opened_at
        row = replace(row, attempts=row.attempts - (not wait.called))
        if age >= MAX_AGE:
            status: EndStatus = "unknown" if wait.unsettled else "failed"
            return self._end(row, _EndError(status, wait.error or _last_error(row), refused=wait.refused))
        if row.attempts >= MAX_ATTEMPTS and wait.called and not wait.unsettled:
            return self._end(row, _EndError("failed", wait.error or _last_error(row), refused=wait.refused))
        due_at = now + (self._longer_each_time(age) if wait.wait is None else wait.wait)
        error = describe(wait.error) if wait.error else row.error
        key_number = row.key_number + wait.refused
        waiting = replace(row, status="pending", key_number=key_number, due_at=due_at, error=error)
        self.ledger.put_back(waiting, due_at, unsettled=wait.unsettled, error=error)
        about = {"due_at": due_at.isoformat(), "unsettled": wait.unsettled, "error": error}
        logger.warning("run waits", extra=_about(row) | about)
        return Outcome("waiting", waiting, performed=True, error=wait.error)

    def _end(self, row: Row, end: _EndError) -> Outcome:
        error = describe(end.error)
        ended = replace(row, status=end.status, key_number=row.key_number + end.refused, due_at=None, error=error)
        end.error.run_id = row.run.run_id
        if isinstance(end.error, ProviderError):
            end.error.chat_id = row.chat_id
        # Before the row ends: if the process dies between the two, the alarm goes off once too often, never too seldom.
        count_now(ALARMING[end.status])
        self.ledger.finish(ended, end.status, error=error)
        logger.error(f"run {end.status}", extra=_about(row) | {"chat_id": row.chat_id, "error": error})
        return Outcome(end.status, ended, performed=True, error=end.error)

    def _longer_each_time(self, age: timedelta) -> timedelta:
        """Half as long again as it waits already, with jitter."""
        longest = max(FIRST_WAIT, min(MAX_WAIT, age / 2)).total_seconds()
        return timedelta(seconds=self.randomness.uniform(longest / 2, longest))


def describe(error: AichatsError) -> dict[str, str | int]:
    """An error as the ledger keeps it."""
    found: dict[str, str | int | None] = {"type": type(error).__name__, "message": str(error)[:1000]}
    if isinstance(error, ProviderError):
        found["request_id"] = error.request_id
    if isinstance(error, APIStatusError):
        found |= {"status": error.status, "code": error.code}
    return {name: value for name, value in found.items() if value is not None}


def _found(row: Row | None, run: Run | str) -> Outcome:
    """The outcome of a run that could not be claimed."""
    if row is None:
        raise LookupError(f"there is no run {run if isinstance(run, str) else run.run_id}")
    chat = AiChat.model_validate_json(row.reply) if row.reply else None
    state: State = "waiting" if row.status == "pending" else "in_progress" if row.status == "performing" else row.status
    return Outcome(state, row, performed=False, chat=chat)


def _named_wait(error: AichatsError) -> timedelta | None:
    wait = error.retry_after if isinstance(error, APIStatusError) else None
    return None if wait is None else timedelta(seconds=wait)


def _unknown(row: Row, why: str) -> AichatsError:
    return AichatsError(f"the outcome is unknown: {why}. Look, then POST /runs/{row.run.run_id}/resolve")


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
