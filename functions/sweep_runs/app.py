"""Every five minutes: runs that were stranded are resumed, runs that are over are ended."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from aichats.bootstrap import application
from aichats.observability import count, logger, metrics

app = application()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(_event: dict[str, Any], _context: LambdaContext) -> dict[str, int]:
    """Sweep the ledger.

    Returns:
        ``{"resumed": …, "ended": …}``.
    """
    count("Sweeps")
    return app.sweeper.sweep()
