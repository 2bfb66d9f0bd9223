"""Whop's chats as the answers to calls show them. They are read without a model if possible."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from aichats.http.answers import ProviderAnswer, known_fields, read_answer
from aichats.http.plain_answers import (
    PlainAnswer,
    decimal_text,
    list_of,
    object_with,
    plain_text,
    plain_text_or_none,
    read_plainly,
    time_text,
    time_text_or_none,
    whole_number,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_ID_CHARACTERS = 255
"""The maximum length of a chat's id in a list. A longer id counts as missing."""


def _user(value: Any) -> dict[str, Any]:
    return object_with(value, {"id": plain_text})


# In the order of the fields of the model AiChat.
_FIELDS = {
    "id": plain_text,
    "title": plain_text_or_none,
    "notification_preference": plain_text,
    "message_count": whole_number,
    "blended_token_usage": decimal_text,
    "created_at": time_text,
    "updated_at": time_text,
    "last_message_at": time_text_or_none,
    "user": _user,
}
_OPTIONAL_FIELDS = {"agent_identifier": plain_text_or_none}


class WhopChat(PlainAnswer):
    """An AI chat of Whop. ``AiChat`` in :mod:`aichats.whop.models` describes its fields."""


class PageOfTitles:
    """A page of the list of chats.

    Args:
        titles: the id and the title of each chat. An id of more than 255 characters counts as missing.
        has_next_page: whether the list has another page.
        end_cursor: the cursor of the next page.
    """

    def __init__(
        self, titles: Sequence[tuple[str | None, str | None]], *, has_next_page: bool, end_cursor: str | None
    ) -> None:
        self.titles, self.has_next_page, self.end_cursor = titles, has_next_page, end_cursor


def read_chat(answer: ProviderAnswer) -> WhopChat:
    """Return the chat in an answer.

    Raises:
        ProtocolError: the answer can't be read. The error has the ``chat_id`` if possible.
    """

    def plain(body: Any) -> WhopChat:
        return WhopChat(object_with(body, _FIELDS, _OPTIONAL_FIELDS), body)

    def by_model() -> WhopChat:
        from aichats.whop.models import AiChat

        chat = read_answer(AiChat, answer, chat_id=_chat_id(answer.content))
        return WhopChat(known_fields(chat, AiChat), chat.model_dump(mode="json", exclude_unset=True))

    return read_plainly(answer, plain, by_model)


def read_titles(answer: ProviderAnswer) -> PageOfTitles:
    """Return the page of the list of chats in an answer.

    Raises:
        ProtocolError: the answer can't be read. A chat in it never makes it unreadable.
    """

    def by_model() -> PageOfTitles:
        from aichats.whop.models import TitledPage

        page = read_answer(TitledPage, answer)
        titles = [(chat.id, chat.title) for chat in page.chats]
        info = page.page_info
        return PageOfTitles(titles, has_next_page=info.has_next_page, end_cursor=info.end_cursor)

    return read_plainly(answer, _titles, by_model)


def _titles(body: Any) -> PageOfTitles:
    page = object_with(body, {"data": list_of, "page_info": _page_info})
    titles = [(_short(chat.get("id")), _title(chat.get("title"))) for chat in page["data"] if type(chat) is dict]
    info = page["page_info"]
    return PageOfTitles(titles, has_next_page=info["has_next_page"], end_cursor=info.get("end_cursor"))


def _page_info(value: Any) -> dict[str, Any]:
    return object_with(value, {"has_next_page": _truth}, {"end_cursor": plain_text_or_none})


def _truth(value: Any) -> bool:
    if type(value) is not bool:
        raise TypeError("neither true nor false")
    return value


def _short(value: Any) -> str | None:
    return value if type(value) is str and len(value) <= MAX_ID_CHARACTERS else None


def _title(value: Any) -> str | None:
    return value if type(value) is str else None


def _chat_id(content: bytes) -> str | None:
    match = re.search(rb'"id"\s*:\s*"(aich_[A-Za-z0-9_-]{1,100})"', content)
    return match.group(1).decode() if match else None
