"""A performer with Whop by script, a real ledger and a clock that is set by hand."""

import random
from dataclasses import replace
from datetime import timedelta

from aichats.errors import AichatsError
from aichats.http.deadline import time_limit
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.locks import Locks
from aichats.runs.ledger.rows import Row
from aichats.runs.model import Run
from aichats.runs.perform import Outcome, Performer
from aichats.runs.providers.marks import key_base, preparation
from aichats.runs.providers.whop import WhopProvider
from aichats.whop import WhopClient
from tests.support.fakes import ScriptedTransport, Step
from tests.support.ledgers import LEASE, Clock, make_ledger, make_run
from tests.support.providers import whop_provider

CALL_LIMIT = timedelta(seconds=20)
LEDGER = "runs-of-a-stack"
"""The name of the ledger from which the marks of a bench's runs are derived."""
MARK = key_base(LEDGER, make_run().run_id)[:10] + " · "


class Middle(random.Random):
    """Always the middle."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


class Bench:
    """One run, performed again and again.

    Attributes:
        whop: what Whop answers next, and what it was asked.
        refuses: the error that is raised instead of returning a client, such as that of an unreadable secret.
    """

    def __init__(self, run: Run | None = None, *, mark_titles: bool = True) -> None:
        self.run = run or make_run()
        self.clock = Clock()
        self.ledger: Ledger = replace(make_ledger(self.clock), prepare=preparation(LEDGER, mark_titles=mark_titles))
        self.whop = ScriptedTransport()
        self.refuses: AichatsError | None = None
        self.provider = whop_provider(self.ledger, self._client)
        self.use(self.provider)

    def use(self, provider: WhopProvider) -> None:
        """Perform the run with this provider from now on."""
        self.performer = Performer(self.ledger, {"whop": provider}, Locks(self.ledger), randomness=Middle())

    def perform(self, *script: Step, seconds: float = 100.0) -> Outcome:
        """Perform the run while Whop answers so; all that it is to answer must be asked for."""
        self.whop.script = list(script)
        with time_limit(seconds):
            outcome = self.performer.perform(self.run, LEASE)
        assert self.whop.script == [], "Whop was not asked as often as foreseen"
        return outcome

    def perform_when_due(self, *script: Step, seconds: float = 100.0) -> Outcome:
        """Perform the run at the time at which it is due."""
        due_at = self.row.due_at
        assert due_at is not None
        self.clock.now = max(self.clock.now, due_at)
        return self.perform(*script, seconds=seconds)

    def crash(self, *, attempts: int = 1) -> None:
        """Processes claim the run and die; the last one's lease and settle time are over."""
        for _ in range(attempts):
            self.ledger.claim(self.run, LEASE)
            self.clock.now += LEASE + self.ledger.settle

    @property
    def row(self) -> Row:
        """The run as the ledger has it."""
        row = self.ledger.get(self.run.run_id)
        assert row is not None
        return row

    @property
    def keys(self) -> list[str]:
        """The ``n`` of the idempotency key of each create."""
        creates = [request for request in self.whop.requests if request.method == "POST"]
        return [
            request.headers["idempotency-key"].removeprefix(key_base(LEDGER, self.run.run_id)) for request in creates
        ]

    def _client(self, company_id: str | None, api_version: str) -> WhopClient:
        if self.refuses is not None:
            raise self.refuses
        token = company_id or "key-of-all"
        return WhopClient(token, "https://whop.invalid/api/v1", api_version, 20.0, self.whop)
