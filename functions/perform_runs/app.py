"""The consumer of the run queues: performs runs. SQS delivers a message again only if its code crashed."""

from typing import Any

from aichats.aws.observability import logger, metrics
from aichats.bootstrap import application
from aichats.invocation import InvocationContext, invocation

app = application()
app.read_pause_early()
app.init_phase.finish()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: InvocationContext) -> dict[str, Any]:
    """Perform a batch of runs at the same time.

    Returns:
        ``{"batchItemFailures": [{"itemIdentifier"}]}``: the messages that SQS must deliver again.
    """
    with invocation(context) as lease:
        return app.messages.handle(event["Records"], lease)
