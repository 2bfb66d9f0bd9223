from collections.abc import Iterator

import pytest

from tests.stand_ins import WhopInProcess


@pytest.fixture
def whop() -> Iterator[WhopInProcess]:
    with WhopInProcess() as stand_in:
        yield stand_in
