"""The models of Whop's actions. Their fields and targets are described in :mod:`aichats.whop.kinds` too."""

from typing import Literal, Self

from pydantic import model_validator

from aichats.whop.attachments import Attachments
from aichats.whop.models import NewChat, NotificationPreference, UpdateAiChat


class WhopCreateChat(NewChat):
    """Create an AI chat. A target is a company, or ``None`` for no company."""

    type: Literal["whop.create_chat"]
    attachments: Attachments | None = None
    notification_preference: NotificationPreference | None = None
    """The preference of the new chat. Whop creates chats with notifications, so ``none`` needs a second call."""
    await_reply: bool = False
    """True: after the create, aichats watches the chat until the agent replies. Whop never gets this field."""


class WhopUpdateChat(UpdateAiChat):
    """Change an AI chat. A target is a chat."""

    type: Literal["whop.update_chat"]

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.model_fields_set <= {"type"}:
            raise ValueError("changes nothing: set title, notification_preference or company_id")
        return self
