"""`aichats events send`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aichats_cli.commands.events.group import app, unknown_type, whop_event_types
from aichats_cli.errors import CommandError
from aichats_cli.event_files import read_object
from aichats_cli.session import Session, command

if TYPE_CHECKING:
    from aichats_cli.models import DeliveredEvent, EventToTest


@command(
    app,
    "send",
    examples=[
        "aichats events send payment.failed --wait",
        "aichats events send payment.failed --for biz_A",
        """echo '{"amount": 25}' | aichats events send payment.failed --data -""",
    ],
)
def send_event(
    session: Session,
    type_: Annotated[
        str, typer.Argument(metavar="TYPE", help="The type, such as payment.failed.", autocompletion=whop_event_types)
    ],
    *,
    data: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Fields of the event's data in JSON, or an event; - is standard input."),
    ] = None,
    company: Annotated[
        str | None, typer.Option("--for", metavar="BIZ_ID", help="The company of the event. Default: the example's.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the end of the runs; exit code 1 if one fails.")
    ] = False,
) -> None:
    """Send an example of Whop's event to your stack. The automations that listen for it run for real."""
    body: EventToTest = {"type": type_}
    if data:
        body.update(read_fields(session, data, type_))
    if company:
        body["account_id"] = company
    sent = deliver(session, body)
    run_ids = sent["run_ids"]
    if wait and run_ids:
        from aichats_cli.runs.views import show_ended

        session.note(started_words(type_, run_ids))
        show_ended(session, run_ids)
        return
    if session.output.format in {"json", "yaml"}:
        session.output.data(sent)
    else:
        session.output.lines(run_ids)
    session.note(started_words(type_, run_ids))


def deliver(session: Session, body: EventToTest) -> DeliveredEvent:
    """Send an event to the stack's webhook.

    Raises:
        CommandError: the type has no example, or the stack can't send events.
    """
    from aichats_cli.api import ApiError

    try:
        sent: DeliveredEvent = session.api.post("/events/test", body).body
    except ApiError as error:
        if [each["field"] for each in error.problem.get("errors") or []] == ["type"]:
            raise unknown_type(session, body["type"]) from None
        raise
    return sent


def started_words(type_: str, run_ids: list[str]) -> str:
    """Return what an event has started."""
    if not run_ids:
        reason = "no automation that is on listens for it, or its filter isn't true"
        return f"Sent {type_}. It started no run: {reason}. See: aichats auto list"
    return f"Sent {type_}. It started {len(run_ids)} run{'s' * (len(run_ids) > 1)}"


def read_fields(session: Session, path: Path, type_: str) -> Any:
    """Return the fields of the request that a file describes: fields of an event's data, or a whole event.

    Raises:
        CommandError: the file can't be read, isn't an object in JSON, or is an event of another type.
    """
    read = read_object(session, path)
    if not ("type" in read and isinstance(read.get("data"), dict)):
        return {"data": read}
    if read["type"] != type_:
        raise CommandError(
            f"{'standard input' if str(path) == '-' else path} is an event {read['type']}",
            f"aichats events send {read['type']} --data …",
        )
    company = {"account_id": read["account_id"]} if "account_id" in read else {}
    return {"data": read["data"], **company}
