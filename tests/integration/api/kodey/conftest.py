"""Fixtures of the API for Kodey's routes."""

import pytest

from aichats.http import retry
from tests.support.kodey_api import World


@pytest.fixture(autouse=True)
def _one_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "MAX_ATTEMPTS", 1)


@pytest.fixture
def api() -> World:
    return World()
