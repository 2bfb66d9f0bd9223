"""The errors that stop a local command."""

import sys

from aichats_cli.errors import CommandError


class LocalError(Exception):
    """Something on this machine is missing, in use or failed. The message says what, and what to do."""


def report(command: str, error: Exception) -> None:
    """Print why a command stopped, and the next step if the error names one."""
    print(f"{command}: {error}", file=sys.stderr)
    if isinstance(error, CommandError) and error.hint:
        print(f"  → {error.hint}", file=sys.stderr)
