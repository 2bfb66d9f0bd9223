"""The retention of texts in the ledger."""

from copy import replace
from datetime import UTC, datetime, timedelta

import pytest

from aichats.runs.action import Action
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.row_changes import KEEP_ENDED
from aichats.runs.ledger.rows import EndStatus
from aichats.runs.ledger.texts import KEEP_AT_LEAST, TextExpiredError
from aichats.runs.model import Run
from tests.support.actions import whop_create_chat
from tests.support.ledgers import CREATE, ERROR, LEASE, NOON, Clock, dynamodb, end, item, make_ledger, make_run, stored

LONG = whop_create_chat(message_text="How was the week? " * 100, title="Week")
SHORT_RUN, LONG_RUN = make_run(), make_run(action=LONG)


def keeping(days: int, clock: Clock) -> Ledger:
    """Return a ledger that keeps texts for some days."""
    return replace(make_ledger(clock), keep_texts=timedelta(days=days))


def expire(ledger: Ledger, now: datetime) -> None:
    """Delete the items whose time is over, as DynamoDB does."""
    for found in dynamodb().scan(TableName=ledger.table)["Items"]:
        if "ttl" in found and int(found["ttl"]["N"]) <= now.timestamp():
            dynamodb().delete_item(TableName=ledger.table, Key={"run_id": found["run_id"]})


def text_ends(ledger: Ledger, run: Run) -> datetime:
    """Return the time from which DynamoDB may delete the text of a run."""
    key = item(ledger, run)["action_key"]
    found = dynamodb().get_item(TableName=ledger.table, Key={"run_id": key})["Item"]
    return datetime.fromtimestamp(int(found["ttl"]["N"]), UTC)


# ---------------------------------------------------------------------------------------------- long texts


@pytest.mark.parametrize(("days", "kept"), [(0, 3), (1, 3), (3, 3), (30, 30), (90, 90)])
def test_a_long_text_is_kept_as_long_as_the_stack_says_and_for_at_least_three_days(
    clock: Clock, days: int, kept: int
) -> None:
    ledger = keeping(days, clock)
    ledger.add([LONG_RUN], lambda _: NOON)

    assert text_ends(ledger, LONG_RUN) == NOON + timedelta(days=kept)


def test_a_run_never_loses_its_text_before_it_ends(clock: Clock) -> None:
    ledger = keeping(0, clock)
    ledger.add([LONG_RUN], lambda _: NOON)
    expire(ledger, clock.forward(hours=26))

    assert ledger.claim(LONG_RUN.run_id, LEASE).run == LONG_RUN


def test_the_time_of_a_text_begins_again_with_a_replay(clock: Clock) -> None:
    ledger = keeping(10, clock)
    end(ledger, "failed", LONG_RUN)
    now = clock.forward(days=9)

    ledger.steering.replay(LONG_RUN.run_id)

    assert text_ends(ledger, LONG_RUN) == now + timedelta(days=10)
    assert ledger.claim(LONG_RUN.run_id, LEASE).run == LONG_RUN


def test_a_run_whose_text_has_expired_is_not_replayed_and_stays_readable(clock: Clock) -> None:
    ledger = keeping(10, clock)
    end(ledger, "failed", LONG_RUN)
    expire(ledger, clock.forward(days=10))
    before = item(ledger, LONG_RUN)

    with pytest.raises(TextExpiredError):
        ledger.steering.replay(LONG_RUN.run_id)

    assert item(ledger, LONG_RUN) == before
    assert (stored(ledger, LONG_RUN).status, stored(ledger, LONG_RUN).run.action.type) == ("failed", LONG.type)


@pytest.mark.parametrize("action", [LONG, CREATE])
def test_a_missed_run_whose_text_has_expired_is_performed_when_its_event_comes(clock: Clock, action: Action) -> None:
    for is_performed_at_once in (True, False):
        ledger = keeping(0, clock)
        ledger.add_ended([(LONG_RUN, ERROR)], "missed")
        expire(ledger, clock.forward(days=4))

        if is_performed_at_once:
            ledger.claim(make_run(action=action), LEASE)
        else:
            ledger.add([make_run(action=action)], lambda _: NOON)

        row = stored(ledger, LONG_RUN)
        assert (row.is_open, row.run.action) == (True, action)


def test_every_row_ends_before_a_queue_forgets_its_messages() -> None:
    assert timedelta(days=30) <= KEEP_ENDED
    assert timedelta(hours=26) < KEEP_AT_LEAST


# ---------------------------------------------------------------------------------------------- shown and dropped


@pytest.mark.parametrize("run", [SHORT_RUN, LONG_RUN])
def test_a_text_is_shown_until_its_time_is_over_even_if_it_is_still_stored(clock: Clock, run: Run) -> None:
    ledger = keeping(10, clock)
    end(ledger, "succeeded", run)

    clock.forward(days=10, seconds=-1)
    assert ledger.keeps_text(stored(ledger, run))
    clock.forward(seconds=1)
    assert not ledger.keeps_text(stored(ledger, run))


def test_without_retention_no_text_is_shown_even_while_its_run_is_open(clock: Clock) -> None:
    ledger = keeping(0, clock)
    ledger.add([SHORT_RUN], lambda _: NOON)

    assert not ledger.keeps_text(stored(ledger))
    # The clock of the function that opened the run is ahead.
    clock.forward(seconds=-1)
    assert not ledger.keeps_text(stored(ledger))


def test_without_retention_a_run_that_succeeds_loses_its_text_in_the_same_write(clock: Clock) -> None:
    ledger = keeping(0, clock)

    row = end(ledger, "succeeded", SHORT_RUN)

    assert str(CREATE.message) not in str(item(ledger))
    assert (row.run.action.type, row.title, row.chat_id) == (CREATE.type, None, "aich_1")


def test_without_retention_a_run_that_is_resolved_as_succeeded_loses_its_text(clock: Clock) -> None:
    ledger = keeping(0, clock)
    end(ledger, "unknown", SHORT_RUN)

    ledger.steering.resolve(SHORT_RUN.run_id, "succeeded", chat_id="aich_7", by="ann")

    assert str(CREATE.message) not in str(item(ledger))


def test_without_retention_a_run_that_is_cancelled_loses_its_text(clock: Clock) -> None:
    ledger = keeping(0, clock)
    ledger.add([SHORT_RUN], lambda _: NOON)

    ledger.steering.cancel(SHORT_RUN.run_id, by="ann")

    assert str(CREATE.message) not in str(item(ledger))
    performing = make_run("two")
    row = ledger.claim(performing, LEASE)
    ledger.finish(row, "cancelled", error=ERROR)
    assert str(CREATE.message) not in str(item(ledger, performing))
    stranded = make_run("three")
    ledger.give_up(ledger.claim(stranded, LEASE), "cancelled", ERROR)
    assert str(CREATE.message) not in str(item(ledger, stranded))


@pytest.mark.parametrize(("days", "status"), [(0, "failed"), (0, "unknown"), (1, "succeeded")])
def test_a_run_that_can_be_replayed_or_shown_keeps_its_text(clock: Clock, days: int, status: EndStatus) -> None:
    ledger = keeping(days, clock)

    assert end(ledger, status, SHORT_RUN).run.action == CREATE


def test_a_repeated_call_finds_a_run_without_its_text(clock: Clock) -> None:
    ledger = keeping(0, clock)
    end(ledger, "succeeded", SHORT_RUN)

    assert ledger.add([SHORT_RUN], lambda _: NOON) == []
    [row] = ledger.reads.rows([SHORT_RUN.run_id])
    assert (row.status, row.run.target) == ("succeeded", "biz_A")
