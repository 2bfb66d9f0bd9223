"""`aichats events listen`."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from aichats_cli.commands.events.group import Run, Types, app, stack_words
from aichats_cli.errors import UsageError
from aichats_cli.event_feed import FollowedEvents
from aichats_cli.event_words import checked_types, details_of, style_of, subject_of, time_of
from aichats_cli.output import Format, printable
from aichats_cli.session import Session, command

if TYPE_CHECKING:
    from aichats_cli.models import EventView

EARLIER = timedelta(seconds=10)
"""Events of the last seconds are shown too: they may be about what you did just before you began to listen."""
FORWARD_SECONDS = 10.0


@command(
    app,
    "listen",
    examples=[
        "aichats events listen",
        "aichats events listen --type 'run.*' --since 1h",
        "aichats events listen --forward-to http://127.0.0.1:8000/aichats",
        "aichats events listen -o json | jq .data.error",
    ],
)
def listen(
    session: Session,
    *,
    types: Types = None,
    run: Run = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Begin with the events since this time. Default: now.")
    ] = None,
    forward_to: Annotated[
        str | None, typer.Option(metavar="URL", help="POST each event to this URL too, without a signature.")
    ] = None,
) -> None:
    """Print the events of aichats as they come, a line each, until you press Ctrl-C.

    With -o json, each line is the event as receivers get it. The command continues after the network was cut, and
    misses no event. An event that --forward-to can't deliver isn't sent again.
    """
    begin = session.past(since) if since else (session.system.now() - EARLIER).isoformat()
    forwarder = Forwarder(session, forward_to) if forward_to else None
    followed = FollowedEvents(session, begin, checked_types(types or []), run)
    session.note(f"Listening to {stack_words(session)}. Press Ctrl-C to end.")
    try:
        for event in followed:
            show(session, event)
            if forwarder:
                forwarder.send(event)
    except KeyboardInterrupt:
        return


def show(session: Session, event: EventView) -> None:
    """Print one event."""
    output = session.output
    match output.format:
        case Format.json:
            output.lines([json.dumps(event)])
        case Format.yaml:
            output.lines(["---"])
            output.data(event)
        case Format.name:
            output.lines([event["id"]])
        case _:
            type_ = output.paint(f"{event['type']:<17}", style_of(event["type"]))
            words = [type_, printable(f"{subject_of(event)}  {details_of(session, event)}".strip())]
            run = output.paint(event["data"].get("run_id") or "", "dim")
            output.lines(["  ".join(filter(None, [output.paint(time_of(session, event), "dim"), *words, run]))])


class Forwarder:
    """Sends events to a URL, such as that of a program on this machine.

    Raises:
        UsageError: the URL isn't one of HTTP.
    """

    def __init__(self, session: Session, url: str) -> None:
        import httpx

        if not url.startswith(("http://", "https://")):
            raise UsageError(f"{url} is not a URL", "--forward-to http://127.0.0.1:8000/")
        self._session, self._url = session, url
        self._client = httpx.Client(
            timeout=FORWARD_SECONDS, transport=session.system.transport, verify=url.startswith("https:")
        )

    def send(self, event: EventView) -> None:
        """Send an event, and say what the receiver answered."""
        import httpx

        try:
            response = self._client.post(self._url, json=event)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self._session.note(f"  → not delivered: {str(error) or type(error).__name__}")
        else:
            self._session.note(f"  → {response.status_code} {response.reason_phrase}".rstrip())
