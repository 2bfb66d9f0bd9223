"""One walk through the list of chats serves every run that waits for it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from aichats.errors import AichatsError, BadRequestError, InternalServerError, ProtocolError, RateLimitError
from aichats.runs.providers.lookups import MAX_PAUSE, MAX_RESTARTS, MIN_PAUSE, STINT, Driver, Walks
from aichats.runs.providers.port import NotYetError
from aichats.whop.chats import PageOfTitles
from tests.support.ledgers import LEASE, NOON, Clock, dynamodb, make_ledger

MARK, OTHER = "a" * 10, "b" * 10
LIMIT = timedelta(seconds=5)


def nothing(_cursor: str | None) -> None:
    """Nothing happens at a page."""


class Account:
    """A list of chats, of so many pages, and runs that look into it.

    Attributes:
        asked: the cursor of each request.
        marked: the chats that a page shows, besides one that has no mark.
        takes: seconds that a request takes.
        meanwhile: happens at each request, before its answer.
    """

    def __init__(self, pages: int = 1, takes: float = 0.2) -> None:
        self.clock = Clock()
        self.client: Any = dynamodb()
        self.ledger = make_ledger(self.clock)
        self.pages, self.takes = pages, takes
        self.asked: list[str | None] = []
        self.marked: dict[int, list[tuple[str, str]]] = {}
        self.meanwhile: Callable[[str | None], object] = nothing

    def fetch(self, cursor: str | None) -> PageOfTitles:
        self.asked.append(cursor)
        self.clock.forward(seconds=self.takes)
        self.meanwhile(cursor)
        number = int(cursor or 0)
        chats = [
            (f"aich_{number}", "Week"),
            *((chat_id, f"{mark} · W") for chat_id, mark in self.marked.get(number, [])),
        ]
        more = number + 1 < self.pages
        return PageOfTitles(chats, has_next_page=more, end_cursor=str(number + 1) if more else None)

    def look(self, mark: str = MARK, since: datetime = NOON, credential: str = "default") -> list[str]:
        """Look up a run's chat in a process of its own."""
        return Walks(self.ledger).find(credential, mark, since, Driver(self.clock.now + LEASE, self.fetch, LIMIT))

    def waits(self, mark: str = MARK, since: datetime = NOON) -> timedelta:
        """Return how long a run that looks up its chat must wait."""
        with pytest.raises(NotYetError) as caught:
            self.look(mark, since)
        assert caught.value.wait is not None
        return caught.value.wait


def test_one_walk_serves_every_run_that_waits_for_it() -> None:
    account = Account(pages=3)
    account.marked = {1: [("aich_7", MARK)], 2: [("aich_8", OTHER), ("aich_9", OTHER)]}

    assert account.look(MARK) == ["aich_7"]
    assert account.look(OTHER) == ["aich_8", "aich_9"]
    assert account.look("c" * 10) == []
    assert account.asked == [None, "1", "2", None]


def test_while_one_drives_the_others_wait_and_ask_for_nothing() -> None:
    account, waited = Account(pages=2), []

    def another(_cursor: str | None) -> None:
        account.meanwhile = nothing
        waited.append(account.waits(OTHER))

    account.meanwhile = another
    account.look()

    assert account.asked == [None, "1", None]
    assert timedelta(seconds=5) <= waited[0] <= timedelta(seconds=6)


def test_a_driver_stops_after_a_while_and_the_next_one_continues_from_there() -> None:
    account = Account(pages=50, takes=1)
    account.marked = {3: [("aich_a", MARK)], 45: [("aich_b", MARK)]}

    assert account.waits() == timedelta(0)
    assert account.clock.now == NOON + STINT + timedelta(seconds=1)
    assert account.waits(OTHER) == timedelta(0)
    assert account.look(OTHER) == []

    assert account.asked == [None, *(str(number) for number in range(1, 50)), None]
    assert account.look() == ["aich_a", "aich_b"]


def test_a_driver_never_outlives_its_lease() -> None:
    account = Account(pages=50, takes=4)

    account.waits()

    assert account.clock.now + LIMIT <= NOON + LEASE + timedelta(seconds=4)


def test_the_walk_of_a_driver_that_died_goes_on_where_it_was_stored() -> None:
    account = Account(pages=50, takes=1)
    account.waits()
    stored = account.asked[-1]

    def die(cursor: str | None) -> None:
        if cursor == "30":
            raise KeyboardInterrupt

    account.meanwhile = die
    with pytest.raises(KeyboardInterrupt):
        account.look()
    account.meanwhile = nothing
    assert account.waits() > timedelta(0)
    account.clock.forward(seconds=LEASE.total_seconds())
    account.asked.clear()
    account.waits()

    assert account.asked[0] == str(int(str(stored)) + 1)


def test_a_driver_that_was_taken_for_dead_changes_nothing() -> None:
    account = Account(pages=2)
    account.marked = {0: [("aich_7", MARK)]}

    def freeze(_cursor: str | None) -> None:
        account.meanwhile = nothing
        account.clock.forward(seconds=LEASE.total_seconds())
        assert account.look() == ["aich_7"]

    account.meanwhile = freeze
    assert account.waits() > timedelta(0)
    assert account.look() == ["aich_7"]


def test_a_walk_that_began_too_early_settles_nothing_and_the_next_keeps_its_distance() -> None:
    account = Account(pages=3)
    account.look()
    ended = account.clock.now
    later = ended + timedelta(seconds=1)
    account.clock.now = later

    wait = account.waits(since=later)
    account.clock.now = ended + MIN_PAUSE
    account.marked = {0: [("aich_7", MARK)]}

    assert MIN_PAUSE - timedelta(seconds=1) <= wait <= MIN_PAUSE * 1.2
    assert account.look(since=later) == ["aich_7"]
    assert len(account.asked) == 8


def test_after_a_long_walk_the_next_begins_much_later() -> None:
    account = Account(pages=40, takes=1)
    account.waits()
    account.look()
    duration = account.clock.now - NOON

    assert account.waits(since=account.clock.now) >= 2 * duration


@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_cursor_that_is_not_valid_any_more_begins_the_walk_again(status: int) -> None:
    account = Account(pages=3)
    account.marked = {0: [("aich_7", MARK)], 2: [("aich_8", MARK)]}

    def expire(cursor: str | None) -> None:
        if cursor == "2":
            account.meanwhile = nothing
            raise BadRequestError("the cursor is invalid", provider="whop", status=status)

    account.meanwhile = expire

    assert account.look() == ["aich_7", "aich_8"]
    assert account.asked == [None, "1", "2", None, "1", "2", None]


def test_cursors_that_are_never_valid_end_the_attempt() -> None:
    account = Account(pages=3)

    def expire(cursor: str | None) -> None:
        if cursor is not None:
            raise BadRequestError("the cursor is invalid", provider="whop", status=400)

    account.meanwhile = expire

    with pytest.raises(BadRequestError):
        account.look()
    assert account.asked == [None, "1"] * (MAX_RESTARTS + 1)
    account.meanwhile = nothing
    account.clock.forward(seconds=60)
    assert account.look() == []
    assert account.asked[-4:] == [None, "1", "2", None]


THROTTLED = RateLimitError("slow down", provider="whop", status=429, retry_after=40)
DOWN = InternalServerError("down", provider="whop", status=500)


@pytest.mark.parametrize(("error", "pause"), [(THROTTLED, 40), (DOWN, 10)])
def test_a_page_that_cannot_be_had_lets_all_wait_and_the_walk_goes_on_there(error: AichatsError, pause: float) -> None:
    account = Account(pages=3)
    account.marked = {0: [("aich_7", MARK)]}

    def fail(cursor: str | None) -> None:
        if cursor == "1":
            raise error

    account.meanwhile = fail
    with pytest.raises(type(error)):
        account.look()
    account.meanwhile = nothing

    assert timedelta(seconds=pause) <= account.waits(OTHER) <= timedelta(seconds=pause * 1.2)
    account.clock.forward(seconds=pause)
    assert account.look() == ["aich_7"]
    assert account.asked == [None, "1", "1", "2", None]


def test_a_list_that_says_there_is_more_and_not_where_is_never_complete() -> None:
    account = Account(pages=3)
    page = PageOfTitles([], has_next_page=True, end_cursor="1")
    driver = Driver(NOON + LEASE, lambda _: page, LIMIT)

    with pytest.raises(ProtocolError):
        Walks(account.ledger).find("default", MARK, NOON, driver)


def test_a_cursor_that_no_url_takes_harms_nothing() -> None:
    account = Account()
    page = PageOfTitles([], has_next_page=True, end_cursor="c" * 100_000)
    with pytest.raises(ProtocolError):
        Walks(account.ledger).find("default", MARK, NOON, Driver(NOON + LEASE, lambda _: page, LIMIT))

    assert account.waits() > timedelta(0)
    account.clock.forward(minutes=1)
    assert account.look() == []


def test_more_marks_than_an_item_may_hold_are_all_found() -> None:
    account = Account()
    account.marked = {0: [(f"aich_{'x' * 240}{number}", f"{'aaaaaa'}{_base32(number)}") for number in range(4000)]}

    account.look()

    assert account.look(f"{'aaaaaa'}{_base32(3999)}") == [f"aich_{'x' * 240}3999"]


def _base32(number: int) -> str:
    digits = "abcdefghijklmnopqrstuvwxyz234567"
    return "".join(digits[number >> shift & 31] for shift in (15, 10, 5, 0))


def test_a_walk_whose_marks_have_expired_proves_nothing() -> None:
    account = Account()
    account.marked = {0: [("aich_7", MARK)]}
    account.look()
    items = account.client.scan(TableName=account.ledger.table)["Items"]
    [part] = [item["run_id"]["S"] for item in items if "marks" in item]
    account.client.delete_item(TableName=account.ledger.table, Key={"run_id": {"S": part}})
    account.clock.forward(days=8)

    assert account.look() == ["aich_7"]
    assert account.asked == [None, None]


def test_a_walk_that_was_delayed_for_a_day_lets_no_run_wait_for_another() -> None:
    account = Account(pages=3)

    def fail(cursor: str | None) -> None:
        if cursor == "1":
            raise DOWN

    account.meanwhile = fail
    with pytest.raises(InternalServerError):
        account.look()
    account.clock.forward(days=1)
    waited = []

    def another(_cursor: str | None) -> None:
        account.meanwhile = nothing
        waited.append(account.waits(OTHER, since=account.clock.now))

    account.meanwhile = another
    account.look()

    assert waited[0] <= 2 * MAX_PAUSE * 1.2
    assert account.waits(since=account.clock.now) <= MAX_PAUSE * 1.2


def test_each_credential_has_a_walk_of_its_own() -> None:
    account = Account()
    account.look()
    account.marked = {0: [("aich_7", MARK)]}

    assert account.look(credential="biz_A") == ["aich_7"]
    assert account.look() == []
