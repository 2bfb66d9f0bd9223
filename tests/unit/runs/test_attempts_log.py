"""The log of a run's attempts: short, bounded, and with every call that matters."""

import json
import time
from copy import replace
from datetime import timedelta

import pytest

from aichats.http.call_log import CallRecord, record_call, recorded_calls, take_calls
from aichats.runs.attempts_log import MAX_ENTRIES, logged_calls, with_calls
from aichats.runs.ledger.rows import Row
from tests.support.ledgers import NOON, make_run

ROW = Row(make_run(), "performing", attempts=1, key_number=1, created_at=NOON, opened_at=NOON, updated_at=NOON)


def called(call: str = "POST /ai_chats", status: int | None = 200, request_id: str | None = "req_1") -> CallRecord:
    """Return a call that took a quarter of a second and ends now."""
    return CallRecord(time.monotonic() - 0.25, 0.25, call, status, request_id)


def logged(*calls: CallRecord, row: Row = ROW) -> Row:
    return replace(row, calls=with_calls(row, calls, NOON + timedelta(seconds=5)))


def test_an_entry_says_when_what_was_called_and_how_long_it_took() -> None:
    [entry] = logged_calls(logged(called()))

    assert (entry.call, entry.status, entry.request_id, entry.milliseconds, entry.times) == (
        *("POST /ai_chats", 200, "req_1"),
        *(250, 1),
    )
    assert timedelta(seconds=4) < entry.at - NOON < timedelta(seconds=5)


def test_a_call_without_a_response_has_neither_status_nor_request_id() -> None:
    [entry] = logged_calls(logged(called(status=None, request_id=None)))

    assert (entry.status, entry.request_id) == (None, None)


def test_consecutive_calls_that_are_alike_share_an_entry() -> None:
    row = logged(called("GET /ai_chats", request_id="req_1"), called("GET /ai_chats", request_id="req_2"))
    row = logged(called("GET /ai_chats", request_id="req_3"), called("GET /ai_chats", status=500), row=row)

    assert [(entry.times, entry.status, entry.request_id, entry.milliseconds) for entry in logged_calls(row)] == [
        (3, 200, "req_3", 750),
        (1, 500, "req_1", 250),
    ]


def test_only_the_newest_entries_are_kept_and_each_is_short() -> None:
    calls = [called(f"PATCH /ai_chats/aich_{number}" + "x" * 200, request_id="r" * 300) for number in range(50)]

    row = logged(*calls)

    assert [entry.call[:22] for entry in logged_calls(row)][-1] == "PATCH /ai_chats/aich_4"
    assert len(logged_calls(row)) == MAX_ENTRIES
    assert len(str(row.calls)) < MAX_ENTRIES * 250


def test_two_calls_of_a_usual_run_take_less_than_250_bytes() -> None:
    uuid = "0e8f5c1a-7c59-4c9c-9f6e-1f2d3c4b5a69"
    row = logged(called(request_id=uuid), called("PATCH /ai_chats/aich_0123456789abcd", request_id=uuid))

    assert len(json.dumps(row.calls)) < 250


def test_a_run_without_calls_has_no_log() -> None:
    assert logged().calls is None
    assert logged_calls(logged()) == []


def test_calls_are_recorded_inside_a_block_only_and_taken_once() -> None:
    record_call(time.monotonic(), "GET /before", 200, None)
    with recorded_calls():
        record_call(time.monotonic(), "GET /inside", 200, None)
        assert [call.call for call in take_calls()] == ["GET /inside"]
        assert take_calls() == []
    assert take_calls() == []


@pytest.mark.parametrize("times", [1, 3])
def test_a_block_inside_a_block_records_its_own_calls(times: int) -> None:
    with recorded_calls():
        with recorded_calls():
            for _ in range(times):
                record_call(time.monotonic(), "GET /inner", 200, None)
            assert len(take_calls()) == times
        record_call(time.monotonic(), "GET /outer", 200, None)
        assert [call.call for call in take_calls()] == ["GET /outer"]
