"""The whole system, as `make dev` runs it but without a clock: schedules fire in it only where a test lets them."""

import io
from collections.abc import Iterator

import boto3
import httpx
import pytest

from local.console import Console
from local.system import BEARER, System, running_system
from tests.stand_ins import StandIn


@pytest.fixture(scope="session")
def system() -> Iterator[System]:
    """The deployed stack with all around it, once for each process of the tests."""
    with running_system(Console(io.StringIO())) as running:
        yield running


@pytest.fixture
def account(system: System, monkeypatch: pytest.MonkeyPatch) -> System:
    """The system, as the AWS account of this process."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the credentials that it was first asked with
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    for name, value in system.emulator.environment().items():
        monkeypatch.setenv(name, value)
    return system


@pytest.fixture
def whop(system: System) -> StandIn:
    """The stand-in of Whop, empty."""
    stand_in = StandIn(system.whop_url, "/api/v1")
    stand_in.reset()
    return stand_in


@pytest.fixture
def kodey(system: System) -> StandIn:
    """The stand-in of Kodey, empty."""
    stand_in = StandIn(system.kodey_url, "")
    stand_in.reset()
    return stand_in


@pytest.fixture
def api(system: System) -> Iterator[httpx.Client]:
    """A client of the HTTP API that may do everything."""
    headers = {"Authorization": f"Bearer {BEARER}"}
    with httpx.Client(base_url=system.api_url, headers=headers, timeout=60, trust_env=False) as client:
        yield client
