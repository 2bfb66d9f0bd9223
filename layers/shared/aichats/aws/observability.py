"""Logs and metrics. The logger has the package's name, so all modules of the package log structured JSON.

aichats never logs message texts, titles or tokens.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

logger = Logger(service="aichats")
metrics = Metrics()


def count(name: str, value: int = 1) -> None:
    """Add to a metric of this invocation. The metric is written when the invocation ends. Not for threads."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


def measure_seconds(name: str, value: float) -> None:
    """Add a duration to the metrics of this invocation. Not for threads."""
    metrics.add_metric(name=name, unit=MetricUnit.Seconds, value=value)


def count_now(name: str, value: int = 1) -> None:
    """Write a metric immediately, so that an alarm sees it even if the process dies. Safe to call from threads."""
    metric = EphemeralMetrics()
    metric.add_metric(name=name, unit=MetricUnit.Count, value=value)
    # A single write, so that lines of different threads don't mix.
    sys.stdout.write(json.dumps(metric.serialize_metric_set()) + "\n")


@dataclass
class Contained:
    """A context that logs an exception and keeps it instead of raising it.

    Attributes:
        message: the message of the log line.
        log_fields: further fields of the log line.
        error: the exception; ``None`` if there was none.
    """

    message: str
    log_fields: Mapping[str, Any] = field(default_factory=dict)
    error: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if not isinstance(error, Exception):
            return False
        logger.error(self.message, extra=dict(self.log_fields), exc_info=error)
        self.error = error
        return True
