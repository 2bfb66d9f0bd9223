"""The baseline of a watch: what Whop answered to the create, or what aichats assumes without this answer."""

from decimal import Decimal

import httpx
import pytest

from tests.support.actions import with_fields
from tests.support.fakes import Json, ok, page
from tests.support.ledgers import LEASE, SETTLE
from tests.support.watching import ANSWERED, AWAITING, WatchBench, new_chat, watched
from tests.support.whop_bench import MARK


def test_an_answer_to_the_change_that_already_has_the_reply_is_no_baseline() -> None:
    bench = watched(ok(new_chat()), ok(new_chat(**ANSWERED)))
    bench.chat = new_chat(**ANSWERED)

    assert bench.look().tokens == Decimal("123.45")


def test_the_baseline_survives_a_process_that_dies_after_the_create() -> None:
    bench = WatchBench()
    row = bench.ledger.claim(bench.run, LEASE)
    bench.whop.script = [ok(new_chat(blended_token_usage="3"))]
    effect = bench.provider.effect(row)
    assert effect is not None
    created = effect.act()
    bench.ledger.record(row, created.chat_id, created.result)
    bench.clock.now += LEASE + SETTLE
    bench.perform(ok(new_chat(**ANSWERED)))
    bench.chat = new_chat(**ANSWERED)

    assert bench.look().tokens == Decimal("120.45")


def test_a_create_without_changes_keeps_its_baseline() -> None:
    bench = WatchBench(with_fields(AWAITING, title=None))
    bench.perform(ok(new_chat(blended_token_usage="3")), ok(new_chat()))
    bench.chat = new_chat(blended_token_usage="4")

    assert bench.look().tokens == 1


def lost_create() -> WatchBench:
    """Return a run whose create had no response, and whose chat was found."""
    bench = WatchBench()
    bench.perform(httpx.ReadTimeout("slow"))
    found = page(new_chat(title=f"{MARK}Week", **ANSWERED))
    bench.perform_when_due(found, ok(new_chat(**ANSWERED)))
    return bench


@pytest.mark.parametrize("sign", [{"message_count": 2}, {"blended_token_usage": "0.5"}])
def test_without_an_answer_to_the_create_a_second_message_or_tokens_are_a_reply(sign: Json) -> None:
    bench = lost_create()
    bench.chat = new_chat(**sign)

    row = bench.look()

    assert row.replied_at == bench.clock.now
    assert row.tokens == Decimal(sign.get("blended_token_usage", 0))


def test_without_an_answer_to_the_create_the_first_message_is_no_reply() -> None:
    bench = lost_create()
    bench.chat = new_chat(last_message_at="2026-11-20T12:59:00Z")

    assert bench.look().replied_at is None
    assert len(bench.sqs.sent) == 1


def test_an_answer_to_the_create_that_cannot_be_read_is_no_baseline() -> None:
    bench = watched(ok({"id": "aich_1"}), ok(new_chat(**ANSWERED)))
    bench.chat = new_chat(**ANSWERED)

    assert bench.look().tokens == Decimal("123.45")


def test_a_create_that_is_sent_again_begins_with_its_own_baseline() -> None:
    bench = WatchBench()
    bench.perform(httpx.ReadTimeout("slow"))
    bench.perform_when_due(page(), ok(new_chat(blended_token_usage="3")), ok(new_chat(**ANSWERED)))
    bench.chat = new_chat(**ANSWERED)

    assert bench.look().tokens == Decimal("120.45")
