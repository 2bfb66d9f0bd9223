"""Whop and Kodey as providers that need no secret."""

from collections.abc import Callable
from dataclasses import field
from typing import BinaryIO

from aichats.aws.secrets import SecretStore
from aichats.frozen import frozen
from aichats.http.tokens import Token
from aichats.kodey.client import KodeyClient
from aichats.kodey.credentials import KODEY_SECRET
from aichats.kodey.settings import KodeySettings
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.rows import Row
from aichats.runs.providers.attachments import FetchFile
from aichats.runs.providers.kodey import KodeyProvider
from aichats.runs.providers.whop import WhopProvider
from aichats.whop.attachments import FetchedAttachment
from aichats.whop.client import WhopClient
from aichats.whop.credentials import Credential, Credentials
from aichats.whop.settings import WhopSettings
from tests.support.fakes import FakeSecretsManager, ScriptedTransport

NO_SECRETS = SecretStore(FakeSecretsManager({}))

type WhopFor = Callable[[str | None, str], WhopClient]
"""Returns the client for a company (or ``None``) and an API version."""


@frozen
class FakeWhopProvider(WhopProvider):
    """Whop with clients of the test."""

    client_for: WhopFor = field(kw_only=True)
    rotating: bool = False

    def client(self, company_id: str | None = None, api_version: str = "") -> WhopClient:
        return self.client_for(company_id, api_version)

    def client_with(self, credential: Credential, api_version: str = "") -> WhopClient:
        return self.client_for(credential.company_id, api_version)

    def credential(self, _row: Row) -> str:
        return "default"

    def may_recover(self, _row: Row) -> bool:
        return self.rotating


@frozen
class FakeKodeyProvider(KodeyProvider):
    """Kodey with a client of the test."""

    make_client: Callable[[], KodeyClient] = field(kw_only=True)

    @property
    def client(self) -> KodeyClient:
        return self.make_client()

    def calls_per_minute(self) -> int:
        return 1000

    def may_recover(self, _row: Row) -> bool:
        return False


def nothing_to_fetch(attachment: FetchedAttachment, _into: BinaryIO) -> str | None:
    """Fail the test: its runs have no attachments that must be fetched."""
    raise AssertionError(f"unexpected attachment {attachment}")


def no_renewal(connection: str, rejected: str | None) -> None:
    """Fail the test: it has no connection to renew."""
    raise AssertionError(f"unexpected renewal of {connection} ({rejected})")


def credentials_in(store: SecretStore, name: str) -> Credentials:
    """Return Whop's credentials in a store, none of which needs a renewal."""
    return Credentials(store, name, no_renewal)


def whop_token(store: SecretStore, name: str, company_id: str | None) -> Token:
    """Return a function that returns Whop's token for a company."""
    credentials = credentials_in(store, name)
    return credentials.token(credentials.of_company(company_id))


def kodey_token(store: SecretStore, name: str) -> Token:
    """Return a function that returns Kodey's key."""
    return store.token(name, KODEY_SECRET, lambda secret: secret.api_key)


def whop_provider(ledger: Ledger, client_for: WhopFor, fetch: FetchFile = nothing_to_fetch) -> FakeWhopProvider:
    """Return Whop, whose calls may take 20 seconds."""
    settings = WhopSettings(whop_base_url="https://whop.invalid/api/v1", whop_api_version="2026-07-08-1")
    return FakeWhopProvider(
        settings, credentials_in(NO_SECRETS, "no-secret"), ScriptedTransport(), ledger, fetch, client_for=client_for
    )


def kodey_provider(client: Callable[[], KodeyClient], settle_seconds: int, answer_seconds: float) -> FakeKodeyProvider:
    """Return Kodey, whose calls may take 20 seconds, with these limits."""
    settings = KodeySettings(
        kodey_base_url="https://kodey.invalid", kodey_settle_seconds=settle_seconds, kodey_answer_seconds=answer_seconds
    )
    return FakeKodeyProvider(settings, NO_SECRETS, ScriptedTransport(), make_client=client)
