import pytest

from aichats.http import retry


@pytest.fixture(autouse=True)
def _one_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the client repeats by itself is a matter of its own tests."""
    monkeypatch.setattr(retry, "MAX_ATTEMPTS", 1)
