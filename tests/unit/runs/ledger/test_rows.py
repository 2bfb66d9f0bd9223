"""Attributes in DynamoDB's wire format."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aichats.aws.attributes import decode, encode
from aichats.message_text import MAX_STORED_MESSAGE_BYTES
from aichats.runs.action import to_json
from aichats.runs.ledger.rows import new_item, row_from
from tests.support.actions import whop_create_chat
from tests.support.ledgers import NOON, make_run

plain = st.text() | st.integers() | st.booleans()
nested = st.lists(plain) | st.dictionaries(st.text(min_size=1), plain)
attributes = st.dictionaries(st.text(min_size=1), plain | nested)


@given(attributes)
def test_what_is_encoded_is_decoded_as_it_was(given_attributes: dict[str, object]) -> None:
    found = decode(encode(given_attributes))

    assert found == given_attributes
    assert {name: type(value) for name, value in found.items()} == {
        name: type(value) for name, value in given_attributes.items()
    }


@pytest.mark.parametrize("value", [None, 1.5, b"x", (), NOON])
def test_what_the_ledger_never_keeps_is_a_mistake(value: object) -> None:
    with pytest.raises(TypeError, match=f"a table cannot store a {type(value).__name__}"):
        encode({"name": value})


def test_a_message_that_was_accepted_is_performed_even_if_the_limit_is_smaller_now() -> None:
    action = whop_create_chat(message_text="x" * MAX_STORED_MESSAGE_BYTES)

    row = row_from(decode(encode(new_item(make_run(action=action), NOON, NOON, {"action": to_json(action)}))))

    assert row.run.action == action
