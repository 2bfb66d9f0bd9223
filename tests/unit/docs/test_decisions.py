"""Tests of the index of decisions: it lists each one with its title and its status."""

import re

import pytest

from tests.support.markdown import DOCS

FOLDER = DOCS / "decisions"
DECISIONS = {path.name: path.read_text() for path in sorted(FOLDER.glob("0*.md"))}
ROW = re.compile(r"\| \[(\d{4})\]\(([\w-]+\.md)\) \| (.+) \| (.+) \| (.+) \|")
ROWS = [match.groups() for match in map(ROW.fullmatch, (FOLDER / "README.md").read_text().splitlines()) if match]


def test_the_index_lists_each_decision_once_in_order() -> None:
    assert [name for _, name, *_ in ROWS] == list(DECISIONS)


@pytest.mark.parametrize(("number", "name", "title", "sentence", "status"), ROWS)
def test_a_row_has_the_title_and_the_status_of_its_page(
    number: str, name: str, title: str, sentence: str, status: str
) -> None:
    heading, _, dated, *_ = DECISIONS[name].splitlines()

    assert heading == f"# {number} {title}"
    assert name.startswith(f"{number}-")
    assert sentence.endswith(".")
    later = re.search(r"superseded .*(\[\d{4}\]\([\w-]+\.md\))", dated)
    assert status == (f"superseded by {later[1]}" if later else "accepted")
