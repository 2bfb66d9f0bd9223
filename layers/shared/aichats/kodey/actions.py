"""The models of Kodey's actions. Their fields and targets are described in :mod:`aichats.kodey.kinds` too."""

from typing import Literal

from aichats.kodey.models import Metadata, UserId
from aichats.models import MessageText, Request


class KodeyCreateChat(Request):
    """Create a chat and send its first message. A target is an agent."""

    type: Literal["kodey.create_chat"]
    message_text: MessageText
    user_id: UserId | None = None
    """The owner of the chat in Kodey. Without it, the chat gets a user id that only this run has."""
    metadata: Metadata | None = None


class KodeySendMessage(Request):
    """Send a message. A target is a chat."""

    type: Literal["kodey.send_message"]
    content: MessageText
