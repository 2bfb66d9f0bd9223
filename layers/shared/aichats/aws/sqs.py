"""SQS: messages, sent in batches."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from aichats.aws.batches import in_batches
from aichats.aws.errors import AWS_ERRORS

BATCH_MESSAGES = 10
"""The most messages that SQS accepts in one call."""
BATCH_BYTES = 240_000
"""The most bytes of a message, and of all messages in one call. SQS accepts 1 MiB, a local SQS often 256 KiB."""
OFFERS = 2
"""The number of times that a message is sent, if SQS rejects it."""


class SQS(Protocol):
    """The part of botocore's client that is used here."""

    def send_message_batch(self, *args: Any, **request: Any) -> Any:
        """Send up to ten messages."""


def send(client: Callable[[], SQS], url: str, messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """Send messages to a queue, ten at a time. A batch that fails does not stop the next one.

    Args:
        client: returns the client, which may have to be created.
        url: of the queue.
        messages: as SQS takes them, without an ``Id``.

    Returns:
        The reason for each message that SQS rejected twice, or that was not sent.
    """
    batches = in_batches(
        messages, lambda message: len(message["MessageBody"]), max_count=BATCH_MESSAGES, max_size=BATCH_BYTES
    )
    return [reason for batch in batches for reason in _send_batch(client, url, batch)]


def _send_batch(client: Callable[[], SQS], url: str, messages: Sequence[Mapping[str, Any]]) -> list[str]:
    entries = [{"Id": str(index), **message} for index, message in enumerate(messages)]
    rejected: list[Mapping[str, Any]] = []
    try:
        for _ in range(OFFERS):
            rejected = client().send_message_batch(QueueUrl=url, Entries=entries).get("Failed", [])
            ids = {entry["Id"] for entry in rejected}
            entries = [entry for entry in entries if entry["Id"] in ids]
            if not entries:
                return []
    except AWS_ERRORS as error:
        # botocore has retried the call already.
        return [str(error)] * len(entries)
    return [json.dumps(entry) for entry in rejected]
