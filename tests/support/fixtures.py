"""The fixtures that tests share. A conftest or a test module may replace one under the same name."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from aichats.automations.table import AutomationTable
from aichats.aws import clients, writes
from aichats.aws.observability import logger, metrics
from aichats.bootstrap import Application, application
from aichats.http import retry
from aichats.runs.ledger.ledger import Ledger
from tests.support.automations import FakeScheduler, make_store
from tests.support.fakes import FakeClock, FakeSecretsManager, FakeSqs
from tests.support.lambda_calls import SECRETS, make_application
from tests.support.ledgers import Clock, make_ledger
from tests.support.mock_servers import MockServer, running_whop
from tests.support.output import Output, StandardOutput
from tests.support.stack_in_memory import StackInMemory
from tests.support.whop_in_memory import WhopInMemory

# ---------------------------------------------------------------------------------------------- outside the code


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def wall_clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """The wall clock of a frozen process, whose monotonic clock has stopped."""
    wall, stopped = FakeClock(1_800_000_000.0), time.monotonic()
    monkeypatch.setattr(time, "time", wall)
    monkeypatch.setattr(time, "monotonic", lambda: stopped)
    return wall


@pytest.fixture
def whop() -> WhopInMemory:
    return WhopInMemory()


@pytest.fixture
def whop_with_files() -> Iterator[MockServer]:
    """A mock server for Whop that accepts only attachments that were uploaded to it."""
    with running_whop() as mock:
        mock.mode(files="uploaded")
        yield mock


@pytest.fixture
def secrets() -> FakeSecretsManager:
    return FakeSecretsManager(SECRETS)


@pytest.fixture
def sqs() -> FakeSqs:
    return FakeSqs()


@pytest.fixture
def scheduler(clock: Clock) -> FakeScheduler:
    return FakeScheduler(clock)


# ---------------------------------------------------------------------------------------------- parts and wholes


@pytest.fixture
def ledger(clock: Clock) -> Ledger:
    return make_ledger(clock)


@pytest.fixture
def store(clock: Clock) -> AutomationTable:
    return make_store(clock)


@pytest.fixture
def app(whop: WhopInMemory, secrets: FakeSecretsManager, sqs: FakeSqs) -> Application:
    """The application of a function, with a Whop in memory and the real time."""
    return make_application(whop, secrets, sqs=sqs)


@pytest.fixture
def stack() -> StackInMemory:
    """The functions of a stack, with a clock that the test sets."""
    return StackInMemory()


@contextmanager
def fresh_application() -> Iterator[None]:
    """Let the next application be wired again, and the next one after the block."""
    forget_application()
    yield
    forget_application()


def forget_application() -> None:
    """Close the connections of the application to AWS, and forget it and its clients."""
    if clients._transport.cache_info().currsize:
        clients._transport().close()
    for function in (application, clients._create_client, clients._session, clients._transport):
        function.cache_clear()


# ---------------------------------------------------------------------------------------------- output and rules


@pytest.fixture
def output(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Output:
    """The output from now on."""
    monkeypatch.setattr(logger.registered_handler, "stream", StandardOutput())
    metrics.clear_metrics()
    return Output(capsys)


@pytest.fixture
def no_metrics() -> Iterator[None]:
    """No metric of another test, and none left for the next one."""
    metrics.clear_metrics()
    yield
    metrics.clear_metrics()


@pytest.fixture
def one_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """One attempt for each call, because the tests of the client cover retries."""
    monkeypatch.setattr(retry, "MAX_ATTEMPTS", 1)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One entry for each pause of the table. No test waits for it."""
    pauses: list[None] = []
    monkeypatch.setattr(writes, "pause", lambda: pauses.append(None))
    return pauses
