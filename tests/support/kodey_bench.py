"""A run of Kodey, performed again and again, with Kodey in memory."""

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from aichats.errors import AichatsError
from aichats.http.deadline import time_limit
from aichats.kodey.client import KodeyClient
from aichats.runs.action import Action
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.locks import Locks
from aichats.runs.ledger.rows import Row
from aichats.runs.perform import Outcome, Performer
from tests.support.actions import with_fields
from tests.support.fakes import Step
from tests.support.kodey_in_memory import CREATE_KODEY, KodeyInMemory
from tests.support.ledgers import LEASE, Clock, make_ledger, make_run
from tests.support.providers import kodey_provider
from tests.support.waiting import turns
from tests.support.whop_bench import Middle

SETTLE = timedelta(seconds=600)
POST_CHAT, LIST_CHATS = "POST /chat", "GET /chat"
POST_MESSAGE, LIST_MESSAGES = "POST /chat/chat_1/message", "GET /chat/chat_1/message"
FOR_ANN = with_fields(CREATE_KODEY, user_id="ann")
THROTTLED = httpx.Response(429, json={"error": "Too Many Requests", "message": "Slow down.", "retryAfter": 60})
UNKNOWN: dict[str, Step] = {
    "500": httpx.Response(500, json={"error": "Internal", "message": "no"}),
    "slow": httpx.ReadTimeout("slow"),
    "cut": httpx.RemoteProtocolError("cut"),
    "no JSON": httpx.Response(200, text="<html>"),
    "409": httpx.Response(409, json={"error": "Conflict", "message": "no"}),
}
EITHER_STEP = pytest.mark.parametrize("step", [POST_CHAT, POST_MESSAGE])
EACH_UNKNOWN = pytest.mark.parametrize("answer", UNKNOWN.values(), ids=UNKNOWN)


class KodeyBench:
    """One run, with its ledger and its Kodey, or with those of the bench ``beside``."""

    def __init__(
        self,
        action: Action = CREATE_KODEY,
        target: str = "agent_1",
        *,
        beside: "KodeyBench | None" = None,
        name: str = "",
    ) -> None:
        self.clock: Clock = beside.clock if beside else Clock()
        self.kodey: KodeyInMemory = beside.kodey if beside else KodeyInMemory(self.clock)
        self.run = make_run(name or ("two" if beside else "one"), action=action, target=target)
        self.ledger: Ledger = beside.ledger if beside else make_ledger(self.clock)
        self.client_error: AichatsError | None = None
        providers = {"kodey": kodey_provider(self._client, int(SETTLE.total_seconds()), 240)}
        self.performer = Performer(self.ledger, providers, Locks(self.ledger), randomness=Middle())

    def perform(self, seconds: float = 298.0) -> Outcome:
        with time_limit(seconds):
            return self.performer.perform(self.run, LEASE)

    def when_due(self, seconds: float = 298.0) -> Outcome:
        """Perform the run each time it is due, until it does more than wait for the settle time."""
        calls = len(self.kodey.requests)
        turn = turns()
        while True:
            next(turn)
            assert self.row.due_at is not None
            self.clock.now = max(self.clock.now, self.row.due_at)
            outcome = self.perform(seconds)
            if len(self.kodey.requests) > calls or outcome.state != "waiting" or self.client_error:
                return outcome

    def once(self, call: str, answer: Step, *, done: bool = False) -> None:
        """Answer the next call of this kind in Kodey's place. If ``done``, Kodey performs the call all the same."""

        def interfere(request: httpx.Request) -> Step | None:
            if f"{request.method} {request.url.path}" != call:
                return None
            self.kodey.interfere = lambda _: None
            if done:
                self.kodey.answer(request, self.clock())
            return answer

        self.kodey.interfere = interfere

    def dies_at(self, call: str, *, done: bool) -> None:
        """Let the process die at a call of this kind, before or after Kodey performs it."""
        self.once(call, DiedError(), done=done)
        with pytest.raises(DiedError):
            self.perform()

    @property
    def row(self) -> Row:
        row = self.ledger.get(self.run.run_id)
        assert row is not None
        return row

    def _client(self) -> KodeyClient:
        if self.client_error is not None:
            raise self.client_error
        return KodeyClient("sk_live_key", "https://kodey.invalid", transport=self.kodey)


class DiedError(Exception):
    """The process was killed."""


def sent_once(bench: KodeyBench, outcome: Outcome) -> bool:
    """Return whether the run has one chat with one message, and the answer to it."""
    chat_id = str(outcome.row.chat_id)
    reply = bench.row.result["reply"]
    return (
        (outcome.state, bench.row.status) == ("succeeded", "succeeded")
        and list(bench.kodey.chats) == [chat_id]
        and bench.kodey.of_user(chat_id) == ["How many tickets?"]
        and (reply["id"], reply["role"]) == (bench.kodey.messages[chat_id][-1]["id"], "assistant")
    )


def lost(action: Action, step: str, before: Callable[[KodeyInMemory], object], target: str = "agent_1") -> KodeyBench:
    """Return a run of unknown outcome whose call was not performed, at the time at which aichats may check it."""
    bench = KodeyBench(action, target)
    before(bench.kodey)
    bench.once(step, httpx.ReadTimeout("slow"))
    bench.perform()
    bench.clock.now += SETTLE
    return bench
