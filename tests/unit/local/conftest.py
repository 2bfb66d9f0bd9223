from collections.abc import Iterator

import pytest

from tests.support.mock_servers import KodeyInProcess, ReceiverInProcess, WhopInProcess
from tests.support.whop_oauth import OAuthApp


@pytest.fixture
def whop() -> Iterator[WhopInProcess]:
    with WhopInProcess() as mock:
        yield mock


@pytest.fixture
def app(whop: WhopInProcess) -> OAuthApp:
    return OAuthApp(whop.request)


@pytest.fixture
def kodey() -> Iterator[KodeyInProcess]:
    with KodeyInProcess() as mock:
        yield mock


@pytest.fixture
def receiver() -> Iterator[ReceiverInProcess]:
    with ReceiverInProcess() as mock:
        yield mock
