"""The whole system on this machine: the mock servers, the local AWS, the deployed stack and its HTTP API."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from aichats.api.callers import Scope
from aichats.whop.webhook_registration import WEBHOOKS_API_VERSION
from aichats.whop.webhooks import known_event_types
from local.attached import attached
from local.cloud.build import Build, build
from local.cloud.deploy import Stack, deploy
from local.cloud.emulator import REGION, Emulator
from local.cloud.functions import call, invoke
from local.cloud.http_api import http_api
from local.cloud.http_front import HttpFront, serving
from local.cloud.local_pages import LocalPages
from local.cloud.logs import log_store
from local.disk import prefix, prune, require_space
from local.errors import LocalError
from local.plain_http import plain_client
from local.ports import require_free
from local.setup import ROOT, VENV
from local.standins.whop.deliveries import PATH
from local.standins.whop.webhooks import WEBHOOKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from local.cloud.clients import Clients
    from local.console import Console

STACK = "aichats-local"
BEARER = "local-token"
"""Token of the caller `local`, which has all scopes."""
WEBHOOK_SECRET = "ws_" + "0123456789abcdef" * 4
"""Secret that signs webhooks here."""
START_LIMIT = 30.0
"""Seconds after which a start counts as failed."""
URL = re.compile(r"http://127\.0\.0\.1:(\d+)")


class Provider(NamedTuple):
    """A provider with a mock server here, and the settings that connect the stack to it."""

    module: str
    path: str
    """Path of its API on the mock server."""
    base_url: str
    """The stack's parameter for the URL of the API."""
    secret: str
    """The stack's output that names the secret."""
    api_key: str
    """A key that the mock server accepts."""

    @property
    def state_file(self) -> str:
        """Name of the file that keeps the mock server's data."""
        return f"{self.module.rpartition('.')[2]}.json"


WHOP = Provider("local.standins.whop", "/api/v1", "WhopBaseUrl", "WhopSecret", "local-key")
KODEY = Provider("local.standins.kodey", "", "KodeyBaseUrl", "KodeySecret", "sk_live_local")
PROVIDERS = (WHOP, KODEY)
RECEIVER = "local.standins.receiver"
"""Module of the mock receiver."""
WHOP_HEADERS = {"Authorization": f"Bearer {WHOP.api_key}", "Api-Version-Date": WEBHOOKS_API_VERSION}
CALLERS, WEBHOOK = "CallersSecret", "WebhookSecret"
SECRETS = (WHOP.secret, KODEY.secret, CALLERS, WEBHOOK, "EventsSecret")
"""The stack's outputs that name secrets."""


@dataclass(frozen=True)
class System:
    """A running system."""

    emulator: Emulator
    stack: Stack
    urls: Mapping[Provider, str]
    """URLs of the mock servers, without a path."""
    api_url: str
    """Base URL of the HTTP API. Its token is :data:`BEARER`."""
    webhook_secrets: Sequence[str] = ()
    """The secrets for webhooks that the stack has at the start. Those of the mock of Whop are new at each start."""
    receiver_url: str = ""
    """URL of the mock receiver, which takes events at each path."""

    @property
    def whop_url(self) -> str:
        """URL of the mock of Whop, without a path."""
        return self.urls[WHOP]

    @property
    def kodey_url(self) -> str:
        """URL of the mock of Kodey."""
        return self.urls[KODEY]

    @property
    def mocks(self) -> dict[str, str]:
        """URLs of all mock servers, without a path."""
        return {"whop": self.whop_url, "kodey": self.kodey_url, "receiver": self.receiver_url.removesuffix("/")}

    def invoke(self, output: str, event: object) -> Any:
        """Invoke the function that an output of the stack names, and return the value that it returns.

        Raises:
            FunctionFailedError: the function failed.
        """
        return invoke(self.emulator.clients, self.stack.outputs[output], event)

    def chats(self) -> list[dict[str, Any]]:
        """Return the chats of the mock of Whop, in order of creation."""
        return chats_of(self.whop_url)

    def kodey_chats(self) -> list[dict[str, Any]]:
        """Return the chats of the mock of Kodey, in order of creation, with their messages."""
        return chats_of(self.kodey_url)


def state_of(url: str) -> dict[str, Any]:
    """Return the data of a mock server, and the requests that it received."""
    with plain_client(timeout=10) as http:
        state: dict[str, Any] = http.get(f"{url}/_control/state").json()
    return state


def chats_of(url: str) -> list[dict[str, Any]]:
    """Return the chats of a mock server, in order of creation."""
    chats: list[dict[str, Any]] = state_of(url)["chats"]
    return chats


@contextmanager
def running_system(
    console: Console,
    *,
    api_port: int = 0,
    whop_port: int = 0,
    kodey_port: int = 0,
    receiver_port: int = 0,
    parameters: Mapping[str, str] | None = None,
    data: Path | None = None,
    api_keys: Literal["allowed", "forbidden"] = "allowed",
    log: Callable[[str], None] | None = None,
) -> Iterator[System]:
    """Run the whole system for the ``with`` block.

    Args:
        console: shows the progress.
        api_port: port of the HTTP API. For each port, 0 means any free one.
        whop_port: port of the mock of Whop.
        kodey_port: port of the mock of Kodey.
        receiver_port: port of the mock receiver of events.
        parameters: of the stack, in addition to those that connect it to this machine.
        data: folder with a :attr:`Provider.state_file` for each mock server that starts with data.
        api_keys: permission of API keys to create, update and delete chats of Whop.
        log: called with a line for each HTTP call: method, path, status and request id.

    Raises:
        LocalError: a port is in use or given twice, or a part did not start.
    """
    require_free({"PORT": api_port, "WHOP_PORT": whop_port, "KODEY_PORT": kodey_port, "RECEIVER_PORT": receiver_port})
    require_space(ROOT)
    with ExitStack() as running:
        with console.step("build the functions and the layer"):
            built = build()
        with console.step("start the local AWS and the mock servers of Whop and Kodey"):
            ports = {WHOP: whop_port, KODEY: kodey_port}
            options = {WHOP: ("--api-keys", api_keys)}
            files = {each: data / each.state_file for each in PROVIDERS} if data else {}
            urls = {
                each: running.enter_context(stand_in(each.module, port, *options.get(each, ()), state=files.get(each)))
                for each, port in ports.items()
            }
            receiver_url = running.enter_context(stand_in(RECEIVER, receiver_port)) + "/"
            emulator = running.enter_context(Emulator())
        with console.step("deploy template.yaml"):
            own = {each.base_url: url + each.path for each, url in urls.items()}
            own |= {"Stage": "dev", "LoopbackReceivers": "allowed"} | scheduled_message(built)
            stack = deploy(emulator.clients, built, STACK, own | dict(parameters or {}))
            fill_secrets(emulator.clients, stack)
            front = HttpFront(http_api(stack), partial(call, emulator.clients), log=log)
            api_url = running.enter_context(serving(front, port=api_port))
            webhook_secrets = register_webhooks(emulator.clients, stack, urls[WHOP], api_url)
        system = System(emulator, stack, urls, api_url, webhook_secrets, receiver_url)
        front.pages = local_pages(system)
        yield system


def local_pages(system: System) -> LocalPages:
    """Return what the HTTP API of a system answers for commands on this machine."""
    variables, logs = system.emulator.environment(), log_store(system.emulator.clients, system.stack)
    about = {
        "stack": system.stack.name,
        "token": BEARER,
        "region": REGION,
        "aws": {
            "endpoint_url": system.emulator.endpoint_url,
            "access_key_id": variables["AWS_ACCESS_KEY_ID"],
            "secret_access_key": variables["AWS_SECRET_ACCESS_KEY"],
        },
        "mocks": system.mocks,
        "functions": logs.functions,
    }
    return LocalPages(about, logs, partial(reset_mocks, system))


def reset_mocks(system: System) -> None:
    """Empty the mock servers, and register the webhooks again, because the mock of Whop forgets them."""
    with plain_client(timeout=10) as http:
        for url in system.mocks.values():
            http.post(f"{url}/_control/reset").raise_for_status()
    register_webhooks(system.emulator.clients, system.stack, system.whop_url, system.api_url)


def scheduled_message(built: Build) -> dict[str, str]:
    """Return the parameter for the message of the template's schedule, which is disabled without a message."""
    own = built.template["Parameters"]["Message"]["Default"]
    return {"Message": own or "Summarize the revenue of last week."}


@contextmanager
def stand_in(module: str, port: int, *options: str, state: Path | None = None) -> Iterator[str]:
    """Run a mock server for the ``with`` block, and yield its URL without a path. Port 0 means any free port.

    It starts with the data of the file ``state``, if that exists.

    Raises:
        LocalError: the mock server did not start.
    """
    folder = ROOT / ".local"
    folder.mkdir(exist_ok=True)
    prune(folder, module)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=prefix(module), suffix=".log") as file:
        log = Path(file.name)
        command = [f"{VENV}/bin/python", "-m", "local.attached", module, "--port", str(port), *options]
        command += ["--state", str(state)] if state and state.exists() else []
        environment = {"PATH": os.defpath, "PYTHONUNBUFFERED": "1"}
        with attached(command, environment=environment, log=log) as process:
            deadline = time.monotonic() + START_LIMIT
            while not (found := URL.search(log.read_text(errors="replace"))):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise LocalError(f"{module} did not start:\n{log.read_text(errors='replace').strip()}")
                time.sleep(0.02)
            yield found[0]


def fill_secrets(clients: Clients, stack: Stack) -> None:
    """Store keys that the mock servers accept, a webhook secret, and a caller with all scopes."""
    digest = hashlib.sha256(BEARER.encode()).hexdigest()
    secrets: dict[str, dict[str, Any]] = {each.secret: {"api_key": each.api_key} for each in PROVIDERS}
    secrets[CALLERS] = {"local": {"sha256": digest, "scopes": list(get_args(Scope.__value__))}}
    secrets[WEBHOOK] = {"secrets": [WEBHOOK_SECRET]}
    for output, value in secrets.items():
        clients.secrets.put_secret_value(SecretId=stack.outputs[output], SecretString=json.dumps(value))


def register_webhooks(clients: Clients, stack: Stack, whop_url: str, api_url: str) -> list[str]:
    """Register a webhook for all events at the mock of Whop, which then delivers test events to the HTTP API.

    A second one is for the URL that the stack would have on AWS, because the sweep looks for that. Return the secrets
    that the stack has now.
    """
    secrets = [WEBHOOK_SECRET]
    with plain_client(timeout=10, headers=WHOP_HEADERS) as http:
        for url in (api_url + PATH, stack.outputs["WebhookUrl"]):
            registered = http.post(whop_url + WEBHOOKS, json={"url": url, "events": sorted(known_event_types())})
            secrets.append(registered.raise_for_status().json()["webhook_secret"])
    clients.secrets.put_secret_value(SecretId=stack.outputs[WEBHOOK], SecretString=json.dumps({"secrets": secrets}))
    return secrets
