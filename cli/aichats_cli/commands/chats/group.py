"""The group of commands, and the options that its commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aichats_cli.groups import new_group

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aichats_cli.models import AiChat, Chat, ChatWithMessages
    from aichats_cli.session import Session

app = new_group("Create, list, mute and delete chats.")

OneChat = Annotated[str, typer.Argument(metavar="CHAT", help="The ID of the chat. Those of Whop begin with aich_.")]
Kodey = Annotated[bool, typer.Option("--kodey", help="At Kodey instead of Whop; --for is then an agent.")]
User = Annotated[str | None, typer.Option(metavar="USER_ID", help="The user at Kodey.")]


def is_muted(chat: Mapping[str, object]) -> bool:
    """Return whether a chat of Whop is muted."""
    return chat["notification_preference"] == "none"


def fields_of_chat(session: Session, chat: AiChat) -> Mapping[str, object]:
    """Return what people read about a chat of Whop."""
    return {
        "id": chat["id"],
        "title": chat["title"],
        "muted": is_muted(chat),
        "messages": chat["message_count"],
        "last message": session.when(chat["last_message_at"]),
        "created": session.when(chat["created_at"]),
        "updated": session.when(chat["updated_at"]),
        "tokens": chat["blended_token_usage"],
        "user": chat["user"]["id"],
        "agent": chat.get("agent_identifier"),
    }


def fields_of_kodey_chat(session: Session, chat: Chat | ChatWithMessages) -> Mapping[str, object]:
    """Return what people read about a chat of Kodey."""
    return {
        "id": chat["id"],
        "agent": chat["agentId"],
        "user": chat.get("userId"),
        "created": session.when(chat["createdAt"]),
    }
