"""The action of a run as plain data. Its models are only needed for people's input, and to explain what is invalid.

To add a type of action, extend :data:`ACTION_TYPES`, the kinds of its provider, and the models in
:mod:`aichats.runs.action_models`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

from aichats.frozen import frozen
from aichats.message_text import MAX_STORED_MESSAGE_BYTES, check_message
from aichats.whop.kinds import WHOP_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

    from aichats.action_kinds import ActionKind

MAX_TARGETS = 1000
ACTION_TYPES = ("whop.create_chat", "whop.update_chat", "kodey.create_chat", "kodey.send_message")


@frozen
class Action:
    """An action. In a model, it is the type of a field that accepts the models of all actions.

    Attributes:
        type: the type, such as ``whop.create_chat``.
        fields: the fields that are set, as decoded JSON, in the order of the kind and without the type.
    """

    type: str
    fields: Mapping[str, Any] = field(hash=False)

    @property
    def provider(self) -> str:
        """The name of the provider: ``whop`` or ``kodey``."""
        return self.type.partition(".")[0]

    @property
    def kind(self) -> ActionKind:
        """The properties that all actions of this type share."""
        return kind_of(self.type)

    @property
    def message(self) -> str | None:
        """The text of the message; ``None`` if the action sends none, or if its fields are not known."""
        return self.fields.get(self.kind.message or "")

    @property
    def title(self) -> str | None:
        """The title of the chat, if the action sets one."""
        return self.fields.get("title")

    def as_json(self) -> dict[str, Any]:
        """Return the type and the fields that are set, in the order of the kind."""
        whole = {"type": self.type, **self.fields}
        return {name: whole[name] for name in self.kind.fields if name in whole}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of the models of all actions. Pydantic calls this for a field of this type."""
        from aichats.runs.action_models import action_schema

        return action_schema(handler)


ABRIDGED = {name: Action(name, {}) for name in ACTION_TYPES}
"""Actions with nothing but their type, for rows that have only the key of their action."""


def kind_of(action_type: str) -> ActionKind:
    """Return the kind of a type in :data:`ACTION_TYPES`.

    Raises:
        KeyError: there is no such type.
    """
    if action_type.startswith("kodey."):
        # Few runs need Kodey, and each module slows the cold start.
        from aichats.kodey.kinds import KODEY_KINDS

        return KODEY_KINDS[action_type]
    return WHOP_KINDS[action_type]


def quick_action(data: object, *, max_message_bytes: int, stored: bool = False) -> Action | None:
    """Return decoded JSON as an action if it is certainly valid; ``None`` if the models must decide.

    Args:
        data: the decoded JSON.
        max_message_bytes: the maximum size of the message in bytes of UTF-8.
        stored: whether the action was valid when it was stored, so that its message is not checked for visibility.
    """
    if not isinstance(data, dict) or data.get("type") not in ACTION_TYPES:
        return None
    kind = kind_of(data["type"])
    if not data.keys() <= kind.fields.keys() or not all(kind.fields[name](value) for name, value in data.items()):
        return None
    fields = {name: data[name] for name in kind.fields if name in data and name != "type"}
    if not kind.fits(fields):
        return None
    if kind.message is not None and not _is_message(fields.get(kind.message, ""), max_message_bytes, stored=stored):
        return None
    return Action(data["type"], fields)


def _is_message(text: str, limit: int, *, stored: bool) -> bool:
    try:
        check_message(text, limit, stored=stored)
    except ValueError:
        return False
    return True


def to_json(action: Action) -> str:
    """Return an action as it is stored."""
    return json.dumps(action.as_json(), ensure_ascii=False, separators=(",", ":"))


def read_action(text: str, owner: str) -> Action:
    """Return a stored action.

    Raises:
        UnreadableError: this version of the code cannot read the action. The error names ``owner``, such as
            ``run <id>``.
    """
    data = json.loads(text)
    action = quick_action(data, max_message_bytes=MAX_STORED_MESSAGE_BYTES, stored=True)
    if action is not None:
        return action
    from aichats.runs.action_models import read_stored_action

    return read_stored_action(data, owner)


def check_targets(action: Action, targets: Iterable[str | None]) -> None:
    """Check that an action accepts the targets.

    Raises:
        ValueError: a target is invalid. The message names the first such target.
    """
    kind = action.kind
    for index, target in enumerate(targets):
        if not kind.accepts_target(target):
            raise ValueError(f"item {index}: {action.type} needs {kind.target_in_words}")
