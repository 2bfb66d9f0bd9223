"""Starts the runs through the product's own doors, each trigger as often and as stubbornly as the true ones."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import batched
from random import Random
from typing import Any

import httpx

from benchmarks.chaotic.scenario import Wanted
from local.cloud.functions import FunctionFailedError
from local.system import BEARER, System

SLOT = "2026-11-20T09:00:00Z"
FAN_OUT = 100
"""Targets of one event or call at the most."""
DELIVERIES = 3
"""How often an event of a schedule is delivered at the most."""
LAMBDA_TRIES = 3
"""How often Lambda invokes a function for one delivery, while it fails."""
CALLER_TRIES = 10
"""How often a caller repeats a call that was not answered."""
AT_ONCE = 6
FIRST_SERVER_ERROR = 500


@dataclass(frozen=True)
class Triggers:
    """Triggers of a system."""

    system: System
    random: Random

    def start(self, wanted: Sequence[Wanted]) -> None:
        """Start a run for each target."""
        jobs = [job for each in wanted for job in self._jobs(each)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for done in [pool.submit(job) for job in jobs]:
                done.result()

    def _jobs(self, wanted: Wanted) -> list[Callable[[], None]]:
        """A fifth one by one, the others in fan-outs; half by HTTP, half by schedules."""
        action, targets = wanted.action, wanted.targets
        tenth = len(targets) // 10
        half = (len(targets) + 2 * tenth) // 2
        called, fired = targets[:tenth], targets[tenth : 2 * tenth]
        called_together, fired_together = _parts(targets[2 * tenth : half]), _parts(targets[half:])
        return [
            *(self._call("/runs", {"action": action, "targets": part}) for part in called_together),
            *(self._event(f"many-{number}", action, part) for number, part in enumerate(fired_together)),
            *(self._call(*wanted.call(target)) for target in called),
            *(self._event(f"one-{number}", action, [target]) for number, target in enumerate(fired)),
        ]

    def _call(self, path: str, body: Mapping[str, Any]) -> Callable[[], None]:
        """A caller's ``POST``, repeated with its key while it is not answered."""
        headers = {"Authorization": f"Bearer {BEARER}", "Idempotency-Key": f"key-{self.random.getrandbits(64)}"}

        def call() -> None:
            for _ in range(CALLER_TRIES):
                answer = httpx.post(
                    f"{self.system.api_url}{path}", json=body, headers=headers, timeout=60, trust_env=False
                )
                if answer.status_code < FIRST_SERVER_ERROR:
                    return
                time.sleep(0.5)

        return call

    def _event(self, automation: str, action: Mapping[str, Any], targets: list[str]) -> Callable[[], None]:
        """An event of a schedule, delivered up to three times at once."""
        event = {"automation": automation, "scheduled_time": SLOT, "action": action, "targets": targets}
        deliveries = self.random.randint(1, DELIVERIES)

        def deliver() -> None:
            with ThreadPoolExecutor(deliveries) as pool:
                for _ in range(deliveries):
                    pool.submit(self._invoke, event)

        return deliver

    def _invoke(self, event: dict[str, Any]) -> None:
        for _ in range(LAMBDA_TRIES):
            try:
                self.system.invoke("RunScheduleFunction", event)
            except FunctionFailedError:
                time.sleep(1)
            else:
                return


def _parts(targets: Sequence[str]) -> list[list[str]]:
    return [list(part) for part in batched(targets, FAN_OUT, strict=False)]
