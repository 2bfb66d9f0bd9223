"""Helpers for the tests of calls: a client with a script instead of the network, and failures by name."""

import random
from collections.abc import Callable

import httpx

from aichats.http.client import HttpClient
from aichats.http.tokens import Token
from aichats.whop.errors import WHOP_STYLE
from tests.support.fakes import FakeClock, ScriptedTransport, Step, error_response, ok

TIMEOUT = 60.0
TOKEN = "a-token"

type Failure = Callable[[], Step]


class Lot(random.Random):
    """Randomness that always returns the same share of the range."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def random(self) -> float:
        return self.share


def client(clock: FakeClock, *script: Step, token: Token = TOKEN, timeout: float = TIMEOUT) -> HttpClient:
    """Return a client of Whop with scripted answers. It sleeps without taking time, and backs off half the limit."""
    return HttpClient(
        provider=WHOP_STYLE,
        base_url="https://whop.invalid/api/v1",
        token=token,
        timeout=timeout,
        transport=ScriptedTransport(*script),
        sleep=clock.sleep,
        randomness=Lot(0.5),
    )


def sent(http: HttpClient) -> list[httpx.Request]:
    """Return the requests that were sent."""
    assert isinstance(http.transport, ScriptedTransport)
    return http.transport.requests


def call(http: HttpClient, method: str = "GET") -> bytes:
    """Make the call that most tests make. A POST and a PATCH have a body."""
    body = {"message_text": "Grüße"} if method in ("POST", "PATCH") else None
    headers = {"idempotency-key": "run.1"} if method == "POST" else None
    return http.call(method, "/ai_chats", body=body, headers=headers).content


def in_progress() -> httpx.Response:
    """Return the rejection because another request with the same key is still performed."""
    return error_response(409, code="idempotency_request_in_progress")


def mismatch() -> httpx.Response:
    """Return the rejection of a key that was used with another request."""
    return error_response(400, code="idempotency_key_mismatch")


def status(number: int) -> Failure:
    """Return a function that returns a rejection with this status."""
    return lambda: error_response(number)


def broken(error: type[httpx.TransportError]) -> Failure:
    """Return a function that returns an error of the transport instead of an answer."""
    return lambda: error("broken")


def done() -> httpx.Response:
    """Return the answer of a call that was performed."""
    return ok({"done": True})
