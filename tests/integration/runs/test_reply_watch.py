"""The watch of a chat: when a run counts as answered, when the watch looks again, and when it ends."""

import random
from collections.abc import Callable
from copy import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from aichats.errors import (
    AichatsError,
    APIConnectionError,
    APIStatusError,
    AuthenticationError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitError,
    SecretError,
)
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.replies import store_result
from aichats.runs.ledger.rows import Row
from aichats.runs.queue import QueueError
from aichats.runs.queue_messages import WatchMessage, read_message
from aichats.runs.reply_watch import EXTRA_TIME, first_watch
from aichats.whop.chats import WhopChat
from tests.support.fakes import aws_error, ok
from tests.support.ledgers import CREATE, ERROR, GONE, LEASE, NOON, SETTLE, Overtaken, item, make_run
from tests.support.watching import ANSWERED, AWAITING, LIMIT, WatchBench, new_chat, watched
from tests.support.whop_bench import MARK


def failure(kind: type[APIStatusError], status: int, retry_after: float | None = None) -> APIStatusError:
    return kind("no", provider="whop", status=status, retry_after=retry_after)


PASSING: dict[str, AichatsError] = {
    "401": failure(AuthenticationError, 401),
    "403": failure(PermissionDeniedError, 403),
    "404": failure(NotFoundError, 404),
    "429": failure(RateLimitError, 429),
    "500": failure(InternalServerError, 500),
    "no connection": APIConnectionError("no route", provider="whop"),
    "unreadable": ProtocolError("no JSON", provider="whop"),
    "secret": SecretError("aichats/dev/whop", "can't be read", "wait"),
}


# ---------------------------------------------------------------------------------------------- the reply


@pytest.mark.parametrize("sign", ANSWERED)
def test_each_number_that_moves_past_the_create_is_a_reply(sign: str) -> None:
    bench = watched()
    bench.chat = new_chat() | {sign: ANSWERED[sign]}

    row = bench.look()

    assert row.replied_at is not None
    assert bench.sqs.sent == []
    assert bench.looks == ["aich_1"]


def test_a_reply_has_the_time_of_the_last_message_its_seconds_and_its_tokens() -> None:
    bench = watched()
    bench.chat = new_chat(**ANSWERED)

    row = bench.look()

    assert row.replied_at == NOON + timedelta(seconds=9.5)
    assert (row.reply_seconds, row.tokens) == (Decimal("9.5"), Decimal("123.45"))
    assert row.reply_overdue_at is None
    stored = item(bench.ledger, bench.run)
    assert (stored["reply_seconds"], stored["tokens"]) == ({"N": "9.5"}, {"N": "123.45"})


def test_tokens_are_those_since_the_create() -> None:
    bench = watched(ok(new_chat(blended_token_usage="0.1")), ok(new_chat()))
    bench.chat = new_chat(blended_token_usage="0.30000000001")

    assert bench.look().tokens == Decimal("0.2")


def test_a_reply_without_the_time_of_its_message_has_the_time_of_the_look() -> None:
    bench = watched()
    bench.chat = new_chat(message_count=2)

    row = bench.look()

    assert (row.replied_at, row.reply_seconds, row.tokens) == (bench.clock.now, Decimal(15), Decimal(0))


@pytest.mark.parametrize("last", ["2026-11-20T12:00:09.500", "2026-11-20T13:00:09.500+01:00"])
def test_the_time_of_a_message_is_in_utc_unless_it_names_a_zone(last: str) -> None:
    bench = watched()
    bench.chat = new_chat(last_message_at=last)

    assert bench.look().reply_seconds == Decimal("9.5")


def test_the_first_message_that_a_chat_shows_after_its_create_has_a_time() -> None:
    bench = watched(ok(new_chat(last_message_at=None)), ok(new_chat()))
    bench.chat = new_chat(last_message_at="2026-11-20T12:00:03Z")

    assert bench.look().reply_seconds == 3


def test_a_reply_is_never_later_than_the_look_that_saw_it() -> None:
    bench = watched()
    bench.chat = new_chat(last_message_at="2099-01-01T00:00:00Z")

    assert bench.look().replied_at == bench.clock.now


@pytest.mark.parametrize("usage", ["1E+400", "1000000000000000"])
def test_a_number_of_tokens_that_a_table_cannot_store_is_unknown(usage: str) -> None:
    bench = watched()
    bench.chat = new_chat(blended_token_usage=usage)

    row = bench.look()

    assert (row.replied_at, row.tokens) == (bench.clock.now, None)


def test_tokens_that_shrink_count_as_none() -> None:
    bench = watched(ok(new_chat(blended_token_usage="5")), ok(new_chat()))
    bench.chat = new_chat(message_count=2, blended_token_usage="1")

    assert bench.look().tokens == 0


def test_a_second_look_that_sees_more_changes_nothing() -> None:
    bench = watched()
    bench.chat = new_chat(**ANSWERED)
    bench.look()
    before = item(bench.ledger, bench.run)
    bench.chat = new_chat(message_count=9, blended_token_usage="999", last_message_at="2026-11-20T12:00:14Z")

    bench.look()

    assert item(bench.ledger, bench.run) == before
    assert bench.looks == ["aich_1"]


def test_of_two_looks_at_the_same_time_the_first_result_stays() -> None:
    bench = watched()
    bench.chat = new_chat(**ANSWERED)
    overdue = {"reply_overdue_at": "2026-11-20T12:00:10.000Z"}
    first = Overtaken(lambda: store_result(bench.ledger.items, bench.run_id, overdue))
    bench.watch = replace(bench.watch, ledger=replace(bench.ledger, client=first))

    row = bench.look()

    assert (row.replied_at, row.tokens) == (None, None)
    assert row.reply_overdue_at == NOON + timedelta(seconds=10)


# ---------------------------------------------------------------------------------------------- the next look


def test_a_chat_without_a_reply_is_looked_at_later() -> None:
    bench = watched()
    first = first_watch(bench.run_id, bench.clock.now)

    row = bench.look(first)

    assert (row.replied_at, row.reply_overdue_at) == (None, None)
    assert bench.take() == (WatchMessage(run_id=bench.run_id, looks=1, began_at=first.began_at), 23)


def test_pauses_grow_to_ten_minutes_until_the_time_is_over() -> None:
    bench = watched()

    delays = bench.look_until_the_end()

    assert delays[:10] == [23, 34, 51, 76, 114, 171, 257, 385, 577, 600]
    assert set(delays[10:-1]) == {600}
    assert sum(delays) == LIMIT.total_seconds()
    row = bench.row
    assert (row.replied_at, row.reply_overdue_at, row.reply_overdue_reason) == (None, bench.clock.now, None)


def test_a_reply_at_the_last_look_is_a_reply() -> None:
    bench = watched()
    late = WatchMessage(run_id=bench.run_id, looks=20, began_at=bench.clock.now - 2 * LIMIT)
    bench.chat = new_chat(message_count=2)

    row = bench.look(late)

    assert (row.replied_at, row.reply_overdue_at) == (bench.clock.now, None)


def test_a_watch_that_has_ended_finds_no_later_reply() -> None:
    bench = watched()
    bench.look_until_the_end()
    bench.chat = new_chat(message_count=2)

    row = bench.look()

    assert (row.replied_at, bench.sqs.sent) == (None, [])


def test_two_watches_of_a_run_become_one() -> None:
    bench = watched()
    first = first_watch(bench.run_id, bench.clock.now)
    bench.look(first)
    following, delay = bench.take()
    bench.clock.forward(seconds=1)

    bench.look(first)
    bench.look(first_watch(bench.run_id, bench.clock.now))

    assert (len(bench.looks), bench.sqs.sent) == (1, [])
    bench.clock.forward(seconds=delay)
    bench.look(following)
    assert (len(bench.looks), bench.take()[0].looks) == (2, 2)


def test_two_looks_at_the_same_time_become_one_by_the_next_look() -> None:
    bench = watched()
    first = first_watch(bench.run_id, bench.clock.now)
    retrieve = bench.watch.chat_of

    def retrieve_beside_another(row: Row) -> WhopChat:
        bench.watch = replace(bench.watch, chat_of=retrieve)
        bench.look(first)
        return retrieve(row)

    bench.watch = replace(bench.watch, chat_of=retrieve_beside_another)
    bench.look(first)
    following = [read_message(sent.body) for sent in bench.sqs.sent]
    bench.sqs.sent.clear()
    assert [message.looks for message in following if isinstance(message, WatchMessage)] == [1, 1]

    for message in following:
        assert isinstance(message, WatchMessage)
        bench.look(message)

    assert bench.take()[0].looks == 2


def test_a_message_that_comes_again_because_sqs_rejected_the_next_one_looks_again() -> None:
    bench = watched()
    first = first_watch(bench.run_id, bench.clock.now)
    bench.sqs.down = aws_error("ServiceUnavailable")
    with pytest.raises(QueueError):
        bench.look(first)
    bench.sqs.down = None

    bench.look(first)

    assert bench.take()[0].looks == 1


class End(random.Random):
    """Randomness that always returns one end of the range."""

    def __init__(self, end: Callable[..., float]) -> None:
        super().__init__()
        self.end = end

    def uniform(self, a: float, b: float) -> float:
        return self.end(a, b)


@pytest.mark.parametrize(("end", "first", "longest"), [(min, 18, 480), (max, 27, 720)])
def test_a_pause_is_up_to_a_fifth_shorter_or_longer(end: Callable[..., float], first: int, longest: int) -> None:
    bench = watched()
    bench.watch = replace(bench.watch, randomness=End(end))

    delays = bench.look_until_the_end()

    assert (delays[0], max(delays)) == (first, longest)


@pytest.mark.parametrize("error", PASSING.values(), ids=PASSING)
def test_a_look_that_fails_is_repeated(error: AichatsError) -> None:
    bench = watched()
    bench.clock.now += SETTLE
    bench.chat = error

    row = bench.look()

    assert (row.replied_at, row.reply_overdue_at) == (None, None)
    following, delay = bench.take()
    assert delay == 23
    bench.chat = new_chat(**ANSWERED)
    assert bench.look(following).tokens == Decimal("123.45")


@pytest.mark.parametrize(("named", "delay"), [(5, 28), (120, 143), (2000, 900)])
def test_a_wait_that_whop_names_comes_before_the_pause_up_to_the_longest_delay_of_a_queue(
    named: float, delay: int
) -> None:
    bench = watched()
    bench.chat = failure(RateLimitError, 429, named)

    bench.look()

    assert bench.take()[1] == delay


def test_a_watch_whose_last_look_fails_goes_on_until_whop_answers() -> None:
    bench = watched()
    last = WatchMessage(run_id=bench.run_id, looks=20, began_at=bench.clock.now - LIMIT)
    bench.chat = failure(RateLimitError, 429)
    assert bench.look(last).reply_overdue_at is None
    following, delay = bench.take()
    bench.clock.forward(seconds=delay)
    bench.chat = new_chat(message_count=2)

    row = bench.look(following)

    assert (row.replied_at, row.reply_overdue_at) == (bench.clock.now, None)


def test_a_last_look_that_fails_for_long_is_the_reason_of_the_end() -> None:
    bench = watched()
    bench.chat = failure(InternalServerError, 500)

    delays = bench.look_until_the_end()

    assert sum(delays) == (LIMIT + EXTRA_TIME).total_seconds()
    row = bench.row
    assert row.reply_overdue_at == bench.clock.now
    assert row.reply_overdue_reason == f"the last look at the chat failed: {bench.chat}"


def test_a_message_that_sqs_rejects_is_an_error_so_that_sqs_delivers_this_one_again() -> None:
    bench = watched()
    bench.sqs.down = aws_error("ServiceUnavailable")

    with pytest.raises(QueueError):
        bench.look()

    assert bench.row.reply_overdue_at is None


# ---------------------------------------------------------------------------------------------- runs without a watch


def ended(ledger: Ledger, bench: WatchBench) -> None:
    ledger.finish(ledger.claim(bench.run, LEASE), "failed", error=ERROR)


def replayed(ledger: Ledger, bench: WatchBench) -> None:
    ended(ledger, bench)
    ledger.steering.replay(bench.run_id)


@pytest.mark.parametrize("act", [ended, replayed])
def test_a_run_that_has_not_succeeded_is_not_watched(act: Any) -> None:
    bench = WatchBench()
    act(bench.ledger, bench)

    bench.look()

    assert (bench.looks, bench.sqs.sent) == ([], [])


def test_a_run_that_awaits_no_reply_is_not_watched() -> None:
    bench = watched(action=CREATE)

    bench.look()

    assert (bench.looks, bench.sqs.sent) == ([], [])
    assert "await_reply" not in item(bench.ledger, bench.run)


def test_a_run_that_does_not_exist_is_not_watched() -> None:
    bench = watched()

    bench.watch.look(first_watch(GONE, NOON))

    assert (bench.looks, bench.sqs.sent) == ([], [])


def test_the_watch_of_a_run_that_a_person_resolved_without_a_chat_ends() -> None:
    bench = WatchBench()
    row = bench.ledger.claim(bench.run, LEASE)
    bench.ledger.finish(row, "unknown", error=ERROR)
    bench.ledger.steering.resolve(bench.run_id, "succeeded", chat_id=None, by="Ann")

    row = bench.look()

    assert (row.reply_overdue_reason, bench.looks) == ("the run has no chat", [])


def test_a_result_is_only_stored_for_a_run_that_has_succeeded() -> None:
    bench = WatchBench()
    bench.ledger.add([make_run(action=AWAITING)], lambda _: NOON)

    assert not store_result(bench.ledger.items, bench.run_id, {"reply_overdue_at": "2026-11-20T12:00:00.000Z"})
    assert bench.row.reply_overdue_at is None


# ---------------------------------------------------------------------------------------------- what Whop gets


def test_whop_never_gets_the_wish_to_await_a_reply() -> None:
    bench = watched()

    assert bench.whop.bodies == [
        {"message_text": "How was the week?", "title": MARK + "Week", "current_company_id": "biz_A"},
        {"title": "Week"},
    ]
