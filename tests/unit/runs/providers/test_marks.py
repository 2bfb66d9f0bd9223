"""The mark in a title by which a chat is known again, and the base of its idempotency keys."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aichats.runs.action import Action
from aichats.runs.providers.marks import key_base, mark_of, marked_title, preparation
from tests.support.actions import whop_create_chat
from tests.support.ledgers import MUTE, make_run

RUN_ID = make_run().run_id
BASE = key_base("a-table", RUN_ID)
MARK = BASE[:10] + " · "
texts = st.text(st.characters(exclude_categories=["Cs"])).map(lambda text: f"{text}x")
"""With a character that can be seen."""


def action(message: str, title: str | None = None) -> Action:
    return whop_create_chat(message_text=message, title=title)


@pytest.mark.parametrize(
    ("message", "title", "marked"),
    [
        ("hello", "Week", "Week"),
        ("hello", None, "hello"),
        ("\n  first line \r\nsecond", None, "first line"),
        ("a\u2028b", None, "a"),
        ("hello", "w" * 500, "w" * 107),
        ("hello", "w" * 106 + " x", "w" * 106),
        ("m" * 5000, None, "m" * 107),
    ],
)
def test_a_title_or_else_the_first_line_of_the_message_is_cut_to_fit_behind_the_mark(
    message: str, title: str | None, marked: str
) -> None:
    assert marked_title(action(message, title), BASE) == MARK + marked


@given(message=texts, title=st.none() | texts.filter(lambda text: len(text) <= 500), cut=st.integers(80, 120))
def test_whatever_the_title_and_wherever_it_is_cut_the_chat_is_found_by_its_mark(
    message: str, title: str | None, cut: int
) -> None:
    marked = marked_title(action(message, title), BASE)

    assert mark_of(marked[:cut]) == BASE[:10]
    assert len(marked) <= 120
    assert len(marked.splitlines()) <= 1 or title is not None


@pytest.mark.parametrize("title", [None, "", "Week", f"Week{MARK}", f" {MARK}Week", MARK[1:], f"{BASE[:10]} Week"])
def test_no_other_title_carries_a_mark(title: str | None) -> None:
    assert mark_of(title) is None


def test_keys_and_marks_belong_to_one_run_of_one_ledger() -> None:
    bases = {key_base(ledger, run.run_id) for ledger in "ab" for run in (make_run("one"), make_run("two"))}

    assert len({base[:10] for base in bases}) == 4
    assert all(re.fullmatch(r"[a-z2-7]{32}", base) for base in bases)


def test_only_creates_of_whop_are_prepared_and_marks_only_if_they_are_on() -> None:
    on, off = preparation("a-table", mark_titles=True), preparation("a-table", mark_titles=False)

    assert on(make_run()) == {"key_base": BASE, "title": MARK + "Week"}
    assert off(make_run()) == {"key_base": BASE, "title": None}
    assert on(make_run(action=MUTE)) == {}
