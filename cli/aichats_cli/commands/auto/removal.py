"""`aichats auto delete`."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

import typer

from aichats_cli.commands.auto.group import Names, app, path_to
from aichats_cli.session import Session, command
from aichats_cli.trigger_words import in_words

if TYPE_CHECKING:
    from aichats_cli.models import AutomationView


@command(app, "delete", examples=["aichats auto delete daily-numbers", "aichats auto delete old-1 old-2 --yes"])
def delete_automations(
    session: Session,
    names: Names,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Delete automations. Runs that they started continue, and stay in the history."""
    found: list[AutomationView] = [session.api.get(path_to(name)) for name in dict.fromkeys(names)]
    for each in found:
        session.note(f"  {each['name']}  {in_words(each['trigger'])}")
    session.confirm(f"Delete {found[0]['name'] if len(found) == 1 else f'these {len(found)} automations'}?", yes=yes)
    gone: list[AutomationView] = []
    try:
        for each in found:
            delete(session, each["name"])
            gone.append(each)
    finally:  # An error says nothing of those before it.
        session.output.items(gone, {"deleted": lambda each: each["name"]}, empty="nothing was deleted")


def delete(session: Session, name: str) -> None:
    """Delete an automation. If it is gone meanwhile, for example because an answer was lost, that is enough."""
    from aichats_cli.api import ApiError

    try:
        session.api.call("DELETE", path_to(name))
    except ApiError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
