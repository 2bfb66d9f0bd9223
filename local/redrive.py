"""Retry the messages in the dead-letter queues, after you fixed their cause (`make redrive`).

Messages of the run queues go back to the run queue, and messages about deliveries to the delivery queue. Events of
schedules go back to their function. A run is performed once, even if its message or event arrives several times.

Messages that can't be read would come straight back. So this command keeps them, and shows the id and the reason of
each, but not the body, which may contain texts of your customers. SQS's own message move task would move them too.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from aichats.aws.sqs import BATCH_MESSAGES
from aichats.runs.queue import UnreadableMessageError, read_message
from aichats.subscriptions.delivery_queue import read_delivery_message
from local.deployed import DeployedError, outputs

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

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


def main(arguments: Sequence[str] | None = None) -> int:
    """Move the messages, and print the result. Return the exit code."""
    parser = argparse.ArgumentParser(prog="make redrive", description=__doc__)
    parser.add_argument("--stack", required=True, help="name of the deployed stack, such as aichats-dev (STACK=)")
    options = parser.parse_args(arguments)
    try:
        values = outputs(options.stack, *OUTPUTS)
        sqs = boto3.client("sqs")
        ways = {
            "RunDeadLetters": to_queue(sqs, values["RunQueue"], read_message),
            "RunScheduleFailures": to_function(boto3.client("lambda"), values["RunScheduleFunction"]),
            # The function moves a message to the queue for slow receivers, if it belongs there.
            "DeliveryDeadLetters": to_queue(sqs, values["DeliveryQueue"], read_delivery_message),
        }
        for name, send in ways.items():
            report(name, redrive(sqs, values[name], send))
    except (DeployedError, ClientError, BotoCoreError) as error:
        print(f"redrive: {error}", file=sys.stderr)
        return 1
    return 0


def to_queue(sqs: "SQSClient", queue: str, read: Callable[[str], object]) -> Send:
    """Return a function that sends messages to a queue. ``read`` raises UnreadableMessageError for all others."""

    def send(body: str) -> None:
        read(body)
        sqs.send_message(QueueUrl=queue, MessageBody=body)

    return send


def to_function(functions: "LambdaClient", name: str) -> Send:
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


def redrive(sqs: "SQSClient", source: str, send: Send) -> Moved:
    """Send every readable message of ``source`` again, then delete it there. Return the result.

    If the command is interrupted between the two, the message is sent again the next time, which does no harm.
    """
    sent, staying = 0, []
    for message in receive_all(sqs, source):
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


def report(queue: str, moved: Moved) -> None:
    """Print the result for a queue."""
    print(f"{queue}: {moved.sent} sent again, {len(moved.staying)} can't be read and stay.")
    for message_id, why in moved.staying:
        print(f"  message {message_id}: {why}")


def receive_all(sqs: "SQSClient", queue: str) -> Iterator["MessageTypeDef"]:
    """Return every visible message once. After :data:`LIMIT`, print that messages may be left, and end."""
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
            print(f"stopped after {LIMIT:.0f} s. To send messages that are left, type the command again")
            return


def reason(message: "MessageTypeDef") -> str:
    """Return the recorded reason why the message is a dead letter, or an empty text."""
    attributes = message.get("MessageAttributes", {})
    return attributes["reason"].get("StringValue", "") if "reason" in attributes else ""


if __name__ == "__main__":
    sys.exit(main())
