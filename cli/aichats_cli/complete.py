"""Names from the API for the completion of the shell. Without an answer within a second there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer


def automation_names(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names of automations that begin with ``incomplete``."""
    return names(context, "/automations", incomplete)


def subscription_names(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names of subscriptions that begin with ``incomplete``."""
    return names(context, "/subscriptions", incomplete)


def names(context: typer.Context, path: str, incomplete: str) -> list[str]:
    """Return the names in the first page of a list that begin with ``incomplete``: none if the API doesn't answer."""
    from aichats_cli.api import Api
    from aichats_cli.errors import CommandError
    from aichats_cli.profiles import choose
    from aichats_cli.system import System

    system: System = context.find_object(System) or System()
    try:
        profile = choose(context.params.get("profile"), system.variables)
        found = Api(profile, system, seconds=1, attempts=1).get(path)["data"]
    except CommandError:
        return []
    return sorted(item["name"] for item in found if item["name"].startswith(incomplete))
