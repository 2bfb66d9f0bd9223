"""A run of Whop, performed again and again, with responses of a script."""

import random
from copy import replace

from aichats.errors import AichatsError
from aichats.http.deadline import time_limit
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.locks import Locks
from aichats.runs.ledger.rows import Row
from aichats.runs.model import Run
from aichats.runs.perform import Outcome, Performer
from aichats.runs.providers.marks import key_base, preparation
from aichats.runs.providers.whop import WhopProvider
from aichats.whop.client import WhopClient
from tests.support.fakes import ScriptedTransport, Step
from tests.support.ledgers import LEASE, Clock, make_ledger, make_run
from tests.support.providers import whop_provider

LEDGER = "runs-of-a-stack"
"""Name of the ledger from which the marks of runs are derived."""
MARK = key_base(LEDGER, make_run().run_id)[:10] + " · "


class Middle(random.Random):
    """Randomness that is always the middle of its range."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


class WhopBench:
    """One run, performed again and again.

    Attributes:
        whop: the script of the responses, and the requests.
        client_error: the error that is raised instead of returning a client, such as that of an unreadable secret.
    """

    def __init__(self, run: Run | None = None, *, mark_titles: bool = True) -> None:
        self.run = run or make_run()
        self.clock = Clock()
        self.ledger: Ledger = replace(make_ledger(self.clock), prepare=preparation(LEDGER, mark_titles=mark_titles))
        self.whop = ScriptedTransport()
        self.client_error: AichatsError | None = None
        self.provider = whop_provider(self.ledger, self._client)
        self.use(self.provider)

    def use(self, provider: WhopProvider) -> None:
        """Perform the run with this provider from now on."""
        self.performer = Performer(self.ledger, {"whop": provider}, Locks(self.ledger), randomness=Middle())

    def perform(self, *script: Step, seconds: float = 100.0) -> Outcome:
        """Perform the run while Whop responds by this script. The test fails unless the script is used up."""
        self.whop.script = list(script)
        with time_limit(seconds):
            outcome = self.performer.perform(self.run, LEASE)
        assert self.whop.script == [], "the script has responses that were not requested"
        return outcome

    def perform_when_due(self, *script: Step, seconds: float = 100.0) -> Outcome:
        """Perform the run at the time at which it is due."""
        due_at = self.row.due_at
        assert due_at is not None
        self.clock.now = max(self.clock.now, due_at)
        return self.perform(*script, seconds=seconds)

    def crash(self, *, attempts: int = 1) -> None:
        """Let processes claim the run and die, until the lease and the settle time of the last one are over."""
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
        if self.client_error is not None:
            raise self.client_error
        token = company_id or "key-of-all"
        return WhopClient(token, "https://whop.invalid/api/v1", api_version, 20.0, self.whop)
