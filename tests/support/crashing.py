"""A world in which everything fails: processes die at any call, responses get lost, effects are late.

Every call to DynamoDB, SQS and a provider has a number while a process runs. The plan of the process has the fault of
each number. Time passes only if a plan says so, or between processes.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from aichats.aws.errors import NoResponseError
from aichats.runs.ledger.rows import Row
from aichats.runs.model import Run
from tests.support.fakes import FakeSqs, Json, ai_chat, error_response, ok, page
from tests.support.kodey_in_memory import KodeyInMemory
from tests.support.ledgers import Clock, dynamodb

LATE = timedelta(seconds=25)
"""The time after its request at which a late create is performed."""
LATE_AT_KODEY = timedelta(seconds=100)
"""The same time at Kodey, which takes longer."""
LAG = timedelta(seconds=25)
"""The time after its effect at which a list shows a chat."""

CHATS_OF_PAGE = 3
MAX_CALLS = 1000
"""The calls of a process that would go on for ever if nothing stopped it."""

WORDS = "How was the week?"
"""The text of every message."""

type Plan = Mapping[int, str]
"""The faults, by the number of the call."""


@dataclass(frozen=True)
class Made:
    """The results of one effect of a run, none or one, and a note if its row has them."""

    ids: list[str]
    recorded: bool


class Crash(BaseException):
    """The process was killed."""


@dataclass
class World:
    """The process that runs, and its faults.

    Attributes:
        lifetime: the time after which Lambda kills a process.
        meanwhile: the work of another worker in the middle of a call.
    """

    clock: Clock
    lifetime: timedelta
    meanwhile: Callable[[], object] = lambda: None
    _plan: Plan = field(default_factory=dict)
    _calls: int = 0
    _dies_at: datetime | None = None

    @contextmanager
    def process(self, plan: Plan) -> Iterator[None]:
        """Run a process with these faults. It may begin in the middle of a call of another process."""
        before = self._plan, self._calls, self._dies_at
        self._plan, self._calls, self._dies_at = plan, 0, self.clock.now + self.lifetime
        try:
            yield
        finally:
            self._plan, self._calls, self._dies_at = before

    def fault(self) -> str:
        """Return the fault of this call."""
        if self._dies_at is None:
            return "none"
        found = self._plan.get(self._calls, "none")
        self._calls += 1
        assert self._calls < MAX_CALLS, "a process makes calls without an end"
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
                raise NoResponseError("the connection was closed")
            answer = getattr(self.client, name)(**request)
            if fault == "answer lost":
                # boto3 sends it again.
                answer = getattr(self.client, name)(**request)
            if fault == "error after":
                raise NoResponseError("the connection was closed")
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
        self.visible_at += [(self._clock.now + timedelta(seconds=delay), run_id) for run_id, delay in self.runs]
        self.sent.clear()
        return answer

    def due(self) -> list[tuple[datetime, str]]:
        """Return the messages that can be received now."""
        return [message for message in self.visible_at if message[0] <= self._clock.now]


class FaultyProvider(httpx.BaseTransport):
    """A provider in memory. It shows the tests more than the runs see."""

    def __init__(self, world: World, late: timedelta) -> None:
        self._world, self._later = world, late
        self._late: list[tuple[datetime, httpx.Request]] = []

    def effects(self, row: Row) -> list[Made]:
        """Return the results of the run, whether or not its row has them."""
        raise NotImplementedError

    def is_as_wanted(self, row: Row) -> bool:
        """Return whether a run that succeeded has the right results."""
        raise NotImplementedError

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        fault = self._world.fault()
        self.settle()
        request.read()
        if fault == "error before":
            raise httpx.ConnectError("no route")
        if fault == "throttled":
            return error_response(429, "Slow down. Try again in 30 seconds.")
        if fault == "late" and request.method in ("POST", "PATCH"):
            if self._comes(request):
                self._late.append((self._world.clock.now + self._later, request))
            raise httpx.RemoteProtocolError("cut")
        rejects = fault == "refused" and request.method != "GET"
        return _on_its_way(error_response(403) if rejects else self._act(request, self._world.clock.now), fault)

    def settle(self) -> None:
        """Perform the late request if its time has come."""
        now, waiting = self._world.clock.now, self._late
        self._late = [entry for entry in waiting if entry[0] > now]
        for time, request in waiting:
            if time <= now:
                self._happen(request, time)

    def _comes(self, _request: httpx.Request) -> bool:
        """Return whether a late request will be performed."""
        return True

    def _act(self, request: httpx.Request, time: datetime) -> httpx.Response:
        raise NotImplementedError

    def _happen(self, request: httpx.Request, time: datetime) -> None:
        self._act(request, time)


def _on_its_way(answer: httpx.Response, fault: str) -> httpx.Response:
    """Return the answer, or fail as the fault says."""
    if fault == "error after":
        return error_response(500)
    if fault in ("answer lost", "late"):
        raise httpx.ReadTimeout("slow")
    if fault == "malformed" and answer.is_success:
        return httpx.Response(200, text="<html>")
    if fault == "crash after":
        raise Crash
    return answer


class FaultyWhop(FaultyProvider):
    """Whop in memory. Each run has a company of its own, so the company of a chat shows its run.

    Args:
        chats: the ids of chats that exist before the runs.
    """

    def __init__(self, world: World, *chats: str, honors_keys: bool) -> None:
        super().__init__(world, LATE)
        self._honors_keys = honors_keys
        self._answers: dict[str, tuple[int, Json]] = {}
        self._bodies: dict[str, bytes] = {}
        self._shown_at: dict[str, datetime] = {}
        self._chats: dict[str, Json] = {}
        self._made_for: dict[str, list[str]] = {}
        for chat_id in chats:
            self._show(ai_chat(id=chat_id), world.clock.now - LAG)

    def effects(self, row: Row) -> list[Made]:
        return [Made(self._made_for.get(str(row.run.target), []), recorded=row.chat_id is not None)]

    def is_as_wanted(self, row: Row) -> bool:
        chat = self._chats[str(row.chat_id)]
        return (chat["title"], chat["notification_preference"]) == ("Week", "none")

    def title(self, chat_id: str) -> str:
        """Return the title of a chat."""
        return str(self._chats[chat_id]["title"])

    def _act(self, request: httpx.Request, time: datetime) -> httpx.Response:
        chat_id = request.url.path.rpartition("/")[2]
        if request.method == "POST":
            return self._post(request, time)
        if request.method == "GET":
            return self._page(int(request.url.params.get("after", 0)), time)
        self._chats[chat_id] |= json.loads(request.content)
        return ok(self._chats[chat_id])

    def _page(self, start: int, time: datetime) -> httpx.Response:
        shown = [chat for chat in self._chats.values() if self._shown_at[chat["id"]] <= time]
        end = start + CHATS_OF_PAGE
        return page(*shown[start:end], end_cursor=str(end), has_next_page=end < len(shown))

    def _post(self, request: httpx.Request, time: datetime) -> httpx.Response:
        key = request.headers["idempotency-key"]
        first = self._bodies.setdefault(key, request.content)
        assert request.content == first, "a key was used with another body"
        if self._honors_keys and key in self._answers:
            status, body = self._answers[key]
            return httpx.Response(status, json=body)
        if self._honors_keys and any(key == late.headers.get("idempotency-key") for _, late in self._late):
            return error_response(409, code="idempotency_request_in_progress")
        return ok(self._create(key, json.loads(request.content), time))

    def _comes(self, request: httpx.Request) -> bool:
        if request.method == "PATCH":
            return True
        key = request.headers["idempotency-key"]
        if self._honors_keys and key in self._answers:
            return False
        self._bodies.setdefault(key, request.content)
        return True

    def _happen(self, request: httpx.Request, time: datetime) -> None:
        if request.method == "PATCH":
            self._act(request, time)
            return
        self._create(request.headers["idempotency-key"], json.loads(request.content), time)

    def _create(self, key: str, fields: Json, time: datetime) -> Json:
        if self._honors_keys and key in self._answers:
            return self._answers[key][1]
        chat = ai_chat(id=f"aich_{len(self._chats) + 1}", title=None) | fields
        self._show(chat, time)
        self._made_for.setdefault(fields["current_company_id"], []).append(chat["id"])
        self._answers[key] = (200, dict(chat))
        return chat

    def _show(self, chat: Json, time: datetime) -> None:
        self._chats[chat["id"]] = chat
        self._shown_at[chat["id"]] = time + LAG


class FaultyKodey(FaultyProvider):
    """Kodey in memory. Each run has an agent or a chat of its own, in which its text was sent before."""

    def __init__(self, world: World, runs: Sequence[Run]) -> None:
        super().__init__(world, LATE_AT_KODEY)
        self.memory = KodeyInMemory(world.clock, LAG)
        for run in runs:
            chat_id = self.memory.chat(id=run.target, agentId="agent_0", userId="customer")
            self.memory.say(chat_id, WORDS)
            self.memory.say(chat_id, "That was before.", "assistant")
        self._before = {chat_id: len(messages) for chat_id, messages in self.memory.messages.items()}

    def effects(self, row: Row) -> list[Made]:
        run, answered = row.run, "reply" in row.result
        if run.action.type == "kodey.send_message":
            return [Made(self._messages(str(run.target)), recorded=answered)]
        chats = [chat["id"] for chat in self.memory.chats.values() if chat["agentId"] == run.target]
        messages = [message for chat_id in chats for message in self._messages(chat_id)]
        return [Made(chats, recorded=row.chat_id is not None), Made(messages, recorded=answered)]

    def is_as_wanted(self, row: Row) -> bool:
        """Return whether the answer belongs to the run's message, and is not an earlier one."""
        chat_id, reply = str(row.chat_id), row.result["reply"]
        return reply is not None and reply["id"] == self.memory.messages[chat_id][-1]["id"]

    def _messages(self, chat_id: str) -> list[str]:
        new = self.memory.messages[chat_id][self._before.get(chat_id, 0) :]
        return [message["id"] for message in new if message["role"] == "user"]

    def _act(self, request: httpx.Request, time: datetime) -> httpx.Response:
        return self.memory.answer(request, time)


def faulty_dynamodb(world: World) -> FaultyAws:
    """Return the local cloud's DynamoDB in this world."""
    return FaultyAws(world, dynamodb())
