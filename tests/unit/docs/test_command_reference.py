"""The command `aichats` in the documentation: the reference is current, and each line of a page can be typed."""

from pathlib import Path

import pytest

from local.command_reference import command_reference
from local.generate import COMMAND_PAGE
from local.setup import ROOT
from tests.support.markdown import pages, shell_blocks
from tests.support.typed_commands import calls, parse

SHOWN = [
    (str(page.relative_to(ROOT)), words)
    for page in pages()
    for block in shell_blocks(page)
    for words in calls(block.text)
]
"""The page of each line that calls `aichats`, and the words behind it."""


def test_the_reference_is_what_the_command_says() -> None:
    assert COMMAND_PAGE.read_text() == command_reference(), "run `make generate`"


@pytest.mark.parametrize(
    ("page", "words"), SHOWN, ids=lambda value: " ".join(value) if isinstance(value, list) else Path(value).stem
)
def test_each_line_that_a_page_shows_can_be_typed(page: str, words: list[str]) -> None:
    assert page
    parse(words)


def test_the_reference_shows_lines() -> None:
    assert "docs/reference/cli.md" in {page for page, _ in SHOWN}


@pytest.mark.parametrize("line", ["auto lst", "auto list --lable x", "auto list -o xml", "auot list"])
def test_a_line_with_a_mistake_is_found(line: str) -> None:
    with pytest.raises(Exception, match=r"(?i)no such|lst|xml|auot"):
        parse(line.split())


def test_calls_are_found_behind_pipes_and_over_several_lines() -> None:
    text = "curl -s x | aichats chats mute --ids -  # a comment\naichats auto \\\n  list --label 'a|b'\nmy-aichats no\n"

    assert list(calls(text)) == [["chats", "mute", "--ids", "-"], ["auto", "list", "--label", "a|b"]]
