"""A running system full of canaries. It records every answer, every output and every result."""

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, get_args

import httpx

from aichats.api.callers import Scope
from local.console import Console
from local.plain_http import plain_client
from local.ports import free_port
from local.setup import ROOT
from local.standins.kodey.app import create_app as create_kodey
from local.standins.shared.clock import Clock
from local.standins.whop.app import create_app as create_whop
from local.standins.whop.deliveries import PATH as WEBHOOK_PATH
from local.standins.whop.deliveries import Delivery
from local.system import System, running_system
from tests.support.commands import run_command
from tests.support.leaks.canaries import Canaries
from tests.support.leaks.echoing import EchoingServer, Rejection, kodey_rejection, whop_rejection
from tests.support.mock_servers import MockServer, running
from tests.support.waiting import until

BROWSER = f"{sys.executable} -m tests.support.leaks.browser"
ALL_SCOPES = tuple(get_args(Scope.__value__))
SCOPES = {"all": ALL_SCOPES, "runs": ("runs:read", "runs:write")}
"""The API clients: one with all scopes, and one that may not read chats."""

type Json = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """A place where a canary could appear, and all that is there."""

    where: str
    text: str


@dataclass
class LeakBench:
    """A system, the canaries in it, and the places that were seen so far."""

    system: System
    canaries: Canaries
    whop: EchoingServer
    kodey: EchoingServer
    whop_mock: MockServer
    places: list[Place] = field(default_factory=list)
    processes: set[str] = field(default_factory=set)
    """The arguments of all processes of this machine that were seen."""
    sent: list[str] = field(default_factory=list)
    """All requests to the HTTP API, with headers and bodies, and the inputs of commands."""
    tokens: dict[str, str] = field(default_factory=dict)
    """The tokens of the API clients."""

    def see(self, where: str, *texts: object) -> None:
        """Record a place."""
        self.places.append(Place(where, "\n".join(map(str, texts))))

    def call(
        self,
        method: str,
        path: str,
        *,
        expect: int | None,
        caller: str | None = "all",
        token: str | None = None,
        **options: Any,
    ) -> httpx.Response:
        """Call the HTTP API. The status must be ``expect``, if that is given."""
        token = token or self.tokens.get(caller or "")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= options.pop("headers", {})
        with plain_client(base_url=self.system.api_url) as http:
            request = http.build_request(method, path, headers=headers, **options)
            self.sent.append(f"{dict(request.headers)} {request.read().decode()}")
            answer = http.send(request)
        # An id says nothing about the kind of place.
        route = re.sub(r"/((aich|chat|file)_\w{8,}|[a-z2-7]{32})", "/ID", path)
        of_caller = "" if caller == "all" else f" by {caller}"
        self.see(f"answer {answer.status_code} to {method} {route}{of_caller}", dict(answer.headers), answer.text)
        assert expect in (None, answer.status_code), f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def deliver(self, delivery: Delivery, *, expect: int) -> list[str]:
        """Deliver a webhook. Return the ids of its runs."""
        content, headers = delivery.body, delivery.headers
        answer = self.call("POST", WEBHOOK_PATH, expect=expect, caller=None, content=content, headers=headers)
        run_ids: list[str] = answer.json().get("run_ids", [])
        return run_ids

    def invoke(self, output: str, event: object, *, fails: bool = False) -> Any:
        """Invoke a function, and return the value that it returns, or its error."""
        name = self.system.stack.outputs[output]
        content = json.dumps(event).encode()
        answer = self.system.emulator.clients.functions.invoke(FunctionName=name, Payload=content, LogType="Tail")
        payload = answer["Payload"].read().decode()
        self.see(f"result of {output}", payload, answer.get("LogResult", ""))
        assert ("FunctionError" in answer) is fails, payload
        return json.loads(payload)

    def invoke_later(self, output: str, event: object) -> None:
        """Invoke a function as services of AWS do, which don't wait for its result."""
        clients, name = self.system.emulator.clients, self.system.stack.outputs[output]
        clients.functions.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event).encode())

    def command(self, name: str, *arguments: str, expect: int = 0, text: str = "", decision: str = "allow") -> str:
        """Run a command of `aichats admin`, with ``text`` as its input. Return its output."""
        self.sent.append(text)
        done = run_command(
            *(sys.executable, "-m", "aichats_cli", "admin", *name.split()),
            *("--stack", self.system.stack.name, *arguments),
            input=text,
            env={**self._environment(), "BROWSER": f"{BROWSER} {decision} %s"},
        )
        self.see(f"output of {name}", done.stdout)
        self.see(f"errors of {name}", done.stderr)
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout

    def login(self, *arguments: str, expect: int = 0, decision: str = "allow") -> None:
        """Connect a Whop account."""
        options = ("--client-id", "app_canary", "--port", str(free_port()), *arguments)
        self.command("connect", *options, expect=expect, decision=decision)

    def secret(self, name: str, value: object) -> None:
        """Replace the value of a secret. A function that starts from now on reads it."""
        text = value if isinstance(value, str) else json.dumps(value)
        self.system.emulator.clients.secrets.put_secret_value(SecretId=f"aichats/dev/{name}", SecretString=text)

    def create_secret(self, name: str, value: object) -> None:
        """Create a secret."""
        self.system.emulator.clients.secrets.create_secret(Name=f"aichats/dev/{name}", SecretString="{}")
        self.secret(name, value)

    def stored(self, name: str) -> Json:
        """Return the value of a secret."""
        answer = self.system.emulator.clients.secrets.get_secret_value(SecretId=f"aichats/dev/{name}")
        value: Json = json.loads(answer["SecretString"])
        return value

    def rejections_left(self) -> list[Rejection]:
        """Forget the rejections that have not met a request, and return them."""
        return self.whop.stop_rejecting() + self.kodey.stop_rejecting()

    def change_environment(self, output: str, **variables: str) -> None:
        """Change the environment of a function, which starts a new process with empty caches."""
        functions, name = self.system.emulator.clients.functions, self.system.stack.outputs[output]
        current = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": current | variables})

    def ended(self, run_id: str) -> Json:
        """Return a run when it has ended."""

        def run_if_ended() -> Json:
            run: Json = self.call("GET", f"/runs/{run_id}", expect=200).json()
            return {} if run["status"] in {"pending", "performing"} else run

        return until(run_if_ended)

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **self.system.emulator.environment()}


@contextmanager
def leak_bench() -> Iterator[LeakBench]:
    """Run a system that logs as much as it can, with mock servers that repeat what they get."""
    canaries = Canaries()
    processes: set[str] = set()

    def see_processes() -> None:
        processes.update(run_command("ps", "-A", "-ww", "-o", "args=").stdout.splitlines())

    with ExitStack() as stack:
        whop = EchoingServer(create_whop(), whop_rejection, canaries, see_processes)
        kodey = EchoingServer(create_kodey(Clock()), kodey_rejection, canaries, see_processes)
        whop_url, kodey_url = stack.enter_context(running(whop)), stack.enter_context(running(kodey))
        parameters = {"LogLevel": "DEBUG", "WhopBaseUrl": f"{whop_url}/api/v1", "KodeyBaseUrl": kodey_url}
        system = stack.enter_context(running_system(Console(), parameters=parameters))
        mock = MockServer(whop_url, "/api/v1")
        yield LeakBench(system, canaries, whop, kodey, mock, processes=processes)
