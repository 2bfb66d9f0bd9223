"""A provider in memory: it records requests, and tests may answer in its place. Safe to call from several threads."""

import json
import threading
from collections.abc import Callable
from typing import Any

import httpx

from tests.support.fakes import Step


class ProviderInMemory(httpx.BaseTransport):
    """Records ``requests``. ``interfere`` may answer one in the provider's place, or raise an error instead."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.interfere: Callable[[httpx.Request], Step | None] = lambda _: None
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        copy = httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
        with self._lock:
            self.requests.append(copy)
        step = self.interfere(copy)
        if isinstance(step, Exception):
            raise step
        if step is not None:
            return step if isinstance(step, httpx.Response) else step(copy)
        with self._lock:
            return self.do(copy)

    def do(self, request: httpx.Request) -> httpx.Response:
        """Perform a request."""
        raise NotImplementedError

    @property
    def calls(self) -> list[str]:
        """Each request as ``POST /chat``."""
        return [f"{request.method} {request.url.path}" for request in self.requests]

    @property
    def bodies(self) -> list[Any]:
        """The JSON body of each request; ``None`` if there is none."""
        return [json.loads(request.content) if request.content else None for request in self.requests]


class ProvidersInMemory(httpx.BaseTransport):
    """Both providers: each gets the requests to its host in the environment of the tests."""

    def __init__(self, whop: ProviderInMemory, kodey: ProviderInMemory) -> None:
        self._providers = {"whop.invalid": whop, "kodey.invalid": kodey}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._providers[request.url.host].handle_request(request)
