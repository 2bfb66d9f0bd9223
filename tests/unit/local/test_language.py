"""Tests of the language check: the words and the beginnings of docstrings."""

from pathlib import Path

import pytest

from local import language
from local.language import Text, check, markdown_texts, python_texts


def problems(content: str, kind: str = "text") -> list[str]:
    return [finding.problem for finding in check(Text("file", 1, kind, content))]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("The alarm tells why.", "'tells': write report, return, show"),
        ("Until that moment.", "'moment': write time"),
        ("Nobody looks.", "'Nobody': write the actor: you, aichats, Whop, the API client"),
        ("It works as well.", "'as well': write also, too"),
        ("Whop refused it.", "'refused': write reject, rejected"),
        ("The behaviour of it.", "'behaviour': write American spelling"),
    ],
)
def test_a_hard_word_is_reported_with_what_to_write_instead(content: str, problem: str) -> None:
    assert problems(content) == [problem]


@pytest.mark.parametrize("content", ["Connection refused.", "as well as", "`moment` and ``told``", "momentary"])
def test_other_words_and_code_are_not_reported(content: str) -> None:
    assert problems(content) == []


@pytest.mark.parametrize("content", ["What is stored.", "Whether it ended.", "Where alarms go.", "When it fires."])
def test_a_docstring_does_not_begin_with_a_clause(content: str) -> None:
    assert problems(content, "docstring") == [f"'{content}': begin with a noun or a verb, not with a clause"]
    assert problems(content) == []


@pytest.mark.parametrize("content", ["Run history.", "When it fires, aichats starts a run.", "Who may read this?"])
def test_a_docstring_may_begin_with_a_noun_or_a_condition(content: str) -> None:
    assert problems(content, "docstring") == []


def test_a_function_s_docstring_begins_with_a_verb() -> None:
    assert problems("The chats.", "function") == ["'The chats.': begin with a verb"]
    assert problems("Return the chats.", "function") == []


def test_python_has_docstrings_comments_and_outside_of_tests_messages() -> None:
    source = '''"""Module."""
LIMIT = 3
"""Constant."""
class Chat:
    """Class."""
    @property
    def title(self) -> str:
        """Title."""
        return "no text"  # comment
    async def send(self) -> None:
        """Function."""
        raise ValueError("a whole sentence")
'''
    expected = [
        (1, "docstring", "Module."),
        (3, "docstring", "Constant."),
        (5, "docstring", "Class."),
        (8, "docstring", "Title."),
        (9, "text", "# comment"),
        (11, "function", "Function."),
    ]
    in_tests = sorted((text.line, text.kind, text.content) for text in python_texts("tests/x.py", source))
    assert in_tests == expected
    in_layer = {text.content for text in python_texts("layers/x.py", source)}
    assert in_layer - {text for *_, text in in_tests} == {"a whole sentence"}


def test_markdown_has_no_prose_in_code_blocks() -> None:
    source = "one\n````sh\n```\ntwo\n````\nthree\n"
    assert [(text.line, text.content) for text in markdown_texts("x.md", source)] == [(1, "one"), (6, "three")]


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(language, "ROOT", tmp_path)
    monkeypatch.setattr(language, "files", lambda _: ["page.md"])
    return tmp_path / "page.md"


def test_each_finding_fails_with_its_line(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page.write_text("First line.\nIt was told anew.\n")
    assert language.main([]) == 1
    assert capsys.readouterr().out == (
        "page.md:2: 'told': write report, return, show\npage.md:2: 'anew': write again\n"
    )


def test_plain_english_passes_without_a_word(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page.write_text("First line.\n")
    assert language.main([]) == 0
    assert capsys.readouterr() == ("", "")


def test_the_words_of_the_console_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(language, "ROOT", tmp_path)
    monkeypatch.setattr(language, "files", lambda _: ["now.tsx"])
    (tmp_path / "now.tsx").write_text('const title =\n  "You are told here";\n')

    assert language.main([]) == 1
    assert capsys.readouterr().out == "now.tsx:2: 'told': write report, return, show\n"
