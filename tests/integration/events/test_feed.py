"""Following the stored events: whatever comes late, and however long a write takes, no event is missed."""

import random
from collections.abc import Iterable
from copy import replace
from datetime import datetime, timedelta

import pytest

from aichats.aws.table import Table
from aichats.events import feed as feed_module
from aichats.events.feed import FINAL_AFTER, WRITE_TIME, EventFeed, FeedPosition
from aichats.events.log import KEEP_EVENTS, LATE_AFTER, Entry, EventLog
from aichats.events.model import SentEvent, event_id
from tests.support.ledgers import NOON, Clock, dynamodb, make_table
from tests.support.template import load_template

SECOND = timedelta(seconds=1)


class Reader:
    """A client that follows the events from a time on, and the publishers that store them."""

    def __init__(self, clock: Clock, *, since: datetime = NOON, limit: int = 10) -> None:
        self.clock, self.limit = clock, limit
        self.log = EventLog(Table(dynamodb(), make_table("EventsTable"), "pk", "sk"), clock)
        self.events, self.late = FeedPosition.at(since), FeedPosition.at(clock.now - FINAL_AFTER)
        self.seen: list[str] = []

    def store(self, *names: str, ago: float = 0, begun: float = 0) -> None:
        """Store events that happened ``ago`` seconds before now. The write began ``begun`` seconds ago."""
        log = replace(self.log, clock=lambda: self.clock.now - begun * SECOND)
        time = self.clock.now - ago * SECOND
        log.store([Entry.of(SentEvent(event_id(name), "run.failed", time, "stack", {"name": name})) for name in names])

    def read(self) -> list[str]:
        """Return the names of all events that are there now, page after page."""
        names: list[str] = []
        for _ in range(1000):
            feed = EventFeed(self.log, self.clock.now, lambda _: True)
            late = feed.late_events(self.late, self.limit, self.events)
            page = feed.events(self.events, self.limit)
            self.late, self.events = late.position, page.position
            names += [event.data["name"] for event in (*late.events, *page.events)]
            if late.is_last and page.is_last:
                self.seen += names
                return names
        raise AssertionError("the pages don't end")


@pytest.fixture
def reader(clock: Clock) -> Reader:
    return Reader(clock)


def test_each_event_is_read_once_while_events_come_in_order(reader: Reader, clock: Clock) -> None:
    for number in range(40):
        clock.forward(seconds=10)
        reader.store(f"{number}a", f"{number}b", ago=0.5)
        assert reader.read() == sorted([f"{number}a", f"{number}b"], key=event_id)
    assert reader.read() == []


def test_an_event_that_appears_before_the_last_one_is_read(reader: Reader, clock: Clock) -> None:
    clock.forward(seconds=60)
    reader.store("new")
    assert reader.read() == ["new"]
    reader.store("old", ago=10)

    assert "old" in reader.read()
    assert reader.read() == []


def test_an_event_that_is_stored_hours_late_is_read(reader: Reader, clock: Clock) -> None:
    clock.forward(hours=5)
    reader.store("new")
    assert reader.read() == ["new"]
    clock.forward(minutes=10)
    assert reader.read() == []
    reader.store("old", ago=4 * 3600)

    assert reader.read() == ["old"]
    assert reader.read() == []


def test_an_event_whose_write_takes_as_long_as_it_can_is_read(reader: Reader, clock: Clock) -> None:
    for ago, begun in ((74 + 14, 74), (74 + 4 * 3600, 74)):
        clock.forward(hours=5)
        assert reader.read() == []
        reader.store(f"{ago}", ago=ago, begun=begun)
        assert reader.read() == [f"{ago}"]


def test_a_write_cannot_take_longer_than_a_reader_looks_back() -> None:
    seconds = load_template()["Resources"]["PublishEventsFunction"]["Properties"]["Timeout"]

    assert seconds * SECOND + 10 * SECOND <= WRITE_TIME
    assert WRITE_TIME + LATE_AFTER <= FINAL_AFTER


def test_a_late_event_that_is_still_to_come_in_order_is_read_once(clock: Clock) -> None:
    reader = Reader(clock, since=NOON - timedelta(hours=3), limit=2)
    reader.store("late", ago=3600)
    reader.store("new")

    assert reader.read() == ["late", "new"]


def test_a_late_event_is_stored_once_however_often_it_is_published(reader: Reader, clock: Clock) -> None:
    for passed in range(3):
        reader.store("late", ago=3600 + passed)
        clock.forward(seconds=1)

    assert reader.read() == ["late"]


def test_a_late_event_is_read_even_if_it_happened_before_the_first_one_wanted(reader: Reader, clock: Clock) -> None:
    reader.store("early", ago=5)
    assert reader.read() == []
    clock.forward(minutes=5)
    reader.store("late", ago=5 * 60 + 1)

    assert reader.read() == ["late"]


def test_days_without_events_are_passed_once(reader: Reader, clock: Clock) -> None:
    clock.forward(hours=24 * 20)
    assert reader.read() == []

    assert datetime.fromisoformat(reader.events.final) == clock.now - FINAL_AFTER
    reader.store("new")
    assert reader.read() == ["new"]


def test_only_days_whose_events_are_kept_are_read(reader: Reader, clock: Clock) -> None:
    reader.store("expired")
    clock.now = clock.now + KEEP_EVENTS + timedelta(days=1)

    assert reader.read() == []


def test_pages_end_after_a_number_of_events_even_if_none_is_wanted(
    reader: Reader, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "SEARCHED_EVENTS", 3)
    reader.store(*"abcdefg")

    page = EventFeed(reader.log, clock.now, lambda _: False).events(reader.events, 10)

    assert (page.events, page.is_last, page.position.unsettled) == ([], False, 3)


@pytest.mark.parametrize("seed", range(12))
def test_no_event_is_missed_whatever_the_order_in_which_events_are_stored(clock: Clock, seed: int) -> None:
    chance = random.Random(seed)
    reader = Reader(clock, limit=chance.choice([1, 3, 100]))
    clock.forward(seconds=90)
    names = [f"{seed}-{number}" for number in range(60)]
    for name in names:
        begun = chance.choice([0, 0, chance.uniform(0, WRITE_TIME.total_seconds())])
        lag = chance.choice([0, 0.2, chance.uniform(0, 15), chance.uniform(15, 100), chance.uniform(100, 40_000)])
        reader.store(name, ago=begun + lag, begun=begun)
        if chance.random() < 0.5:
            reader.read()
        clock.forward(seconds=chance.choice([0, 0.01, 2, 30, chance.uniform(0, 4000)]))
    reader.read()

    assert missing(names, reader.seen) == []
    clock.forward(minutes=10)
    assert reader.read() == []


def missing(names: Iterable[str], seen: Iterable[str]) -> list[str]:
    """Return the names that were not seen."""
    return sorted({*names} - {*seen})
