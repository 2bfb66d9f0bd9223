"""`aichats events`: Whop's events, which start automations, and those that aichats sends. Each module adds commands."""

from aichats_cli.commands.events import history, listening, sending, types
from aichats_cli.commands.events.group import app

__all__ = ["app", "history", "listening", "sending", "types"]
