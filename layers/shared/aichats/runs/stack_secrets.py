"""The secrets of the stack.

To add a provider, extend :data:`SECRETS`, :func:`aichats.runs.providers.connected.connect`, and its actions in
:mod:`aichats.runs.action`.
"""

from collections.abc import Mapping
from typing import Any

from aichats.aws.secrets import SecretKind
from aichats.frozen import frozen
from aichats.kodey.credentials import KODEY_SECRET, KodeySecret
from aichats.records import Record
from aichats.whop.connections import CONNECTION, DEFAULT_CONNECTION
from aichats.whop.credentials import WEBHOOK_SECRET, WHOP_SECRET, WebhookSecret, WhopSecret


@frozen
class SecretForm:
    """A secret of the stack whose value you store with ``aichats admin secret set``.

    Attributes:
        model: the record of the secret's content.
        prompt: the text that asks for the value.
        kind: the kind for the secret store.
    """

    model: type[Record]
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
