"""The target of all schedules: performs a single run here, and sends several runs to the queues."""

from typing import Any

from aichats.aws.observability import count, logger, metrics
from aichats.bootstrap import application
from aichats.invocation import InvocationContext, invocation

app = application()
app.read_pause_early()
events = app.schedule_events
app.init_phase.finish()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: InvocationContext) -> dict[str, Any]:
    """Perform the event's runs, or queue them.

    Returns:
        ``{"runs": [{"run_id", "status", "chat_id"}]}`` in the order of the targets. The event succeeds even if a run
        failed or waits, because the ledger has the run.

    Raises:
        InputError: the event is invalid, and nothing was done. Lambda sends the event to the dead letters.
    """
    count("Events")
    with invocation(context) as lease:
        return {"runs": events.handle(event, lease)}
