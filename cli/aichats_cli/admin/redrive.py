"""Retry the messages in the dead-letter queues, after you fixed their cause.

Messages of the run queues go back to the run queue, and messages about deliveries to the delivery queue. Events of
schedules go back to their function. A run is performed once, even if its message or event arrives several times.

Messages that can't be read would come straight back. So this command keeps them, and shows the id and the reason of
each, but not the body, which may contain texts of your customers. SQS's own message move task would move them too.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aichats.aws.sqs import BATCH_MESSAGES
from aichats.runs.queue_messages import UnreadableMessageError, read_message
from aichats.subscriptions.delivery_queue import read_delivery_message
from aichats_cli.output import Format

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

    from aichats_cli.admin.deployed import DeployedStack
    from aichats_cli.session import Session

HIDDEN_SECONDS = 600
"""Seconds for which this command hides messages from other readers. Those that stay become visible at its end."""
LIMIT = 300.0
"""Seconds in which this command receives messages of a queue. Later, messages that stay could come a second time."""
OUTPUTS = (
    "RunDeadLetters",
    "RunQueue",
    "RunScheduleFailures",
    "RunScheduleFunction",
    "DeliveryDeadLetters",
    "DeliveryQueue",
)
"""Outputs of the stack that this command needs."""

type Send = Callable[[str], None]
"""Retries the content of a message's body. Raises UnreadableMessageError if the body has no such content."""


@dataclass(frozen=True)
class Moved:
    """The result for one queue: the number of messages sent again, and the ids of those that stay, with the reasons."""

    sent: int
    staying: Sequence[tuple[str, str]]


def redrive_all(session: Session, stack: DeployedStack) -> None:
    """Move the messages, and show the result of each queue as soon as it is known.

    Raises:
        DeployedError: the stack can't be read.
        ClientError, BotoCoreError: a call to AWS failed.
    """
    values = stack.outputs(*OUTPUTS)
    sqs: SQSClient = stack.aws.client("sqs")
    ways = {
        "RunDeadLetters": to_queue(sqs, values["RunQueue"], read_message),
        "RunScheduleFailures": to_function(stack.aws.client("lambda"), values["RunScheduleFunction"]),
        # The function moves a message to the queue for slow receivers, if it belongs there.
        "DeliveryDeadLetters": to_queue(sqs, values["DeliveryQueue"], read_delivery_message),
    }
    results = []
    for name, send in ways.items():
        moved = redrive(sqs, values[name], send, session.note)
        results.append(as_data(name, moved))
        if session.output.format is Format.table:
            session.output.lines(report(name, moved))
    if session.output.format is Format.name:
        session.output.lines(result["queue"] for result in results if result["staying"])
    elif session.output.format is not Format.table:
        session.output.data(results)


def to_queue(sqs: SQSClient, queue: str, read: Callable[[str], object]) -> Send:
    """Return a function that sends messages to a queue. ``read`` raises UnreadableMessageError for all others."""

    def send(body: str) -> None:
        read(body)
        sqs.send_message(QueueUrl=queue, MessageBody=body)

    return send


def to_function(functions: LambdaClient, name: str) -> Send:
    """Return a function that sends an event to a Lambda function again, as Scheduler does."""

    def send(body: str) -> None:
        functions.invoke(FunctionName=name, InvocationType="Event", Payload=event_of(body))

    return send


def event_of(body: str) -> bytes:
    """Return the event in Lambda's record of a failure.

    Raises:
        UnreadableMessageError: the record has no event.
    """
    try:
        event = json.loads(body)["requestPayload"]
    except (ValueError, LookupError, TypeError):
        raise UnreadableMessageError("it has no requestPayload") from None
    return json.dumps(event).encode()


def redrive(sqs: SQSClient, source: str, send: Send, note: Callable[[str], None]) -> Moved:
    """Send every readable message of ``source`` again, then delete it there. Return the result.

    If the command is interrupted between the two, the message is sent again the next time, which does no harm.
    """
    sent, staying = 0, []
    for message in receive_all(sqs, source, note):
        try:
            send(message["Body"])
        except UnreadableMessageError as error:
            staying.append((message, reason(message) or str(error)))
            continue
        sqs.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
        sent += 1
    for message, _ in staying:
        sqs.change_message_visibility(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    return Moved(sent, [(message["MessageId"], why) for message, why in staying])


def report(queue: str, moved: Moved) -> Iterator[str]:
    """Return the result for a queue in lines."""
    yield f"{queue}: {moved.sent} sent again, {len(moved.staying)} can't be read and stay."
    for message_id, why in moved.staying:
        yield f"  message {message_id}: {why}"


def as_data(queue: str, moved: Moved) -> dict[str, Any]:
    """Return the result for a queue as `-o json` shows it."""
    staying = [{"message_id": message_id, "reason": why} for message_id, why in moved.staying]
    return {"queue": queue, "sent": moved.sent, "staying": staying}


def receive_all(sqs: SQSClient, queue: str, note: Callable[[str], None]) -> Iterator[MessageTypeDef]:
    """Return every visible message once. After :data:`LIMIT`, note that messages may be left, and end."""
    end = time.monotonic() + LIMIT
    while messages := sqs.receive_message(
        QueueUrl=queue,
        MaxNumberOfMessages=BATCH_MESSAGES,
        MessageAttributeNames=["reason"],
        VisibilityTimeout=HIDDEN_SECONDS,
        WaitTimeSeconds=1,
    ).get("Messages"):
        yield from messages
        if time.monotonic() > end:
            note(f"stopped after {LIMIT:.0f} s. To send messages that are left, type the command again")
            return


def reason(message: MessageTypeDef) -> str:
    """Return the recorded reason why the message is a dead letter, or an empty text."""
    attributes = message.get("MessageAttributes", {})
    return attributes["reason"].get("StringValue", "") if "reason" in attributes else ""
