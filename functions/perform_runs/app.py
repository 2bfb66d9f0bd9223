"""Messages of the run queue: perform each run. Only messages whose code crashed are given back."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from aichats.bootstrap import application
from aichats.invocation import invocation
from aichats.observability import count, logger, metrics
from aichats.runs.queue import QueueError, UnreadableMessageError, read

app = application()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Perform a batch of runs at the same time.

    Returns:
        ``{"batchItemFailures": [{"itemIdentifier"}]}``: what SQS delivers again.
    """
    count("Messages", len(event["Records"]))
    readable: dict[str, str] = {}
    failed: list[str] = []
    for record in event["Records"]:
        identifier = record["messageId"]
        try:
            readable[identifier] = read(record["body"])
        except UnreadableMessageError as error:
            if not _bury(identifier, record["body"], str(error)):
                failed.append(identifier)
    with invocation(context) as lease:
        outcomes = app.dispatcher.perform_batch(list(readable.values()), lease)
    crashed = zip(readable, outcomes, strict=True)
    failed += [identifier for identifier, outcome in crashed if isinstance(outcome, BaseException)]
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in failed]}


def _bury(identifier: str, body: str, reason: str) -> bool:
    """Put a message to the dead letters. Whether it is there: if not, SQS itself puts it there in the end."""
    logger.error("message cannot be read", extra={"message_id": identifier, "reason": reason})
    try:
        app.queue.bury(body, reason)
    except (QueueError, ClientError):
        logger.exception("message cannot be put to the dead letters", extra={"message_id": identifier})
        return False
    return True
