"""Groups of commands. Each is imported when one of its commands is used, because each import slows every start."""

from __future__ import annotations

import importlib
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
PARTS = {
    "auto": ("aichats_cli.commands.auto", "List, create, run and pause automations."),
}
"""The module of each group or command below `aichats`, and its line in the help."""


def new_group(text: str, *, cls: type[TyperGroup] = TyperGroup) -> typer.Typer:
    """Return a group of commands with this help."""
    group = typer.Typer(
        help=text,
        cls=cls,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=SETTINGS,
    )
    group.callback()(no_options)  # Without a callback, Typer makes a group of one command to this command.
    return group


def no_options() -> None:
    """Do nothing: a group has no options of its own."""


class Root(TyperGroup):
    """The command `aichats`. In its help, and until a group is used, each group is its name and one line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands.update({name: TyperCommand(name, help=text) for name, (_, text) in PARTS.items()})

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the name of a command, the imported command, and the arguments after its name."""
        name, stub, rest = super().resolve_command(ctx, args)
        return name, stub if name is None else imported(name), rest


def imported(name: str) -> Any:
    """Return a group or a command below `aichats`."""
    module, _ = PARTS[name]
    return typer.main.get_command(importlib.import_module(module).app)
