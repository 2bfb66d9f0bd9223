"""`aichats demo`: the whole stack at work, once."""

from __future__ import annotations

from aichats_cli.groups import new_group
from aichats_cli.session import Session, command

app = new_group("Run a short demo.")


@command(app, "demo", examples=["aichats demo"])
def demo(_session: Session) -> None:
    """Run a short demo of the whole stack on your laptop: create a chat, and mute it. It needs the source code."""
    from aichats_cli.checkout import make

    make("demo", {})
