"""The function that takes messages of the run queue, whole: from a batch of SQS to the requests that reach Whop."""

import json
import threading
from collections.abc import Callable

import httpx
import pytest

from aichats.bootstrap import Application
from aichats.http import retry
from aichats.runs.ledger.rows import Row
from aichats.runs.model import Run
from functions.perform_runs import app as perform_runs
from tests.support.fakes import FakeSqs, Json, aws_error, error_response
from tests.support.lambda_calls import make_context
from tests.support.ledgers import CREATE, LEASE, make_run
from tests.support.output import Output
from tests.support.waiting import PATIENCE
from tests.support.whop_in_memory import WhopInMemory

type Deliver = Callable[..., list[str]]


def message(run: Run) -> str:
    return json.dumps({"version": 1, "run_id": run.run_id})


def runs(count: int) -> list[Run]:
    return [make_run(target=f"biz_{number}") for number in range(count)]


@pytest.fixture
def deliver(app: Application, monkeypatch: pytest.MonkeyPatch, output: Output) -> Deliver:
    """Hands a batch of messages to the handler. Gives the numbers of those that it gives back."""
    assert output.text == ""
    monkeypatch.setattr(perform_runs, "app", app)
    monkeypatch.setattr(retry, "MAX_ATTEMPTS", 1)

    def call(*bodies: str, seconds_left: float = 60.0) -> list[str]:
        records: list[Json] = [{"messageId": str(number), "body": body} for number, body in enumerate(bodies)]
        result = perform_runs.lambda_handler({"Records": records}, make_context(seconds_left))
        return [failure["itemIdentifier"] for failure in result["batchItemFailures"]]

    return call


def queued(app: Application, *runs: Run) -> list[str]:
    """Messages of runs that wait in the ledger and are due."""
    app.ledger.add(runs, lambda _: app.ledger.clock())
    return [message(run) for run in runs]


def stored(app: Application, run: Run) -> Row:
    row = app.ledger.get(run.run_id)
    assert row is not None
    return row


def test_each_run_of_a_batch_is_performed_at_the_same_time(
    app: Application, deliver: Deliver, whop: WhopInMemory, output: Output
) -> None:
    batch, meeting = runs(10), threading.Barrier(10, timeout=PATIENCE)

    def meet(request: httpx.Request) -> None:
        if request.method == "POST":
            meeting.wait()

    whop.interfere = meet
    before = threading.active_count()

    assert deliver(*queued(app, *batch)) == []

    assert {stored(app, run).status for run in batch} == {"succeeded"}
    assert len(whop.chats) == 10
    assert threading.active_count() <= before
    assert (output.counted("Messages"), output.counted("RunsSucceeded")) == (10, 10)


def test_a_run_that_is_rejected_touches_no_other_and_its_message_is_done(
    app: Application, deliver: Deliver, whop: WhopInMemory, output: Output
) -> None:
    good, bad = runs(2)
    whop.interfere = lambda request: error_response(403) if b'"biz_1"' in request.content else None

    assert deliver(*queued(app, good, bad)) == []

    assert (stored(app, good).status, stored(app, bad).status) == ("succeeded", "failed")
    assert (output.counted("RunsSucceeded"), output.counted("RunsFailed")) == (1, 1)


def test_a_run_that_must_wait_is_sent_again_and_its_old_message_is_done(
    app: Application, deliver: Deliver, whop: WhopInMemory, sqs: FakeSqs
) -> None:
    [run] = runs(1)
    whop.interfere = lambda _: error_response(429, "Try again in 30 seconds.")

    assert deliver(*queued(app, run)) == []

    [sent] = sqs.sent
    assert (sent.queue, sent.run_id) == ("https://sqs.invalid/runs", run.run_id)
    assert 31 <= sent.delay <= 32


def test_a_run_whose_code_crashes_gives_its_message_back_and_touches_no_other(
    app: Application, deliver: Deliver, whop: WhopInMemory, output: Output
) -> None:
    good, bad = runs(2)

    def crash(request: httpx.Request) -> Exception | None:
        return ZeroDivisionError("a bug") if b'"biz_1"' in request.content else None

    whop.interfere = crash

    assert deliver(*queued(app, good, bad)) == ["1"]

    assert (stored(app, good).status, stored(app, bad).status) == ("succeeded", "performing")
    [log] = [log for log in output.logs if log["message"] == "run crashed"]
    assert log["run_id"] == bad.run_id
    assert "a bug" in log["exception"]


def test_a_worker_that_is_torn_down_gives_its_message_back_too(
    app: Application, deliver: Deliver, whop: WhopInMemory
) -> None:
    [run] = runs(1)

    def leave(_: httpx.Request) -> None:
        raise SystemExit

    whop.interfere = leave

    assert deliver(*queued(app, run)) == ["0"]


def test_an_unreadable_message_goes_to_the_dead_letters_with_the_reason(
    app: Application, deliver: Deliver, sqs: FakeSqs, output: Output
) -> None:
    [run] = runs(1)

    assert deliver("not JSON", *queued(app, run), '{"version": 9, "run": "x"}') == []

    assert stored(app, run).status == "succeeded"
    assert [(sent.queue, sent.body) for sent in sqs.sent] == [
        ("https://sqs.invalid/run-dead-letters", "not JSON"),
        ("https://sqs.invalid/run-dead-letters", '{"version": 9, "run": "x"}'),
    ]
    assert "isn't valid JSON" in sqs.sent[0].attributes["reason"]
    assert "version: " in sqs.sent[1].attributes["reason"]
    assert [log["message_id"] for log in output.logs if log["message"] == "message cannot be read"] == ["0", "2"]


@pytest.mark.parametrize("down", [False, True])
def test_dead_letters_that_take_nothing_give_that_message_back_and_touch_no_other(
    app: Application, deliver: Deliver, sqs: FakeSqs, *, down: bool
) -> None:
    [run] = runs(1)
    sqs.rejects = lambda _: True
    sqs.down = aws_error("ServiceUnavailable") if down else None

    assert deliver("not JSON", *queued(app, run)) == ["0"]

    assert stored(app, run).status == "succeeded"


def test_a_message_that_comes_twice_makes_one_chat(app: Application, deliver: Deliver, whop: WhopInMemory) -> None:
    [run] = runs(1)
    bodies = queued(app, run)

    assert deliver(*bodies, *bodies) == []
    assert deliver(*bodies) == []

    assert len(whop.chats) == 1


def test_a_message_that_comes_early_is_done_and_nothing_is_called(
    app: Application, deliver: Deliver, whop: WhopInMemory
) -> None:
    row = app.ledger.claim(make_run(action=CREATE), LEASE)

    assert deliver(message(row.run)) == []

    assert whop.requests == []


def test_a_message_of_a_run_that_does_not_exist_is_given_back_for_the_dead_letters(deliver: Deliver) -> None:
    assert deliver(message(make_run("of nobody"))) == ["0"]


def test_an_empty_batch_is_done(deliver: Deliver) -> None:
    assert deliver() == []


def test_every_thread_has_the_deadline_of_the_function(app: Application, deliver: Deliver, whop: WhopInMemory) -> None:
    batch = runs(3)

    assert deliver(*queued(app, *batch), seconds_left=15.0) == []

    assert {stored(app, run).status for run in batch} == {"pending"}
    assert whop.requests == []


# ---------------------------------------------------------------------------------------------- groups


def test_a_group_becomes_a_message_for_each_of_its_runs_and_none_is_performed_here(
    app: Application, deliver: Deliver, whop: WhopInMemory, sqs: FakeSqs
) -> None:
    many = runs(100)
    app.dispatcher.enqueue(many)
    [group] = sqs.sent
    sqs.sent, sqs.batches = [], []

    assert deliver(group.body) == []

    assert [sent.run_id for sent in sqs.sent] == [run.run_id for run in many]
    assert sqs.batches == [10] * 10
    assert whop.chats == {}


def test_a_group_that_comes_twice_creates_each_chat_once(
    app: Application, deliver: Deliver, whop: WhopInMemory, sqs: FakeSqs
) -> None:
    many = runs(11)
    app.ledger.add(many, lambda _: app.ledger.clock())
    app.dispatcher.enqueue(many)
    group = sqs.sent.pop()
    deliver(group.body, group.body)
    messages = [sent.body for sent in sqs.sent]
    assert len(messages) == 22

    assert deliver(*messages) == []

    assert len(whop.chats) == 11


def test_a_group_whose_messages_sqs_does_not_take_is_given_back(
    app: Application, deliver: Deliver, sqs: FakeSqs
) -> None:
    [run] = runs(1)
    app.dispatcher.enqueue(runs(12))
    group = sqs.sent.pop()
    sqs.rejects = lambda _: True

    assert deliver(group.body, *queued(app, run)) == ["0"]

    assert stored(app, run).status == "succeeded"
