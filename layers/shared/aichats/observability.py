"""Logs and metrics. The logger's name is the package's, so what any module logs comes out as structured JSON.

Never logged: message texts, titles, tokens.
"""

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger(service="aichats")
metrics = Metrics()


def count(name: str, value: int = 1) -> None:
    """Add to a metric of this invocation."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
