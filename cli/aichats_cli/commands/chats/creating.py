"""`aichats chats create` and `send`."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from aichats_cli.chats import path_to_kodey_chat
from aichats_cli.commands.chats.group import Kodey, OneChat, User, app, fields_of_chat, fields_of_kodey_chat
from aichats_cli.errors import CommandError, UsageError
from aichats_cli.messages import read_message
from aichats_cli.output import Format
from aichats_cli.session import Session, command
from aichats_cli.wait import check_success, wait_for_runs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aichats_cli.api import Answer
    from aichats_cli.models import CreatedChat, RunView

Text = Annotated[str | None, typer.Option("--message", metavar="TEXT", help="The message; - reads standard input.")]
TextFile = Annotated[Path | None, typer.Option("--message-file", metavar="FILE", help="The file with the message.")]
Wait = Annotated[bool, typer.Option("--wait", help="If it takes longer than 25 seconds, wait until it is done.")]


@command(
    app,
    "create",
    examples=[
        'aichats chats create --for biz_A --title "Plan" --message "Compare it with last week." --attach plan.pdf',
        "aichats chats create --for biz_A --mute --wait --message-file message.md",
        'aichats chats create --kodey --for agent_support --message "Summarize the tickets of yesterday."',
    ],
)
def create_chat(
    session: Session,
    *,
    target: Annotated[str | None, typer.Option("--for", metavar="BIZ_ID", help="The company of the chat.")] = None,
    message: Text = None,
    message_file: TextFile = None,
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="The title of the chat.")] = None,
    mute: Annotated[bool, typer.Option("--mute", help="Create a muted chat.")] = False,
    attach: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="A file, its https:// or s3:// URL, or its ID; may be repeated."),
    ] = None,
    kodey: Kodey = False,
    user: User = None,
    wait: Wait = False,
) -> None:
    """Create a chat with its first message."""
    _check_provider(target, kodey=kodey, of_whop=title is not None or mute or bool(attach), of_kodey=user is not None)
    body: dict[str, object] = {"message_text": read_message(session, message, message_file)}
    if kodey:
        body |= {"agent_id": target, "user_id": user}
        path = "/kodey/chats"
    else:
        body |= {"company_id": target, "title": title, "notification_preference": "none" if mute else None}
        path = "/chats"
    if attach:
        from aichats_cli.attachments import attachments_of

        body["attachments"] = attachments_of(session, attach, target)
    answer = _post(session, path, {name: value for name, value in body.items() if value is not None}, wait=wait)
    if "run_id" in answer:
        _show_run(session, answer)
    elif kodey:
        _show_created(session, answer)
    else:
        session.output.item(answer, fields_of_chat(session, answer), name="id")


def _check_provider(target: str | None, *, kodey: bool, of_whop: bool, of_kodey: bool) -> None:
    """Check that the options fit to the provider."""
    if kodey and target is None:
        raise UsageError("--kodey needs an agent: --for AGENT_ID")
    if kodey and of_whop:
        raise UsageError("--title, --mute and --attach are for chats of Whop: Kodey's chats have none of these")
    if of_kodey and not kodey:
        raise UsageError("--user is for chats of Kodey", "add --kodey")


@command(app, "send", examples=['aichats chats send chat_1 --message "And the day before?"'])
def send_message(
    session: Session, chat_id: OneChat, *, message: Text = None, message_file: TextFile = None, wait: Wait = False
) -> None:
    """Send a message to a Kodey chat, and show the answer. Whop takes no second message."""
    path = f"{path_to_kodey_chat(chat_id)}/messages"
    answer = _post(session, path, {"content": read_message(session, message, message_file)}, wait=wait)
    if "run_id" in answer:
        _show_run(session, answer)
    elif session.output.format is Format.table:
        session.output.lines([answer["content"]])
    else:
        session.output.item(answer, {}, name="id")


def _post(session: Session, path: str, body: Mapping[str, object], *, wait: bool) -> Any:
    """Return the result of a request that starts a run: the run itself if there is no result yet.

    With ``wait``, the request is repeated with the same key after the run, and then has the result.
    """
    key = str(uuid4())
    answer = _post_once(session, path, body, key)
    if answer.status != HTTPStatus.ACCEPTED or not wait:
        return answer.body
    check_success(wait_for_runs(session, [answer.body["run_id"]]))
    return _post_once(session, path, body, key).body


def _post_once(session: Session, path: str, body: Mapping[str, object], key: str) -> Answer:
    from aichats_cli.api import PAUSED, ApiError

    try:
        return session.api.post(path, body, key=key)
    except CommandError as error:
        if isinstance(error, ApiError) and (error.status < HTTPStatus.INTERNAL_SERVER_ERROR or error.kind == PAUSED):
            raise
        session.note("The message may have been sent. Before you try again, look: aichats runs list --since 5m")
        raise


def _show_created(session: Session, created: CreatedChat) -> None:
    """Print a new chat of Kodey, and the answer in it."""
    chat, reply = created["chat"], created["reply"]
    if session.output.format is Format.name:
        session.output.lines([chat["id"]])
    else:
        fields = {**fields_of_kodey_chat(session, chat), "answer": reply and reply["content"]}
        session.output.item(created, fields)


def _show_run(session: Session, run: RunView) -> None:
    """Print a run whose result isn't known yet."""
    fields = {"run": run["run_id"], "status": run["status"], "for": run["target"], "chat": run["chat_id"]}
    session.output.item(run, fields, name="run_id")
    if run["status"] != "succeeded":
        session.note(f"There is no result yet. Follow the run: aichats runs watch {run['run_id']}")
