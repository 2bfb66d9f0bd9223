"""The command `aichats` and a local stack, in this process: `/_local`, the mock servers, and the HTTP API."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import replace
from dataclasses import dataclass, field
from typing import Any, cast

import httpx

from aichats_cli.system import System
from local.cloud.clients import Clients
from local.cloud.http_event import Request
from local.cloud.local_pages import LocalPages, is_local
from local.cloud.logs import LogStore
from tests.support.cli import ADDRESS, Cli
from tests.support.fakes import Json
from tests.support.lambda_calls import LOCAL
from tests.support.mock_servers import InProcess, KodeyInProcess, ReceiverInProcess, WhopInProcess
from tests.support.stack_in_memory import StackInMemory
from tests.support.waiting import turns

URL = "http://127.0.0.1:3000"
MOCKS = {"whop": "http://127.0.0.1:8001", "kodey": "http://127.0.0.1:8002", "receiver": "http://127.0.0.1:8003"}
FUNCTIONS = ["http-api", "perform-runs"]
GROUPS = [f"/aws/lambda/aichats-local-{name}" for name in FUNCTIONS]
AWS = {"endpoint_url": "http://127.0.0.1:4566", "access_key_id": "000000000000", "secret_access_key": "local"}
ABOUT = {"stack": "aichats-local", "region": "eu-west-1", "aws": AWS, "mocks": MOCKS, "functions": FUNCTIONS}


class LocalLogGroups:
    """In place of the clients of the local AWS: its CloudWatch Logs. Each line is an invocation of its own."""

    def __init__(self) -> None:
        self._events: dict[str, list[Json]] = {group: [] for group in GROUPS}

    @property
    def logs(self) -> LocalLogGroups:
        return self

    def write(self, function: str, message: str, timestamp: int) -> None:
        """Add a line."""
        events = self._events[f"/aws/lambda/aichats-local-{function}"]
        events.append({"logStreamName": f"{function}-{len(events)}", "timestamp": timestamp, "message": message})

    def filter_log_events(self, **call: Any) -> Json:
        """Return the lines of a group from a time on."""
        events = self._events[call["logGroupName"]]
        return {"events": [event for event in events if event["timestamp"] >= call["startTime"]]}


@dataclass
class Laptop(Cli):
    """A local stack whose HTTP API is on the port 3000, and its command."""

    variables: dict[str, str] = field(default_factory=lambda: {"AICHATS_URL": URL, "AICHATS_TOKEN": LOCAL})
    mocks: dict[str, InProcess] = field(default_factory=dict)
    log_groups: LocalLogGroups = field(default_factory=LocalLogGroups)
    opened: list[str] = field(default_factory=list)
    """The pages that commands opened in the browser."""
    has_browser: bool = True
    origins: list[str] = field(default_factory=list)
    """The server that each request went to."""
    while_asleep: Callable[[], object] = lambda: None
    """Called while a command sleeps."""
    turns: Iterator[int] = field(default_factory=turns)

    def __post_init__(self) -> None:
        """Start the stack."""
        self.restart()

    def restart(self) -> None:
        """Start the stack again: its logs are empty."""
        self.log_groups = LocalLogGroups()
        store = LogStore(cast("Clients", self.log_groups), GROUPS, prefix="/aws/lambda/aichats-local-")
        self.pages = LocalPages(ABOUT, store, self.reset)

    def reset(self) -> None:
        """Empty the mock servers."""
        for mock in self.mocks.values():
            mock.request("POST", "/_control/reset")

    def system(self, stdin: io.StringIO, stdout: io.StringIO, stderr: io.StringIO) -> System:
        """Return the machine, which has a browser and whose time passes while a command sleeps."""
        return replace(super().system(stdin, stdout, stderr), sleep=self.sleep, browse=self.browse)

    def sleep(self, _seconds: float) -> None:
        """Let other things happen. A command that sleeps for ever fails the test."""
        next(self.turns)
        self.while_asleep()

    def browse(self, url: str) -> bool:
        """Open a page."""
        self.opened.append(url)
        return self.has_browser

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer as the mock servers do, and as the local HTTP API does."""
        request.read()
        origin = f"{request.url.scheme}://{request.url.netloc.decode()}"
        self.origins.append(origin)
        if mock := next((self.mocks[name] for name, url in MOCKS.items() if url == origin), None):
            return self.interfere(request) or answer_of(mock, request)
        if is_local(request.url.path):
            return self.interfere(request) or self.local_answer(request)
        request.url = httpx.URL(ADDRESS + request.url.raw_path.decode())
        return super().answer(request)

    def local_answer(self, request: httpx.Request) -> httpx.Response:
        """Answer below ``/_local``."""
        reply = self.pages.answer(
            Request(
                request.method,
                request.url.path,
                request.url.query.decode(),
                list(request.headers.items()),
                request.content,
                "127.0.0.1",
            )
        )
        return httpx.Response(reply.status, headers=dict(reply.headers), content=reply.body)

    def log(self, function: str, message: str, *, seconds_ago: float = 0) -> None:
        """Write a line to the logs."""
        self.log_groups.write(function, message, int((self.now().timestamp() - seconds_ago) * 1000))


def answer_of(mock: InProcess, request: httpx.Request) -> httpx.Response:
    """Return the answer of a mock server."""
    answer = mock.request(request.method, request.url.path, content=request.content)
    return httpx.Response(answer.status_code, content=answer.content)


@contextmanager
def running_laptop() -> Iterator[Laptop]:
    """Run a local stack for the ``with`` block."""
    with ExitStack() as running:
        mocks: dict[str, InProcess] = {
            "whop": running.enter_context(WhopInProcess()),
            "kodey": running.enter_context(KodeyInProcess()),
            "receiver": running.enter_context(ReceiverInProcess()),
        }
        yield Laptop(StackInMemory(), mocks=mocks)
