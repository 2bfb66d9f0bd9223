"""The registry of providers: their secrets, and the objects that perform the actions.

To add a provider, extend :data:`SECRETS` and :func:`connect`, and its actions in :mod:`aichats.runs.action`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from aichats.aws.clients import aws_client
from aichats.aws.secrets import SecretKind, SecretStore
from aichats.http import BaseTransport
from aichats.kodey.credentials import KODEY_SECRET, KodeySecret
from aichats.kodey.settings import KodeySettings
from aichats.whop.connections import CONNECTION, DEFAULT_CONNECTION
from aichats.whop.credentials import WEBHOOK_SECRET, WHOP_SECRET, Credentials, WebhookSecret, WhopSecret
from aichats.whop.renewal_requests import RenewalRequests
from aichats.whop.settings import WhopSettings

if TYPE_CHECKING:
    from aichats.runs.ledger.ledger import Ledger
    from aichats.runs.providers.port import Provider


@dataclass(frozen=True)
class SecretForm:
    """A secret of the stack whose value you store with ``aichats admin secret set``.

    Attributes:
        model: the model of the secret's content.
        prompt: the text that asks for the value.
        kind: the kind for the secret store.
    """

    model: type[BaseModel]
    prompt: str
    kind: SecretKind[Any]


SECRETS: dict[str, SecretForm] = {
    "whop": SecretForm(WhopSecret, "Whop API key", WHOP_SECRET),
    "webhook": SecretForm(WebhookSecret, "Whop webhook secret (ws_...)", WEBHOOK_SECRET),
    "kodey": SecretForm(KodeySecret, "Kodey API key", KODEY_SECRET),
}
"""The secrets by their names for ``aichats admin secret set``.

The variable ``<NAME>_SECRET`` has the name in Secrets Manager.
"""


def connect(
    environment: Mapping[str, str], secrets: SecretStore, transport: BaseTransport, ledger: "Ledger"
) -> "dict[str, Provider]":
    """Return all providers by their names, with their settings from the environment.

    The modules of the providers are imported here, because they import this module.

    Raises:
        ConfigurationError: a variable is missing or invalid.
    """
    from aichats.runs.providers.attachments import fetch_attachment
    from aichats.runs.providers.kodey import KodeyProvider
    from aichats.runs.providers.whop import WhopProvider

    whop = WhopSettings.from_environment(environment)
    renewals = RenewalRequests(lambda: aws_client("lambda"), whop.refresh_tokens_function, secrets.clock)
    credentials = Credentials(secrets, whop.whop_secret, renewals.request)
    providers: list[Provider] = [
        WhopProvider(whop, credentials, transport, ledger, partial(fetch_attachment, whop.attachments_bucket)),
        KodeyProvider(KodeySettings.from_environment(environment), secrets, transport),
    ]
    return {provider.name: provider for provider in providers}


def first_secrets(environment: Mapping[str, str]) -> dict[str, SecretKind[Any]]:
    """Return the secrets that most invocations of a function need: those of its first provider, with their kinds.

    A function that can't ask for the renewal of a connection performs no run, so it rarely needs Whop's secrets.
    """
    performs = bool(environment.get("REFRESH_TOKENS_FUNCTION"))
    for name, secret in SECRETS.items():
        if (secret_name := environment.get(f"{name.upper()}_SECRET")) and (performs or name != "whop"):
            connection = {f"{secret_name}/{DEFAULT_CONNECTION}": CONNECTION} if name == "whop" else {}
            return {secret_name: secret.kind, **connection}
    return {}
