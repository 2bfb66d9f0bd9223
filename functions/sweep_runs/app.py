"""The five-minute sweep: resume stranded runs, find missed slots, and repair schedules."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from aichats.aws.observability import count, logger, metrics
from aichats.bootstrap import application

app = application()
sweep = app.sweep


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Sweep once.

    Returns:
        ``{"resumed", "ended", "missed", "repaired"}``: the numbers of resumed, ended and missed runs, and of repaired
        schedules.

    Raises:
        Exception: a part failed; the other parts were completed.
    """
    count("Sweeps")
    return sweep.run(context.get_remaining_time_in_millis() / 1000)
