"""The whole system, as `make dev` runs it but without a clock: schedules fire in it only where a test lets them."""

import io
import threading
from collections.abc import Callable, Iterator

import boto3
import httpx
import pytest

from local.cloud.functions import Answer, call
from local.cloud.http_api import http_api
from local.cloud.http_front import HttpFront, serving
from local.console import Console
from local.plain_http import plain_client
from local.system import BEARER, System, running_system
from tests.support.mock_servers import MockServer
from tests.support.running_automations import Automations
from tests.support.waiting import PATIENCE

DELIVERY_SECONDS = 60
"""For a webhook, cold start included; in the template less, which is no measure for a machine that others keep busy."""


@pytest.fixture(scope="session")
def system() -> Iterator[System]:
    """The deployed stack with all around it, once for each process of the tests."""
    with running_system(Console(io.StringIO())) as running:
        running.emulator.clients.functions.update_function_configuration(
            FunctionName=running.stack.resources["ReceiveWebhookFunction"], Timeout=DELIVERY_SECONDS
        )
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
def whop(system: System) -> MockServer:
    """The mock of Whop, empty."""
    mock = MockServer(system.whop_url, "/api/v1")
    mock.reset()
    return mock


@pytest.fixture
def kodey(system: System) -> MockServer:
    """The mock of Kodey, empty."""
    mock = MockServer(system.kodey_url, "")
    mock.reset()
    return mock


@pytest.fixture
def api(system: System) -> Iterator[httpx.Client]:
    """A client of the HTTP API that may do everything."""
    headers = {"Authorization": f"Bearer {BEARER}"}
    with plain_client(base_url=system.api_url, headers=headers, timeout=PATIENCE) as http:
        yield http


@pytest.fixture
def automations(system: System, api: httpx.Client) -> Iterator[Automations]:
    """The system's automations; none are left afterwards."""
    yield (made := Automations(system, api))
    made.delete_all()


@pytest.fixture
def invoke_in_turn(system: System) -> Callable[[str, object], Answer]:
    """Runs functions, but four at a time: each is a new process, and as many as the calls starve a small machine."""
    places = threading.BoundedSemaphore(4)

    def invoke_at_a_place(name: str, event: object) -> Answer:
        with places:
            return call(system.emulator.clients, name, event)

    return invoke_at_a_place


@pytest.fixture
def crowded_api(system: System, invoke_in_turn: Callable[[str, object], Answer]) -> Iterator[httpx.Client]:
    """A client of the API, for many calls at once: those that wait for their turn are not given up after 30 s."""
    headers = {"Authorization": f"Bearer {BEARER}"}
    with (
        serving(HttpFront(http_api(system.stack), invoke_in_turn, time_limit=PATIENCE)) as url,
        plain_client(base_url=url, headers=headers, timeout=PATIENCE + 10) as http,
    ):
        yield http
