"""A subscriber: a receiver on loopback that keeps the deliveries it reads, and lets a share of all requests fail."""

import random
import time
from collections.abc import Mapping
from threading import Lock

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from benchmarks.chaotic.heard import Delivery, Heard
from benchmarks.chaotic.processes import kill_client
from benchmarks.loopback import Handler, Server

FAILURES = {"unread": 1.0, "status:500": 1.0, "status:503": 1.0, "unanswered": 1.0, "kill": 0.2}
"""Failures of the subscriber, by relative frequency: it hangs up without reading, answers with an error before it keeps
the delivery, or keeps the delivery and hangs up without an answer. The last one kills the sender instead."""


class Subscriber(Server):
    """A receiver in its ``with`` block.

    Args:
        share: share of failing requests.
        seed: of all draws.
    """

    request_queue_size = 128

    def __init__(self, share: float = 0.0, seed: int = 1) -> None:
        super().__init__(_Deliveries)
        self.url = f"http://127.0.0.1:{self.server_port}/"
        self.secret: str | None = None
        """The subscription's secret. Each signature is checked if it is set."""
        self.requests = 0
        self.failed = 0
        self.unsigned = 0
        """The number of deliveries without a valid signature."""
        self._share = share
        self._random = random.Random(seed)
        self._lock = Lock()
        self._deliveries: list[Delivery] = []

    def draw(self) -> str | None:
        """Return how the next request fails, or ``None``."""
        with self._lock:
            self.requests += 1
            if self._random.random() >= self._share:
                return None
            self.failed += 1
            return self._random.choices(list(FAILURES), list(FAILURES.values()))[0]

    def keep(self, headers: Mapping[str, str], body: bytes) -> None:
        """Keep a delivery, and check its signature with the reference library."""
        delivery = Delivery(headers.get("webhook-id", ""), body, time.time())
        with self._lock:
            self._deliveries.append(delivery)
            if self.secret and not _is_signed(self.secret, headers, body):
                self.unsigned += 1

    def heard(self) -> Heard:
        """Return what it has heard until now."""
        with self._lock:
            return Heard(tuple(self._deliveries))


class _Deliveries(Handler):
    server: Subscriber

    def respond(self) -> None:
        """Read and keep the delivery, and answer, unless this request fails."""
        failure = self.server.draw()
        if failure == "unread":
            self.close_connection = True
            return
        body = self.body()
        if failure is not None and failure.startswith("status:"):
            self.answer(int(failure.removeprefix("status:")), b"", {})
            return
        self.server.keep({name.lower(): value for name, value in self.headers.items()}, body)
        if failure is None:
            self.answer(204, b"", {})
            return
        self.close_connection = True
        if failure == "kill":
            kill_client(self.client_address[1], self.server.server_port)


def _is_signed(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    try:
        Webhook(secret).verify(body, dict(headers))
    except WebhookVerificationError:
        return False
    return True
