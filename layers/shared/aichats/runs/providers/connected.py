"""The providers of a function, each of which is built when the first run needs it.

The modules of a provider are imported when it is built, because they would slow the cold start of all other functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO

from aichats.aws.clients import aws_client
from aichats.whop.credentials import Credentials
from aichats.whop.renewal_requests import RenewalRequests
from aichats.whop.settings import WhopSettings

if TYPE_CHECKING:
    from aichats.aws.secrets import SecretStore
    from aichats.http import BaseTransport
    from aichats.runs.ledger.ledger import Ledger
    from aichats.runs.providers.kodey import KodeyProvider
    from aichats.runs.providers.provider import Provider
    from aichats.runs.providers.whop import WhopProvider
    from aichats.whop.attachments import FetchedAttachment


class ConnectedProviders(Mapping[str, "Provider"]):
    """The providers by their names. Safe to share between threads.

    Args:
        makers: the function that builds each provider, by the provider's name. It is called once.
    """

    def __init__(self, makers: Mapping[str, Callable[[], Provider]]) -> None:
        self._makers = makers
        self._built: dict[str, Provider] = {}
        self._lock = Lock()

    def __getitem__(self, name: str) -> Provider:
        """Return a provider.

        Raises:
            KeyError: there is no such provider.
            ConfigurationError: a variable of the provider is missing or invalid.
        """
        with self._lock:
            if name not in self._built:
                self._built[name] = self._makers[name]()
            return self._built[name]

    def __iter__(self) -> Iterator[str]:
        """Return the names."""
        return iter(self._makers)

    def __len__(self) -> int:
        """Return the number of providers."""
        return len(self._makers)


def connect(
    environment: Mapping[str, str], secrets: SecretStore, transport: BaseTransport, ledger: Ledger
) -> ConnectedProviders:
    """Return all providers by their names, with their settings from the environment.

    Raises:
        ConfigurationError: a variable of Whop is missing or invalid. The variables of Kodey are read at its first use.
    """
    settings = WhopSettings.from_environment(environment)

    def whop() -> WhopProvider:
        from aichats.runs.providers.whop import WhopProvider

        renewals = RenewalRequests(lambda: aws_client("lambda"), settings.refresh_tokens_function, secrets.clock)
        credentials = Credentials(secrets, settings.whop_secret, renewals.request)
        return WhopProvider(settings, credentials, transport, ledger, fetch)

    def fetch(attachment: FetchedAttachment, into: BinaryIO) -> str | None:
        from aichats.runs.providers.attachments import fetch_attachment

        return fetch_attachment(settings.attachments_bucket, attachment, into)

    def kodey() -> KodeyProvider:
        from aichats.kodey.settings import KodeySettings
        from aichats.runs.providers.kodey import KodeyProvider

        return KodeyProvider(KodeySettings.from_environment(environment), secrets, transport)

    providers = ConnectedProviders({"whop": whop, "kodey": kodey})
    if settings.refresh_tokens_function:
        # Such a function performs runs, and most runs are Whop's. The init phase has more CPU than the handler.
        providers.get("whop")
    return providers
