"""The kinds of Whop's actions, with quick checks of their fields."""

from typing import Any

from aichats.action_kinds import ActionKind, bounded_text, matching, one_of, optional
from aichats.json_types import Json

COMPANY_PATTERN = r"^biz_[A-Za-z0-9_-]{1,100}$"
CHAT_PATTERN = r"^aich_[A-Za-z0-9_-]{1,100}$"
FILE_PATTERN = r"^file_[A-Za-z0-9_-]{1,100}$"
MAX_TITLE_CHARACTERS = 500
MAX_SUGGESTION_CHARACTERS = 200
MAX_ATTACHMENTS = 20

_is_file_id = matching(FILE_PATTERN)
_title, _preference = optional(bounded_text(MAX_TITLE_CHARACTERS)), optional(one_of("all", "none"))


def _are_files_of_whop(value: Any) -> bool:
    # Files that aichats must fetch are rare, and their models have many rules.
    return isinstance(value, list) and len(value) <= MAX_ATTACHMENTS and all(map(_is_file_id, value))


def _suggests_if_it_says_so(fields: Json) -> bool:
    return fields.get("suggestion_type") is None or fields.get("message_source") == "suggestion"


WHOP_KINDS = {
    "whop.create_chat": ActionKind(
        fields={
            "message_text": bounded_text(),
            "title": _title,
            "message_source": optional(one_of("manual", "suggestion", "link")),
            "suggestion_type": optional(bounded_text(MAX_SUGGESTION_CHARACTERS)),
            "agent_identifier": optional(one_of("general", "support")),
            "type": bounded_text(),
            "attachments": optional(_are_files_of_whop),
            "notification_preference": _preference,
            "await_reply": lambda value: isinstance(value, bool),
        },
        message="message_text",
        target=COMPANY_PATTERN,
        target_in_words="a company (biz_...) or null",
        optional_target=True,
        chat_id=CHAT_PATTERN,
        fits=_suggests_if_it_says_so,
    ),
    "whop.update_chat": ActionKind(
        fields={
            "title": _title,
            "notification_preference": _preference,
            "company_id": optional(matching(COMPANY_PATTERN)),
            "type": bounded_text(),
        },
        message=None,
        target=CHAT_PATTERN,
        target_in_words="a chat (aich_...)",
        chat_id=CHAT_PATTERN,
    ),
}
"""The kinds by the types of their actions. The fields of a kind are those of its model in :mod:`aichats.whop.actions`,
in the same order."""
