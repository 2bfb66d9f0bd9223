"""`aichats notify`: who hears of the events of aichats. Each module adds commands to the group."""

from aichats_cli.commands.notify import adding, bus, changing, deliveries, listing
from aichats_cli.commands.notify.group import app
from aichats_cli.groups import arrange

arrange(app, "list", "test", "deliveries", "redeliver", "rotate", "remove")

__all__ = ["adding", "app", "bus", "changing", "deliveries", "listing"]
