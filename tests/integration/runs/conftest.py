from collections.abc import Iterator

import pytest

from aichats.aws.observability import metrics
from aichats.http import retry


@pytest.fixture(autouse=True)
def _one_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the client try each call once: other tests check its retries."""
    monkeypatch.setattr(retry, "MAX_ATTEMPTS", 1)


@pytest.fixture(autouse=True)
def _no_metrics() -> Iterator[None]:
    metrics.clear_metrics()
    yield
    metrics.clear_metrics()
