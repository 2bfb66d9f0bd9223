"""The message of a chat, as it is typed, piped in, or stored in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aichats_cli.errors import CommandError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from aichats_cli.session import Session

STANDARD_INPUT = "-"


def read_message(session: Session, text: str | None, file: Path | None) -> str:
    """Return the message: a text, or the content of standard input or of a file without its last line break.

    Raises:
        UsageError: there is no message, or there are two.
        CommandError: the file can't be read.
    """
    if (text is None) == (file is None):
        raise UsageError("write the message with --message TEXT, --message - (standard input) or --message-file FILE")
    if file is None:
        return session.system.stdin.read().rstrip("\n") if text == STANDARD_INPUT else str(text)
    try:
        return file.read_text(encoding="utf-8").rstrip("\n")
    except OSError as error:
        raise CommandError(f"can't read {file}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise CommandError(f"can't read {file}: it is not a text in UTF-8") from None
