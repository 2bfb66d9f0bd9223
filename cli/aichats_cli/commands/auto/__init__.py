"""`aichats auto`: automations. Each module adds commands to the group."""

from aichats_cli.commands.auto import create, listing, pauses, removal, rendering, running, showing
from aichats_cli.commands.auto.group import app

ORDER = ("list", "show", "next", "create", "run", "render", "pause", "resume", "delete")
app.registered_commands.sort(key=lambda each: ORDER.index(each.name) if each.name in ORDER else len(ORDER))

__all__ = ["app", "create", "listing", "pauses", "removal", "rendering", "running", "showing"]
