"""The functions of a stack with three connections, and the services that they call."""

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from copy import replace
from dataclasses import field
from datetime import timedelta
from functools import cached_property, partial
from typing import Any, override

from aichats.aws.functions import Lambda
from aichats.aws.secret_versions import SecretVersions
from aichats.aws.secrets import SecretStore
from aichats.aws.table import Table
from aichats.frozen import frozen
from aichats.runs.dispatch import Dispatcher
from aichats.runs.ledger.locks import Locks
from aichats.runs.perform import Performer
from aichats.runs.providers.lookups import Walks
from aichats.runs.providers.marks import preparation
from aichats.runs.providers.whop import WhopProvider
from aichats.runs.queue import Queue
from aichats.whop.connections import fingerprint
from aichats.whop.credentials import Credentials
from aichats.whop.oauth import OAuthClient
from aichats.whop.renewal import Renewals, Renewed
from aichats.whop.renewal_requests import RenewalRequests
from aichats.whop.settings import WhopSettings
from tests.support.connected import WatchedOAuth, WatchedVault, WatchedWhop
from tests.support.crashing import FaultyAws, FaultySqs, World, faulty_dynamodb
from tests.support.fakes import Json
from tests.support.ledgers import Clock, make_ledger
from tests.support.providers import nothing_to_fetch

SECRET = "aichats/dev/whop"
BASE_URL = "https://whop.invalid/api/v1"
CONNECTIONS = {"biz_A": "agency", "biz_B": "partner", "biz_C": "default"}
"""The connection of each company. The main secret names those of the first two."""
SKEW = timedelta(seconds=2)
"""The clocks of the workers are behind by this time, and the clock of ``refresh_tokens`` is ahead by it."""
LIFETIME = timedelta(seconds=60)

type Renewing = Callable[[str], AbstractContextManager[None]]
"""Returns the context in which a connection is renewed."""


class Services:
    """Whop and AWS. The faults of the world happen at all calls of the functions.

    Args:
        rows: the client of DynamoDB for the rows of connections.
        table: the table of these rows.
        meanwhile: what happens in the middle of a call whose fault is ``meanwhile``.
    """

    def __init__(self, seed: int, rows: object, table: str, meanwhile: Callable[[], None]) -> None:
        self.randomness = random.Random(seed)
        self.clock = Clock()
        self.world = World(self.clock, LIFETIME, meanwhile)
        self.vault = WatchedVault(self.clock)
        self.oauth = WatchedOAuth(self.world, self.vault, self.randomness)
        self.oauth.is_final = lambda name, token: self.row(name).get("broken") == fingerprint(token)
        self.whop = WatchedWhop(self.world, self.oauth)
        self.sqs = FaultySqs(self.clock)
        ledger = make_ledger(self.clock, client=any_client(faulty_dynamodb(self.world)))
        self.ledger = replace(ledger, prepare=preparation("a-table", mark_titles=True))
        self.rows = Table(any_client(FaultyAws(self.world, rows)), table)
        mapped = {company: {"connection": name} for company, name in list(CONNECTIONS.items())[:2]}
        self.vault.put(SECRET, {"companies": mapped})
        for name in CONNECTIONS.values():
            self.vault.put(f"{SECRET}/{name}", self.oauth.consent(name))

    def row(self, connection: str) -> Json:
        """Return the row of a connection."""
        return self.rows.get(f"connection:{connection}") or {}

    def tokens(self, connection: str) -> Json:
        """Return the stored tokens of a connection."""
        tokens: Json = self.vault.value(f"{SECRET}/{connection}")["oauth"]
        return tokens

    def renewals(self, renewing: Renewing) -> Renewals:
        """Return the renewals of a new process of ``refresh_tokens``."""
        return WatchedRenewals(
            self.rows,
            SecretVersions(any_client(FaultyAws(self.world, self.vault))),
            OAuthClient(BASE_URL, self.oauth, 20.0),
            f"{SECRET}/",
            lambda: self.clock.now + SKEW,
            new_id=lambda: f"{self.randomness.getrandbits(128):032x}",
            renewing=renewing,
        )


@frozen
class WatchedRenewals(Renewals):
    """Renewals that report which connection they renew."""

    renewing: Renewing = field(kw_only=True)

    @override
    def renew(self, connection: str, lease: timedelta, rejected: str | None = None) -> Renewed:
        with self.renewing(connection):
            return super().renew(connection, lease, rejected)


@frozen
class SeededProvider(WhopProvider):
    """Whop as a provider whose waits are the same for the same seed."""

    randomness: random.Random = field(kw_only=True)

    @cached_property
    def walks(self) -> Walks:
        return Walks(self.ledger, randomness=self.randomness)


class Worker:
    """A container of a function that calls Whop. It is frozen between its invocations."""

    def __init__(self, services: Services, functions: Lambda) -> None:
        clock, randomness = partial(_seconds_of, services.clock), services.randomness
        store, sqs = (any_client(FaultyAws(services.world, client)) for client in (services.vault, services.sqs))
        requests = RenewalRequests(lambda: functions, "refresh-tokens", clock)
        credentials = Credentials(SecretStore(store, clock), SECRET, requests.request)
        settings = WhopSettings(whop_base_url=BASE_URL, whop_api_version="2026-07-08-1", whop_secret=SECRET)
        whop, ledger = services.whop, services.ledger
        self.provider = SeededProvider(settings, credentials, whop, ledger, nothing_to_fetch, randomness=randomness)
        performer = Performer(ledger, {"whop": self.provider}, Locks(ledger), randomness)
        queue = Queue(lambda: sqs, "https://runs", "https://slow-runs", "https://dead-letters")
        self.dispatcher = Dispatcher(ledger, performer, queue)


def any_client(client: object) -> Any:
    """Return a client that has the methods of another, with the same parameters."""
    return client


def _seconds_of(clock: Clock) -> float:
    return (clock.now - SKEW).timestamp()
