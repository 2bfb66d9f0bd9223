"""Secrets that people type."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aichats_cli.session import Session


def ask_secret(session: Session, prompt: str) -> str:
    """Return what is typed without echo, or the first line of a pipe; an empty text at the end of the input."""
    if not session.system.stdin.isatty():
        return session.system.stdin.readline().strip()
    try:
        return getpass.getpass(prompt).strip()
    except EOFError:
        session.note("")
        return ""
