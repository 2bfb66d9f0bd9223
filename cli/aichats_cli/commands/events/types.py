"""`aichats events types`."""

from __future__ import annotations

import json
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aichats_cli.commands.events.group import app, unknown_type, whop_event_types
from aichats_cli.session import Session, command

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aichats_cli.models import EventExample

NAMES_WIDTH = 39
"""The most characters of the names of fields."""


@command(
    app,
    "types",
    examples=[
        "aichats events types",
        "aichats events types payment.failed",
        "aichats events types payment.failed -o json > event.json",
    ],
)
def show_types(
    session: Session,
    type_: Annotated[
        str | None, typer.Argument(metavar="TYPE", help="One type.", autocompletion=whop_event_types)
    ] = None,
) -> None:
    """List the events of Whop that can start automations. With a type, show its fields and an example."""
    listed: list[EventExample] = session.api.get("/events/types")["data"]
    if type_ is None:
        session.output.items(
            listed, {"type": lambda each: each["type"], "fields": lambda each: first_fields(each["example"])}, "type"
        )
        return
    found = next((each for each in listed if each["type"] == type_), None)
    if found is None:
        raise unknown_type(session, type_)
    session.output.item(found, {f"event.{path}": text for path, text in paths(found["example"])}, "type")


def first_fields(example: Mapping[str, Any]) -> str:
    """Return the names of the first fields of an event's data, so that a type has one line on a terminal."""
    return shorten(", ".join(example["data"]), NAMES_WIDTH, placeholder=" …")


def paths(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path of each field as templates and filters write it, with its value as JSON."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from paths(inner, f"{path}.{name}" if path else name)
    else:
        yield path, json.dumps(value, ensure_ascii=False)
