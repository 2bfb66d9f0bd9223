"""`aichats events types`, `send` and `list` on a stack in memory."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from aichats.events.log import Entry
from aichats.events.model import SentEvent, event_id
from tests.support.automations import listening
from tests.support.cli import Cli
from tests.support.fakes import Json


def store(cli: Cli, name: str, type_: str = "run.failed", *, ago: float = 0, **data: Any) -> None:
    """Store an event, as the stack does when something has happened."""
    time = cli.now() - timedelta(seconds=ago)
    cli.stack.app.event_log.store([Entry.of(SentEvent(event_id(name), type_, time, "stack", data))])


def answer_test_events(cli: Cli, *run_ids: str) -> list[Json]:
    """Let the stack accept test events, which start these runs. Return the bodies of the requests."""
    bodies: list[Json] = []

    def answer(request: httpx.Request) -> httpx.Response | None:
        if request.url.path != "/events/test":
            return None
        bodies.append(json.loads(request.content))
        sent = {"run_ids": list(run_ids), "webhook_id": "msg_test_1", "event_id": "evt_test_1", "status": 202}
        return httpx.Response(200, json=sent)

    cli.interfere = answer
    return bodies


# ---------------------------------------------------------------------------------------------- types


def test_the_types_are_listed_with_their_fields(cli: Cli) -> None:
    listed = cli("events", "types")

    [row] = [line for line in listed.out.splitlines() if line.startswith("payment.failed ")]
    assert "amount_after_fees" in row
    assert "payment.failed" in cli("events", "types", "-o", "name").out.splitlines()
    assert max(map(len, listed.out.splitlines())) <= 80


def test_one_type_shows_each_field_as_templates_write_it(cli: Cli) -> None:
    shown = cli("events", "types", "payment.failed")

    assert [line.split() for line in shown.out.splitlines() if line.startswith("event.account_id")] == [
        ["event.account_id", '"biz_XXXXX"']
    ]
    assert "event.data.failure_message " in shown.out
    assert cli("events", "types", "payment.failed", "-o", "json").json["example"]["type"] == "payment.failed"


@pytest.mark.parametrize("arguments", [("types", "payment.fialed"), ("send", "payment.fialed")])
def test_an_unknown_type_names_the_nearest_one(cli: Cli, arguments: tuple[str, str]) -> None:
    shown = cli("events", *arguments)

    assert (shown.code, shown.out) == (1, "")
    assert shown.err.splitlines() == [
        "Error: there is no example of an event payment.fialed",
        "  → did you mean payment.failed?",
    ]


# ---------------------------------------------------------------------------------------------- send


def test_a_sent_event_shows_the_runs_that_it_started(cli: Cli) -> None:
    bodies = answer_test_events(cli, "a" * 32)

    sent = cli("events", "send", "payment.failed", "--for", "biz_A")

    assert (sent.code, sent.out, sent.err) == (0, f"{'a' * 32}\n", "Sent payment.failed. It started 1 run\n")
    assert bodies == [{"type": "payment.failed", "account_id": "biz_A"}]
    assert cli("events", "send", "payment.failed", "-o", "json").json["run_ids"] == ["a" * 32]


def test_an_event_that_starts_nothing_says_so(cli: Cli) -> None:
    answer_test_events(cli)

    sent = cli("events", "send", "payment.failed", "--wait")

    assert (sent.code, sent.out) == (0, "")
    assert "no automation that is on listens for it, or its filter isn't true" in sent.err


WHOLE = {"type": "payment.failed", "account_id": "biz_B", "data": {"amount": 25}}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"amount": 25}, {"data": {"amount": 25}}),
        (WHOLE, {"data": {"amount": 25}, "account_id": "biz_B"}),
        ({"type": "payment.failed", "example": WHOLE}, {"data": {"amount": 25}, "account_id": "biz_B"}),
        ({"type": "card"}, {"data": {"type": "card"}}),
        ({"example": {"a": 1}}, {"data": {"example": {"a": 1}}}),
    ],
)
def test_a_file_has_fields_or_an_event_or_what_types_has_printed(
    cli: Cli, tmp_path: Path, content: Json, expected: Json
) -> None:
    bodies = answer_test_events(cli)
    (tmp_path / "event.json").write_text(json.dumps(content))

    cli("events", "send", "payment.failed", "--data", str(tmp_path / "event.json"))
    cli("events", "send", "payment.failed", "--data", "-", stdin=json.dumps(content))

    assert bodies == [{"type": "payment.failed", **expected}] * 2


def test_the_option_for_comes_before_the_company_in_the_file(cli: Cli) -> None:
    bodies = answer_test_events(cli)

    cli("events", "send", "payment.failed", "--data", "-", "--for", "biz_A", stdin=json.dumps(WHOLE))

    assert [body["account_id"] for body in bodies] == ["biz_A"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("[1]", "standard input is not an object"),
        ('{"type": "payment.failed", "example": 1}', "standard input is not an object"),
        ("[" * 100_000, "standard input is not JSON"),
        ("{", "standard input is not JSON"),
        (json.dumps(WHOLE | {"type": "plan.created"}), "standard input is an event plan.created"),
    ],
)
def test_input_that_is_no_event_of_this_type_is_not_sent(cli: Cli, content: str, problem: str) -> None:
    bodies = answer_test_events(cli)

    sent = cli("events", "send", "payment.failed", "--data", "-", stdin=content)

    assert (sent.code, bodies) == (1, [])
    assert problem in sent.err


def test_a_file_that_is_missing_is_named(cli: Cli) -> None:
    sent = cli("events", "send", "payment.failed", "--data", "/no/such/file")

    assert sent.code == 1
    assert sent.err.startswith("Error: can't read /no/such/file: No such file or directory\n  → to write an example")


def test_a_test_event_is_sent_once_even_if_the_answer_gets_lost(cli: Cli) -> None:
    keys: list[str] = []

    def lose_the_first(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["idempotency-key"])
        if len(keys) == 1:
            raise httpx.ReadError("cut")
        return httpx.Response(200, json={"run_ids": [], "webhook_id": "m", "event_id": "e", "status": 202})

    cli.interfere = lose_the_first

    assert cli("events", "send", "payment.failed").code == 0
    assert len(keys) == 2
    assert len({*keys}) == 1


def test_waiting_for_runs_that_fail_ends_with_1(cli: Cli) -> None:
    cli.stack.put(listening(), "dunning")
    [run_id] = cli.stack.handle({"id": "e", "type": "payment.failed", "timestamp": "2026-11-20T12:00:00Z", "data": {}})
    cli.stack.app.ledger.steering.cancel(run_id, by="local", reason="test")
    answer_test_events(cli, run_id)

    sent = cli("events", "send", "payment.failed", "--wait")

    assert sent.code == 1
    assert run_id in sent.out
    assert f"run {run_id} is cancelled" in sent.err


# ---------------------------------------------------------------------------------------------- list


def test_events_are_listed_with_what_they_are_about(cli: Cli) -> None:
    error = {"type": "E", "message": "whop: 403:\n  No."}
    store(cli, "a", ago=60, run_id="a" * 32, automation="weekly", target="biz_A", error=error)
    store(cli, "b", "slot.finished", ago=50, automation="weekly", counts={"succeeded": 2, "failed": 0, "missed": 1})
    store(cli, "c", "budget.reached", ago=40, scope="stack", kind="runs", percent=80, limit=10, per="day")
    store(cli, "d", "automation.paused", ago=30, automation="weekly", reason="holidays", by="ops", until=None)
    store(cli, "e", "connection.broken", ago=20, connection="agency", reason="revoked")
    store(cli, "f", "run.replied", ago=10, run_id="b" * 32, automation="weekly", target="biz_B", reply_seconds=2.5)

    lines = cli("events", "list").out.splitlines()

    assert [" ".join(line.split()) for line in lines] == [
        "TIME TYPE ABOUT DETAILS RUN",
        f"12:59:00 run.failed weekly biz_A whop: 403: No. {'a' * 32}",
        "12:59:10 slot.finished weekly 2 succeeded, 1 missed",
        "12:59:20 budget.reached stack 80% of 10 runs a day",
        "12:59:30 automation.paused weekly holidays, by ops",
        "12:59:40 connection.broken agency revoked",
        f"12:59:50 run.replied weekly biz_B after 2.5 s {'b' * 32}",
    ]


def test_types_runs_and_times_select_events(cli: Cli) -> None:
    store(cli, "old", ago=3 * 24 * 3600, run_id="a" * 32)
    store(cli, "new", "run.succeeded", ago=60, run_id="b" * 32)
    store(cli, "other", "automation.paused", ago=30, automation="weekly")

    def listed(*options: str) -> list[str]:
        return [event["type"] for event in cli("events", "list", "-o", "json", *options).json]

    assert listed() == ["run.succeeded", "automation.paused"]
    assert listed("--since", "7d") == ["run.failed", "run.succeeded", "automation.paused"]
    assert listed("--since", "7d", "--until", "yesterday") == ["run.failed"]
    assert listed("--type", "run.*,automation.created") == ["run.succeeded"]
    assert listed("--type", "run.failed", "--type", "automation.*") == ["automation.paused"]
    assert listed("--run", "b" * 32) == ["run.succeeded"]


def test_all_pages_are_listed(cli: Cli) -> None:
    for number in range(120):
        store(cli, str(number), ago=300 - number)

    assert len(cli("events", "list", "-o", "name").out.splitlines()) == 120


def test_a_wrong_type_is_an_error_of_usage_without_a_request(cli: Cli) -> None:
    listed = cli("events", "list", "--type", "run.fialed")

    assert (listed.code, cli.requests) == (2, [])
    assert listed.err.splitlines()[-1] == "  → did you mean run.failed?"


def test_without_events_the_next_command_is_named(cli: Cli) -> None:
    listed = cli("events", "list")

    assert (listed.code, listed.out) == (0, "")
    assert "aichats events listen" in listed.err


# ---------------------------------------------------------------------------------------------- completion


def test_types_are_completed_even_after_a_comma(cli: Cli) -> None:
    assert cli("__complete", "events", "listen", "--type", "run.failed,run.m").out == "run.failed,run.missed\n"
    assert "payment.failed" in cli("__complete", "events", "send", "payment.f").out.splitlines()
