"""Messages of the run queue."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from aichats.aws.errors import NoResponseError
from aichats.aws.sqs import BATCH_BYTES
from aichats.runs.model import Run
from aichats.runs.queue import EVENT_BYTES, Due, Queue, QueueError, fits
from aichats.runs.queue_messages import (
    EventMessage,
    GroupMessage,
    JobMessage,
    RunMessage,
    UnreadableMessageError,
    WatchMessage,
    read_message,
)
from aichats.runs.reply_watch import first_watch
from tests.support.fakes import FakeSqs, Sent, aws_error
from tests.support.kodey_in_memory import CREATE_KODEY, SEND_KODEY
from tests.support.ledgers import RUN, Clock, make_run, runs

RUN_ID = RUN.run_id


def queue(sqs: FakeSqs, clock: Callable[[], Any] | None = None) -> Queue:
    return Queue(lambda: sqs, "https://runs", "https://slow-runs", "https://dead-letters", clock or Clock())


def due(run: Run, seconds: float = 0) -> Due:
    return Due.of(run, timedelta(seconds=seconds))


def group_of(sent: Sent) -> GroupMessage:
    group = read_message(sent.body)
    assert isinstance(group, GroupMessage)
    return group


def test_what_is_sent_can_be_read() -> None:
    sqs = FakeSqs()

    queue(sqs).send([due(RUN)])

    [sent] = sqs.sent
    assert (sent.queue, read_message(sent.body)) == ("https://runs", RunMessage(run_id=RUN_ID))


def test_each_part_of_a_job_gets_a_message_in_the_queue_of_runs() -> None:
    sqs = FakeSqs()

    queue(sqs).send_job(*(JobMessage(job_id=RUN_ID, part=part) for part in (0, 7)))

    messages = [(sent.queue, read_message(sent.body), sent.delay) for sent in sqs.sent]
    assert messages == [("https://runs", JobMessage(job_id=RUN_ID, part=part), 0) for part in (0, 7)]


@pytest.mark.parametrize(("delay", "seconds"), [(14.2, 15), (3600, 900)])
def test_a_look_at_a_chat_is_a_delayed_message_in_the_queue_of_runs(delay: float, seconds: int) -> None:
    sqs = FakeSqs()
    watch = WatchMessage(run_id=RUN_ID, looks=3, began_at=Clock().now)

    queue(sqs).send_watch(watch, timedelta(seconds=delay))

    [sent] = sqs.sent
    assert (sent.queue, read_message(sent.body), sent.delay) == ("https://runs", watch, seconds)


def test_the_first_message_of_a_watch_begins_now_and_has_no_looks() -> None:
    assert first_watch(RUN_ID, Clock().now) == WatchMessage(run_id=RUN_ID, looks=0, began_at=Clock().now)


@pytest.mark.parametrize(
    ("delay", "seconds"), [(-5, 0), (0, 0), (0.2, 1), (1, 1), (1.0005, 2), (59.5, 60), (900, 900), (86_400, 900)]
)
def test_a_delay_is_in_whole_seconds_never_early_and_at_most_a_quarter_of_an_hour(delay: float, seconds: int) -> None:
    sqs = FakeSqs()

    queue(sqs).send([due(RUN, delay)])

    assert [sent.delay for sent in sqs.sent] == [seconds]


def test_the_form_of_a_message_about_one_run_stays_as_it_always_was() -> None:
    sqs = FakeSqs()

    queue(sqs).send([due(RUN)])

    assert sqs.sent[0].body == f'{{"version":1,"run_id":"{RUN_ID}"}}'


def test_nothing_to_send_means_no_call() -> None:
    sqs = FakeSqs()

    queue(sqs).send([])

    assert sqs.batches == []


def test_up_to_ten_runs_are_sent_as_one_message_each() -> None:
    sqs = FakeSqs()

    queue(sqs).send([due(run) for run in runs(10)])

    assert sqs.batches == [10]
    assert [sent.run_id for sent in sqs.sent] == [run.run_id for run in runs(10)]


def test_a_thousand_runs_are_sent_by_one_call() -> None:
    sqs = FakeSqs()
    many = runs(1000)

    queue(sqs).send([due(run, number / 8) for number, run in enumerate(many)])

    assert sqs.batches == [10]
    assert sqs.runs == [(run.run_id, -(-number // 8)) for number, run in enumerate(many)]
    # A group comes when the first of its runs is due.
    assert [sent.delay for sent in sqs.sent] == [0, 13, 25, 38, 50, 63, 75, 88, 100, 113]


def test_a_group_becomes_one_message_for_each_run_when_it_is_due() -> None:
    sqs, clock = FakeSqs(), Clock()
    queue(sqs, clock).send([due(run, number) for number, run in enumerate(runs(11))])
    [sent] = sqs.sent
    sqs.sent, sqs.batches = [], []
    clock.forward(seconds=4)

    queue(sqs, clock).expand(group_of(sent))

    assert sqs.batches == [10, 1]
    assert [(each.run_id, each.delay) for each in sqs.sent] == [
        (run.run_id, max(0, number - 4)) for number, run in enumerate(runs(11))
    ]


def test_a_full_group_is_expanded_by_ten_calls() -> None:
    sqs = FakeSqs()
    queue(sqs).send([due(run) for run in runs(100)])
    [sent] = sqs.sent
    sqs.batches = []

    queue(sqs).expand(group_of(sent))

    assert sqs.batches == [10] * 10


def test_runs_that_may_take_minutes_go_to_their_own_queue_and_all_keep_their_delay() -> None:
    sqs = FakeSqs()
    slow = [make_run("slow", action, "target_1") for action in (CREATE_KODEY, SEND_KODEY)]
    mixed = [slow[0], RUN, RUN, slow[1], slow[0]]

    queue(sqs).send([due(run, number) for number, run in enumerate(mixed)])

    assert [(sent.queue, sent.run_id, sent.delay) for sent in sqs.sent] == [
        ("https://runs", RUN_ID, 1),
        ("https://runs", RUN_ID, 2),
        ("https://slow-runs", slow[0].run_id, 0),
        ("https://slow-runs", slow[1].run_id, 3),
        ("https://slow-runs", slow[0].run_id, 4),
    ]


def test_a_group_of_slow_runs_waits_behind_no_slow_run_and_its_runs_go_to_their_own_queue() -> None:
    sqs = FakeSqs()
    slow = [make_run(f"slow {number}", SEND_KODEY, "target_1") for number in range(11)]

    queue(sqs).send([due(run) for run in [*slow, RUN]])

    assert [(sent.queue, len(sent.runs)) for sent in sqs.sent] == [("https://runs", 1), ("https://runs", 11)]
    group = group_of(sqs.sent.pop())
    sqs.sent.clear()
    queue(sqs).expand(group)
    assert {sent.queue for sent in sqs.sent} == {"https://slow-runs"}


# ---------------------------------------------------------------------------------------------- what SQS does not take


def test_a_message_that_sqs_rejects_stops_none_behind_it_and_is_reported() -> None:
    sqs = FakeSqs()
    sqs.rejects = lambda sent: sent.delay == 5

    with pytest.raises(QueueError, match=r"SQS did not accept 1 of 25 messages: .*InternalError"):
        queue(sqs).send_singly([due(RUN, number) for number in range(25)])

    assert [sent.delay for sent in sqs.sent] == [number for number in range(25) if number != 5]


def test_a_message_that_sqs_rejects_once_is_taken_the_second_time() -> None:
    sqs = FakeSqs()
    refusals = [True, False]
    sqs.rejects = lambda sent: sent.delay == 5 and refusals.pop(0)

    queue(sqs).send([due(RUN, number) for number in (4, 5, 6)])

    assert [sent.delay for sent in sqs.sent] == [4, 6, 5]
    assert sqs.batches == [3, 1]


@pytest.mark.parametrize("error", [aws_error("ServiceUnavailable"), NoResponseError("the connection was closed")])
def test_sqs_that_is_away_stops_no_later_batch(error: Exception) -> None:
    sqs = FakeSqs()
    down = [error, None, None]

    class Wavering(FakeSqs):
        def send_message_batch(self, **request: Any) -> Any:
            sqs.down = down.pop(0)
            return sqs.send_message_batch(**request)

    with pytest.raises(QueueError, match=r"SQS did not accept 10 of 25 messages"):
        queue(Wavering()).send_singly([due(RUN, number) for number in range(25)])

    assert [sent.delay for sent in sqs.sent] == list(range(10, 25))


def test_slow_runs_are_sent_although_the_queue_of_the_others_takes_nothing() -> None:
    sqs = FakeSqs()
    sqs.rejects = lambda sent: sent.queue == "https://runs"
    slow = make_run("slow", SEND_KODEY, "target_1")

    with pytest.raises(QueueError):
        queue(sqs).send([due(RUN), due(slow)])

    assert [sent.run_id for sent in sqs.sent] == [slow.run_id]


def test_what_is_buried_keeps_its_body_and_has_the_reason() -> None:
    sqs = FakeSqs()

    queue(sqs).bury("anything", "x" * 1000)

    [sent] = sqs.sent
    assert (sent.queue, sent.body, sent.attributes) == ("https://dead-letters", "anything", {"reason": "x" * 500})


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "body: is empty, but must be JSON"),
        ("[]", "body: "),
        ("{}", "run_id: is required"),
        ('{"run_id": "short"}', "run_id: "),
        (f'{{"run_id": "{RUN_ID}", "version": 2}}', "version: "),
        (f'{{"run_id": "{RUN_ID}", "more": 1}}', "more: "),
        (f'{{"run_id": "{RUN_ID.upper()}"}}', "run_id: "),
        (f'{{"run_id": "{RUN_ID}\\n"}}', "run_id: "),
        ('{"kind": "unheard of"}', "body: "),
        ('{"kind": "group"}', "slow: is required"),
        (f'{{"kind": "group", "slow": false, "sent_at": "2026-11-20T12:00:00Z", "runs": [["{RUN_ID}", -1]]}}', "runs."),
        ('{"kind": "group", "slow": false, "sent_at": "2026-11-20T12:00:00Z", "runs": []}', "runs: "),
    ],
)
def test_what_cannot_be_read_says_why(body: str, why: str) -> None:
    with pytest.raises(UnreadableMessageError) as caught:
        read_message(body)

    assert str(caught.value).startswith(why)


# ---------------------------------------------------------------------------------------------- events


def event_message(*automations: str, **event: Any) -> EventMessage:
    return EventMessage(webhook_id="msg_1", event=event, automations=automations)


def test_an_event_that_was_sent_can_be_read() -> None:
    sqs = FakeSqs()
    message = event_message(
        "one", "two", type="payment.failed", data={"name": "Zoë \ufffe 🎂", "amount": 12.5, "no": None}
    )

    queue(sqs).send_event(message)

    [sent] = sqs.sent
    assert (sent.queue, sent.delay, read_message(sent.body)) == ("https://runs", 0, message)
    # SQS does not take every character.
    assert sent.body.isascii()


def test_automations_of_an_event_are_sent_together_or_apart() -> None:
    sqs = FakeSqs()
    message = event_message(*(f"automation-{number}" for number in range(12)))

    queue(sqs).send_event(message)
    queue(sqs).send_event(message, apart=True)

    sizes = [len(found.automations) for sent in sqs.sent if isinstance(found := read_message(sent.body), EventMessage)]
    assert (sizes, sqs.batches) == ([12] + 12 * [1], [1, 10, 2])


def test_no_call_sends_more_than_sqs_takes() -> None:
    sqs = FakeSqs()
    name = "n" * 64

    queue(sqs).send_event(event_message(*[name] * 1000, text="x" * (EVENT_BYTES - 20)))
    queue(sqs).send_event(event_message(*[name] * 5, text="x" * 100_000), apart=True)

    assert sqs.batches == [1, 1, 2, 2, 1]
    assert max(len(sent.body) for sent in sqs.sent) <= BATCH_BYTES


@pytest.mark.parametrize(("length", "expected"), [(10, True), (EVENT_BYTES - 8, True), (EVENT_BYTES - 7, False)])
def test_an_event_fits_if_its_message_does(length: int, *, expected: bool) -> None:
    assert fits({"a": "x" * length}) is expected


def test_a_character_counts_as_long_as_it_is_written() -> None:
    assert not fits({"a": "週" * (EVENT_BYTES // 4)})


@pytest.mark.parametrize(
    "body",
    [
        '{"version":1,"kind":"event","webhook_id":"msg_1","event":{},"automations":[]}',
        '{"version":1,"kind":"event","webhook_id":"msg_1","event":[],"automations":["one"]}',
        '{"version":1,"kind":"event","event":{},"automations":["one"]}',
        '{"version":1,"kind":"event","webhook_id":"msg_1","event":{},"automations":["one"],"more":1}',
    ],
)
def test_what_is_no_event_message_cannot_be_read(body: str) -> None:
    with pytest.raises(UnreadableMessageError):
        read_message(body)


def test_a_client_that_cannot_be_created_counts_as_an_sqs_that_is_away() -> None:
    def client() -> FakeSqs:
        raise NoResponseError("You must specify a region.")

    with pytest.raises(QueueError, match=r"SQS did not accept 1 of 1 messages: You must specify a region"):
        Queue(client, "https://runs", "https://slow-runs", "https://dead-letters").send([due(RUN)])
