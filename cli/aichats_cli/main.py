"""The entry point of the command `aichats`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from aichats_cli.errors import CommandError
from aichats_cli.groups import Root, new_group
from aichats_cli.system import System

if TYPE_CHECKING:
    from collections.abc import Sequence

root = new_group("Create AI chats automatically: on a schedule, on an HTTP call or on a webhook.", cls=Root)


def main(arguments: Sequence[str] | None = None, system: System | None = None) -> int:
    """Run a command. Return the exit code: 0 done, 1 failed, 2 wrong usage, 3 changes are pending.

    Args:
        arguments: what was typed after `aichats`; ``None``: the arguments of this process.
        system: the machine on which the command runs; ``None``: this one.
    """
    used = system or System()
    try:
        typer.main.get_command(root).main(arguments, "aichats", obj=used)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except CommandError as error:
        print(f"Error: {error.message}", file=used.stderr)
        if error.hint:
            print(f"  → {error.hint}", file=used.stderr)
        return error.code
    return 0


if __name__ == "__main__":
    sys.exit(main())
