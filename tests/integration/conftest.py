import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from aichats.automations.table import AutomationTable
from aichats.aws import clients
from aichats.aws.observability import logger, metrics
from aichats.bootstrap import application
from aichats.runs.ledger.ledger import Ledger
from tests.support.automations import make_store
from tests.support.fakes import FakeSecretsManager, FakeSqs, Json
from tests.support.lambda_calls import SECRETS
from tests.support.ledgers import Clock, make_ledger
from tests.support.whop_in_memory import WhopInMemory


class Output:
    """What a function printed: logs and metrics, each line a JSON object."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._text = ""

    @property
    def text(self) -> str:
        """All of it so far."""
        self._text += self._capsys.readouterr().out
        return self._text

    @property
    def logs(self) -> list[Json]:
        return [line for line in self._lines() if "level" in line]

    @property
    def metrics(self) -> list[Json]:
        return [line for line in self._lines() if "_aws" in line]

    def counted(self, name: str) -> float:
        """The sum of a metric."""
        return sum(sum(line.get(name, [])) for line in self.metrics)

    def _lines(self) -> list[Json]:
        return [json.loads(line) for line in self.text.splitlines()]


class StandardOutput(io.TextIOBase):
    """Writes to the standard output as it is at that moment; pytest puts another in its place for each test."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)


@pytest.fixture
def output(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Output:
    """What is printed from now on."""
    monkeypatch.setattr(logger.registered_handler, "stream", StandardOutput())
    metrics.clear_metrics()
    return Output(capsys)


@pytest.fixture
def whop() -> WhopInMemory:
    return WhopInMemory()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(clock: Clock) -> Ledger:
    return make_ledger(clock)


@pytest.fixture
def store(clock: Clock) -> AutomationTable:
    return make_store(clock)


@pytest.fixture
def sqs() -> FakeSqs:
    return FakeSqs()


@contextmanager
def fresh_application() -> Iterator[None]:
    """The next application wires itself anew, and so does the one after the block."""
    made_once = (application, clients._create_client, clients._session)
    for maker in made_once:
        maker.cache_clear()
    yield
    for maker in made_once:
        maker.cache_clear()


@pytest.fixture
def secrets() -> FakeSecretsManager:
    return FakeSecretsManager(SECRETS)
