"""The options and arguments of commands: how the help shows them, and how their values are read."""

import shlex
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import typer

from aichats_cli.groups import new_group
from aichats_cli.help import LeanCommand, continued

app = new_group("Try.")


class Color(StrEnum):
    red = "red"
    blue = "blue"


@app.command("try", cls=LeanCommand)
def example(
    context: typer.Context,
    *,
    names: Annotated[list[str] | None, typer.Argument(help="Names.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="Labels.")] = None,
    count: Annotated[int, typer.Option(help="A number.", min=1, max=10)] = 3,
    share: Annotated[float | None, typer.Option(help="A share.", min=0)] = None,
    file: Annotated[Path | None, typer.Option(help="A file.")] = None,
    color: Annotated[Color | None, typer.Option(help="A color.")] = None,
    size: Annotated[Literal["s", "m"] | None, typer.Option(help="A size.")] = None,
    day: Annotated[datetime | None, typer.Option(help="A day.")] = None,
    loud: Annotated[bool, typer.Option("--loud/--quiet", help="Loudness.")] = False,
) -> None:
    """Try all types. They are kept. That is all."""
    given: dict[str, object] = {
        "names": names,
        "label": label,
        "count": count,
        "share": share,
        "file": file,
        "color": color,
    }
    given |= {"size": size, "day": day, "loud": loud}
    context.obj.update({name: value for name, value in given.items() if value not in (None, (), [])})


def run(*arguments: str) -> dict[str, Any]:
    """Return the values that the command got."""
    values: dict[str, Any] = {}
    command = typer.main.get_command(app)
    with command.make_context("aichats", ["try", *arguments], obj=values) as context:
        command.invoke(context)
    return values


def test_values_of_the_usual_types_are_read() -> None:
    assert run("a", "b", "--label", "x=1", "--label", "y=2", "--file", "./f", "--color", "blue", "--share", "0.5") == {
        "names": ["a", "b"],
        "label": ["x=1", "y=2"],
        "count": 3,
        "share": 0.5,
        "file": Path("f"),
        "color": Color.blue,
        "loud": False,
    }
    assert run("--size", "m", "--loud", "--count", "10") == {"size": "m", "loud": True, "count": 10}


def test_other_types_are_read_as_typer_does() -> None:
    assert run("--day", "2026-12-24")["day"].isoformat() == "2026-12-24T00:00:00"
    with pytest.raises(typer.BadParameter):
        run("--day", "someday")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--count", "x"], "x is not a whole number"),
        (["--count", "2.5"], "2.5 is not a whole number"),
        (["--count", "0"], "0 is out of range: at least 1 and at most 10"),
        (["--share", "x"], "x is not a number"),
        (["--share", "-1"], "-1 is out of range: at least 0"),
        (["--color", "green"], "green is not one of red, blue"),
        (["--size", "l"], "l is not one of s, m"),
    ],
)
def test_a_wrong_value_is_an_error_that_says_which_are_right(arguments: list[str], message: str) -> None:
    with pytest.raises(typer.BadParameter) as raised:
        run(*arguments)

    assert raised.value.message == message


def test_the_help_shows_words_for_values(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        run("--help")

    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "Usage: aichats try [OPTIONS] [NAMES...]"
    for line in (
        "NAMES... Names.",
        "--label TEXT Labels.",
        "--count N A number. [default: 3; 1<=x<=10]",
        "--file PATH A file.",
        "--color red|blue A color.",
        "--size s|m A size.",
        "--loud / --quiet Loudness. [default: quiet]",
    ):
        assert line in lines, line


def test_the_list_of_commands_shows_the_first_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    command = typer.main.get_command(app)

    with pytest.raises(typer.Exit):
        command.make_context("aichats", ["--help"])

    assert "  try  Try all types.\n" in capsys.readouterr().out


def test_a_long_example_continues_before_an_option_after_a_backslash() -> None:
    line = """  aichats auto create daily --every weekday --message "Sum up --all of it" --for 'biz_A --x' -o json"""

    shown = continued(line, 40)

    assert shown.splitlines() == [
        "  aichats auto create daily \\",
        "      --every weekday \\",
        '      --message "Sum up --all of it" \\',
        "      --for 'biz_A --x' -o json",
    ]
    assert shlex.split(shown.replace("\\\n", "")) == shlex.split(line)
    assert continued(line, 120) == line
