"""`make redrive`: sends what waits in the run queue's dead letters to the run queue again, once its cause is mended.

A message that nobody can read would come straight back, so it stays, and is shown with its reason. That is why this is
not SQS's own message move task, which moves all. A run is performed once, however often its message comes.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from aichats.runs.queue import BATCH, UnreadableMessageError, read
from local.deployed import DeployedError, outputs

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

HIDDEN_SECONDS = 600
"""While it runs nobody else is given the messages; those that stay are visible again at its end."""
SHOWN_CHARACTERS = 80


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
        found = outputs(options.stack, "RunDeadLetters", "RunQueue")
        moved = redrive(boto3.client("sqs"), found["RunDeadLetters"], found["RunQueue"])
    except (DeployedError, ClientError, BotoCoreError) as error:
        print(f"redrive: {error}", file=sys.stderr)
        return 1
    print(f"{moved.sent} sent again, {len(moved.staying)} cannot be read and stay.")
    for body, reason in moved.staying:
        print(f"  {body[:SHOWN_CHARACTERS]!r}: {reason}")
    return 0


def redrive(sqs: "SQSClient", source: str, destination: str) -> Moved:
    """Send every message that can be read to ``destination``, then delete it from ``source``.

    If it is interrupted between the two, the message is in both queues, which does no harm.
    """
    sent, staying = 0, []
    for message in receive_all(sqs, source):
        try:
            read(message["Body"])
        except UnreadableMessageError as error:
            staying.append((message, reason(message) or str(error)))
            continue
        sqs.send_message(QueueUrl=destination, MessageBody=message["Body"])
        sqs.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
        sent += 1
    for message, _ in staying:
        sqs.change_message_visibility(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    return Moved(sent, [(message["Body"], why) for message, why in staying])


def receive_all(sqs: "SQSClient", queue: str) -> Iterator["MessageTypeDef"]:
    """Every message that is visible now, once."""
    while messages := sqs.receive_message(
        QueueUrl=queue,
        MaxNumberOfMessages=BATCH,
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
