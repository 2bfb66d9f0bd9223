"""Lines that call `aichats`, as a page or a help text shows them: parsed, but not run."""

import re
import shlex
from collections.abc import Iterator

import typer

from aichats_cli import main
from aichats_cli.groups import imported

CALL = re.compile(
    r"(?:^|[|;(&]|xargs )[ ]*aichats(?![-.\w/])(?P<words>(?:'[^']*'|\"[^\"]*\"|[^\n|;&)<>#])*)", re.MULTILINE
)
"""A call of `aichats` at the beginning of a line or behind an operator of the shell, up to the next operator."""


def calls(text: str) -> Iterator[list[str]]:
    """Yield the words behind each `aichats` of a block of shell commands."""
    for found in CALL.finditer(re.sub(r"\\\n\s*", " ", text)):
        yield shlex.split(found["words"])


def parse(words: list[str]) -> None:
    """Parse the words behind `aichats` as the command does.

    Raises:
        Exception: the command, an option or a value doesn't exist, or a required one is missing.
    """
    root = typer.main.get_command(main.root)
    if not words or words[0].startswith("-"):
        return
    context = root.make_context("aichats", words[:1])
    command, name, rest = imported(words[0]), words[0], words[1:]
    while hasattr(command, "commands"):
        context = command.make_context(name, rest, parent=context)
        if not (words_below := [*context._protected_args, *context.args]):
            return
        name, command, rest = command.resolve_command(context, words_below)
    command.make_context(name, rest, parent=context)
