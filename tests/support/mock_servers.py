"""The mock servers as tests use them: over sockets on a free port, or in this process with a clock of their own."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Self

import httpx
from starlette.types import ASGIApp

from local.plain_http import plain_client
from local.ports import listen
from local.standins.kodey.app import create_app as create_kodey
from local.standins.receiver.app import create_app as create_receiver
from local.standins.shared.clock import Clock
from local.standins.shared.server import Server
from local.standins.whop.app import create_app as create_whop
from tests.support.commands import Program, running_module
from tests.support.waiting import PATIENCE

ATTACHMENTS_BUCKET = "attachments-of-the-stack"
"""The bucket from which a stack attaches objects. A test must create it."""
AI_CHATS = "/api/v1/ai_chats"

CHAT = "/chat"

OLD = "2026-07-08-1"
"""A version of Whop's API before companies became accounts."""

NEW = "2026-10-15-1"
"""A version after companies became accounts."""

TOKEN = "a-token"

KEY = "sk_live_a"

CUT = (httpx.RemoteProtocolError, httpx.ReadError)
"""The errors that httpx raises for a connection that was cut."""

NEVER_SECONDS = 3600

type Json = dict[str, Any]


class MockServer:
    """A mock server that listens at ``origin``; its API begins at ``base_url``."""

    def __init__(self, origin: str, path: str) -> None:
        self.origin = origin
        self.base_url = origin + path

    def state(self) -> Json:
        """Return its state: ``chats`` in order of creation, ``requests`` in order of arrival."""
        return self._control("GET", "state")

    def reset(self) -> None:
        """Remove all chats, requests, faults and changes of the mode."""
        self._control("POST", "reset")

    def mode(self, **fields: object) -> None:
        """Change these fields of the mode."""
        self._control("POST", "mode", fields)

    def faults(self, *faults: Json) -> None:
        """Arm faults: each has ``method``, ``path``, ``fault``, and ``times`` for more than one call."""
        self._control("POST", "faults", list(faults))

    def advance(self, time: timedelta) -> None:
        """Move the clock ahead, until the next reset."""
        self._control("POST", "clock", {"advance": time.total_seconds()})

    def _control(self, method: str, name: str, body: object = None) -> Json:
        with plain_client() as http:
            reply = http.request(method, f"{self.origin}/_control/{name}", json=body)
        assert reply.status_code == 200, reply.text
        answer: Json = reply.json()
        return answer


@contextmanager
def running_whop() -> Iterator[MockServer]:
    """Run a mock server for Whop on a free port of this machine, in a thread of its own."""
    with running(create_whop()) as origin:
        yield MockServer(origin, "/api/v1")


@contextmanager
def running_kodey() -> Iterator[MockServer]:
    """Run a mock server for Kodey on a free port of this machine, in a thread of its own."""
    with running(create_kodey()) as origin:
        yield MockServer(origin, "")


@contextmanager
def running(app: ASGIApp) -> Iterator[str]:
    """Run the application on a free port. Yield its URL."""
    listener = listen("127.0.0.1", 0)
    server = Server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        listener.close()
        assert not thread.is_alive(), "the mock server did not end"


@contextmanager
def process(
    module: str, path: str, *options: str, launcher: Sequence[str] = ()
) -> Iterator[tuple[Program, MockServer]]:
    """Run ``python -m module`` on a free port, and yield it once it listens. Its API begins at ``path``."""
    with running_module(module, "--port", "0", *options, launcher=launcher) as program:
        base_url = program.wait_for(f"^{module}: http://").split()[1]
        yield program, MockServer(base_url.removesuffix(path), path)


class ServerClock(Clock):
    """A clock that does not move until a test moves it."""

    def __init__(self) -> None:
        self._alarms: list[tuple[float, asyncio.Event]] = []

    def now(self) -> float:
        return 1_800_000_000.0 + self.ahead

    async def sleep(self, seconds: float) -> None:
        alarm = asyncio.Event()
        self._alarms.append((self.now() + seconds, alarm))
        await alarm.wait()

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        for due, alarm in self._alarms:
            if due <= self.now():
                alarm.set()

    @property
    def sleepers(self) -> int:
        """The number of tasks that wait for this clock."""
        return sum(not alarm.is_set() for _, alarm in self._alarms)


class InProcess:
    """A mock server without sockets, for tests that are plain functions. Its time passes only in :meth:`advance`.

    ``calls`` is the path at which its calls begin, and ``options`` turns the options of a call into those of httpx.
    """

    def __init__(
        self, create_app: Callable[[Clock], ASGIApp], calls: str, options: Callable[..., dict[str, Any]]
    ) -> None:
        self._calls = calls
        self._options = options
        self.clock = ServerClock()
        self._runner = asyncio.Runner()
        transport = httpx.ASGITransport(create_app(self.clock))
        self._client = httpx.AsyncClient(transport=transport, base_url="http://mock", trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Return the answer to one request; the options are httpx's. A cut connection raises ConnectionResetError."""
        return self._run(self._client.request(method, path, **options))

    def call(self, method: str, path: str = "", **options: Any) -> httpx.Response:
        """Return the answer to one call."""
        return self.request(method, self._calls + path, **self._options(**options))

    def attempt(self, method: str, path: str = "", **options: Any) -> httpx.Response | None:
        """Return the answer to one call; ``None`` if the connection was cut."""
        try:
            return self.call(method, path, **options)
        except ConnectionResetError:
            return None

    def begin_call(self, method: str, path: str = "", **options: Any) -> asyncio.Task[httpx.Response]:
        """Send a call that has to wait for the clock, and return once it waits."""
        request = self._client.request(method, self._calls + path, **self._options(**options))
        return self._run(self._begin(request))

    def end(self, task: asyncio.Task[httpx.Response]) -> httpx.Response:
        """Return the answer to a request that was begun."""
        return self._run(task)

    def advance(self, seconds: float) -> None:
        """Let time pass, and run the tasks that waited for it."""
        self.clock.advance(seconds)
        self._runner.run(_let_all_run())

    def control(self, name: str, body: object) -> httpx.Response:
        """Return the control interface's answer to a POST."""
        return self.request("POST", f"/_control/{name}", json=body)

    def mode(self, **fields: object) -> None:
        """Change these fields of the mode."""
        assert self.control("mode", fields).status_code == 200

    def faults(self, *faults: Json) -> None:
        """Arm these faults."""
        assert self.control("faults", list(faults)).status_code == 200

    def state(self) -> Json:
        """Return the state of the mock server."""
        state: Json = self.request("GET", "/_control/state").json()
        return state

    def _run[T](self, work: Awaitable[T]) -> T:
        """Return the result of work that ends although the clock doesn't move. The test fails if it doesn't end."""
        return self._runner.run(asyncio.wait_for(work, PATIENCE))

    async def _begin(self, request: Coroutine[Any, Any, httpx.Response]) -> asyncio.Task[httpx.Response]:
        before = self.clock.sleepers
        task = asyncio.create_task(request)
        while self.clock.sleepers == before and not task.done():
            await asyncio.sleep(0)
        return task


class WhopInProcess(InProcess):
    """The mock server for Whop without sockets; its calls are below ``/ai_chats``."""

    def __init__(self, create_app: Callable[[Clock], ASGIApp] = create_whop) -> None:
        super().__init__(create_app, AI_CHATS, whop_options)

    def create(self, message_text: str = "hello", *, version: str = OLD, **fields: object) -> Json:
        """Create a chat, and return it."""
        reply = self.call("POST", json={"message_text": message_text, **fields}, version=version)
        assert reply.status_code == 200, reply.text
        chat: Json = reply.json()
        return chat


class KodeyInProcess(InProcess):
    """The mock server for Kodey without sockets; its calls are below ``/chat``."""

    def __init__(self) -> None:
        super().__init__(create_kodey, CHAT, kodey_options)

    def create(self, agent_id: str = "agent_support", **fields: object) -> Json:
        """Create a chat, and return it."""
        reply = self.call("POST", json={"agentId": agent_id, **fields})
        assert reply.status_code == 200, reply.text
        chat: Json = reply.json()
        return chat

    def messages(self) -> list[str]:
        """Return the messages of the only chat, in order."""
        (chat,) = self.state()["chats"]
        return [message["content"] for message in chat["messages"]]


class ReceiverInProcess(InProcess):
    """The mock receiver without sockets. A delivery goes to any path."""

    def __init__(self) -> None:
        super().__init__(create_receiver, "", lambda **options: options)

    def deliver(self, event: object, webhook_id: str = "evt_1", **headers: str) -> httpx.Response:
        """Deliver an event without a signature, and return the answer."""
        return self.call("POST", "/", json=event, headers={"webhook-id": webhook_id, **headers})

    def page(self) -> str:
        """Return the page for people."""
        return self.request("GET", "/").text


def whop_options(
    *, token: str | None = TOKEN, version: str | None = OLD, key: str | None = None, **options: Any
) -> dict[str, Any]:
    """Return httpx's options for a call of Whop's API; ``None`` leaves the header out."""
    headers = {
        "Authorization": token and f"Bearer {token}",
        "Api-Version-Date": version,
        "Idempotency-Key": key,
    }
    return {**options, "headers": {name: value for name, value in headers.items() if value is not None}}


def kodey_options(*, key: str | None = KEY, **options: Any) -> dict[str, Any]:
    """Return httpx's options for a call of Kodey's API; no key for ``None``."""
    return {**options, "headers": {} if key is None else {"x-api-key": key}}


def user_message(content: str = "hello") -> Json:
    """Return the body of a message to Kodey."""
    return {"content": content, "role": "user"}


async def _let_all_run() -> None:
    """Give every task its turns. A task of a mock server needs few."""
    for _ in range(20):
        await asyncio.sleep(0)
