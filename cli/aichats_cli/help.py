"""The help of commands: bold headings, full sentences, and the examples as they are typed."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, override

import typer
from typer._click import Command, HelpFormatter
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from aichats_cli.parameters import LeanOption, lean, retyped

if TYPE_CHECKING:
    from collections.abc import Iterable

EXAMPLES = "\b\nExamples:\n"
"""The beginning of the end of a help text. Lines after it are shown as they are."""


BACKSLASH = " \\"
OPTION = re.compile(r"""(?= --?[a-z])(?=(?:[^'"]|'[^']*'|"[^"]*")*$)""")
"""The places of a command before an option, outside of quotes."""
COMMON = frozenset({"profile", "output", "debug", "help", "version"})
"""The names of the options that all commands have."""


class BoldHeadings(HelpFormatter):
    """A writer of help texts. Without colors, Typer removes the codes for bold when it prints."""

    @override
    def write_heading(self, heading: str) -> None:
        """Write a heading."""
        super().write_heading(f"\033[1m{heading}\033[0m")


class HelpContext(typer.Context):
    """The context of one command of a line."""

    formatter_class = BoldHeadings


class Helpful(Command):
    """The help of commands and groups."""

    context_class = HelpContext

    @override
    def get_help_option(self, ctx: Any) -> Any:
        """Return the option ``--help``."""
        option = super().get_help_option(ctx)
        if type(option) is TyperOption:
            self._help_option = retyped(option, LeanOption)
            self._help_option.help = "Show this help."
        return self._help_option

    @override
    def get_short_help_str(self, limit: int = 0) -> str:
        """Return the first sentence of the help, in full."""
        paragraph = " ".join(inspect.cleandoc(self.help or "").partition("\n\n")[0].split())
        sentence, dot, rest = paragraph.partition(". ")
        return sentence + "." if dot and rest[:1].isupper() else paragraph

    @override
    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and the options: first those of the command, then those that all commands have."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": [], "Common options": []}
        for parameter in self.get_params(ctx):
            if isinstance(parameter, TyperArgument):
                title = "Arguments"
            else:
                title = "Common options" if parameter.name in COMMON else "Options"
            if row := parameter.get_help_record(ctx):
                sections[title].append(row)
        if not sections["Options"]:
            sections["Options"] = sections.pop("Common options")
        for title, rows in sections.items():
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    @override
    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the end of the help. Examples are a section. A line that is too long continues after a backslash."""
        text, _, examples = (self.epilog or "").partition(EXAMPLES)
        if text:
            formatter.write_paragraph()
            formatter.write_text(text)
        if examples:
            with formatter.section("Examples"):
                for line in examples.splitlines():
                    formatter.write(f"{continued(line, formatter.width)}\n")


class LeanCommand(Helpful, TyperCommand):
    """A command that starts quickly."""

    def __init__(self, name: str | None, *, params: Iterable[Any] | None = None, **settings: Any) -> None:
        super().__init__(name, params=lean(params or []), **settings)


class LeanGroup(Helpful, TyperGroup):
    """A group of commands that starts quickly."""

    def __init__(self, *, params: Iterable[Any] | None = None, **settings: Any) -> None:
        super().__init__(params=lean(params or []), **settings)

    @override
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read what was typed after the group. Without a command, show the help, as an error."""
        if not args and self.no_args_is_help and not ctx.resilient_parsing:
            typer.echo(ctx.get_help(), err=True)
            raise typer.Exit(2)
        return super().parse_args(ctx, args)

    @override
    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands, groups first."""
        return sorted(self.commands, key=lambda name: not isinstance(self.commands[name], TyperGroup))

    @override
    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, and then the commands."""
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


def continued(line: str, width: int) -> str:
    """Return a command in lines of at most ``width``, as far as its options allow it. A shell reads it as one line."""
    lines = [""]
    for part in OPTION.split(line):
        if len(lines[-1]) + len(part) + len(BACKSLASH) > width and lines[-1]:
            lines[-1] += BACKSLASH
            lines.append(f"     {part}")
        else:
            lines[-1] += part
    return "\n".join(lines)


def example_text(examples: Iterable[str]) -> str | None:
    """Return examples as the end of a help text: ``None`` if there are none."""
    lines = "\n".join(f"  {line}" for line in examples)
    return f"{EXAMPLES}{lines}" if lines else None
