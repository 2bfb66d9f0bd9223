"""The whole system, as `make dev` runs it but without a clock: schedules fire in it only where a test lets them."""

import io
import threading
from collections.abc import Callable, Iterator
from copy import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import boto3
import httpx
import pytest

from aichats.whop.connections import DEFAULT_CONNECTION
from local.cloud.functions import Answer, call
from local.cloud.http_api import http_api
from local.cloud.http_front import HttpFront, serving
from local.console import Console
from local.plain_http import plain_client
from local.system import BEARER, System, running_system
from tests.support.connections import CONNECTED, assign, create_connection, log_in
from tests.support.mock_servers import ATTACHMENTS_BUCKET, MockServer
from tests.support.running_automations import Automations
from tests.support.waiting import PATIENCE

DELIVERY_SECONDS = 60
"""For a webhook, cold start included; in the template less, which is no measure for a machine that others keep busy."""


@pytest.fixture(scope="session")
def system_with_key() -> Iterator[System]:
    """The deployed stack with all around it, once for each process of the tests."""
    with running_system(Console(io.StringIO()), parameters={"AttachmentsBucket": ATTACHMENTS_BUCKET}) as running:
        wait_longer_for_webhooks(running)
        yield running


@pytest.fixture(scope="session")
def system_with_connection() -> Iterator[System]:
    """A system that is connected to a Whop account, because its mock of Whop lets API keys create and change nothing.

    One second after a lost answer, it checks if Whop created the chat. The companies of `CONNECTED` have connections of
    their own, which the tests create.
    """
    with running_system(Console(io.StringIO()), api_keys="forbidden", parameters={"SettleSeconds": "1"}) as running:
        wait_longer_for_webhooks(running)
        grant = log_in(running.whop_url)
        # Each test empties the mock, which then accepts the tokens of all users, for as long as aichats uses them.
        for_a_day = replace(grant, expires_at=datetime.now(UTC) + timedelta(days=1))
        create_connection(running, DEFAULT_CONNECTION, for_a_day)
        assign(running, CONNECTED)
        yield running


def wait_longer_for_webhooks(system: System) -> None:
    """Give the function for webhooks enough time for a busy machine."""
    system.emulator.clients.functions.update_function_configuration(
        FunctionName=system.stack.resources["ReceiveWebhookFunction"], Timeout=DELIVERY_SECONDS
    )


@pytest.fixture
def credential() -> Literal["API key", "connection"]:
    """The credential of the system. Tests of the main job replace it by each in turn."""
    return "API key"


@pytest.fixture
def system(request: pytest.FixtureRequest, credential: Literal["API key", "connection"]) -> System:
    """The system that has the credential."""
    name = {"API key": "system_with_key", "connection": "system_with_connection"}[credential]
    running: System = request.getfixturevalue(name)
    return running


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
    with plain_client(base_url=system.api_url, headers=headers) as http:
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
