"""`aichats chats delete`."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from aichats_cli.chats import named_chats, path_to_chat
from aichats_cli.commands.chats.group import app
from aichats_cli.errors import CommandError
from aichats_cli.output import Format
from aichats_cli.session import Session, command

if TYPE_CHECKING:
    from collections.abc import Sequence


class Deletion(TypedDict):
    """The end of the deletion of one chat."""

    id: str
    result: str
    """``deleted``, ``already deleted`` or ``failed``."""
    error: str | None


@command(
    app,
    "delete",
    examples=[
        "aichats chats delete aich_xxxxxxxxxxxxx",
        "aichats chats list --for biz_A --all -o name | aichats chats delete - --yes",
    ],
)
def delete_chats(
    session: Session,
    chats: Annotated[
        list[str], typer.Argument(metavar="CHAT", help="The IDs of chats; - reads them from standard input.")
    ],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Delete chats of Whop or of Kodey. A chat that doesn't exist counts as deleted."""
    chat_ids = named_chats(session, chats)
    if not chat_ids:
        session.note("There are no chats to delete.")
        return
    which = f"the chat {chat_ids[0]}" if len(chat_ids) == 1 else f"{len(chat_ids)} chats"
    session.confirm(f"Delete {which}? You can't undo this.", yes=yes)
    done: list[Deletion] = []
    try:
        for chat_id in chat_ids:
            deletion = _delete(session, chat_id)
            done.append(deletion)
    finally:
        _show(session, done)
        if left := len(chat_ids) - len(done):
            session.note(f"{left} of {len(chat_ids)} chats are left. The first of them may be deleted.")
    failed = sum(each["result"] == "failed" for each in done)
    if failed:
        raise CommandError(f"{failed} of {len(done)} chats could not be deleted", "type the command again")


def _show(session: Session, done: Sequence[Deletion]) -> None:
    """Print what was done. The names are the chats that are deleted."""
    if session.output.format is Format.name:
        session.output.lines(each["id"] for each in done if each["result"] != "failed")
    elif done or session.output.format is not Format.table:
        session.output.items(
            done,
            {"id": lambda each: each["id"], "result": lambda each: each["result"], "error": lambda each: each["error"]},
        )


def _delete(session: Session, chat_id: str) -> Deletion:
    """Delete a chat. Return the result.

    Raises:
        CommandError: the API can't be reached, or rejects the token. Then no other chat can be deleted.
    """
    from aichats_cli.api import ApiError

    try:
        session.api.call("DELETE", path_to_chat(chat_id))
    except ApiError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return {"id": chat_id, "result": "already deleted", "error": None}
        if error.kind in {"unauthorized", "missing-scope"}:
            raise
        return {"id": chat_id, "result": "failed", "error": error.message}
    return {"id": chat_id, "result": "deleted", "error": None}
