"""Requests to Whop, which reject unknown fields, and Whop's replies, which keep them.

The models have aichats' own field names (``company_id``, ``attachments``). :mod:`aichats.whop.client` sends the names
of the API version.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from aichats.models import MessageText, OrElse, ProviderReply, Request, Truth, WholeNumber
from aichats.whop.chats import MAX_ID_CHARACTERS
from aichats.whop.kinds import (
    CHAT_PATTERN,
    COMPANY_PATTERN,
    FILE_PATTERN,
    MAX_ATTACHMENTS,
    MAX_SUGGESTION_CHARACTERS,
    MAX_TITLE_CHARACTERS,
)

type CompanyId = Annotated[
    str,
    Field(pattern=COMPANY_PATTERN, examples=["biz_XXXXX"]),
    OrElse("is not the id of a company (biz_...)"),
]
type ChatId = Annotated[
    str,
    Field(pattern=CHAT_PATTERN, examples=["aich_xxxxxxxxxxxxx"]),
    OrElse("is not the id of a chat (aich_...)"),
]
type FileId = Annotated[
    str,
    Field(pattern=FILE_PATTERN, examples=["file_xxxxxxxxxxxxx"]),
    OrElse("is not the id of a file (file_...)"),
]
type Filename = Annotated[
    str,
    Field(pattern=r"^[^/\\\x00-\x1f\x7f]{1,255}$", examples=["report.pdf"]),
    OrElse("is not the name of a file: use 1 to 255 characters without a slash, such as report.pdf"),
]
type Title = Annotated[str, Field(min_length=1, max_length=MAX_TITLE_CHARACTERS)]
type NotificationPreference = Literal["all", "none"]
type Cursor = Annotated[str, Field(min_length=1, max_length=1000)]
type PageSize = Annotated[int, Field(ge=1, le=100), WholeNumber]
type AgentIdentifier = Literal["general", "support"]


class NewChat(Request):
    """A request to create an AI chat, without its company and its attachments."""

    message_text: MessageText
    title: Title | None = None
    message_source: Literal["manual", "suggestion", "link"] | None = None
    suggestion_type: Annotated[str, Field(min_length=1, max_length=MAX_SUGGESTION_CHARACTERS)] | None = None
    agent_identifier: AgentIdentifier | None = None

    @field_validator("suggestion_type")
    @classmethod
    def _goes_with_suggestion(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("message_source") != "suggestion":
            raise ValueError('is only allowed with message_source "suggestion"')
        return value


class CreateAiChat(NewChat):
    """A request to create an AI chat for a company, or for no company."""

    attachments: Annotated[list[FileId], Field(max_length=MAX_ATTACHMENTS)] | None = None
    company_id: CompanyId | None = None


class UpdateAiChat(Request):
    """Changes to an AI chat. A field that is not set stays unchanged; ``None`` clears a field."""

    title: Title | None = None
    notification_preference: NotificationPreference | None = None
    company_id: CompanyId | None = None


class ListAiChats(Request):
    """A request for one page of the list of chats."""

    after: Cursor | None = None
    before: Cursor | None = None
    first: PageSize | None = None
    last: PageSize | None = None
    only_active_crons: Annotated[bool, Truth] | None = None
    agent_identifier: AgentIdentifier | None = None

    @field_validator("last")
    @classmethod
    def _not_both(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and info.data.get("first") is not None:
            raise ValueError("can't be used together with first: remove one of them")
        return value


class User(ProviderReply):
    """The owner of a chat."""

    id: str


class AiChat(ProviderReply):
    """An AI chat of Whop."""

    id: str
    title: str | None
    notification_preference: str
    message_count: int
    blended_token_usage: Decimal
    """A number that Whop sends as a string. A Decimal keeps its digits."""
    created_at: datetime
    updated_at: datetime
    last_message_at: datetime | None
    user: User
    agent_identifier: str | None = None
    """Missing before API version 2026-09-15."""


class NextPage(ProviderReply):
    """The cursor of the next page."""

    end_cursor: str | None = None
    has_next_page: bool


class PageInfo(NextPage):
    """The position of a page in its list."""

    start_cursor: str | None = None
    has_previous_page: bool = False


class AiChatPage(ProviderReply):
    """A page of a list."""

    data: list[AiChat]
    page_info: PageInfo


def _text_if_short(value: object) -> object:
    return value if isinstance(value, str) and len(value) <= MAX_ID_CHARACTERS else None


def _text(value: object) -> object:
    return value if isinstance(value, str) else None


class TitledChat(ProviderReply):
    """The fields by which aichats finds a chat. Other fields are not read, so they can't make the chat unreadable."""

    id: Annotated[str | None, BeforeValidator(_text_if_short)] = None
    title: Annotated[str | None, BeforeValidator(_text)] = None


class TitledPage(ProviderReply):
    """A page of a list with the ids and titles of its chats."""

    data: list[Any]
    page_info: NextPage

    @property
    def chats(self) -> list[TitledChat]:
        """The chats of the page."""
        return [TitledChat.model_validate(chat) for chat in self.data if isinstance(chat, dict)]
