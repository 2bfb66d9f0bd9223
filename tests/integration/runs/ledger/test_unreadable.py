"""A run that this version of the code cannot read: it does not stop other runs, and its error shows no text."""

from datetime import timedelta

import pytest

from aichats.errors import UnreadableError
from aichats.runs.ledger.filters import RunFilter
from aichats.runs.ledger.history import History
from aichats.runs.ledger.ledger import Ledger
from tests.support.ledgers import NOON, Clock, dynamodb, make_ledger, make_run, overdue
from tests.support.output import Output

GOOD, BAD = make_run("good"), make_run("bad")
CONFIDENTIAL = "what nobody may read"


@pytest.fixture
def ledger() -> Ledger:
    """A ledger with a readable run, and a run that a later version of the code wrote."""
    ledger = make_ledger(Clock())
    ledger.add([GOOD, BAD], lambda _: NOON)
    dynamodb().update_item(
        TableName=ledger.table,
        Key={"run_id": {"S": BAD.run_id}},
        UpdateExpression="SET #action = :action",
        ExpressionAttributeNames={"#action": "action"},
        ExpressionAttributeValues={":action": {"S": f'{{"type": "whop.sing", "song": "{CONFIDENTIAL}"}}'}},
    )
    return ledger


def test_a_sweep_finds_the_others_and_counts_it(ledger: Ledger, output: Output) -> None:
    found = overdue(ledger, NOON + timedelta(minutes=5))

    assert [row.run.run_id for row in found] == [GOOD.run_id]
    text = output.text
    assert '"RunsUnreadable": [1.0]' in text
    assert BAD.run_id in text
    assert CONFIDENTIAL not in text


def test_the_history_shows_the_others(ledger: Ledger) -> None:
    day = timedelta(days=1)

    rows, following = History(ledger).page(NOON - day, NOON + day, only=RunFilter(), limit=10, start=None)

    assert ([row.run.run_id for row in rows], following) == ([GOOD.run_id], None)


def test_the_error_names_the_field_and_not_its_value(ledger: Ledger) -> None:
    with pytest.raises(UnreadableError) as caught:
        ledger.get(BAD.run_id)

    assert f"run {BAD.run_id} cannot be read by this version of the code" in str(caught.value)
    assert CONFIDENTIAL not in str(caught.value)
    assert caught.value.__cause__ is None
