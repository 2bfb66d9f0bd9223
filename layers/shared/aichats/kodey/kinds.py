"""The kinds of Kodey's actions, with quick checks of their fields."""

from typing import Any

from aichats.action_kinds import ActionKind, bounded_text, optional

ID_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9._:-]{0,199}$"
"""The pattern of Kodey's ids. Their characters need no quoting in a path, and no id is ``.`` or ``..``."""
MAX_USER_ID_CHARACTERS = 256

_is_text, _is_short = bounded_text(), bounded_text(MAX_USER_ID_CHARACTERS)


def _is_user_id(value: Any) -> bool:
    return _is_short(value) and value.isprintable()


KODEY_KINDS = {
    "kodey.create_chat": ActionKind(
        fields={
            "type": _is_text,
            "message_text": _is_text,
            "user_id": optional(_is_user_id),
            # Metadata has rules of its own, so its model checks it.
            "metadata": lambda value: value is None or value == {},
        },
        message="message_text",
        target=ID_PATTERN,
        target_in_words="an agent's id",
        chat_id=ID_PATTERN,
        slow=True,
    ),
    "kodey.send_message": ActionKind(
        fields={"type": _is_text, "content": _is_text},
        message="content",
        target=ID_PATTERN,
        target_in_words="a chat's id",
        chat_id=ID_PATTERN,
        slow=True,
    ),
}
"""The kinds by the types of their actions. The fields of a kind are those of its model in :mod:`aichats.kodey.actions`,
in the same order."""
