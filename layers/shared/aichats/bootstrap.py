"""The one place where things are wired together. Nothing is built when a module is imported."""

from dataclasses import dataclass, field
from functools import cache

import boto3
from botocore.config import Config

from aichats.config import Settings
from aichats.http import BaseTransport
from aichats.http.transport import DeadlineTransport
from aichats.secrets import SecretStore, parse_whop, whop_token
from aichats.whop import WhopClient


@dataclass
class Application:
    """What the functions work with: one for a container."""

    settings: Settings
    secrets: SecretStore
    transport: BaseTransport
    _whop: dict[str | None, WhopClient] = field(default_factory=dict)

    def whop(self, company_id: str | None = None) -> WhopClient:
        """The client with the credential for a company. All share one connection pool.

        Raises:
            SecretError: the secret with the credentials cannot be used.
        """
        secret = self.settings.whop_secret
        # Companies without a credential of their own share one client, so there are never more than credentials.
        owner = company_id if company_id in parse_whop(secret, self.secrets.read(secret)).companies else None
        if owner not in self._whop:
            self._whop[owner] = WhopClient(
                token=whop_token(self.secrets, secret, owner),
                base_url=self.settings.whop_base_url,
                api_version=self.settings.whop_api_version,
                timeout=self.settings.whop_timeout_seconds,
                transport=self.transport,
            )
        return self._whop[owner]


@cache
def application() -> Application:
    """The application as the environment describes it; called once in the init phase, which has the full CPU.

    Raises:
        ConfigurationError: the environment is incomplete or wrong.
    """
    limits = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
    return Application(
        settings=Settings.from_environment(),
        secrets=SecretStore(boto3.client("secretsmanager", config=limits)),
        transport=DeadlineTransport(),
    )
