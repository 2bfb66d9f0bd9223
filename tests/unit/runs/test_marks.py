"""The mark in a title by which a chat is known again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aichats.runs.actions import WhopCreateChat
from aichats.runs.marks import find_marked, mark, marked_title
from aichats.whop import AiChat
from tests.fakes import ai_chat
from tests.ledgers import make_run

RUN_ID = make_run().run_id
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: text.strip())


def action(message: str, title: str | None = None) -> WhopCreateChat:
    return WhopCreateChat(type="whop.create_chat", message_text=message, title=title)


def chat(title: str | None, chat_id: str = "aich_1") -> AiChat:
    return AiChat.model_validate(ai_chat(id=chat_id, title=title))


@pytest.mark.parametrize(
    ("message", "title", "marked"),
    [
        ("hello", "Week", "Week"),
        ("hello", None, "hello"),
        ("\n  first line \r\nsecond", None, "first line"),
        ("a\u2028b", None, "a"),
        ("hello", "w" * 500, "w" * 120),
        ("hello", "w" * 119 + " x", "w" * 119),
        ("m" * 5000, None, "m" * 120),
    ],
)
def test_a_title_or_else_the_first_line_of_the_message_is_cut_and_marked(
    message: str, title: str | None, marked: str
) -> None:
    assert marked_title(action(message, title), RUN_ID) == marked + mark(RUN_ID)


@given(message=texts, title=st.none() | texts.filter(lambda text: len(text) <= 500))
def test_whatever_the_title_the_chat_is_found_by_its_mark(message: str, title: str | None) -> None:
    marked = marked_title(action(message, title), RUN_ID)

    assert find_marked([chat(marked)], RUN_ID) == ["aich_1"]
    assert len(marked) <= 131
    assert len(marked.splitlines()) <= 1 or title is not None


@pytest.mark.parametrize(
    "title", [None, "", "Week", f"Week{mark(RUN_ID)} ", f"{mark(RUN_ID)} Week", f"Week{RUN_ID[:8]}"]
)
def test_no_other_title_carries_the_mark(title: str | None) -> None:
    assert find_marked([chat(title)], RUN_ID) == []


def test_every_chat_is_looked_at_and_each_counts_once() -> None:
    chats = [chat("Week"), chat(f"A{mark(RUN_ID)}", "aich_2"), chat(f"B{mark(RUN_ID)}", "aich_3")]

    assert find_marked([*chats, *chats], RUN_ID) == ["aich_2", "aich_3"]
