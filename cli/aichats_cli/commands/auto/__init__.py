"""`aichats auto`: automations. Each module adds commands to the group."""

from aichats_cli.commands.auto import create, listing, pauses, removal, rendering, running, showing
from aichats_cli.commands.auto.group import app
from aichats_cli.groups import arrange

arrange(app, "list", "show", "next", "create", "run", "render", "pause", "resume", "delete")

__all__ = ["app", "create", "listing", "pauses", "removal", "rendering", "running", "showing"]
