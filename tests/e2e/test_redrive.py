"""`aichats admin redrive` on the local AWS: what can be read is sent again, what cannot stays with its reason."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from aichats.aws.clients import converting
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.model import Run, run_id
from aichats.runs.queue import Queue
from aichats.runs.queue_messages import RunMessage, body_of
from aichats.subscriptions.delivery_queue import ProbeMessage
from local.system import System
from tests.support.actions import whop_create_chat
from tests.support.admin import admin
from tests.support.mock_servers import MockServer
from tests.support.waiting import until


@pytest.fixture
def aws(account: System) -> Iterator[System]:
    """The account; its dead letters are empty before and after."""
    empty(account)
    yield account
    empty(account)


def empty(system: System) -> None:
    for queue in ("RunDeadLetters", "RunScheduleFailures", "DeliveryDeadLetters"):
        system.emulator.clients.queues.purge_queue(QueueUrl=system.stack.outputs[queue])


def message_ids(system: System, queue: str) -> list[str]:
    """Return the ids of the visible messages in a queue, which stay visible."""
    queues, url = system.emulator.clients.queues, system.stack.outputs[queue]
    messages = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)["Messages"]
    return [message["MessageId"] for message in messages]


def test_letters_that_can_be_read_are_performed_and_the_others_stay_with_their_reason(
    aws: System, whop: MockServer, api: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    clients, outputs = aws.emulator.clients, aws.stack.outputs
    action = whop_create_chat(message_text="Hello")
    identifier = run_id("http", "local", "POST /chats", datetime.now(UTC).isoformat(), None)
    run = Run(run_id=identifier, trigger="http", action=action, target=None, api_version="2026-07-08-1")
    Ledger(converting(clients.dynamodb), outputs["RunsTable"], timedelta(seconds=60)).add(
        [run], lambda _: datetime.now(UTC)
    )
    queue = Queue(lambda: clients.queues, outputs["RunQueue"], outputs["SlowRunQueue"], outputs["RunDeadLetters"])
    queue.bury("not ours", "body: Invalid JSON")
    unreadable = message_ids(aws, "RunDeadLetters")
    clients.queues.send_message(QueueUrl=outputs["RunDeadLetters"], MessageBody=body_of(RunMessage(run_id=identifier)))

    assert admin("redrive", "--stack", aws.stack.name) == 0

    assert capsys.readouterr().out.splitlines() == [
        "RunDeadLetters: 1 sent again, 1 can't be read and stay.",
        *(f"  message {message_id}: body: Invalid JSON" for message_id in unreadable),
        "RunScheduleFailures: 0 sent again, 0 can't be read and stay.",
        "DeliveryDeadLetters: 0 sent again, 0 can't be read and stay.",
    ]
    until(lambda: api.get(f"/runs/{identifier}").json()["status"] == "succeeded")
    assert len(whop.state()["chats"]) == 1
    (letter,) = clients.queues.receive_message(
        QueueUrl=outputs["RunDeadLetters"], MessageAttributeNames=["All"], MaxNumberOfMessages=10
    )["Messages"]
    assert letter["Body"] == "not ours"
    assert letter["MessageAttributes"]["reason"]["StringValue"] == "body: Invalid JSON"


def test_an_event_on_which_the_function_failed_is_retried_and_performed_once(
    aws: System, whop: MockServer, api: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    queues, failures = aws.emulator.clients.queues, aws.stack.outputs["RunScheduleFailures"]
    event = {
        "automation": "redriven",
        "scheduled_time": datetime.now(UTC).isoformat(timespec="seconds"),
        "action": {"type": "whop.create_chat", "message_text": "Hello"},
        "targets": ["biz_A"],
    }
    # As Lambda writes it down, twice: an event may come twice, and so may its failure.
    record = {"version": "1.0", "requestPayload": event, "responsePayload": {"errorMessage": "timed out"}}
    bodies = (json.dumps(record), json.dumps(record), "{}", "[]", "no JSON")
    _, _, *unreadable = [queues.send_message(QueueUrl=failures, MessageBody=body)["MessageId"] for body in bodies]

    assert admin("redrive", "--stack", aws.stack.name) == 0

    first, second, *staying = capsys.readouterr().out.splitlines()
    assert first == "RunDeadLetters: 0 sent again, 0 can't be read and stay."
    assert second == "RunScheduleFailures: 2 sent again, 3 can't be read and stay."
    assert staying.pop() == "DeliveryDeadLetters: 0 sent again, 0 can't be read and stay."
    assert set(staying) == {f"  message {message_id}: it has no requestPayload" for message_id in unreadable}
    [run] = until(lambda: api.get("/runs?automation=redriven&status=succeeded").json()["data"])
    function = aws.stack.outputs["RunScheduleFunction"]
    aws.emulator.clients.functions.invoke(FunctionName=function, Payload=json.dumps(event).encode())
    assert [chat["id"] for chat in whop.state()["chats"]] == [run["chat_id"]]
    left = queues.get_queue_attributes(QueueUrl=failures, AttributeNames=["All"])["Attributes"]
    assert left["ApproximateNumberOfMessages"] == "3"


def test_messages_about_deliveries_go_back_to_their_queue(aws: System, capsys: pytest.CaptureFixture[str]) -> None:
    queues, outputs = aws.emulator.clients.queues, aws.stack.outputs
    # The function takes it and does nothing, because there is no such subscription.
    message = ProbeMessage(subscription="nobody", created_at=datetime.now(UTC))
    for body in (message.model_dump_json(), body_of(RunMessage(run_id="a" * 32))):
        queues.send_message(QueueUrl=outputs["DeliveryDeadLetters"], MessageBody=body)

    assert admin("redrive", "--stack", aws.stack.name) == 0

    *_, sent, _staying = capsys.readouterr().out.splitlines()
    assert sent == "DeliveryDeadLetters: 1 sent again, 1 can't be read and stay."


def test_a_stack_of_another_kind_is_reported(aws: System, capsys: pytest.CaptureFixture[str]) -> None:
    template = '{"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}'
    aws.emulator.clients.cloudformation.create_stack(StackName="others", TemplateBody=template)
    assert admin("redrive", "--stack", "others") == 1
    printed = capsys.readouterr().err
    assert printed == "Error: stack others has no output RunDeadLetters\n  → use the name of a stack of aichats\n"


@pytest.mark.usefixtures("aws")
def test_a_stack_that_is_not_there_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert admin("redrive", "--stack", "nope") == 1
    assert "stack nope doesn't exist in eu-west-1" in capsys.readouterr().err
