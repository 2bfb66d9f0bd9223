"""What can be done, as data: the actions of each provider, and for whom each is done."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from aichats.kodey.models import AgentId, KodeyChatId, Metadata, UserId
from aichats.models import MessageText, Request
from aichats.whop.models import ChatId, CompanyId, NewChat, NotificationPreference, UpdateAiChat

MAX_TARGETS = 1000


class WhopCreateChat(NewChat):
    """Create an AI chat. A target is a company, or ``None`` for none."""

    type: Literal["whop.create_chat"]
    notification_preference: NotificationPreference | None = None
    """A chat is created with notifications; ``none`` mutes it in a second call."""


class WhopUpdateChat(UpdateAiChat):
    """Change an AI chat. A target is a chat."""

    type: Literal["whop.update_chat"]

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.model_fields_set <= {"type"}:
            raise ValueError("changes nothing: give title, notification_preference or company_id")
        return self


class KodeyCreateChat(Request):
    """Create a chat and send its first message. A target is an agent."""

    type: Literal["kodey.create_chat"]
    message_text: MessageText
    user_id: UserId | None = None
    """Whose chat it is at Kodey. Without one the chat gets one of its own, by which it is found again."""
    metadata: Metadata | None = None


class KodeySendMessage(Request):
    """Send a message. A target is a chat."""

    type: Literal["kodey.send_message"]
    content: MessageText


type Action = Annotated[
    WhopCreateChat | WhopUpdateChat | KodeyCreateChat | KodeySendMessage, Field(discriminator="type")
]


@dataclass(frozen=True)
class Kind:
    """What is known of all actions of a type.

    Attributes:
        target: what a target must be, and in words.
        chat_id: what the id of its chat must be.
        slow: whether the provider takes minutes, so that it is only ever done from the queue for such.
    """

    target: TypeAdapter[str | None]
    target_in_words: str
    chat_id: TypeAdapter[str]
    slow: bool = False


ACTION_KINDS: dict[str, Kind] = {
    "whop.create_chat": Kind(TypeAdapter(CompanyId | None), "a company (biz_...) or null", TypeAdapter(ChatId)),
    "whop.update_chat": Kind(TypeAdapter(ChatId), "a chat (aich_...)", TypeAdapter(ChatId)),
    "kodey.create_chat": Kind(TypeAdapter(AgentId), "an agent's id", TypeAdapter(KodeyChatId), slow=True),
    "kodey.send_message": Kind(TypeAdapter(KodeyChatId), "a chat's id", TypeAdapter(KodeyChatId), slow=True),
}


_MODELS: dict[str, Any] = {
    "whop.create_chat": WhopCreateChat,
    "whop.update_chat": WhopUpdateChat,
    "kodey.create_chat": KodeyCreateChat,
    "kodey.send_message": KodeySendMessage,
}
ABRIDGED: dict[str, Action] = {name: model.model_construct(type=name) for name, model in _MODELS.items()}
"""Actions of which only the type is known: the rest is stored elsewhere and was not read."""


def check_targets(action: Action, targets: list[str | None]) -> None:
    """Check that the targets are of the action's kind.

    Raises:
        ValueError: one is not; says which.
    """
    kind = ACTION_KINDS[action.type]
    for index, target in enumerate(targets):
        try:
            kind.target.validate_python(target)
        except ValidationError:
            raise ValueError(f"item {index}: {action.type} needs {kind.target_in_words}") from None
