"""`make redrive`: what waits in the dead letters is tried again, once its cause is mended.

Messages of the run queues are sent to the run queue, events of schedules are handed to their function. A run is
performed once, however often its message or its event comes.

What nobody can read would come straight back, so it stays, and is shown with its reason. That is why this is not SQS's
own message move task, which moves all.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from aichats.aws.sqs import BATCH_MESSAGES
from aichats.runs.queue import UnreadableMessageError, read
from local.deployed import DeployedError, outputs

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

HIDDEN_SECONDS = 600
"""While it runs nobody else is given the messages; those that stay are visible again at its end."""
SHOWN_CHARACTERS = 80
OUTPUTS = ("RunDeadLetters", "RunQueue", "RunScheduleFailures", "RunScheduleFunction")
"""What is read of the stack."""

type Send = Callable[[str], None]
"""Tries what this body holds again. Raises UnreadableMessageError if it holds nothing of the kind."""


@dataclass(frozen=True)
class Moved:
    """What became of the messages: how many were sent again, and what stays, with its reason."""

    sent: int
    staying: Sequence[tuple[str, str]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Move, and say what became of the messages. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="make redrive", description=__doc__)
    parser.add_argument("--stack", required=True, help="the deployed stack, such as aichats-dev (STACK=)")
    options = parser.parse_args(arguments)
    try:
        found = outputs(options.stack, *OUTPUTS)
        sqs = boto3.client("sqs")
        ways = {
            "RunDeadLetters": to_queue(sqs, found["RunQueue"]),
            "RunScheduleFailures": to_function(boto3.client("lambda"), found["RunScheduleFunction"]),
        }
        for name, send in ways.items():
            tell(name, redrive(sqs, found[name], send))
    except (DeployedError, ClientError, BotoCoreError) as error:
        print(f"redrive: {error}", file=sys.stderr)
        return 1
    return 0


def to_queue(sqs: "SQSClient", queue: str) -> Send:
    """Sends the messages of runs to a queue."""

    def send(body: str) -> None:
        read(body)
        sqs.send_message(QueueUrl=queue, MessageBody=body)

    return send


def to_function(functions: "LambdaClient", name: str) -> Send:
    """Hands over to a function, as Scheduler does, the events on which it failed."""

    def send(body: str) -> None:
        functions.invoke(FunctionName=name, InvocationType="Event", Payload=event_of(body))

    return send


def event_of(body: str) -> bytes:
    """The event in what Lambda writes down of a failure.

    Raises:
        UnreadableMessageError: there is none.
    """
    try:
        event = json.loads(body)["requestPayload"]
    except (ValueError, LookupError, TypeError):
        raise UnreadableMessageError("there is no requestPayload in it") from None
    return json.dumps(event).encode()


def redrive(sqs: "SQSClient", source: str, send: Send) -> Moved:
    """Send every message of ``source`` that can be read, then delete it there.

    If it is interrupted between the two, the message is sent again the next time, which does no harm.
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
    return Moved(sent, [(message["Body"], why) for message, why in staying])


def tell(queue: str, moved: Moved) -> None:
    """Print what became of a queue's messages."""
    print(f"{queue}: {moved.sent} sent again, {len(moved.staying)} cannot be read and stay.")
    for body, why in moved.staying:
        print(f"  {body[:SHOWN_CHARACTERS]!r}: {why}")


def receive_all(sqs: "SQSClient", queue: str) -> Iterator["MessageTypeDef"]:
    """Every message that is visible now, once."""
    while messages := sqs.receive_message(
        QueueUrl=queue,
        MaxNumberOfMessages=BATCH_MESSAGES,
        MessageAttributeNames=["reason"],
        VisibilityTimeout=HIDDEN_SECONDS,
        WaitTimeSeconds=1,
    ).get("Messages"):
        yield from messages


def reason(message: "MessageTypeDef") -> str:
    """Why it was put to the dead letters, where that was written down."""
    attributes = message.get("MessageAttributes", {})
    return attributes["reason"].get("StringValue", "") if "reason" in attributes else ""


if __name__ == "__main__":
    sys.exit(main())
