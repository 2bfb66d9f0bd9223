"""Parts of the sweep share its time, and each job gets its turn, even if others fail or are slow."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from aichats.automations.sweep_part import CHUNK_JOBS, MAX_CONCURRENT_CALLS, SweepPart, SweepProgress, call_concurrently
from aichats.aws.table import Table
from tests.support.fakes import Json

JOBS = {f"job-{number:03}": number for number in range(5 * CHUNK_JOBS // 2)}


class DynamoDB:
    """Stand-in for DynamoDB that stores items and records calls."""

    def __init__(self) -> None:
        self.items: dict[str, Json] = {}
        self.calls: list[str] = []

    def get_item(self, **request: Any) -> Json:
        self.calls.append("get")
        item = self.items.get(request["Key"]["run_id"]["S"])
        return {"Item": item} if item else {}

    def put_item(self, **request: Any) -> Json:
        self.calls.append("put")
        self.items[request["Item"]["run_id"]["S"]] = request["Item"]
        return {}


def part(client: Any, time_is_up: Callable[[], bool] = lambda: False, name: str = "slots") -> SweepPart:
    return SweepPart(name, SweepProgress(Table(client, "runs")), time_is_up)


def done(part: SweepPart, jobs: dict[str, int] = JOBS) -> list[int]:
    """Return the jobs that a part does."""
    return [job for chunk in part.chunks(jobs) for job in chunk]


def test_all_jobs_are_done_in_order_while_there_is_time() -> None:
    table = DynamoDB()

    assert [len(chunk) for chunk in part(table).chunks(JOBS)] == [CHUNK_JOBS, CHUNK_JOBS, CHUNK_JOBS // 2]
    assert done(part(table)) == list(JOBS.values())
    assert "put" not in table.calls


def test_jobs_that_fit_into_a_chunk_need_no_stored_place() -> None:
    table = DynamoDB()

    assert done(part(table), {"b": 2, "a": 1}) == [1, 2]
    assert done(part(table), {}) == []
    assert table.calls == []


def test_when_the_time_is_up_the_part_stops_and_continues_there_in_the_next_sweep() -> None:
    table = DynamoDB()

    assert done(part(table, lambda: True)) == list(range(CHUNK_JOBS))
    assert done(part(table, lambda: True)) == list(range(CHUNK_JOBS, 2 * CHUNK_JOBS))
    assert done(part(table, lambda: True)) == [*range(2 * CHUNK_JOBS, len(JOBS)), *range(CHUNK_JOBS // 2)]


def test_each_part_has_a_place_of_its_own() -> None:
    table = DynamoDB()
    done(part(table, lambda: True))

    assert done(part(table, lambda: True, name="schedules")) == list(range(CHUNK_JOBS))
    assert set(table.items) == {"sweep:slots", "sweep:schedules"}


def test_after_a_job_that_no_longer_exists_the_part_continues_with_the_next_one() -> None:
    table = DynamoDB()
    done(part(table, lambda: True))
    left = {name: number for name, number in JOBS.items() if number != CHUNK_JOBS - 1}

    assert done(part(table), left)[0] == CHUNK_JOBS


def test_calls_are_concurrent_and_their_results_keep_the_order() -> None:
    meeting = threading.Barrier(MAX_CONCURRENT_CALLS, timeout=60)

    def call(number: int) -> int:
        meeting.wait()
        return -number

    assert call_concurrently(call, range(2 * MAX_CONCURRENT_CALLS)) == [
        -number for number in range(2 * MAX_CONCURRENT_CALLS)
    ]
    assert call_concurrently(str, [1]) == ["1"]
    assert call_concurrently(str, []) == []


def test_an_error_of_one_call_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        call_concurrently(lambda number: 1 / number, range(30))
