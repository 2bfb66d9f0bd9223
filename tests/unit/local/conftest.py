from collections.abc import Iterator

import pytest

from tests.support.mock_servers import KodeyInProcess, WhopInProcess


@pytest.fixture
def whop() -> Iterator[WhopInProcess]:
    with WhopInProcess() as mock:
        yield mock


@pytest.fixture
def kodey() -> Iterator[KodeyInProcess]:
    with KodeyInProcess() as mock:
        yield mock
