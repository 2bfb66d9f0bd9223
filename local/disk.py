"""The disk: what ended commands left on it, and what to say when it is full."""

from __future__ import annotations

import errno
import os
import shutil
from typing import TYPE_CHECKING

from local.errors import LocalError

if TYPE_CHECKING:
    from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)
NEEDED_BYTES = 300_000_000
"""What a running system takes: the build, and the layer unpacked for each function."""
KEPT = 3
"""How much of what ended commands left stays, the newest, for a person to look at."""


def is_full(error: OSError) -> bool:
    """Return whether the error is that no space is left."""
    return error.errno in FULL


def require_space(folder: Path) -> None:
    """Check that a system has room.

    Raises:
        LocalError: it does not; says how much is free and how much is needed.
    """
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise LocalError(f"{full(folder)}: {free // 1_000_000} MB are free, {NEEDED_BYTES // 1_000_000} MB are needed")


def full(folder: Path) -> str:
    """Return what to tell a person."""
    return f"the disk of {folder} is full. Free some space, for example with `make clean`"


def prefix(name: str) -> str:
    """Return how a file or folder begins that this process makes and removes: with whose it is."""
    return f"{name}.{os.getpid()}."


def prune(folder: Path, name: str) -> None:
    """Remove the files and folders of ended processes that begin with :func:`prefix`, but the newest."""
    left = [path for path in folder.glob(f"{name}.*.*") if not _is_running(path.name.removeprefix(f"{name}."))]
    for path in sorted(left, key=_changed, reverse=True)[KEPT:]:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _is_running(rest: str) -> bool:
    """Return whether the process whose number a name goes on with is there. Other names are left alone."""
    number = rest.partition(".")[0]
    if not number.isdigit():
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another command removed it
        return 0.0
