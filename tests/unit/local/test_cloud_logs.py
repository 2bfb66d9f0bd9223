"""The collection and the display of logs."""

import io
import json
from typing import Any, Self, cast

import pytest

from aichats_cli.log_lines import LogLine, readable
from local.cloud.clients import Clients
from local.cloud.logs import KEPT, Logs, LogStore, clock_time
from local.console import Console

NINE = 1_763_629_200_000
"""2025-11-20T09:00:00Z, in milliseconds."""


def shown(message: str) -> list[str]:
    return readable(LogLine(NINE, "run-schedule", message), clock_time, lambda text, _style: text)


def test_a_structured_line_becomes_a_sentence_with_what_belongs_to_it() -> None:
    fields = {"level": "INFO", "location": "perform:10", "message": "run succeeded", "timestamp": "now", "run_id": "r1"}
    assert shown(json.dumps(fields)) == ["09:00:00 run-schedule INFO run succeeded run_id=r1"]


def test_the_id_of_the_request_is_shown_under_the_name_that_problem_documents_give_it() -> None:
    fields = {"level": "INFO", "function_request_id": "f5b8", "message": "call refused", "status": 422, "field": "name"}
    line = "09:00:00 run-schedule INFO call refused status=422 field=name request_id=f5b8"
    assert shown(json.dumps(fields)) == [line]


def test_the_id_of_the_request_is_shown_once() -> None:
    fields = {"level": "INFO", "message": "call refused", "request_id": "f5b8", "function_request_id": "f5b8"}
    assert shown(json.dumps(fields)) == ["09:00:00 run-schedule INFO call refused request_id=f5b8"]


def test_an_error_with_fields_is_shown_by_its_message() -> None:
    fields = {"level": "ERROR", "message": "run failed", "error": {"type": "WhopError", "message": "whop: 403"}}
    assert shown(json.dumps(fields)) == ["09:00:00 run-schedule ERROR run failed error=whop: 403"]


def test_an_exception_follows_indented() -> None:
    fields = {
        "level": "ERROR",
        "message": "failed",
        "exception": "Traceback:\n  line\nValueError: no",
        "stack_trace": {},
    }
    assert shown(json.dumps(fields)) == [
        "09:00:00 run-schedule ERROR failed",
        "    Traceback:",
        "      line",
        "    ValueError: no",
    ]


@pytest.mark.parametrize("text", ["plain", "[1, 2]", "{broken", "3", "[" * 100_000])
def test_what_is_not_structured_is_shown_as_it_is(text: str) -> None:
    assert shown(text) == [f"09:00:00 run-schedule {text}"]


def test_a_text_from_a_request_neither_controls_the_terminal_nor_forges_a_line() -> None:
    evil = "\x1b[2J\n09:00:00 forged\u202e"
    escaped = r"\x1b[2J\n09:00:00 forged\u202e"
    fields = {"level": "INFO", "message": evil, "field": evil, evil: 1, "exception": "Error: \x1b[2J"}

    assert shown(evil) == [r"09:00:00 run-schedule \x1b[2J", r"    09:00:00 forged\u202e"]
    assert shown(json.dumps(fields)) == [
        f"09:00:00 run-schedule INFO {escaped} field={escaped} {escaped}=1",
        r"    Error: \x1b[2J",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "START RequestId: 1 Version: $LATEST",
        "END RequestId: 1",
        "REPORT RequestId: 1\tDuration: 3 ms",
        "INIT_START Runtime Version: python:3.13.v1",
        json.dumps({"_aws": {"CloudWatchMetrics": []}, "Runs": [1]}),
    ],
)
def test_lines_of_lambda_itself_and_metrics_are_left_out(line: str) -> None:
    assert shown(line) == []


class FakeLogs:
    """In place of the clients: CloudWatch Logs with the streams of one group."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    @property
    def logs(self) -> Self:
        return self

    def filter_log_events(self, **call: Any) -> dict[str, Any]:
        assert call["logGroupName"] == "/aws/lambda/stack-api"
        return {"events": [event for event in self.events if event["timestamp"] >= call["startTime"]]}

    def add(self, stream: str, timestamp: int, *messages: str) -> None:
        self.events += [{"logStreamName": stream, "timestamp": timestamp, "message": each} for each in messages]


def store_of(aws: FakeLogs) -> LogStore:
    return LogStore(cast("Clients", aws), ["/aws/lambda/stack-api"], prefix="/aws/lambda/stack-")


def texts(lines: list[LogLine]) -> list[str]:
    return [line.message for line in lines]


def test_each_line_is_shown_once_even_if_two_invocations_ended_at_the_same_time() -> None:
    aws, printed = FakeLogs(), io.StringIO()
    logs = Logs(store_of(aws), Console(printed))
    aws.add("a", NINE, "one", "two")
    logs.show_new()
    aws.add("b", NINE, "three")
    logs.show_new()
    aws.add("c", NINE + 1000, "four")
    logs.show_new()
    logs.show_new()
    assert printed.getvalue().splitlines() == [
        "09:00:00 api one",
        "09:00:00 api two",
        "09:00:00 api three",
        "09:00:01 api four",
    ]


def test_an_invocation_that_is_stored_after_a_newer_one_is_not_missed() -> None:
    aws = FakeLogs()
    store = store_of(aws)
    aws.add("newer", NINE + 2, "newer")
    _, cursor = store.after("")
    aws.add("older", NINE, "older")

    assert texts(store.after(cursor)[0]) == ["older"]


def test_each_reader_has_a_cursor_of_its_own() -> None:
    aws = FakeLogs()
    store = store_of(aws)
    aws.add("a", NINE, "one")
    first, after_one = store.after("")
    aws.add("b", NINE, "two")

    assert texts(first) == ["one"]
    assert texts(store.after("")[0]) == ["one", "two"]
    assert texts(store.after(after_one)[0]) == ["two"]


def test_a_cursor_of_an_earlier_start_begins_anew() -> None:
    earlier, aws = FakeLogs(), FakeLogs()
    earlier.add("a", NINE, "one", "two", "three")
    _, cursor = store_of(earlier).after("")
    aws.add("a", NINE, "new")

    assert texts(store_of(aws).after(cursor)[0]) == ["new"]


@pytest.mark.parametrize("cursor", ["x", "-1", "0-0", "²-²"])
def test_a_malformed_cursor_begins_anew(cursor: str) -> None:
    aws = FakeLogs()
    aws.add("a", NINE, "one")

    assert texts(store_of(aws).after(cursor)[0]) == ["one"]


def test_only_the_newest_lines_are_kept() -> None:
    aws = FakeLogs()
    store = store_of(aws)
    aws.add("a", NINE, "oldest", "older", "old")
    _, cursor = store.after("")
    aws.add("b", NINE, *map(str, range(KEPT - 1)))

    assert texts(store.after("")[0])[:2] == ["old", "0"]
    assert texts(store.after(cursor)[0])[0] == "0"
