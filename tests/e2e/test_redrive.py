"""`make redrive` on the local AWS: what can be read is sent again, what cannot stays with its reason."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from aichats.runs.actions import WhopCreateChat
from aichats.runs.ledger import Ledger
from aichats.runs.model import Run, run_id
from aichats.runs.queue import Message, Queue
from local.redrive import main
from local.system import System
from tests.stand_ins import StandIn
from tests.waiting import until


@pytest.fixture
def aws(account: System) -> Iterator[System]:
    """The account; its dead letters are empty before and after."""
    queues, dead_letters = account.emulator.clients.queues, account.stack.outputs["RunDeadLetters"]
    queues.purge_queue(QueueUrl=dead_letters)
    yield account
    queues.purge_queue(QueueUrl=dead_letters)


def test_letters_that_can_be_read_are_performed_and_the_others_stay_with_their_reason(
    aws: System, whop: StandIn, api: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    clients, outputs = aws.emulator.clients, aws.stack.outputs
    action = WhopCreateChat(type="whop.create_chat", message_text="Hello")
    identifier = run_id("http", "local", "POST /chats", datetime.now(UTC).isoformat(), None)
    run = Run(run_id=identifier, trigger="http", action=action, target=None, api_version="2026-07-08-1")
    Ledger(clients.dynamodb, outputs["RunsTable"], timedelta(seconds=60)).add([run], lambda _: datetime.now(UTC))
    queue = Queue(lambda: clients.queues, outputs["RunQueue"], outputs["SlowRunQueue"], outputs["RunDeadLetters"])
    queue.bury("not ours", "body: Invalid JSON")
    clients.queues.send_message(
        QueueUrl=outputs["RunDeadLetters"], MessageBody=Message(run_id=identifier).model_dump_json()
    )

    assert main(["--stack", aws.stack.name]) == 0

    printed = "1 sent again, 1 cannot be read and stay.\n  'not ours': body: Invalid JSON\n"
    assert capsys.readouterr().out == printed
    until(lambda: api.get(f"/runs/{identifier}").json()["status"] == "succeeded")
    assert len(whop.state()["chats"]) == 1
    (letter,) = clients.queues.receive_message(
        QueueUrl=outputs["RunDeadLetters"], MessageAttributeNames=["All"], MaxNumberOfMessages=10
    )["Messages"]
    assert letter["Body"] == "not ours"
    assert letter["MessageAttributes"]["reason"]["StringValue"] == "body: Invalid JSON"


def test_a_stack_of_another_kind_is_told(aws: System, capsys: pytest.CaptureFixture[str]) -> None:
    template = '{"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}'
    aws.emulator.clients.cloudformation.create_stack(StackName="others", TemplateBody=template)
    assert main(["--stack", "others"]) == 1
    assert capsys.readouterr().err == "redrive: the stack others has no output RunDeadLetters: is it one of aichats?\n"


@pytest.mark.parametrize(("stack", "told"), [("", "name the stack: STACK=aichats-dev"), ("nobodys", "nobodys")])
@pytest.mark.usefixtures("aws")
def test_a_stack_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str], stack: str, told: str) -> None:
    assert main(["--stack", stack]) == 1
    assert told in capsys.readouterr().err
