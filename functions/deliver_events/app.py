"""The consumer of the delivery queues: sends events to the receivers of subscriptions."""

from typing import Any

from aichats.aws.observability import logger, metrics
from aichats.bootstrap import application
from aichats.invocation import InvocationContext, invocation

app = application()
messages = app.outgoing.messages
app.init_phase.finish()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: InvocationContext) -> dict[str, Any]:
    """Make a batch of deliveries at the same time.

    Returns:
        ``{"batchItemFailures": [{"itemIdentifier"}]}``: the messages that SQS must deliver again.
    """
    with invocation(context):
        return messages.handle(event["Records"])
