"""`aichats logs` of a stack on AWS, with CloudFormation and CloudWatch Logs in this process."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError

from aichats_cli.profiles import Profile, Profiles, change, path_of
from tests.support.fakes import Json
from tests.support.laptop import Laptop

STACK = "aichats-dev"
PAGE = 2
"""The events of a page."""


@dataclass
class CloudWatch:
    """The clients of an account with one stack."""

    laptop: Laptop
    events: dict[str, list[Json]] = field(default_factory=lambda: {"http-api": [], "perform-runs": []})
    calls: list[Json] = field(default_factory=list)
    regions: set[str | None] = field(default_factory=set)
    fail: Callable[[Json], Exception | None] = lambda _: None
    """Returns the error of a call."""

    @property
    def meta(self) -> SimpleNamespace:
        return SimpleNamespace(region_name="eu-west-1")

    def client(self, _service: str, *, region_name: str | None = None) -> "CloudWatch":
        if isinstance(error := self.fail({}), NoRegionError):
            raise error
        self.regions.add(region_name)
        return self

    def describe_stacks(self, **call: Any) -> Json:
        if error := self.fail(call):
            raise error
        names = {"HttpApiLogs": "http-api", "PerformRunsLogs": "perform-runs"}
        outputs = [{"OutputKey": key, "OutputValue": f"/aws/lambda/{STACK}-{name}"} for key, name in names.items()]
        return {"Stacks": [{"Outputs": [*outputs, {"OutputKey": "ApiUrl", "OutputValue": "https://api.example"}]}]}

    def get_paginator(self, name: str) -> "CloudWatch":
        assert name == "filter_log_events"
        return self

    def paginate(self, **call: Any) -> Iterator[Json]:
        events = self.events[call["logGroupName"].removeprefix(f"/aws/lambda/{STACK}-")]
        found = [event for event in events if event["timestamp"] >= call["startTime"]]
        for start in range(0, max(1, len(found)), PAGE):
            self.calls.append(call)
            if error := self.fail(call):
                raise error
            yield {"events": sorted(found, key=lambda event: event["timestamp"])[start : start + PAGE]}

    def log(self, function: str, message: str, *, seconds_ago: float = 0, **fields: object) -> None:
        text = json.dumps({"level": "INFO", "message": message, **fields})
        timestamp = int((self.laptop.now() - timedelta(seconds=seconds_ago)).timestamp() * 1000)
        event_id = f"{function}-{len(self.events[function])}"
        self.events[function].append({"eventId": event_id, "timestamp": timestamp, "message": f"{text}\n"})


@pytest.fixture
def aws(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> CloudWatch:
    """The account, to which the command is connected."""
    account = CloudWatch(laptop)
    monkeypatch.setattr(boto3, "client", account.client)
    return account


def messages(laptop: Laptop, *arguments: str) -> list[str]:
    """Return the messages of the lines that the command shows of the stack."""
    shown = laptop("logs", "--stack", STACK, "-o", "json", *arguments)
    assert shown.code == 0, shown.err
    return [json.loads(each)["message"] for each in shown.out.splitlines()]


def test_lines_of_all_functions_and_pages_are_shown_by_time(laptop: Laptop, aws: CloudWatch) -> None:
    for second in range(1, 7):
        aws.log("http-api" if second % 2 else "perform-runs", f"{second}", seconds_ago=second)

    assert messages(laptop) == ["6", "5", "4", "3", "2", "1"]
    assert laptop("logs", "--stack", STACK).out.splitlines()[0].split()[1] == "perform-runs"


def test_only_the_groups_of_the_functions_that_were_named_are_read(laptop: Laptop, aws: CloudWatch) -> None:
    aws.log("http-api", "one")
    aws.log("perform-runs", "two")

    assert messages(laptop, "--function", "http-api") == ["one"]
    assert {call["logGroupName"] for call in aws.calls} == {f"/aws/lambda/{STACK}-http-api"}


def test_cloudwatch_looks_for_the_run(laptop: Laptop, aws: CloudWatch) -> None:
    aws.log("http-api", "one", run_id="run_1")
    aws.log("http-api", "two", run_id="run_2")

    assert messages(laptop, "--run", "run_1", "--since", "1h") == ["one"]
    assert {call["filterPattern"] for call in aws.calls} == {'"run_1"'}


def test_a_text_with_quotes_is_not_part_of_the_pattern(laptop: Laptop, aws: CloudWatch) -> None:
    assert messages(laptop, "--request", 'a" "b') == []
    assert {call["filterPattern"] for call in aws.calls} == {""}


def follow(laptop: Laptop, *steps: Callable[[], object]) -> list[str]:
    """Return what `aichats logs -f` shows. Between its looks at the logs, the steps happen; then Ctrl-C is pressed."""
    left = list(steps)

    def step() -> None:
        laptop.stack.clock.forward(seconds=5)
        if not left:
            raise KeyboardInterrupt
        left.pop(0)()

    laptop.while_asleep = step
    return messages(laptop, "-f")


def test_following_shows_a_line_once_even_if_it_comes_a_minute_late(laptop: Laptop, aws: CloudWatch) -> None:
    aws.log("http-api", "before")

    shown = follow(
        laptop,
        lambda: aws.log("http-api", "new"),
        lambda: aws.log("perform-runs", "late", seconds_ago=60),
        lambda: None,
    )

    assert shown == ["before", "new", "late"]


def test_following_reads_only_the_last_minutes_again(laptop: Laptop, aws: CloudWatch) -> None:
    follow(laptop, *[lambda: laptop.stack.clock.forward(hours=1)] * 3)

    starts = sorted({call["startTime"] for call in aws.calls})
    assert len(starts) > 3
    assert laptop.now().timestamp() * 1000 - starts[-1] < timedelta(hours=1, minutes=3).total_seconds() * 1000


def test_a_page_that_fails_loses_no_line_and_shows_none_twice(laptop: Laptop, aws: CloudWatch) -> None:
    def come_and_fail() -> None:
        for number in range(2 * PAGE):
            aws.log("http-api", f"{number}")
        pages = iter(range(10))
        aws.fail = lambda call: throttled() if "http-api" in call.get("logGroupName", "") and next(pages) == 1 else None

    def recover() -> None:
        aws.fail = lambda _: None

    assert follow(laptop, come_and_fail, recover, lambda: None) == ["0", "1", "2", "3"]


def throttled() -> ClientError:
    return ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "FilterLogEvents")


def test_following_survives_a_network_that_is_away(laptop: Laptop, aws: CloudWatch) -> None:
    def go_away() -> None:
        aws.fail = lambda _: EndpointConnectionError(endpoint_url="https://logs.example")

    def return_() -> None:
        aws.log("http-api", "after")
        aws.fail = lambda _: None

    assert follow(laptop, go_away, lambda: None, return_) == ["after"]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (NoCredentialsError(), "Unable to locate credentials"),
        (NoRegionError(), "no AWS region is set"),
        (
            ClientError({"Error": {"Code": "ValidationError", "Message": "Stack with id x does not exist"}}, "D"),
            "stack aichats-dev doesn't exist in eu-west-1",
        ),
        (
            ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}, "D"),
            "not authorized",
        ),
    ],
)
def test_errors_of_aws_are_for_people(laptop: Laptop, aws: CloudWatch, error: Exception, message: str) -> None:
    aws.fail = lambda _: error

    failed = laptop("logs", "--stack", STACK, "-f")

    assert failed.code == 1
    assert message in failed.err


def test_the_stack_is_that_of_the_profile(laptop: Laptop, aws: CloudWatch, tmp_path: Path) -> None:
    laptop.variables = {"XDG_CONFIG_HOME": str(tmp_path)}
    profile = Profile("prod", "https://api.example", "token", STACK, "eu-central-1")
    change(path_of(laptop.variables), lambda _: Profiles({"prod": profile}, "prod"))

    assert laptop("logs").code == 0
    assert aws.regions == {"eu-central-1"}


def test_the_stack_can_be_named_by_a_variable(laptop: Laptop, aws: CloudWatch) -> None:
    laptop.variables |= {"AICHATS_URL": "https://api.example", "AICHATS_STACK": STACK}
    aws.log("http-api", "one")

    assert laptop("logs", "-o", "json").json["message"] == "one"


def test_without_the_extra_the_error_says_how_to_install_it(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [each for each in sys.modules if each.startswith("aichats_cli.admin.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "boto3", None)

    failed = laptop("logs", "--stack", STACK)

    assert failed.code == 1
    assert "the package boto3 is missing\n  → pip install 'aichats-cli[admin]'" in failed.err
