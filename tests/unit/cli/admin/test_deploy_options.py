"""The parameters and tables of `aichats admin deploy`, as Make gets them."""

import shlex

import pytest

from aichats_cli.commands.admin import assignments
from aichats_cli.errors import UsageError


def test_nothing_typed_is_no_variable() -> None:
    assert assignments("--parameter", None) is None


def test_quotes_and_dollars_reach_the_shell_of_make_as_typed() -> None:
    typed = ["AlarmEmail=you@example.com", "Title=a 'b' $HOME"]

    text = assignments("--parameter", typed)

    assert text is not None
    assert shlex.split(text.replace("$$", "$")) == typed


@pytest.mark.parametrize("word", ["AlarmEmail", "=x"])
def test_a_word_without_a_name_and_a_value_is_rejected(word: str) -> None:
    with pytest.raises(UsageError, match=r"--parameter must be NAME=VALUE"):
        assignments("--parameter", [word])
