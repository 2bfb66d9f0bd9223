"""A model of how long texts are kept: runs are started, ended and replayed, time passes, and DynamoDB deletes items."""

from copy import replace
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aichats.runs.action import Action
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.row_changes import LedgerConflictError
from aichats.runs.ledger.rows import EndStatus
from aichats.runs.ledger.texts import KEEP_AT_LEAST, TextExpiredError
from aichats.runs.model import Run
from tests.support.actions import whop_create_chat
from tests.support.ledgers import CREATE, ERROR, LEASE, Clock, dynamodb, item, make_ledger, make_run, stored

LONG = whop_create_chat(message_text="How was the week? " * 100, title="Week")
LONGEST_RUN = timedelta(hours=26)
HOURS = st.sampled_from([1, 20, 24 * 2, 24 * 4, 24 * 29, 24 * 31])
ENDS: tuple[EndStatus, ...] = ("succeeded", "failed", "missed")
STEPS = st.lists(
    st.tuples(st.just("wait"), HOURS) | st.tuples(st.sampled_from(["end", "replay"]), st.sampled_from(ENDS))
)


@dataclass
class Retention:
    """One run, and what is known of its text.

    Attributes:
        opened_at: the time of its creation or last replay.
    """

    ledger: Ledger
    clock: Clock
    run: Run
    opened_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.opened_at = self.clock.now
        self.ledger.add([self.run], lambda _: self.clock.now)

    def wait(self, hours: int) -> None:
        """Let time pass, and DynamoDB delete what has expired. An open run is never older than a day."""
        if stored(self.ledger, self.run).is_open:
            hours = min(hours, int((self.opened_at + LONGEST_RUN - self.clock.now) / timedelta(hours=1)))
        self.clock.forward(hours=hours)
        for found in dynamodb().scan(TableName=self.ledger.table)["Items"]:
            if "ttl" in found and int(found["ttl"]["N"]) <= self.clock.now.timestamp():
                dynamodb().delete_item(TableName=self.ledger.table, Key={"run_id": found["run_id"]})

    def end(self, status: EndStatus) -> None:
        """Perform the run, which always has its text then."""
        row = stored(self.ledger, self.run)
        if row.is_open:
            row = self.ledger.claim(self.run.run_id, LEASE)
            assert row.run.action == self.run.action
            chat_id = "aich_1" if status == "succeeded" else None
            self.ledger.finish(row, status, chat_id=chat_id, error=None if chat_id else ERROR)

    def replay(self) -> None:
        """Replay the run. Only a long text can be gone, and only after its time."""
        try:
            self.ledger.steering.replay(self.run.run_id)
            self.opened_at = self.clock.now
        except LedgerConflictError:
            assert stored(self.ledger, self.run).status in ("pending", "succeeded")
        except TextExpiredError:
            assert self.run.action == LONG
            assert self.clock.now >= self.opened_at + max(self.ledger.keep_texts, KEEP_AT_LEAST)

    def check(self) -> None:
        """Check what the run shows, and that no text is stored too long."""
        row, is_kept = stored(self.ledger, self.run), self.clock.now < self.opened_at + self.ledger.keep_texts
        assert self.ledger.keeps_text(row) is is_kept
        if is_kept or row.is_open:
            assert row.run.action == self.run.action
        if self.run.action == LONG and self.clock.now >= self.opened_at + max(self.ledger.keep_texts, KEEP_AT_LEAST):
            assert str(LONG.message) not in str(dynamodb().scan(TableName=self.ledger.table)["Items"])
        if row.status == "succeeded" and not self.ledger.keep_texts:
            assert str(CREATE.message) not in str(item(self.ledger, self.run))


@pytest.mark.parametrize("days", [0, 1, 30])
@pytest.mark.parametrize("action", [CREATE, LONG])
@settings(derandomize=True, deadline=None, max_examples=25)
@given(steps=STEPS)
def test_a_text_is_there_as_long_as_it_is_needed_or_shown_and_a_long_one_no_longer(
    days: int, action: Action, steps: list[tuple[str, int | EndStatus]]
) -> None:
    clock = Clock()
    world = Retention(replace(make_ledger(clock), keep_texts=timedelta(days=days)), clock, make_run(action=action))
    for step, argument in steps:
        if isinstance(argument, int):
            world.wait(argument)
        elif step == "end":
            world.end(argument)
        else:
            world.replay()
        if world.ledger.get(world.run.run_id) is None:
            return  # The row is deleted 90 days after the end.
        world.check()
