"""The time of the newest event, which the heartbeat asks for."""

from datetime import datetime, timedelta

import pytest

from aichats.aws.table import Table
from aichats.events.log import KEEP_EVENTS, NEWEST_PAGE, Entry, EventLog
from aichats.events.model import SentEvent
from tests.support.ledgers import NOON, Clock, dynamodb, make_table

DAY = timedelta(days=1)


@pytest.fixture
def log(clock: Clock) -> EventLog:
    return EventLog(Table(dynamodb(), make_table("EventsTable"), "pk", "sk"), clock)


def store(log: EventLog, *times: datetime) -> None:
    log.store([Entry.of(SentEvent(f"evt_{time}", "run.failed", time, "stack", {})) for time in times])


def test_the_newest_event_of_the_newest_day_is_found(log: EventLog) -> None:
    store(log, NOON - 5 * DAY, NOON - 3 * DAY, NOON - 3 * DAY - timedelta(hours=1))

    assert log.newest(NOON - 10 * DAY) == NOON - 3 * DAY


def test_without_an_event_since_that_day_there_is_none(log: EventLog) -> None:
    store(log, NOON - 5 * DAY)

    assert log.newest(NOON - 4 * DAY) is None
    assert log.newest(NOON - 5 * DAY + timedelta(hours=3)) == NOON - 5 * DAY, "the whole day counts"


def test_changes_without_an_event_do_not_count(log: EventLog) -> None:
    store(log, NOON - timedelta(hours=1))
    log.store([Entry(f"change_{number}", NOON) for number in range(2 * NEWEST_PAGE)])

    assert log.newest(NOON) == NOON - timedelta(hours=1)


def test_days_whose_events_have_expired_are_not_read(log: EventLog) -> None:
    store(log, NOON - KEEP_EVENTS - DAY)

    assert log.newest(NOON - 1000 * DAY) is None
