"""SQS: messages, sent in batches."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from aichats.aws.batches import in_batches
from aichats.aws.errors import AwsError

BATCH_MESSAGES = 10
"""The maximum number of messages in one call to SQS."""
BATCH_BYTES = 240_000
"""The maximum size of all messages in one call. The limit of SQS is 1 MiB, that of a local SQS often 256 KiB."""
OFFERS = 2
"""The maximum number of times that a message is sent if SQS rejects it."""


class SQS(Protocol):
    """The method of the client that this module uses."""

    def send_message_batch(self, *args: Any, **request: Any) -> Any:
        """Send up to ten messages."""


def send(client: Callable[[], SQS], url: str, messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """Send messages to a queue, ten at a time. A batch that fails does not stop the next one.

    Args:
        client: returns the client. It may create the client.
        url: the URL of the queue.
        messages: the entries for SQS, without an ``Id``.

    Returns:
        A reason for each message that SQS rejected twice, or that could not be sent.
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
    except AwsError as error:
        # The client has already retried the call.
        return [str(error)] * len(entries)
    return [json.dumps(entry) for entry in rejected]
