"""`aichats auto delete`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aichats_cli.commands.auto.group import Names, app, path_to
from aichats_cli.removal import delete_named
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
    delete_named(session, found, path_to, done="deleted")
