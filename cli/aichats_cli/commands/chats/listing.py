"""`aichats chats list`, `show` and `messages`."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from aichats_cli.chats import chats_of, is_of_whop, path_to_chat, path_to_kodey_chat
from aichats_cli.commands.chats.group import Kodey, OneChat, User, app, fields_of_chat, fields_of_kodey_chat, is_muted
from aichats_cli.errors import UsageError
from aichats_cli.session import Session, command

if TYPE_CHECKING:
    from aichats_cli.models import AiChat, Chats, ChatWithMessages, Message, Messages

NO_CHATS = "no chats found. Create one: aichats chats create --for BIZ_ID --message TEXT"


@command(
    app,
    "list",
    examples=[
        "aichats chats list",
        "aichats chats list --for biz_A --all -o name",
        "aichats chats list --kodey --user user_1",
    ],
)
def list_chats(
    session: Session,
    *,
    target: Annotated[
        str | None,
        typer.Option(
            "--for", metavar="BIZ_ID", help="Only chats that aichats created for this company in the last 90 days."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(metavar="NUMBER", min=1, help="The maximum number of chats.")] = 50,
    everything: Annotated[bool, typer.Option("--all", help="List all chats.")] = False,
    kodey: Kodey = False,
    user: User = None,
) -> None:
    """List chats."""
    maximum = None if everything else limit
    if kodey:
        shown, has_more = _list_kodey_chats(session, target, user, maximum)
    elif user is not None:
        raise UsageError("--user is for chats of Kodey", "add --kodey")
    else:
        shown, has_more = _list_whop_chats(session, target, maximum)
    if has_more:
        session.note(f"There are more than {shown} chats. List all: --all")


def _list_whop_chats(session: Session, company: str | None, maximum: int | None) -> tuple[int, bool]:
    """Print chats. Return their number, and whether there are more."""
    found = chats_of(session, company)
    shown: list[AiChat] = list(islice(found, maximum))
    session.output.items(
        shown,
        {
            "id": lambda each: each["id"],
            "title": lambda each: each["title"],
            "muted": lambda each: "yes" if is_muted(each) else "",
            "messages": lambda each: each["message_count"],
            "last message": lambda each: session.when(each["last_message_at"]),
        },
        name="id",
        empty=NO_CHATS,
    )
    return len(shown), next(found, None) is not None


def _list_kodey_chats(session: Session, agent: str | None, user: str | None, maximum: int | None) -> tuple[int, bool]:
    """Print chats. Return their number, and whether there are more."""
    answer: Chats = session.api.get("/kodey/chats", user_id=user)
    found = [chat for chat in answer["data"] if agent in {None, chat["agentId"]}]
    session.output.items(
        found[:maximum],
        {
            "id": lambda each: each["id"],
            "agent": lambda each: each["agentId"],
            "user": lambda each: each.get("userId"),
            "created": lambda each: session.when(each["createdAt"]),
        },
        name="id",
        empty=NO_CHATS,
    )
    return len(found[:maximum]), len(found) > len(found[:maximum])


@command(app, "show", examples=["aichats chats show aich_xxxxxxxxxxxxx", "aichats chats show chat_1 -o json"])
def show_chat(session: Session, chat_id: OneChat) -> None:
    """Show a chat of Whop or of Kodey."""
    path = path_to_chat(chat_id)
    if is_of_whop(chat_id):
        of_whop: AiChat = session.api.get(path)
        session.output.item(of_whop, fields_of_chat(session, of_whop), name="id")
    else:
        chat: ChatWithMessages = session.api.get(path)
        fields = {**fields_of_kodey_chat(session, chat), "messages": len(chat["messages"])}
        session.output.item(chat, fields, name="id")


@command(app, "messages", examples=["aichats chats messages chat_1"])
def list_messages(session: Session, chat_id: OneChat) -> None:
    """List the messages of a Kodey chat, the oldest first. Whop doesn't return the messages of a chat."""
    answer: Messages = session.api.get(f"{path_to_kodey_chat(chat_id)}/messages")
    messages: list[Message] = sorted(answer["data"], key=_position)
    session.output.items(
        messages,
        {
            "when": lambda each: session.when(each["createdAt"]),
            "role": lambda each: each["role"],
            "message": lambda each: each["content"],
        },
        name="id",
    )


def _position(message: Message) -> tuple[datetime, bool]:
    """Return what orders messages: an answer in the same second comes after its question, whatever Kodey's order."""
    return datetime.fromisoformat(message["createdAt"]), message["role"] != "user"
