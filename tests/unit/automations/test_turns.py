"""How the parts of the sweep share its time: each job gets its turn, whatever fails or takes long."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from aichats.automations.turns import CHUNK, WORKERS, Attempt, Places, Turn, side_by_side
from aichats.aws.table import Table
from tests.support.fakes import Json

JOBS = {f"job-{number:03}": number for number in range(5 * CHUNK // 2)}


class DynamoDB:
    """DynamoDB that keeps items, and counts calls."""

    def __init__(self) -> None:
        self.items: dict[str, Json] = {}
        self.calls: list[str] = []

    def get_item(self, **request: Any) -> Json:
        self.calls.append("get")
        found = self.items.get(request["Key"]["run_id"]["S"])
        return {"Item": found} if found else {}

    def put_item(self, **request: Any) -> Json:
        self.calls.append("put")
        self.items[request["Item"]["run_id"]["S"]] = request["Item"]
        return {}


def turn(client: Any, is_over: Callable[[], bool] = lambda: False, part: str = "slots") -> Turn:
    return Turn(part, Places(Table(client, "runs")), is_over)


def done(turn: Turn, jobs: dict[str, int] = JOBS) -> list[int]:
    return [job for chunk in turn.chunks(jobs) for job in chunk]


def test_all_jobs_are_done_in_order_while_there_is_time() -> None:
    table = DynamoDB()

    assert [len(chunk) for chunk in turn(table).chunks(JOBS)] == [CHUNK, CHUNK, CHUNK // 2]
    assert done(turn(table)) == list(JOBS.values())
    assert "put" not in table.calls


def test_what_fits_into_a_chunk_needs_no_place() -> None:
    table = DynamoDB()

    assert done(turn(table), {"b": 2, "a": 1}) == [1, 2]
    assert done(turn(table), {}) == []
    assert table.calls == []


def test_when_the_time_is_over_the_part_stops_and_goes_on_there_next_time() -> None:
    table = DynamoDB()

    assert done(turn(table, lambda: True)) == list(range(CHUNK))
    assert done(turn(table, lambda: True)) == list(range(CHUNK, 2 * CHUNK))
    assert done(turn(table, lambda: True)) == [*range(2 * CHUNK, len(JOBS)), *range(CHUNK // 2)]


def test_each_part_has_a_place_of_its_own() -> None:
    table = DynamoDB()
    done(turn(table, lambda: True))

    assert done(turn(table, lambda: True, part="schedules")) == list(range(CHUNK))
    assert set(table.items) == {"sweep:slots", "sweep:schedules"}


def test_a_job_that_is_gone_leaves_its_place_to_the_next_one() -> None:
    table = DynamoDB()
    done(turn(table, lambda: True))
    left = {name: number for name, number in JOBS.items() if number != CHUNK - 1}

    assert done(turn(table), left)[0] == CHUNK


def test_calls_are_made_side_by_side_and_their_results_keep_the_order() -> None:
    meeting = threading.Barrier(WORKERS, timeout=60)

    def call(number: int) -> int:
        meeting.wait()
        return -number

    assert side_by_side(call, range(2 * WORKERS)) == [-number for number in range(2 * WORKERS)]
    assert side_by_side(str, [1]) == ["1"]
    assert side_by_side(str, []) == []


def test_an_error_of_one_call_comes_out() -> None:
    with pytest.raises(ZeroDivisionError):
        side_by_side(lambda number: 1 / number, range(30))


def test_an_attempt_keeps_an_error_and_lets_the_end_of_the_process_pass() -> None:
    with Attempt() as attempt:
        raise LookupError
    assert isinstance(attempt.error, LookupError)
    with pytest.raises(KeyboardInterrupt), Attempt():
        raise KeyboardInterrupt
