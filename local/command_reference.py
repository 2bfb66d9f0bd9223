"""The page of the documentation about the command `aichats`, written from the command itself."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import typer

from aichats_cli import main
from aichats_cli.groups import PARTS, imported
from aichats_cli.session import common

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED = frozenset(inspect.signature(common).parameters) | {"help"}
"""The options of all commands, which the page describes once."""
INTRODUCTION = """\
# The command `aichats`

`aichats` does everything that you do with a stack, on your laptop and on AWS.
[Install the command](../how-to/install-the-command.md) says how to get it.
`aichats COMMAND --help` shows the same as this page.

## Habits

- On a terminal you see tables. In a pipe, or with `NO_COLOR`, you get plain text.
- `-o json` and `-o yaml` print the objects of the [HTTP API](http-api.md). `-o name` prints one name or ID a line.
- Results go to standard output. Progress, hints and questions go to standard error.
- A command asks before it destroys something. `--yes` answers the question. Without a terminal, you must type it.
- You can write times as people say them: `now`, `today`, `yesterday`, `7d`, `in 3h`, `3h ago`, `mon 9:00`, `24 dec`,
  `2026-12-24T09:00`. They are in the time zone of your machine.
- Secrets are never arguments. A command asks for them without echo, or reads them from standard input.
- `aichats admin` uses your AWS credentials and region, as the AWS CLI does. `--stack aichats-dev` names the stack.
  Without it, the commands use the stack of your profile, or the variable `AICHATS_STACK`. For the profile `local`,
  they use the stack of `aichats dev` and its local AWS.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | failed |
| 2 | wrong usage: a command, an option or a value |
| 3 | changes are pending, after `aichats plan` |
| 130 | you pressed Ctrl-C |

Each command also has these options:

| option | meaning |
|---|---|
| `--profile NAME` | the stack to use. See `aichats login` |
| `-o`, `--output` | `table`, `json`, `yaml` or `name` |
| `--debug` | shows the requests, without secrets |
| `-h`, `--help` | shows the help of the command |

| variable | meaning |
|---|---|
| `AICHATS_PROFILE` | the profile to use, if `--profile` is not typed |
| `AICHATS_URL`, `AICHATS_TOKEN` | the API and the token to use, instead of a profile |
| `AICHATS_STACK` | the stack of `aichats admin`, if neither `--stack` nor the profile names one |
| `AICHATS_DEBUG` | the same as `--debug` |
| `NO_COLOR`, `FORCE_COLOR` | no colors, or colors in a pipe, too |
"""


def command_reference() -> str:
    """Return the page: a section for each command, with its options and examples."""
    root = typer.main.get_command(main.root)
    context = root.make_context("aichats", [], resilient_parsing=True)
    parts = [INTRODUCTION]
    for name in PARTS:
        parts.extend(sections(imported(name), name, context, 2))
    return "\n".join(parts)


def sections(command: Any, name: str, parent: Any, level: int) -> Iterator[str]:
    """Yield the section of a command, and those of the commands below it."""
    context = command.make_context(name, [], parent=parent, resilient_parsing=True)
    yield section(command, context, level)
    for below in getattr(command, "commands", {}):
        yield from sections(command.commands[below], below, context, level + 1)


def section(command: Any, context: Any, level: int) -> str:
    """Return the heading of a command, its help, its usage, its options and its examples."""
    parts = [f"{'#' * level} `{context.command_path}`", command.help]
    if not getattr(command, "commands", None):
        parts.append(fenced("text", command.get_usage(context).removeprefix("Usage: ")))
    own = [
        each for each in command.params if each.name not in SHARED and (row := each.get_help_record(context)) and row
    ]
    rows = [each.get_help_record(context) for each in own]
    if rows:
        parts.append(
            "\n".join(
                [
                    "| option | meaning |",
                    "|---|---|",
                    *(f"| {cell(name, code=True)} | {cell(text)} |" for name, text in rows),
                ]
            )
        )
    if command.epilog:
        parts.append(fenced("sh", inspect.cleandoc(command.epilog.partition("Examples:")[2].lstrip("\n"))))
    return "\n\n".join(parts) + "\n"


def fenced(language: str, text: str) -> str:
    """Return a block of text in a fence."""
    return f"```{language}\n{text.rstrip()}\n```"


def cell(text: str, *, code: bool = False) -> str:
    """Return a text as a cell of a table."""
    plain = " ".join(text.split()).replace("|", "\\|")
    return f"`{plain}`" if code else plain
