"""The command `aichats` in this process, on a stack in memory."""

from __future__ import annotations

import io
import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from aichats.api.app import create_api
from aichats_cli.main import main
from aichats_cli.system import System
from tests.support.fakes import Json
from tests.support.lambda_calls import LOCAL, HttpCaller
from tests.support.stack_in_memory import StackInMemory
from tests.support.waiting import turns

ADDRESS = "https://api.example"


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


@dataclass(frozen=True)
class Result:
    """The end of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The standard output, read as JSON."""
        return json.loads(self.out)


@dataclass
class Cli:
    """Runs commands against the HTTP API of a stack in memory. The stack's clock is the command's."""

    stack: StackInMemory
    variables: dict[str, str] = field(default_factory=lambda: {"AICHATS_URL": ADDRESS, "AICHATS_TOKEN": LOCAL})
    requests: list[httpx.Request] = field(default_factory=list)
    zone: str | None = "Europe/Berlin"
    """The zone of the machine; ``None`` if the operating system doesn't name it."""
    interfere: Callable[[httpx.Request], httpx.Response | None] = lambda _: None
    """May answer a request in place of the stack, or raise an error as the network does."""
    while_asleep: Callable[[], object] = lambda: None
    """A function that is called while a command sleeps."""
    sleeps: Iterator[int] = field(default_factory=turns)
    one_at_a_time: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def __call__(self, *arguments: str, stdin: str = "", terminal: bool = False) -> Result:
        """Return what a command printed. ``stdin`` is piped into it, or typed on a terminal."""
        stream = Terminal if terminal else io.StringIO
        out, err = stream(), stream()
        system = self.system(stream(stdin), out, err)
        return Result(main(arguments, system), out.getvalue(), err.getvalue())

    def system(self, stdin: io.StringIO, stdout: io.StringIO, stderr: io.StringIO) -> System:
        """Return the machine on which commands run."""
        return System(
            variables=self.variables,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            hidden=lambda _: stdin.readline(),
            now=self.now,
            sleep=self.sleep,
            zone=ZoneInfo(self.zone) if self.zone else None,
            transport=httpx.MockTransport(self.answer),
        )

    def now(self) -> datetime:
        """Return the time of the stack."""
        return self.stack.clock()

    def sleep(self, seconds: float) -> None:
        """Let time pass. A command that sleeps for ever fails the test."""
        next(self.sleeps)
        self.stack.clock.forward(milliseconds=round(seconds * 1000))
        with redirect_stdout(sys.__stdout__):  # The metrics of the stack aren't the command's output.
            self.while_asleep()

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer a request as the stack's HTTP API does, or Whop's storage.

        API Gateway encodes every body in base64 that isn't a text.
        """
        request.read()
        self.requests.append(request)
        if (interference := self.interfere(request)) is not None:
            return interference
        if request.url.host != httpx.URL(ADDRESS).host:
            return self.stack.whop.handle_request(request)
        is_text = "json" in request.headers.get("content-type", "json")
        # A command may send several requests at once, but an instance of a Lambda function gets one event at a time.
        with self.one_at_a_time:
            call = HttpCaller(create_api(self.stack.app).resolve)
            answer = call(
                request.method,
                request.url.path,
                (request.content.decode() or None) if is_text else request.content,
                query=request.url.query.decode(),
                token=request.headers.get("authorization"),
                headers=without_length(request.headers),
            )
        return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body.encode())


def without_length(headers: Mapping[str, str]) -> Json:
    """Return the headers that API Gateway would pass on."""
    return {name: value for name, value in headers.items() if name not in {"content-length", "connection"}}
