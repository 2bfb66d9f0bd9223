"""Writes files at once, so that a kill leaves the earlier or the new content."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from aichats_cli.code.problems import FileError


def write_text(path: Path, text: str) -> None:
    """Replace the content of a file, which need not exist. A link stays a link.

    Raises:
        FileError: the file can't be written.
    """
    target = path.resolve()
    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile("wb", dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(text.encode())
        temporary.chmod(target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask())
        temporary.replace(target)
    except OSError as error:
        raise FileError(path, f"can't write the file: {error.strerror}") from None
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()


def _umask() -> int:
    """Return the permissions that new files don't get. They can only be read by setting them."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
