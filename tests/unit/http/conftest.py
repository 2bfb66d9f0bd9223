import pytest

from aichats.http import deadline
from tests.support.fakes import FakeClock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """A clock that the deadline looks at too."""
    clock = FakeClock()
    monkeypatch.setattr(deadline, "time", clock)
    return clock
