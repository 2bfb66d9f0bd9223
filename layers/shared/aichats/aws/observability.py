"""Logs and metrics. The logger's name is the package's, so what any module logs comes out as structured JSON.

Never logged: message texts, titles, tokens.
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
    """Add to a metric of this invocation, written when it ends. Not for threads."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


def measure_seconds(name: str, value: float) -> None:
    """Add a duration to the metrics of this invocation. Not for threads."""
    metrics.add_metric(name=name, unit=MetricUnit.Seconds, value=value)


def count_now(name: str, value: int = 1) -> None:
    """Write a metric at once: what an alarm waits for must not be lost with the process. Also for threads."""
    metric = EphemeralMetrics()
    metric.add_metric(name=name, unit=MetricUnit.Count, value=value)
    # One write, so that lines of other threads do not get into it.
    sys.stdout.write(json.dumps(metric.serialize_metric_set()) + "\n")


@dataclass
class Contained:
    """A block whose failure is logged and kept, and stops nothing that follows.

    Attributes:
        message: what the log says.
        about: further fields of the log line.
        error: what failed, if anything did.
    """

    message: str
    about: Mapping[str, Any] = field(default_factory=dict)
    error: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if not isinstance(error, Exception):
            return False
        logger.error(self.message, extra=dict(self.about), exc_info=error)
        self.error = error
        return True
