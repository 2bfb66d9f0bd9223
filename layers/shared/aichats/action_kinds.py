"""The kinds of actions, and quick checks of their fields without models.

A check accepts only values that are certainly valid. The models of the actions decide about all other values.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from aichats.json_types import Json

type Check = Callable[[Any], bool]
"""Returns whether a decoded JSON value is certainly valid, so that its model accepts it and does not change it."""


class ActionKind:
    """The properties that all actions of one type share.

    Args:
        fields: the names of all fields, in the order of the model, each with its check.
        message: the name of the field with the message; ``None`` if there is no message.
        target: the pattern of a target.
        target_in_words: describes a valid target.
        chat_id: the pattern of the id of the chat that the action creates or changes.
        optional_target: whether a target may be ``None``.
        fits: returns whether fields that are valid on their own are certainly valid together.
        slow: whether the provider takes minutes; if so, the action is only performed from the slow queue.
    """

    # No dataclass, because generating its methods takes longer than importing a module.
    def __init__(
        self,
        fields: Mapping[str, Check],
        message: str | None,
        *,
        target: str,
        target_in_words: str,
        chat_id: str,
        optional_target: bool = False,
        fits: Callable[[Json], bool] = bool,
        slow: bool = False,
    ) -> None:
        self.fields, self.message, self.fits, self.slow = fields, message, fits, slow
        self.target_in_words = target_in_words
        self._target, self._optional_target, self._chat_id = target, optional_target, chat_id

    def accepts_target(self, target: str | None) -> bool:
        """Return whether a target is valid."""
        return self._optional_target if target is None else re.fullmatch(self._target, target) is not None

    def accepts_chat_id(self, chat_id: str) -> bool:
        """Return whether an id is the id of a chat that such an action creates or changes."""
        return re.fullmatch(self._chat_id, chat_id) is not None


def bounded_text(maximum: int | None = None, minimum: int = 1) -> Check:
    """Return the check of a text with ``minimum`` to ``maximum`` characters."""

    def is_text(value: Any) -> bool:
        return isinstance(value, str) and minimum <= len(value) <= (maximum or len(value)) and _is_unicode(value)

    return is_text


def one_of(*values: str) -> Check:
    """Return the check of a text that is one of several."""
    return lambda value: isinstance(value, str) and value in values


def matching(pattern: str) -> Check:
    """Return the check of a text that matches a pattern, which is compiled at its first use."""
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def optional(check: Check) -> Check:
    """Return the check of a value that may be ``None``."""
    return lambda value: value is None or check(value)


def _is_unicode(value: str) -> bool:
    """Return whether a text has no half of a surrogate pair."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
