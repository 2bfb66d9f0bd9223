"""The queues of runs: one message for each run that waits. It holds the id; what is to be done is in the ledger.

Runs whose provider takes minutes have a queue and a function of their own, so that no other waits behind them.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import batched, groupby
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aichats.runs.model import Run

MAX_DELAY = timedelta(minutes=15)
"""What SQS delays a message at the most."""
BATCH = 10


class SQS(Protocol):
    """The part of boto3's client that is used here."""

    @property
    def send_message_batch(self) -> Callable[..., Any]:
        """Send up to ten messages."""


class Message(BaseModel):
    """A run that is to be performed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    run_id: Annotated[str, Field(pattern=r"^[a-z2-7]{32}$")]


class UnreadableMessageError(Exception):
    """No version of the code can read this message."""


class QueueError(Exception):
    """SQS did not take some messages. Their runs are in the ledger, and ``sweep_runs`` sends them again."""


def read(body: str) -> str:
    """The run_id that a message is about.

    Raises:
        UnreadableMessageError: it is not one of ours; says why.
    """
    try:
        return Message.model_validate_json(body).run_id
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        why = "; ".join(f"{'.'.join(map(str, detail['loc'])) or 'body'}: {detail['msg']}" for detail in details)
        raise UnreadableMessageError(why) from None


@dataclass(frozen=True)
class Queue:
    """The run queues, and the queue for what nobody can do anything with.

    The client is made when something is sent: a run that goes well sends nothing.
    """

    client: Callable[[], SQS]
    url: str
    slow_url: str
    dead_letter_url: str

    def send(self, runs: Iterable[tuple[Run, timedelta]]) -> None:
        """Send runs, each to be performed after a delay (at most 15 minutes; a message that comes early is harmless).

        Raises:
            QueueError: SQS refused some.
        """
        urls = {False: self.url, True: self.slow_url}
        for slow, same in groupby(runs, lambda each: each[0].slow):
            for batch in batched(same, BATCH, strict=False):
                self._send(urls[slow], [_message(run, delay) for run, delay in batch])

    def bury(self, body: str, reason: str) -> None:
        """Put a message that cannot be read to the dead letters, with the reason.

        Raises:
            QueueError: SQS refused it.
        """
        attributes = {"reason": {"DataType": "String", "StringValue": reason[:500]}}
        self._send(self.dead_letter_url, [{"MessageBody": body, "MessageAttributes": attributes}])

    def _send(self, url: str, messages: Sequence[Mapping[str, Any]]) -> None:
        entries = [{"Id": str(index), **message} for index, message in enumerate(messages)]
        failed = self.client().send_message_batch(QueueUrl=url, Entries=entries).get("Failed", [])
        if failed:
            raise QueueError(f"SQS refused {len(failed)} of {len(entries)} messages: {json.dumps(failed[0])}")


def _seconds(delay: timedelta) -> int:
    # Rounded up: a message that comes before its run is due is dropped, and the run would wait for the next sweep.
    return max(0, math.ceil(min(delay, MAX_DELAY).total_seconds()))


def _message(run: Run, delay: timedelta) -> dict[str, Any]:
    return {"MessageBody": Message(run_id=run.run_id).model_dump_json(), "DelaySeconds": _seconds(delay)}
