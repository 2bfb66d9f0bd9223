"""Receivers of events behind a console: what happens on the stack, and what its API client may do."""

from collections.abc import Callable
from typing import Any

from aichats.events.log import Entry
from aichats.events.model import SentEvent, event_id
from aichats.subscriptions.signing import signing_secret
from tests.support.console import ConsoleServer, failing
from tests.support.console_life import LivingStack
from tests.support.delivery_bench import run_event
from tests.support.fakes import Json
from tests.support.lambda_calls import CALLERS_SECRET, LOCAL, SIGNING_KEY_OF_STACK, make_context, stored_caller

NAME = "alerts"
PATH = f"/subscriptions/{NAME}"
URL = "https://receiver.example/hook"


def run_ids(count: int) -> list[str]:
    """Return the ids of so many runs."""
    return [f"{letter * 32}" for letter in "abcdefghijklmnopqrstuvwxyz"[:count]]


def happen(stack: LivingStack, *runs: str, **data: Any) -> None:
    """Let runs fail, one second after each other, and deliver their events."""
    for run in runs:
        stack.clock.forward(seconds=1)
        publish(stack, run_event(run, stack.clock(), **data))


def announce(stack: LivingStack, type_: str, **data: Any) -> None:
    """Send an event of a type."""
    stack.clock.forward(seconds=1)
    now = stack.clock()
    publish(stack, SentEvent(event_id(type_, now.isoformat()), type_, now, "aichats", data))


def publish(stack: LivingStack, event: SentEvent) -> None:
    """Store an event, and deliver it."""
    stack.app.event_log.store([Entry.of(event)])
    stack.app.outgoing.fan_out.send([event])
    stack.work()


def secret_of(stack: LivingStack, name: str = NAME) -> str:
    """Return the newest secret of a subscription."""
    row = stack.app.subscriptions.get(name)
    assert row is not None
    return signing_secret(SIGNING_KEY_OF_STACK, name, row.key_ids[0].id)


def limit_client(server: ConsoleServer, *scopes: str, **fields: Any) -> None:
    """Let the client that is signed in have only these scopes."""
    server.stack.secrets.values[CALLERS_SECRET] = {"local": stored_caller(LOCAL, *scopes) | fields}


def losing(server: ConsoleServer, method: str, path: str) -> Callable[[Json], Json | None]:
    """Return an interference that performs a call and then loses its answer, once."""
    fail, left = failing(503, "The answer was lost.", method=method, path=path), [1]

    def interfere(event: Json) -> Json | None:
        problem = fail(event)
        if problem is None or not left:
            return None
        left.pop()
        server._api.resolve(event, make_context())
        return problem

    return interfere


def keys_of(server: ConsoleServer, path: str) -> list[str]:
    """Return the keys of all POST requests to a path, in order."""
    sent = [event for event in server.events if event["rawPath"] == path]
    return [
        event["headers"]["idempotency-key"] for event in sent if event["requestContext"]["http"]["method"] == "POST"
    ]
