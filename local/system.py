"""The whole system on this machine: stand-ins of the providers, the local AWS, the deployed stack and its HTTP API."""

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
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from aichats.api.callers import Scope
from local.attached import attached
from local.cloud.build import Build, build
from local.cloud.deploy import Stack, deploy
from local.cloud.emulator import Emulator
from local.cloud.functions import invoke
from local.cloud.http_api import http_api
from local.cloud.http_front import HttpFront, serving
from local.disk import prefix, prune, require_space
from local.errors import LocalError
from local.plain_http import plain_client
from local.ports import listen
from local.setup import ROOT, VENV

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local.cloud.clients import Clients
    from local.console import Console

STACK = "aichats-local"
BEARER = "local-token"
"""The token of the caller `local`, who has all scopes."""
WEBHOOK_SECRET = "ws_" + "0123456789abcdef" * 4
"""With which webhooks are signed here."""
START_LIMIT = 30.0
URL = re.compile(r"http://127\.0\.0\.1:(\d+)")


class Provider(NamedTuple):
    """A provider that has a stand-in here, and how the stack is told of it."""

    module: str
    path: str
    """Where its API begins."""
    base_url: str
    """The stack's parameter for that."""
    secret: str
    """The stack's output that names the secret."""
    api_key: str
    """One that the stand-in takes."""


WHOP = Provider("local.standins.whop", "/api/v1", "WhopBaseUrl", "WhopSecret", "local-key")
KODEY = Provider("local.standins.kodey", "", "KodeyBaseUrl", "KodeySecret", "sk_live_local")


@dataclass(frozen=True)
class System:
    """A running system."""

    emulator: Emulator
    stack: Stack
    whop_url: str
    """Where the stand-in of Whop is, without a path."""
    kodey_url: str
    """Where the stand-in of Kodey is."""
    api_url: str
    """Base URL of the HTTP API; the caller's token is :data:`BEARER`."""

    def invoke(self, output: str, event: object) -> Any:
        """What the function that an output of the stack names returns for an event.

        Raises:
            FunctionFailedError: it failed.
        """
        return invoke(self.emulator.clients, self.stack.outputs[output], event)

    def chats(self) -> list[dict[str, Any]]:
        """The chats that the stand-in of Whop holds, in the order of their creation."""
        return chats_of(self.whop_url)

    def kodey_chats(self) -> list[dict[str, Any]]:
        """The chats that the stand-in of Kodey holds, in the order of their creation, with their messages."""
        return chats_of(self.kodey_url)


def chats_of(url: str) -> list[dict[str, Any]]:
    """The chats that a stand-in holds, in the order of their creation."""
    with plain_client(timeout=10) as http:
        chats: list[dict[str, Any]] = http.get(f"{url}/_control/state").json()["chats"]
    return chats


@contextmanager
def running_system(
    console: Console,
    *,
    api_port: int = 0,
    whop_port: int = 0,
    kodey_port: int = 0,
    parameters: Mapping[str, str] | None = None,
) -> Iterator[System]:
    """All of it, for the ``with`` block; on free ports unless some are named.

    ``parameters`` are the stack's, besides those that tell it of this machine.

    Raises:
        LocalError: a port is taken, or something did not start.
    """
    for variable, port in {"PORT": api_port, "WHOP_PORT": whop_port, "KODEY_PORT": kodey_port}.items():
        listen("127.0.0.1", port, variable=variable).close()
    require_space(ROOT)
    with ExitStack() as running:
        with console.step("build the functions and the layer"):
            built = build()
        with console.step("start the local AWS and the stand-ins of Whop and Kodey"):
            ports = {WHOP: whop_port, KODEY: kodey_port}
            urls = {each: running.enter_context(stand_in(each.module, port)) for each, port in ports.items()}
            emulator = running.enter_context(Emulator())
        with console.step("deploy template.yaml"):
            own = {each.base_url: url + each.path for each, url in urls.items()}
            own |= {"Stage": "dev"} | scheduled_message(built)
            stack = deploy(emulator.clients, built, STACK, own | dict(parameters or {}))
            fill_secrets(emulator.clients, stack)
            front = HttpFront(http_api(stack), partial(invoke, emulator.clients))
            api_url = running.enter_context(serving(front, port=api_port))
        yield System(emulator, stack, urls[WHOP], urls[KODEY], api_url)


def scheduled_message(built: Build) -> dict[str, str]:
    """What the template's schedule says here: without a message it would be switched off."""
    own = built.template["Parameters"]["Message"]["Default"]
    return {"Message": own or "Summarise the revenue of last week."}


@contextmanager
def stand_in(module: str, port: int) -> Iterator[str]:
    """Run a provider's stand-in, on any free port for port 0. Yields its URL without a path.

    Raises:
        LocalError: it did not start.
    """
    folder = ROOT / ".local"
    folder.mkdir(exist_ok=True)
    prune(folder, module)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=prefix(module), suffix=".log") as file:
        log = Path(file.name)
        command = [f"{VENV}/bin/python", "-m", "local.attached", module, "--port", str(port)]
        environment = {"PATH": os.defpath, "PYTHONUNBUFFERED": "1"}
        with attached(command, environment=environment, log=log) as process:
            deadline = time.monotonic() + START_LIMIT
            while not (found := URL.search(log.read_text(errors="replace"))):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise LocalError(f"the stand-in {module} did not start:\n{log.read_text(errors='replace').strip()}")
                time.sleep(0.02)
            yield found[0]


def fill_secrets(clients: Clients, stack: Stack) -> None:
    """Put in what the stand-ins take, and a caller with all scopes."""
    digest = hashlib.sha256(BEARER.encode()).hexdigest()
    secrets: dict[str, dict[str, Any]] = {each.secret: {"api_key": each.api_key} for each in (WHOP, KODEY)}
    secrets["CallersSecret"] = {"local": {"sha256": digest, "scopes": list(get_args(Scope.__value__))}}
    secrets["WebhookSecret"] = {"secrets": [WEBHOOK_SECRET]}
    for output, value in secrets.items():
        clients.secrets.put_secret_value(SecretId=stack.outputs[output], SecretString=json.dumps(value))
