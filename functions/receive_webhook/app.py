"""The receiver of Whop's webhooks: verifies each delivery and queues the runs of its automations."""

from typing import Any

from aichats.api.routes.webhooks import receive
from aichats.aws.observability import count, logger, metrics
from aichats.bootstrap import application
from aichats.invocation import InvocationContext, invocation

app = application()
app.read_pause_early()
app.init_phase.finish()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: InvocationContext) -> dict[str, Any]:
    """Answer one delivery of API Gateway's HTTP API (payload format 2.0)."""
    count("Deliveries")
    with invocation(context):
        return receive(app, event, context.aws_request_id)
