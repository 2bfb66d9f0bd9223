"""The help of the command `aichats` and of its parts."""

import re
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Any

import pytest
import typer

from aichats_cli.groups import PARTS, SECTIONS, imported
from aichats_cli.main import root
from aichats_cli.output import CODES
from aichats_cli.parameters import lean_param
from tests.support.cli import Cli
from tests.support.commands import run_command

SLOW = {"asyncio", "boto3", "httpx", "importlib.metadata", "pydantic", "rich", "ruamel.yaml", "tomli_w"}
"""Packages that no help needs."""


def test_the_command_alone_shows_its_help(cli: Cli) -> None:
    alone = cli()

    assert (alone.code, alone.err) == (0, "")
    assert alone.out == cli("--help").out == cli("-h").out
    assert alone.out.startswith("Usage: aichats [OPTIONS] COMMAND [ARGS]...")


def test_a_group_without_a_command_is_wrong_usage_and_shows_its_help(cli: Cli) -> None:
    alone = cli("auto")

    assert (alone.code, alone.out) == (2, "")
    assert alone.err == cli("auto", "--help").out


def test_the_version_is_that_of_the_package(cli: Cli) -> None:
    shown = cli("--version").out

    assert shown.startswith(f"aichats {metadata.version('aichats-cli')} (Python 3.")


def test_each_command_is_in_one_section_of_the_help(cli: Cli) -> None:
    shown = cli("--help").out
    names = [name for names in SECTIONS.values() for name in names]

    assert len(names) == len(set(names))
    assert PARTS.keys() <= set(names)
    for name, (_, text) in PARTS.items():
        assert re.search(rf"^  {name} +{re.escape(text)}$", shown, re.MULTILINE), name


def test_a_line_about_a_command_is_never_cut(cli: Cli) -> None:
    assert "..." not in cli("auto", "--help").out.partition("Commands:")[2]


def test_examples_come_last(cli: Cli) -> None:
    shown = cli("auto", "list", "--help").out

    assert "--label KEY=VALUE" in shown
    assert "<" not in shown
    assert shown.endswith("Examples:\n  aichats auto list\n  aichats auto list --label team=growth -o name\n")


def test_arguments_have_their_names_in_the_usage(cli: Cli) -> None:
    shown = cli("use", "--help").out

    assert shown.startswith("Usage: aichats use [OPTIONS] NAME\n")
    assert re.search(r"^  NAME  The name of a profile\.", shown, re.MULTILINE)


def test_headings_are_bold_on_a_terminal_alone(cli: Cli) -> None:
    bold = f"\033[{CODES['bold']}mExamples\033[0m:"

    assert bold in cli("auto", "list", "--help", terminal=True).out
    assert "\033" not in cli("auto", "list", "--help").out
    cli.variables["FORCE_COLOR"] = "1"
    assert bold in cli("auto", "list", "--help").out
    cli.variables["NO_COLOR"] = "1"
    assert "\033" not in cli("auto", "list", "--help", terminal=True).out


def test_the_help_of_a_function_ends_before_its_arguments(cli: Cli) -> None:
    assert "Raises:" not in cli("login", "--help").out


@pytest.mark.parametrize("arguments", [[], ["auto", "list", "--help"], *([name, "-h"] for name in PARTS)])
def test_the_help_imports_nothing_that_is_slow(arguments: list[str]) -> None:
    program = (
        "import sys; from aichats_cli.start import start; sys.argv = ['aichats', *sys.argv[1:]]; start();"
        f" print('slow:', *sorted({SLOW!r} & sys.modules.keys()), file=sys.stderr)"
    )

    shown = run_command(sys.executable, "-c", program, *arguments, check=True)

    assert shown.stderr == "slow:\n"
    assert shown.stdout.startswith("Usage: ")


def test_a_command_reads_its_options_without_pydantic() -> None:
    program = (
        "import sys; from aichats_cli.main import main; code = main(['use', 'local', '--profile', 'x', '-o', 'json']);"
        " print(code, 'pydantic' in sys.modules, 'httpx' in sys.modules)"
    )

    assert run_command(sys.executable, "-c", program, env={"XDG_CONFIG_HOME": "/dev/null"}).stdout == "1 False False\n"


def test_all_options_of_all_commands_are_read_without_pydantic() -> None:
    slow = [f"{path} {each.name}" for path, each in parameters_of(typer.main.get_command(root), "aichats")]

    assert slow == []


def parameters_of(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield the parameters of a command and of the commands below it that Typer reads with pydantic."""
    yield from ((path, each) for each in command.params if lean_param(each.type_descriptor) is None)
    for name, below in getattr(command, "commands", {}).items():
        yield from parameters_of(imported(name) if path == "aichats" else below, f"{path} {name}")
