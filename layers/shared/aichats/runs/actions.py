"""The registry of providers: the actions of each, its secrets, and how the code connects to it.

A new provider gets one entry in :data:`PROVIDERS`, and its actions a place in :data:`Action`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import BaseModel, Field, ValidationError

from aichats.aws.secrets import SecretKind
from aichats.kodey.actions import KODEY_ACTIONS, KodeyCreateChat, KodeySendMessage
from aichats.kodey.credentials import KODEY_SECRET, KodeySecret
from aichats.models import ActionKind
from aichats.whop.actions import WHOP_ACTIONS, WhopCreateChat, WhopUpdateChat
from aichats.whop.credentials import WEBHOOK_SECRET, WHOP_SECRET, WebhookSecret, WhopSecret

if TYPE_CHECKING:
    from aichats.runs.providers.port import Provider

__all__ = ["KodeyCreateChat", "KodeySendMessage", "WhopCreateChat", "WhopUpdateChat"]

MAX_TARGETS = 1000

type Action = Annotated[
    WhopCreateChat | WhopUpdateChat | KodeyCreateChat | KodeySendMessage, Field(discriminator="type")
]


@dataclass(frozen=True)
class SecretForm:
    """A secret of the stack that people fill with ``make secret``.

    Attributes:
        model: its content.
        prompt: the question for its value.
        kind: reads it from Secrets Manager.
    """

    model: type[BaseModel]
    prompt: str
    kind: SecretKind[Any]


@dataclass(frozen=True)
class Registration:
    """A provider, as the rest of aichats knows it.

    Attributes:
        actions: the kind of each action, by the action's type.
        secrets: its secrets, by the name that ``make secret`` takes. The variable ``<NAME>_SECRET`` names the secret.
        connect: returns the provider for an environment, a SecretStore, a transport and a Ledger. It imports the
            provider's code, which imports this module.
    """

    actions: Mapping[str, ActionKind]
    secrets: Mapping[str, SecretForm]
    connect: Callable[..., "Provider"]


def _whop(*connection: Any) -> "Provider":
    from aichats.runs.providers.whop import WhopProvider

    return WhopProvider.connect(*connection)


def _kodey(*connection: Any) -> "Provider":
    from aichats.runs.providers.kodey import KodeyProvider

    return KodeyProvider.connect(*connection)


PROVIDERS: dict[str, Registration] = {
    "whop": Registration(
        WHOP_ACTIONS,
        {
            "whop": SecretForm(WhopSecret, "Whop API key", WHOP_SECRET),
            "webhook": SecretForm(WebhookSecret, "Whop webhook secret (ws_...)", WEBHOOK_SECRET),
        },
        _whop,
    ),
    "kodey": Registration(KODEY_ACTIONS, {"kodey": SecretForm(KodeySecret, "Kodey API key", KODEY_SECRET)}, _kodey),
}
ACTION_KINDS = {type_: kind for provider in PROVIDERS.values() for type_, kind in provider.actions.items()}
SECRETS = {name: secret for provider in PROVIDERS.values() for name, secret in provider.secrets.items()}
_TYPES: dict[str, dict[str, Any]] = {type_: {"type": type_} for type_ in ACTION_KINDS}
ABRIDGED: dict[str, Action] = {
    type_: cast("Action", kind.model.model_construct(**_TYPES[type_])) for type_, kind in ACTION_KINDS.items()
}
"""Actions of which only the type is known: the row says no more, and their item was not read."""


def check_targets(action: Action, targets: list[str | None]) -> None:
    """Check that the targets are of the action's kind.

    Raises:
        ValueError: one is not; names the first.
    """
    kind = ACTION_KINDS[action.type]
    for index, target in enumerate(targets):
        try:
            kind.target.validate_python(target)
        except ValidationError:
            raise ValueError(f"item {index}: {action.type} needs {kind.target_in_words}") from None
