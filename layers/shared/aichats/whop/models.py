"""What goes to Whop and what comes back. Requests forbid unknown fields; replies keep them.

Field names are ours here (``company_id``, ``attachments``); :mod:`aichats.whop.client` puts them
on the wire as the API version wants them.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from aichats.models import MessageText, OrElse, Reply, Request, Truth, WholeNumber

MAX_ID_CHARACTERS = 255

type CompanyId = Annotated[
    str,
    Field(pattern=r"^biz_[A-Za-z0-9_-]{1,100}$", examples=["biz_XXXXX"]),
    OrElse("is not the id of a company (biz_...)"),
]
type ChatId = Annotated[
    str,
    Field(pattern=r"^aich_[A-Za-z0-9_-]{1,100}$", examples=["aich_xxxxxxxxxxxxx"]),
    OrElse("is not the id of a chat (aich_...)"),
]
type FileId = Annotated[
    str,
    Field(pattern=r"^file_[A-Za-z0-9_-]{1,100}$", examples=["file_xxxxxxxxxxxxx"]),
    OrElse("is not the id of a file (file_...)"),
]
type Title = Annotated[str, Field(min_length=1, max_length=500)]
type NotificationPreference = Literal["all", "none"]
type Cursor = Annotated[str, Field(min_length=1, max_length=1000)]
type PageSize = Annotated[int, Field(ge=1, le=100), WholeNumber]
type AgentIdentifier = Literal["general", "support"]


class NewChat(Request):
    """An AI chat to be created, without its company."""

    message_text: MessageText
    title: Title | None = None
    attachments: Annotated[list[FileId], Field(max_length=20)] | None = None
    message_source: Literal["manual", "suggestion", "link"] | None = None
    suggestion_type: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    agent_identifier: AgentIdentifier | None = None

    @field_validator("suggestion_type")
    @classmethod
    def _goes_with_suggestion(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("message_source") != "suggestion":
            raise ValueError('goes only with message_source "suggestion"')
        return value


class CreateAiChat(NewChat):
    """An AI chat to be created, in the context of a company or of none."""

    company_id: CompanyId | None = None


class UpdateAiChat(Request):
    """Changes to an AI chat. What is not set stays as it is; what is set to ``None`` is cleared."""

    title: Title | None = None
    notification_preference: NotificationPreference | None = None
    company_id: CompanyId | None = None


class ListAiChats(Request):
    """Which page of the list of chats."""

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
            raise ValueError("first and last contradict each other: give one")
        return value


class User(Reply):
    """Whose chat it is."""

    id: str


class AiChat(Reply):
    """An AI chat as Whop has it."""

    id: str
    title: str | None
    notification_preference: str
    message_count: int
    blended_token_usage: Decimal
    """Whop sends a number in a string. Decimal, because a float would change its digits."""
    created_at: datetime
    updated_at: datetime
    last_message_at: datetime | None
    user: User
    agent_identifier: str | None = None
    """Absent before API version 2026-09-15."""


class PageInfo(Reply):
    """Where a page of a list stands."""

    start_cursor: str | None = None
    end_cursor: str | None = None
    has_next_page: bool
    has_previous_page: bool = False


class AiChatPage(Reply):
    """A page of a list."""

    data: list[AiChat]
    page_info: PageInfo


def _text_if_short(value: object) -> object:
    return value if isinstance(value, str) and len(value) <= MAX_ID_CHARACTERS else None


def _text(value: object) -> object:
    return value if isinstance(value, str) else None


class TitledChat(Reply):
    """What a chat is found by. Nothing else of it is read, so nothing else of it can be unreadable."""

    id: Annotated[str | None, BeforeValidator(_text_if_short)] = None
    title: Annotated[str | None, BeforeValidator(_text)] = None


class NextPage(Reply):
    """Where a list goes on."""

    end_cursor: str | None = None
    has_next_page: bool


class TitledPage(Reply):
    """A page of a list, as far as ids and titles go."""

    data: list[Any]
    page_info: NextPage

    @property
    def chats(self) -> list[TitledChat]:
        """The chats of the page."""
        return [TitledChat.model_validate(chat) for chat in self.data if isinstance(chat, dict)]
