"""Messages of the run queue."""

from datetime import timedelta

import pytest

from aichats.runs.queue import Queue, QueueError, UnreadableMessageError, read
from tests.fakes import FakeSqs
from tests.kodey_in_memory import CREATE_KODEY, SEND_KODEY
from tests.ledgers import RUN, make_run

RUN_ID = RUN.run_id


def queue(sqs: FakeSqs) -> Queue:
    return Queue(lambda: sqs, "https://runs", "https://slow-runs", "https://dead-letters")


def test_what_is_sent_can_be_read() -> None:
    sqs = FakeSqs()

    queue(sqs).send([(RUN, timedelta(0))])

    [sent] = sqs.sent
    assert (sent.queue, read(sent.body)) == ("https://runs", RUN_ID)


@pytest.mark.parametrize(
    ("delay", "seconds"), [(-5, 0), (0, 0), (0.2, 1), (1, 1), (1.0005, 2), (59.5, 60), (900, 900), (86_400, 900)]
)
def test_a_delay_is_in_whole_seconds_never_early_and_at_most_a_quarter_of_an_hour(delay: float, seconds: int) -> None:
    sqs = FakeSqs()

    queue(sqs).send([(RUN, timedelta(seconds=delay))])

    assert [sent.delay for sent in sqs.sent] == [seconds]


def test_messages_are_sent_ten_at_a_time_and_nothing_means_no_call() -> None:
    sqs = FakeSqs()

    queue(sqs).send((RUN, timedelta(0)) for _ in range(21))
    queue(sqs).send([])

    assert sqs.batches == [10, 10, 1]


def test_runs_that_may_take_minutes_go_to_their_own_queue_and_all_keep_their_delay() -> None:
    sqs = FakeSqs()
    slow = [make_run("slow", action, "target_1") for action in (CREATE_KODEY, SEND_KODEY)]
    mixed = [slow[0], RUN, RUN, slow[1], slow[0]]

    queue(sqs).send((run, timedelta(seconds=number)) for number, run in enumerate(mixed))

    assert [(sent.queue, sent.run_id, sent.delay) for sent in sqs.sent] == [
        ("https://slow-runs", slow[0].run_id, 0),
        ("https://runs", RUN_ID, 1),
        ("https://runs", RUN_ID, 2),
        ("https://slow-runs", slow[1].run_id, 3),
        ("https://slow-runs", slow[0].run_id, 4),
    ]
    assert sqs.batches == [1, 2, 2]


def test_a_message_that_sqs_refuses_is_told() -> None:
    sqs = FakeSqs()
    sqs.refuses = lambda sent: sent.delay == 5

    with pytest.raises(QueueError, match=r"SQS refused 1 of 3 messages: .*InternalError"):
        queue(sqs).send((RUN, timedelta(seconds=number)) for number in (4, 5, 6))

    assert [sent.delay for sent in sqs.sent] == [4, 6]


def test_what_is_buried_keeps_its_body_and_has_the_reason() -> None:
    sqs = FakeSqs()

    queue(sqs).bury("anything", "x" * 1000)

    [sent] = sqs.sent
    assert (sent.queue, sent.body, sent.attributes) == ("https://dead-letters", "anything", {"reason": "x" * 500})


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "body: Invalid JSON"),
        ("[]", "body: "),
        ("{}", "run_id: Field required"),
        ('{"run_id": "short"}', "run_id: "),
        (f'{{"run_id": "{RUN_ID}", "version": 2}}', "version: "),
        (f'{{"run_id": "{RUN_ID}", "more": 1}}', "more: "),
        (f'{{"run_id": "{RUN_ID.upper()}"}}', "run_id: "),
        (f'{{"run_id": "{RUN_ID}\\n"}}', "run_id: "),
    ],
)
def test_what_cannot_be_read_says_why(body: str, why: str) -> None:
    with pytest.raises(UnreadableMessageError) as caught:
        read(body)

    assert str(caught.value).startswith(why)
