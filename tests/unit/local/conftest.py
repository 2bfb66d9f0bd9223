from collections.abc import Iterator

import pytest

from tests.support.stand_ins import KodeyInProcess, WhopInProcess


@pytest.fixture
def whop() -> Iterator[WhopInProcess]:
    with WhopInProcess() as stand_in:
        yield stand_in


@pytest.fixture
def kodey() -> Iterator[KodeyInProcess]:
    with KodeyInProcess() as stand_in:
        yield stand_in
