"""`aichats logs` of a local stack."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest
from ruamel.yaml import YAML

from tests.support.cli import Result
from tests.support.laptop import Laptop

RUN, OTHER = "a" * 32, "b" * 32


def line(message: str = "run succeeded", level: str = "INFO", **fields: object) -> str:
    """Return a structured line."""
    return json.dumps({"level": level, "message": message, **fields})


def messages(printed: str) -> list[str]:
    """Return the messages of lines of JSON."""
    return [json.loads(each)["message"] for each in printed.splitlines()]


def test_lines_of_all_functions_are_shown_by_time_in_the_zone_of_this_machine(laptop: Laptop) -> None:
    laptop.log("perform-runs", line(run_id=RUN), seconds_ago=1)
    laptop.log("http-api", line("call refused", status=422), seconds_ago=2)

    shown = laptop("logs")

    assert laptop.zone == "Europe/Berlin"
    assert shown.out.splitlines() == [
        "12:59:58 http-api INFO call refused status=422",
        f"12:59:59 perform-runs INFO run succeeded run_id={RUN}",
    ]


def test_a_line_of_another_day_has_its_day(laptop: Laptop) -> None:
    laptop.log("http-api", line("yesterday"), seconds_ago=86_400)

    assert laptop("logs", "--since", "2d").out == "Thu 19 Nov 13:00:00 http-api INFO yesterday\n"


def test_colors_are_for_terminals(laptop: Laptop) -> None:
    laptop.log("http-api", line(level="ERROR"))

    assert "\033[31mERROR\033[0m" in laptop("logs", terminal=True).out
    assert "\033" not in laptop("logs").out


def test_json_is_an_object_a_line_with_the_fields_of_the_log(laptop: Laptop) -> None:
    laptop.log("http-api", line(run_id=RUN))
    laptop.log("http-api", "Task timed out after 30.00 seconds")

    structured, text = map(json.loads, laptop("logs", "-o", "json").out.splitlines())

    at = datetime.fromisoformat(structured.pop("at"))
    assert abs((at - laptop.now().astimezone(UTC)).total_seconds()) < 1
    assert structured == {"function": "http-api", "level": "INFO", "message": "run succeeded", "run_id": RUN}
    assert (text["function"], text["message"]) == ("http-api", "Task timed out after 30.00 seconds")


def test_yaml_is_a_document_a_line(laptop: Laptop) -> None:
    laptop.log("http-api", line("one"))
    laptop.log("http-api", line("two"))

    documents = list(YAML(typ="safe").load_all(laptop("logs", "-o", "yaml").out))

    assert [each["message"] for each in documents] == ["one", "two"]


def test_names_are_the_runs_each_once(laptop: Laptop) -> None:
    for text in (line(run_id=RUN), line(run_id=OTHER), line(run_id=RUN), line(), "a text", line(run_id=None)):
        laptop.log("perform-runs", text)

    assert laptop("logs", "-o", "name").out.split() == [RUN, OTHER]


def test_lines_about_one_run_are_found_wherever_they_name_it(laptop: Laptop) -> None:
    for text in (line("a", run_id=RUN), line("b", run_id=OTHER), line("c", runs=[OTHER, RUN]), f"Timed out: {RUN}"):
        laptop.log("perform-runs", text)

    assert len(laptop("logs", "--run", RUN, "--since", "1h").out.splitlines()) == 3


def test_a_run_is_looked_for_from_its_creation_on(laptop: Laptop) -> None:
    laptop("chats", "create", "--message", "Hi", "--for", "biz_A")
    (row,) = laptop.stack.runs
    run = row.run
    laptop.log("http-api", line("run succeeded", run_id=run.run_id))
    laptop.log("http-api", line("the day before", run_id=run.run_id), seconds_ago=86_400)
    laptop.stack.clock.forward(hours=5)

    assert messages(laptop("logs", "--run", run.run_id, "-o", "json").out) == ["run succeeded"]


def test_a_run_that_does_not_exist_is_an_error(laptop: Laptop) -> None:
    assert laptop("logs", "--run", RUN).code == 1


def test_the_request_of_an_error_is_found(laptop: Laptop) -> None:
    laptop.log("http-api", line("call failed", function_request_id="f5b8"))
    laptop.log("http-api", "f5b8 Task timed out after 29.00 seconds")
    laptop.log("http-api", line("call failed", function_request_id="0000"))

    assert len(laptop("logs", "--request", "f5b8").out.splitlines()) == 2


def test_functions_can_be_chosen(laptop: Laptop) -> None:
    laptop.log("http-api", line("one"))
    laptop.log("perform-runs", line("two"))

    assert messages(laptop("logs", "--function", "perform-runs", "-o", "json").out) == ["two"]
    both = laptop("logs", "--function", "perform-runs", "--function", "http-api", "-o", "json")
    assert messages(both.out) == ["one", "two"]


def test_an_unknown_function_names_those_that_exist(laptop: Laptop) -> None:
    failed = laptop("logs", "--function", "api")

    assert (failed.code, failed.err) == (2, "Error: no function is named api\n  → use http-api, perform-runs\n")


def test_a_level_includes_those_above_and_what_lambda_writes_about_a_failure(laptop: Laptop) -> None:
    for level in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        laptop.log("http-api", line(level, level))
    laptop.log("http-api", "Runtime exited")

    assert messages(laptop("logs", "--level", "warning", "-o", "json").out) == [
        "WARNING",
        "ERROR",
        "CRITICAL",
        "Runtime exited",
    ]


@pytest.mark.parametrize("text", ["REPORT RequestId: 1", json.dumps({"_aws": {}, "RunsFailed": 1})])
def test_lines_of_lambda_and_metrics_are_left_out_in_every_format(laptop: Laptop, text: str) -> None:
    laptop.log("http-api", text)

    assert laptop("logs", "-o", "json").out == ""
    assert laptop("logs").err == "No line was found. To look further back: --since 24h\n"


def test_since_is_the_time_of_the_oldest_line(laptop: Laptop) -> None:
    for minutes in (90, 30, 10):
        laptop.log("http-api", line(f"{minutes}"), seconds_ago=60 * minutes)

    assert messages(laptop("logs", "-o", "json").out) == ["10"]
    assert messages(laptop("logs", "--since", "1h", "-o", "json").out) == ["30", "10"]


def test_a_text_of_a_request_does_not_control_the_terminal(laptop: Laptop) -> None:
    laptop.log("http-api", line("\x1b[2J\x9b"))

    for form in ("table", "json", "yaml"):
        assert not {"\x1b", "\x9b"} & set(laptop("logs", "-o", form).out)


def follow(laptop: Laptop, *steps: Callable[[], object]) -> Result:
    """Return what `aichats logs -f` prints. Between its looks at the logs, the steps happen; then Ctrl-C is pressed."""
    left = list(steps)

    def step() -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop(0)()

    laptop.while_asleep = step
    followed = laptop("logs", "-f", "-o", "json")
    assert (followed.code, left) == (0, [])
    return followed


def test_following_shows_each_line_once_until_ctrl_c(laptop: Laptop) -> None:
    laptop.log("http-api", line("before"))

    followed = follow(laptop, lambda: laptop.log("http-api", line("after")), lambda: None)

    assert messages(followed.out) == ["before", "after"]


def test_following_survives_a_restart_of_the_stack_which_begins_new_logs(laptop: Laptop) -> None:
    def stop() -> None:
        laptop.interfere = refuse

    def start() -> None:
        laptop.restart()
        laptop.log("http-api", line("of the new stack"))
        laptop.interfere = lambda _: None

    laptop.log("http-api", line("of the old stack"))
    # The command tries each request four times, and sleeps in between.
    followed = follow(laptop, stop, *[lambda: None] * 3, start)

    assert messages(followed.out) == ["of the old stack", "of the new stack"]
    assert followed.err.splitlines() == [
        "can't reach http://127.0.0.1:3000: Connection refused. Trying again …",
        "The logs can be read again.",
    ]


def test_following_ends_with_an_error_that_does_not_pass(laptop: Laptop) -> None:
    def reject() -> None:
        laptop.interfere = lambda _: httpx.Response(403, json={"detail": "not allowed"})

    laptop.while_asleep = reject
    failed = laptop("logs", "-f")

    assert (failed.code, failed.err) == (1, "Error: not allowed\n")


def refuse(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("Connection refused")


def test_a_stack_elsewhere_needs_the_name_of_its_stack(laptop: Laptop) -> None:
    laptop.variables["AICHATS_URL"] = "https://api.example"

    failed = laptop("logs")

    assert failed.code == 2
    assert failed.err.endswith("  → name the stack: --stack aichats-dev\n")
