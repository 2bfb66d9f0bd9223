"""Fixtures of the API for Kodey's routes."""

import pytest

from tests.support.kodey_api import KodeyApi


@pytest.fixture(autouse=True)
def _rules(request: pytest.FixtureRequest) -> None:
    """One attempt for each call."""
    request.getfixturevalue("one_attempt")


@pytest.fixture
def api() -> KodeyApi:
    return KodeyApi()
