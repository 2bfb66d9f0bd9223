"""A world in which everything goes wrong: processes die at any call, answers get lost, effects come late.

Every call to DynamoDB, SQS and Whop is numbered while a process runs, and the process's plan says what goes wrong at
which call. Time passes only where a plan says so, or between processes.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
from botocore.exceptions import ConnectionClosedError

from tests.fakes import FakeSqs, Json, ai_chat, ok, page, refused
from tests.ledgers import Clock, dynamodb

LATE = timedelta(seconds=25)
"""How much later than its request a create may take effect."""
LAG = timedelta(seconds=25)
"""How much later than its effect a list may show a chat."""

type Plan = Mapping[int, str]
"""What goes wrong, by the number of the call."""


class Crash(BaseException):
    """The process was killed."""


@dataclass
class World:
    """Who runs, and what goes wrong.

    Attributes:
        lifetime: after which Lambda kills a process.
        meanwhile: what another worker does in the middle of a call.
    """

    clock: Clock
    lifetime: timedelta
    meanwhile: Callable[[], object] = lambda: None
    _plan: Plan = field(default_factory=dict)
    _calls: int = 0
    _dies_at: datetime | None = None

    @contextmanager
    def process(self, plan: Plan) -> Iterator[None]:
        """A process that meets what is planned. It may begin in the middle of a call of another one."""
        before = self._plan, self._calls, self._dies_at
        self._plan, self._calls, self._dies_at = plan, 0, self.clock.now + self.lifetime
        try:
            yield
        finally:
            self._plan, self._calls, self._dies_at = before

    def fault(self) -> str:
        """What goes wrong at this call."""
        if self._dies_at is None:
            return "none"
        found = self._plan.get(self._calls, "none")
        self._calls += 1
        if found == "pause":
            self.clock.forward(seconds=12)
        if found == "meanwhile":
            with self.process({}):
                self.meanwhile()
        if found == "crash before" or self.clock.now >= self._dies_at:
            raise Crash
        return found


@dataclass
class FaultyAws:
    """A client of DynamoDB or SQS."""

    world: World
    client: Any

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            fault = self.world.fault()
            if fault == "error before":
                raise ConnectionClosedError(endpoint_url="the cloud")
            answer = getattr(self.client, name)(**request)
            if fault == "answer lost":
                # boto3 sends it again.
                answer = getattr(self.client, name)(**request)
            if fault == "error after":
                raise ConnectionClosedError(endpoint_url="the cloud")
            if fault == "crash after":
                raise Crash
            return answer

        return call


class FaultySqs(FakeSqs):
    """SQS in memory, with messages that come when they are due."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.visible_at: list[tuple[datetime, str]] = []

    def send_message_batch(self, **request: Any) -> Json:
        answer = super().send_message_batch(**request)
        self.visible_at += [(self._clock.now + timedelta(seconds=sent.delay), sent.run_id) for sent in self.sent]
        self.sent.clear()
        return answer

    def due(self) -> list[tuple[datetime, str]]:
        """The messages that can be received now."""
        return [message for message in self.visible_at if message[0] <= self._clock.now]


class FaultyWhop(httpx.BaseTransport):
    """Whop in memory.

    Attributes:
        chats: all that there are, by id.
        made_by: the ids of the chats that each run made, whether it knows of them or not.
    """

    def __init__(self, world: World, *, honours_keys: bool) -> None:
        self._world = world
        self._honours_keys = honours_keys
        self._late: list[tuple[datetime, str, Json]] = []
        self._answers: dict[str, tuple[int, Json]] = {}
        self._bodies: dict[str, bytes] = {}
        self._shown_at: dict[str, datetime] = {}
        self.chats: dict[str, Json] = {}
        self.made_by: dict[str, list[str]] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        fault = self._world.fault()
        self.settle()
        request.read()
        if fault == "error before":
            raise httpx.ConnectError("no route")
        if fault == "throttled":
            return refused(429, "Slow down. Try again in 30 seconds.")
        if fault == "late" and request.method == "POST":
            self._come_late(request)
            raise httpx.RemoteProtocolError("cut")
        answer = refused(403) if fault == "refused" and request.method != "GET" else self._answer(request)
        if fault == "error after":
            return refused(500)
        if fault in ("answer lost", "late"):
            raise httpx.ReadTimeout("slow")
        if fault == "malformed" and answer.is_success:
            return httpx.Response(200, text="<html>")
        if fault == "crash after":
            raise Crash
        return answer

    def settle(self) -> None:
        """Let what is late take effect, if its moment has come."""
        now, waiting = self._world.clock.now, self._late
        self._late = [entry for entry in waiting if entry[0] > now]
        for moment, key, fields in waiting:
            if moment <= now:
                self._create(key, fields, moment)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        chat_id = request.url.path.rpartition("/")[2]
        if request.method == "POST":
            return self._post(request)
        if request.method == "GET":
            now = self._world.clock.now
            return page(*(chat for chat in self.chats.values() if self._shown_at[chat["id"]] <= now))
        self.chats[chat_id] |= json.loads(request.content)
        return ok(self.chats[chat_id])

    def _post(self, request: httpx.Request) -> httpx.Response:
        key = request.headers["idempotency-key"]
        first = self._bodies.setdefault(key, request.content)
        assert request.content == first, "a key was used with another body"
        if self._honours_keys and key in self._answers:
            status, body = self._answers[key]
            return httpx.Response(status, json=body)
        if self._honours_keys and any(key == late for _, late, _ in self._late):
            return refused(409, code="idempotency_request_in_progress")
        return ok(self._create(key, json.loads(request.content), self._world.clock.now))

    def _come_late(self, request: httpx.Request) -> None:
        key = request.headers["idempotency-key"]
        if not (self._honours_keys and key in self._answers):
            self._bodies.setdefault(key, request.content)
            self._late.append((self._world.clock.now + LATE, key, json.loads(request.content)))

    def _create(self, key: str, fields: Json, moment: datetime) -> Json:
        if self._honours_keys and key in self._answers:
            return self._answers[key][1]
        chat = ai_chat(id=f"aich_{len(self.chats) + 1}", title=None) | fields
        self.chats[chat["id"]] = chat
        self._shown_at[chat["id"]] = moment + LAG
        self.made_by.setdefault(key.partition(".")[0], []).append(chat["id"])
        self._answers[key] = (200, dict(chat))
        return chat


def faulty_dynamodb(world: World) -> FaultyAws:
    """The local cloud's DynamoDB, in this world."""
    return FaultyAws(world, dynamodb())
