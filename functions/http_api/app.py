"""The HTTP API: one function for all routes. ``aichats.api`` checks tokens and scopes."""

from typing import Any

from aichats.api.app import create_api
from aichats.aws.observability import count, logger, metrics
from aichats.bootstrap import application
from aichats.http.deadline import time_limit
from aichats.invocation import InvocationContext, invocation

CALL_SECONDS = 25.0
"""The time limit of a call, below API Gateway's 30 s. A run that is not done by then is answered with 202."""

app = application()
app.read_pause_early()
api = create_api(app)
app.init_phase.finish()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: InvocationContext) -> dict[str, Any]:
    """Answer one request of API Gateway's HTTP API (payload format 2.0)."""
    count("Calls")
    with invocation(context), time_limit(CALL_SECONDS):
        return api.resolve(event, context)
