"""The output of commands on a terminal."""

import io

import pytest

from aichats_cli.output import Format, Output, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x9b0m\x07", r"\x1b[2J\x9b0m\x07"),
        ("a\u202eb\u2066", r"a\u202eb\u2066"),
        ("one\r\ntwo\n\tthree\rfour", "one\ntwo\n\tthree\\rfour"),
        ("10\u00a0€, 👨‍👩‍👧, \\x1b", "10\u00a0€, 👨‍👩‍👧, \\x1b"),
    ],
    ids=["escapes", "directions", "lines", "harmless"],
)
def test_characters_that_control_a_terminal_are_shown_as_numbers(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_no_cell_and_no_field_controls_the_terminal() -> None:
    stream = io.StringIO()
    output = Output(Format.table, stream, {})

    output.items([{"title": "\x1b]0;owned\x07"}], {"title": lambda each: each["title"]})
    output.fields({"titles": ["\x1b[2J"]})

    assert "\x1b" not in stream.getvalue()
    assert r"\x1b]0;owned\x07" in stream.getvalue()
