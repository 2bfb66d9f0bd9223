"""`aichats chats`: the chats of Whop and of Kodey. Each module adds commands to the group."""

from aichats_cli.commands.chats import creating, listing, muting, removal
from aichats_cli.commands.chats.group import app

__all__ = ["app", "creating", "listing", "muting", "removal"]
