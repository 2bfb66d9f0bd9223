"""Start the runs through the product's public triggers, with the retries and repetitions of real triggers."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import batched
from random import Random
from typing import Any

from benchmarks.chaotic.scenario import Order
from local.cloud.functions import FunctionFailedError
from local.plain_http import plain_client
from local.system import BEARER, System

SLOT = "2026-11-20T09:00:00Z"
FAN_OUT = 100
"""Maximum number of targets of one event or call."""
DELIVERIES = 3
"""Maximum number of deliveries of a schedule's event."""
PATIENCE = 600.0
"""Seconds for which a failing call or delivery is repeated, because a busy machine needs many attempts."""
AT_ONCE = 6
FIRST_SERVER_ERROR = 500


@dataclass(frozen=True)
class Triggers:
    """Triggers of a system."""

    system: System
    random: Random

    def start(self, orders: Sequence[Order]) -> None:
        """Start a run for each target."""
        jobs = [job for number, order in enumerate(orders) for job in self._jobs(f"order-{number}", order)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for done in [pool.submit(job) for job in jobs]:
                done.result()

    def _jobs(self, name: str, order: Order) -> list[Callable[[], None]]:
        """Return jobs that start a fifth of the runs singly and the others in fan-outs, half by HTTP."""
        action, targets = order.action, order.targets
        tenth = len(targets) // 10
        half = (len(targets) + 2 * tenth) // 2
        called, fired = targets[:tenth], targets[tenth : 2 * tenth]
        called_together, fired_together = _parts(targets[2 * tenth : half]), _parts(targets[half:])
        return [
            *(self._call("/runs", {"action": action, "targets": part}) for part in called_together),
            *(self._event(f"{name}-many-{number}", action, part) for number, part in enumerate(fired_together)),
            *(self._call(*order.call(target)) for target in called),
            *(self._event(f"{name}-one-{number}", action, [target]) for number, target in enumerate(fired)),
        ]

    def _call(self, path: str, body: Mapping[str, Any]) -> Callable[[], None]:
        """Return a ``POST`` that is repeated with its idempotency key until it is answered."""
        headers = {"Authorization": f"Bearer {BEARER}", "Idempotency-Key": f"key-{self.random.getrandbits(64)}"}

        def call() -> None:
            with plain_client(base_url=self.system.api_url, headers=headers) as client:
                for _ in _attempts(0.5):
                    if client.post(path, json=body).status_code < FIRST_SERVER_ERROR:
                        return

        return call

    def _event(self, automation: str, action: Mapping[str, Any], targets: list[str]) -> Callable[[], None]:
        """Return the delivery of a schedule's event, up to three times at once."""
        event = {"automation": automation, "scheduled_time": SLOT, "action": action, "targets": targets}
        deliveries = self.random.randint(1, DELIVERIES)

        def deliver() -> None:
            with ThreadPoolExecutor(deliveries) as pool:
                for _ in range(deliveries):
                    pool.submit(self._invoke, event)

        return deliver

    def _invoke(self, event: dict[str, Any]) -> None:
        for _ in _attempts(1):
            with suppress(FunctionFailedError):
                self.system.invoke("RunScheduleFunction", event)
                return


def _attempts(pause: float) -> Iterator[None]:
    """Yield for each attempt, with a pause after each, until :data:`PATIENCE` is over."""
    ends_at = time.monotonic() + PATIENCE
    while time.monotonic() < ends_at:
        yield
        time.sleep(pause)


def _parts(targets: Sequence[str]) -> list[list[str]]:
    return [list(part) for part in batched(targets, FAN_OUT, strict=False)]
