"""The consumer of the tables' streams: publishes events about runs, automations, connections and budgets."""

from typing import Any

from aichats.aws.observability import logger, metrics
from aichats.bootstrap import application
from aichats.invocation import InvocationContext, invocation

app = application()
publisher = app.publisher
app.init_phase.finish()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: InvocationContext) -> dict[str, int]:
    """Publish a batch of changes.

    Returns:
        ``{"events": <number>}``.

    Raises:
        Exception: some events were not published. Lambda sends the batch again, half of it at a time.
    """
    with invocation(context):
        return publisher.handle(event["Records"])
