"""A schedule fired: one target is performed here, many go to a queue. An event that is wrong raises."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from aichats.aws.observability import count, logger, metrics
from aichats.bootstrap import application
from aichats.invocation import invocation

app = application()
ticks = app.schedule_events


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Perform the event's runs, or have them performed.

    Returns:
        ``{"runs": [{"run_id", "status", "chat_id"}]}`` in the order of the targets. A run that failed or waits is in
        the ledger, and does not make the event fail.

    Raises:
        InputError: the event is wrong; nothing was done. It goes to the queue of failures.
    """
    count("Events")
    with invocation(context) as lease:
        return {"runs": app.dispatcher.perform_or_queue(ticks.runs_of(event), lease)}
