"""Ids in paths: none leads elsewhere."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aichats.errors import InputError
from aichats.http.paths import segment


@pytest.mark.parametrize("chat_id", ["", ".", ".."])
def test_an_id_that_would_lead_elsewhere_is_rejected(chat_id: str) -> None:
    with pytest.raises(InputError, match="chat_id: is no id"):
        segment(chat_id, problem="is no id")


@given(chat_id=st.text().filter(lambda text: text not in ("", ".", "..")))
def test_any_other_id_is_one_segment_that_says_the_same(chat_id: str) -> None:
    quoted = segment(chat_id, problem="is no id")
    assert unquote(quoted) == chat_id
    assert not set(quoted) & set("/?#& \\")
