"""Starts the runs through the product's own doors, each trigger as often and as stubbornly as the true ones."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import batched
from random import Random
from typing import Any

import httpx

from local.cloud.functions import FunctionFailedError
from local.system import BEARER, System

TITLE = "Weekly revenue"
CHAT = {"title": TITLE, "message_text": "Summarise last week's revenue.", "notification_preference": "none"}
ACTION = {"type": "whop.create_chat", **CHAT}
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

    def start(self, companies: Sequence[str]) -> None:
        """Start a run for each company: a fifth one by one, the others in fan-outs; half by HTTP, half by schedules."""
        tenth = len(companies) // 10
        half = (len(companies) + 2 * tenth) // 2
        called, fired = companies[:tenth], companies[tenth : 2 * tenth]
        called_together, fired_together = _parts(companies[2 * tenth : half]), _parts(companies[half:])
        jobs = [
            *(self._call("/runs", {"action": ACTION, "targets": part}) for part in called_together),
            *(self._event(f"many-{number}", part) for number, part in enumerate(fired_together)),
            *(self._call("/chats", {**CHAT, "company_id": company}) for company in called),
            *(self._event(f"one-{number}", [company]) for number, company in enumerate(fired)),
        ]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for done in [pool.submit(job) for job in jobs]:
                done.result()

    def _call(self, path: str, body: dict[str, Any]) -> Callable[[], None]:
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

    def _event(self, automation: str, targets: list[str]) -> Callable[[], None]:
        """An event of a schedule, delivered up to three times at once."""
        event = {"automation": automation, "scheduled_time": SLOT, "action": ACTION, "targets": targets}
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


def _parts(companies: Sequence[str]) -> list[list[str]]:
    return [list(part) for part in batched(companies, FAN_OUT, strict=False)]
