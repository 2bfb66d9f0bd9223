"""The HTTP API: one function for all routes. Tokens and scopes are checked in ``aichats.api``."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from aichats.api.app import create_api
from aichats.bootstrap import application
from aichats.http.deadline import time_limit
from aichats.observability import count, logger, metrics

MARGIN_SECONDS = 2.0
"""Kept back from Lambda's own limit, to answer before API Gateway gives up."""

api = create_api(application())


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request of API Gateway's HTTP API (payload format 2.0)."""
    count("Calls")
    with time_limit(context.get_remaining_time_in_millis() / 1000 - MARGIN_SECONDS):
        return api.resolve(event, context)
