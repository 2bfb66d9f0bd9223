"""The renewal of connections: every ten minutes, and when another function meets an access token that has ended."""

from typing import Any

from aichats.aws.observability import count, logger, metrics
from aichats.bootstrap import application
from aichats.invocation import InvocationContext, invocation

app = application()
renewals = app.renewals
app.init_phase.finish()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: InvocationContext) -> dict[str, int]:
    """Renew the connection that the event names (``connection``), or all connections that are due.

    Returns:
        The number of connections for each result, such as ``{"renewed": 1, "not due": 2}``.

    Raises:
        Exception: a connection could not be checked; the others were.
    """
    count("Renewals")
    with invocation(context) as lease:
        return renewals.handle(event, lease)
