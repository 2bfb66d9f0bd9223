"""The source code of aichats on this machine, and its Make targets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from aichats_cli.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping

FILES = ("template.yaml", "local/dev.py")
"""Files that only a checkout has."""


def find_checkout(start: Path | None = None) -> Path:
    """Return the folder of the source code: ``start`` (the working folder) or a folder above it.

    If there is none, it is the folder from which this command was installed, for as long as that is a checkout.

    Raises:
        CommandError: there is none.
    """
    start = start or Path.cwd()
    for folder in (start, *start.parents, *Path(__file__).resolve().parents):
        if all((folder / name).is_file() for name in FILES):
            return folder
    raise CommandError(
        f"this command needs the source code of aichats, and {start} is not inside it",
        "get it with git clone, and type the command in its folder. Everything else needs no source code",
    )


def make(target: str, variables: Mapping[str, object]) -> NoReturn:
    """Replace this process by a Make target of the checkout. Variables that are ``None`` are left out.

    Raises:
        CommandError: there is no checkout, or `make` isn't installed.
    """
    folder = find_checkout()
    typed = [f"{name}={value}" for name, value in variables.items() if value is not None]
    command = ["make", "--no-print-directory", "-C", str(folder), target, *typed]
    try:
        os.execvp(command[0], command)
    except FileNotFoundError:
        raise CommandError("make is not installed", "install it with the package manager of your system") from None
