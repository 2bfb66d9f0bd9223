"""`aichats auto render`: the texts that an automation will send."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aichats_cli.commands.auto.group import app, local_time, path_to
from aichats_cli.commands.auto.running import EventFile
from aichats_cli.complete import automation_names
from aichats_cli.errors import CommandError
from aichats_cli.event_files import read_object
from aichats_cli.output import Format
from aichats_cli.session import Session, command

if TYPE_CHECKING:
    from aichats_cli.models import RenderedPreview, RenderedTarget

FILES = (".md", ".yaml", ".yml", ".json")
"""The ends of the names of files with an automation."""


@command(
    app,
    "render",
    examples=[
        "aichats auto render daily-numbers",
        'aichats auto render automations/daily-numbers.md --at "mon 8:30"',
        "aichats auto render dunning --event event.json",
    ],
)
def render(
    session: Session,
    source: Annotated[
        str, typer.Argument(metavar="NAME|FILE", help="The automation.", autocompletion=automation_names)
    ],
    *,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="The time to render for; default: the next one.")
    ] = None,
    event: EventFile = None,
) -> None:
    """Show the texts that an automation will send, for each target. Nothing is sent."""
    options: dict[str, Any] = {}
    if at:
        options["at"] = session.future(at)
    if event:
        options["event"] = read_object(session, event)
    preview = preview_of(session, source, options)
    if session.output.format is Format.table:
        show(session, preview)
    else:
        session.output.item(preview, {}, name="at")
    if failed := sum(1 for each in preview["rendered"] if each.get("error")):
        raise CommandError(f"{failed} of {len(preview['rendered'])} texts can't be rendered")


def preview_of(session: Session, source: str, options: dict[str, Any]) -> RenderedPreview:
    """Return the texts of an automation that is stored, or that is in a file."""
    is_file = source.endswith(FILES) or "/" in source
    if not is_file and not options:
        stored: RenderedPreview = session.api.get(path_to(source, "preview"), render=True, count=1)
        return stored
    if is_file:
        from aichats_cli.code.files import read_automation

        name, body = read_automation(Path(source))
    else:
        name, body = source, session.api.get(path_to(source), view="input")
    answer: RenderedPreview = session.api.call(
        "POST", "/automations/preview", {**body, "name": name, **options}, query={"count": 1}
    ).body
    return answer


def show(session: Session, preview: RenderedPreview) -> None:
    """Show the time or the event, and the texts: targets with equal texts together."""
    if preview.get("filtered"):
        session.note("The filter of the automation rejects this event: nothing would be sent.")
        return
    if preview["at"] is None:
        session.note("There is no next time, so nothing would be sent. To choose a time: --at")
        return
    example = ", an example" if preview.get("is_example") else ""
    event = preview.get("event_type")
    time = next((local_time(session, **each) for each in preview["times"] if each["utc"] == preview["at"]), None)
    session.output.fields({"event": event and f"{event}{example}", "time": time or session.when(preview["at"])})
    for texts, targets in grouped(preview["rendered"]):
        session.output.lines([""])
        session.output.fields({"for": targets, **texts})
    if hidden := preview.get("not_shown"):
        session.note(f"{hidden} more targets don't fit into the answer.")


def grouped(rendered: list[RenderedTarget]) -> list[tuple[dict[str, str | None], list[str]]]:
    """Return the different texts, each with its targets."""
    groups: list[tuple[dict[str, str | None], list[str]]] = []
    for each in rendered:
        error = each.get("error")
        texts = {
            "title": each.get("title"),
            "message": each.get("message"),
            "error": error and f"{error['field']}: {error['detail']}",
        }
        targets = next((targets for known, targets in groups if known == texts), None)
        if targets is None:
            targets = []
            groups.append((texts, targets))
        targets.append(each["target"] or "no company")
    return groups
