"""Disk space: files of commands that ended, and the error when the disk is full."""

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
"""Disk space of a running system: the build, and the unpacked layer for each function."""
KEPT = 3
"""Number of files and folders of commands that ended to keep for debugging."""


def is_full(error: OSError) -> bool:
    """Return whether the error means that no disk space is left."""
    return error.errno in FULL


def require_space(folder: Path) -> None:
    """Check that the disk has space for a system.

    Raises:
        LocalError: it doesn't; the message says how much is free and how much is needed.
    """
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise LocalError(f"{full(folder)}: {free // 1_000_000} MB are free, {NEEDED_BYTES // 1_000_000} MB are needed")


def full(folder: Path) -> str:
    """Return the message for a full disk."""
    return f"the disk that contains {folder} is full. Free some space, for example with `make clean`"


def prefix(name: str) -> str:
    """Return the start of the name of a file or folder that this process makes and removes: it has the process id."""
    return f"{name}.{os.getpid()}."


def prune(folder: Path, name: str) -> None:
    """Remove files and folders of ended processes whose names start with :func:`prefix`, except the newest."""
    left = [path for path in folder.glob(f"{name}.*.*") if not _is_running(path.name.removeprefix(f"{name}."))]
    for path in sorted(left, key=_changed, reverse=True)[KEPT:]:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _is_running(rest: str) -> bool:
    """Return whether the process id at the start of ``rest`` is in use, or ``rest`` starts with no number."""
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
