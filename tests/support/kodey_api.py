"""The API with Kodey in memory, and a worker that runs while a call of the API sleeps."""

import contextvars
from collections.abc import Callable
from copy import replace

import httpx
import pytest

from aichats.api.app import create_api
from aichats.bootstrap import Application
from aichats.http import deadline
from aichats.http.deadline import time_limit
from tests.support.fakes import FakeClock, FakeSecretsManager, FakeSqs, Json
from tests.support.kodey_in_memory import KodeyInMemory
from tests.support.lambda_calls import Answer, HttpCaller, make_application
from tests.support.ledgers import LEASE, Clock

CHATS, CHAT, MESSAGES = "/kodey/chats", "/kodey/chats/chat_1", "/kodey/chats/chat_1/messages"
NEW: Json = {"agent_id": "agent_1", "message_text": "How many tickets?"}
SENT: Json = {"content": "How many tickets?"}
KEY = {"idempotency-key": "k"}
SLOW_QUEUE = "https://sqs.invalid/slow-runs"
POSTS = pytest.mark.parametrize(("path", "body"), [(CHATS, NEW), (MESSAGES, SENT)], ids=["create", "send"])


class KodeyApi:
    """The API with Kodey in memory and a worker that performs the queued runs while the API sleeps."""

    def __init__(self, secrets: FakeSecretsManager | None = None) -> None:
        self.clock, self.timer, self.sqs = Clock(), FakeClock(), FakeSqs()
        self.kodey = KodeyInMemory(self.clock)
        self.kodey.chat()
        self.app: Application = make_application(self.kodey, secrets, clock=self.clock, sqs=self.sqs)
        self.slept: list[float] = []
        self.meanwhile: Callable[[], object] = self.work
        # The worker runs while the API sleeps.
        self.app.__dict__["dispatcher"] = replace(self.app.dispatcher, sleep=self._sleep)
        self._caller = HttpCaller(create_api(self.app).resolve)

    def __call__(self, method: str, path: str, body: object = None, seconds: float = 25.0, **options: object) -> Answer:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(deadline, "time", self.timer)
            with time_limit(seconds):
                return self._caller(method, path, body, **options)

    def work(self) -> None:
        """Perform the runs that are due, as the function for slow runs does."""
        for sent in [sent for sent in self.sqs.sent if sent.delay == 0]:
            self.sqs.sent.remove(sent)
            # It is another function, so this call's deadline doesn't apply.
            contextvars.Context().run(self.app.dispatcher.perform, sent.run_id, LEASE)

    def settled(self) -> None:
        """Let the settle time pass, and perform the waiting runs."""
        for _ in range(3):
            self.clock.forward(minutes=11)
            self.sqs.sent = [replace(sent, delay=0) for sent in self.sqs.sent]
            self.work()

    def until_time_is_up(self) -> None:
        """Perform the due runs once, and then nothing until the call's time limit."""
        self.work()
        self.meanwhile = lambda: None

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.timer.sleep(seconds)
        self.meanwhile()


def kodey_error(status: int, **fields: object) -> httpx.Response:
    return httpx.Response(status, json={"error": "No", "message": "no"} | fields, headers={"x-request-id": "req_1"})
