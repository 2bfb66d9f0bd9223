"""The output of commands on a terminal."""

import io

import pytest

from aichats_cli.output import Format, Output, note_lines, printable
from tests.support.cli import Terminal


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


def test_on_a_terminal_a_note_is_folded_between_words_and_a_command_stays_whole() -> None:
    reason = "2 failed (daily): whop: 422 verification_required: Verification is required to complete this request"
    command = f"  → to look again: aichats runs watch {'a' * 60}"

    shown = note_lines(f"{reason}\n{command}", Terminal(), {"COLUMNS": "80"})

    first, second, last = shown.split("\n")
    assert first.endswith("Verification is required to")
    assert second == "complete this request"
    assert last == command


def test_the_following_lines_of_a_folded_note_are_indented_as_its_first() -> None:
    lines = note_lines(f"  → {'word ' * 30}".rstrip(), Terminal(), {"COLUMNS": "60"}).split("\n")

    assert [line[:4] for line in lines] == ["  → ", "    ", "    "]
    assert max(map(len, lines)) <= 60


def test_in_a_pipe_a_note_is_one_line() -> None:
    assert note_lines("word " * 40, io.StringIO(), {"COLUMNS": "60"}) == "word " * 40
