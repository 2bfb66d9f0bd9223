"""The entry point of the command `aichats`."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Annotated

import typer

from aichats_cli.errors import UsageError
from aichats_cli.failures import Ending
from aichats_cli.groups import Root, new_group
from aichats_cli.output import shows_colors
from aichats_cli.system import System

if TYPE_CHECKING:
    from collections.abc import Sequence

COMPLETE = "__complete"
"""The command that the scripts of the shells call; see :mod:`aichats_cli.complete`."""

root = new_group("Create AI chats automatically: on a schedule, on an HTTP call or on a webhook.", cls=Root)


@root.callback(invoke_without_command=True, no_args_is_help=False)
def about(
    context: typer.Context, *, version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False
) -> None:
    """Print the version if it was asked for, and the help if no command was typed."""
    if version:
        import platform
        from importlib import metadata

        typer.echo(f"aichats {metadata.version('aichats-cli')} (Python {platform.python_version()})")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), color=context.color)


def main(arguments: Sequence[str] | None = None, system: System | None = None) -> int:
    """Run a command. Return the exit code: 0 done, 1 failed, 2 wrong usage, 3 changes are pending.

    Args:
        arguments: what was typed after `aichats`; ``None``: the arguments of this process.
        system: the machine on which the command runs; ``None``: this one.
    """
    used = system or System()
    typed = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in typed or bool(used.variables.get("AICHATS_DEBUG"))
    with Ending(used, debug=debug) as ending, redirect_stdout(used.stdout), redirect_stderr(used.stderr):
        run(typed, used)
        used.stdout.flush()
    return ending.code


def run(typed: list[str], system: System) -> None:
    """Run a command on a machine.

    Raises:
        UsageError: an argument isn't text.
    """
    for stream in (system.stdout, system.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # A terminal that lacks a character shows its number.
    if typed[:1] == [COMPLETE]:
        from aichats_cli.complete import complete

        complete(typer.main.get_command(root), typed[1:], system)
        return
    for argument in typed:
        if not argument.isprintable() and any("\udc80" <= each <= "\udcff" for each in argument):
            raise UsageError(f"{argument!a} isn't UTF-8 text")
    command = typer.main.get_command(root)
    colors = shows_colors(system.stdout, system.variables)
    with command.make_context("aichats", typed, obj=system, color=colors) as context:
        command.invoke(context)
