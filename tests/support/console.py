"""The console of a stack in memory, served on a port of this machine, and the same to look at by hand.

`python -m tests.support.console` serves it until you press Ctrl-C; `--help` names its options. Each request reads the
built page again, so that a browser shows a change after `make console` and a reload.
"""

import argparse
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from importlib import import_module
from typing import Any, cast

from aichats.api import console
from aichats.api.app import create_api
from aichats.api.routes.webhooks import receive
from local.cloud.functions import Answer, FunctionFailedError
from local.cloud.http_api import ANY, HttpApi, Route
from local.cloud.http_event import Reply, Request
from local.cloud.http_front import HttpFront, serving
from local.cloud.local_pages import LocalPages, json_reply
from tests.support.console_bulk import many_automations, many_runs
from tests.support.console_world import lively_stack
from tests.support.lambda_calls import LOCAL, REQUEST_ID, make_context
from tests.support.stack_in_memory import StackInMemory

WEBHOOK = "receive_webhook"
ROUTES = (Route(ANY, "/", "http_api"), Route(ANY, "/{proxy+}", "http_api"), Route("POST", "/webhooks/whop", WEBHOOK))

type Json = dict[str, Any]


@dataclass
class ConsoleServer:
    """Serves the HTTP API of a stack in memory, with its console. An instance of the function gets one event at a time.

    ``interfere`` gets each event of the API. It may answer in place of the stack.
    """

    stack: StackInMemory
    interfere: Callable[[Json], Json | None] = lambda _: None
    local_token: str | None = LOCAL
    """The token with which a person on this machine is signed in; ``None`` if the stack isn't on this machine."""
    events: list[Json] = field(default_factory=list)
    """The events of all requests, in order."""
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @cached_property
    def _api(self) -> Any:
        return create_api(self.stack.app)

    def invoke(self, name: str, event: Json) -> Answer:
        """Return the answer of a function."""
        with self.lock:
            if name == WEBHOOK:
                return Answer(receive(self.stack.app, event, REQUEST_ID), "request")
            self.events.append(event)
            answer = self.interfere(event) or self._api.resolve(event, make_context())
        return Answer(answer, "request")

    @contextmanager
    def running(self, port: int = 0) -> Iterator[str]:
        """Serve for the ``with`` block, and yield the URL."""
        closed = threading.Event()

        def invoke(name: str, event: Json) -> Answer:
            with self.lock:
                if closed.is_set():
                    raise FunctionFailedError("the console is closed")
                return self.invoke(name, event)

        front = HttpFront(HttpApi("api", ROUTES), invoke)
        front.pages = cast("LocalPages", self)
        with serving(front, port=port) as url:
            yield url
        # A request that is under way must not write into the tables of the next test.
        with self.lock:
            closed.set()

    def answer(self, _request: Request) -> Reply:
        """Return the response to a request below ``/_local``."""
        return json_reply({"token": self.local_token}) if self.local_token else Reply.message(404, "Not Found")

    def requests(self, method: str, path: str) -> list[Any]:
        """Return the bodies of all requests with this method and path."""
        sent = [event for event in self.events if _is(event, method, path)]
        return [json.loads(event["body"]) if event.get("body") else None for event in sent]


def failing(
    status: int, detail: str, *, path: str = "", method: str = "", **problem: Any
) -> Callable[[Json], Json | None]:
    """Return an interference that answers with a problem. Without ``path`` and ``method``, to every request."""

    def interfere(event: Json) -> Json | None:
        is_page = event["rawPath"].startswith("/console")
        if is_page or (path and event["rawPath"] != path) or (method and method != _method(event)):
            return None
        body = {"type": "/docs/problems#failed", "title": "Failed", "status": status, "detail": detail}
        body |= {"request_id": "req_1"} | problem
        headers = {"content-type": "application/problem+json"}
        return {"statusCode": status, "headers": headers, "body": json.dumps(body), "isBase64Encoded": False}

    return interfere


def _is(event: Json, method: str, path: str) -> bool:
    return _method(event) == method and event["rawPath"] == path


def _method(event: Json) -> str:
    return str(event["requestContext"]["http"]["method"])


def main() -> None:
    """Serve a stack with many things to see. Its clock is this machine's, and its runs are performed."""
    import_module("tests.conftest")  # It sets the environment of a function.
    parser = argparse.ArgumentParser(prog="tests.support.console", description=__doc__)
    parser.add_argument("--port", type=int, default=3900)
    parser.add_argument("--automations", type=int, default=0, help="the number of further automations")
    parser.add_argument("--runs", type=int, default=0, help="the number of further runs")
    options = parser.parse_args()
    logging.disable()
    stack = lively_stack(datetime.now(UTC))
    many_automations(stack, options.automations)
    many_runs(stack, options.runs)
    logging.disable(logging.NOTSET)
    server = ConsoleServer(stack, interfere=read_again)
    with server.running(options.port) as url:
        sys.stdout.write(f"{url}/console\n")
        sys.stdout.flush()
        while True:
            threading.Event().wait(1)
            with server.lock:
                stack.live(datetime.now(UTC))


def read_again(_event: Json) -> None:
    """Forget the built page."""
    for function in (console._content, console._zipped, console._policy_and_etag, console._script_name):
        function.cache_clear()


if __name__ == "__main__":
    main()
