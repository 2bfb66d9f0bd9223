"""The one place where things are wired together. Nothing is built when a module is imported."""

import os
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, cached_property
from typing import Any

from botocore.config import Config
from botocore.session import Session, get_session

from aichats.config import Settings
from aichats.errors import SecretError
from aichats.http import BaseTransport
from aichats.http.transport import DeadlineTransport
from aichats.runs.dispatch import Dispatcher
from aichats.runs.ledger import Ledger
from aichats.runs.perform import Performer
from aichats.runs.queue import Queue
from aichats.runs.sweep import Sweeper
from aichats.secrets import SecretStore, parse_whop, whop_token
from aichats.whop import WhopClient

_MAKING = threading.Lock()


@dataclass
class Application:
    """What the functions work with: one for a container."""

    settings: Settings
    secrets: SecretStore
    transport: BaseTransport
    ledger: Ledger
    queue: Queue
    _whop: dict[tuple[str | None, str], WhopClient] = field(default_factory=dict)

    def whop(self, company_id: str | None = None, api_version: str = "") -> WhopClient:
        """The client with the credential for a company, and the configured API version or another one.

        All clients share one connection pool.

        Raises:
            SecretError: the secret with the credentials cannot be used.
        """
        version = api_version or self.settings.whop_api_version
        secret = self.settings.whop_secret
        # Companies without a credential of their own share one client, so there are never more than credentials.
        owner = company_id if company_id in parse_whop(secret, self.secrets.read(secret)).companies else None
        if (owner, version) not in self._whop:
            self._whop[owner, version] = WhopClient(
                token=whop_token(self.secrets, secret, owner),
                base_url=self.settings.whop_base_url,
                api_version=version,
                timeout=self.settings.whop_timeout_seconds,
                transport=self.transport,
            )
        return self._whop[owner, version]

    @cached_property
    def dispatcher(self) -> Dispatcher:
        """What performs runs."""
        performer = Performer(
            ledger=self.ledger,
            whop=self.whop,
            call_limit=timedelta(seconds=self.settings.whop_timeout_seconds),
            mark_titles=self.settings.title_mark == "clean",
        )
        return Dispatcher(self.ledger, performer, self.queue)

    @cached_property
    def sweeper(self) -> Sweeper:
        """What looks for stranded runs."""
        return Sweeper(self.ledger, self.dispatcher)


@cache
def application() -> Application:
    """The application as the environment describes it; called once in the init phase, which has the full CPU.

    Raises:
        ConfigurationError: the environment is incomplete or wrong.
    """
    settings = Settings.from_environment()
    secrets = SecretStore(aws_client("secretsmanager"))
    if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
        # The first call to AWS costs most, and the init phase has the full CPU. A broken secret is told by the handler.
        with suppress(SecretError):
            secrets.read(settings.whop_secret)
    return Application(
        settings=settings,
        secrets=secrets,
        transport=DeadlineTransport(),
        ledger=Ledger(aws_client("dynamodb"), settings.runs_table, timedelta(seconds=settings.settle_seconds)),
        queue=Queue(lambda: aws_client("sqs"), settings.run_queue_url, settings.run_dead_letters_url),
    )


def aws_client(service: str) -> Any:
    """A client of AWS. Made by botocore itself, of which boto3 is a cover that costs 15 ms more at each cold start."""
    # Runs of a batch may need their first message at once, and a session must not make two clients at the same time.
    with _MAKING:
        return _make_client(service)


@cache
def _make_client(service: str) -> Any:
    limits = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
    return _session().create_client(service, config=limits)


@cache
def _session() -> Session:
    return get_session()
