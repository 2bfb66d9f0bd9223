"""The five-minute sweep: resume stranded runs, find missed slots, and repair schedules."""

from typing import Any

from aichats.aws.observability import count, logger, metrics
from aichats.bootstrap import application
from aichats.invocation import InvocationContext

app = application()
sweep = app.sweep
app.init_phase.finish()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(_event: dict[str, Any], context: InvocationContext) -> dict[str, int]:
    """Sweep once.

    Returns:
        ``{"resumed", "ended", "missed", "repaired"}``: the numbers of resumed, ended and missed runs, and of repaired
        schedules.

    Raises:
        Exception: a part failed; the other parts were completed.
    """
    count("Sweeps")
    return sweep.run(context.get_remaining_time_in_millis() / 1000)
