"""`aichats completion`: the completion of bash, zsh and fish."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from aichats_cli.complete import SCRIPTS
from aichats_cli.groups import new_group
from aichats_cli.session import Session, command

app = new_group("Complete commands.")


class Shell(StrEnum):
    """The shells with a script."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


@command(
    app,
    "completion",
    examples=[
        """echo 'eval "$(aichats completion bash)"' >> ~/.bashrc""",
        """echo 'eval "$(aichats completion zsh)"' >> ~/.zshrc    # after compinit""",
        "aichats completion fish > ~/.config/fish/completions/aichats.fish",
    ],
)
def completion(session: Session, shell: Annotated[Shell, typer.Argument(help="bash, zsh or fish.")]) -> None:
    """Print the script with which your shell completes commands, options, and names of your stack.

    Type one of the examples once, then open a new terminal.
    """
    session.output.lines([SCRIPTS[shell].rstrip()])
