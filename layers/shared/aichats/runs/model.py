"""The model of a run.

The ``run_id`` is a hash of the values that identify an occurrence, so a duplicate event has the same run.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from aichats.frozen import frozen
from aichats.runs.action import Action

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from aichats.runs.schedule_event import TickWithWork
    from aichats.runs.schedule_models import ScheduleEvent

type Trigger = Literal["schedule", "http", "webhook"]


@frozen
class Run:
    """One action on one target for one occurrence of a trigger."""

    run_id: str
    trigger: Trigger
    action: Action
    target: str | None
    api_version: str | None = None
    """The version of the provider's API when the run was created. All attempts use it, so they send the same bytes."""
    automation: str | None = None
    slot: str | None = None
    not_after: datetime | None = None
    """The time, in whole seconds, from which the run must not start. It is the end of a temporary change."""
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The labels of the run's automation."""
    slot_runs: int | None = None
    """The number of runs of the run's slot; ``None`` if the run has no slot, or is the only run of its slot."""
    budget: Mapping[str, Any] | None = field(default=None, hash=False)
    """The budget of the run's automation when the run was created: ``per``, and ``runs``, ``tokens`` or both."""

    @property
    def provider(self) -> str:
        """The name of the run's provider: ``whop`` or ``kodey``."""
        return self.action.provider

    @property
    def slow(self) -> bool:
        """True if the run may take minutes."""
        return self.action.kind.slow


def slot_text(time: datetime) -> str:
    """Return a slot in UTC, such as ``2026-11-20T09:00:00Z``."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def scheduled_runs(event: TickWithWork | ScheduleEvent, api_version: str | None) -> list[Run]:
    """Return one run for each target. Duplicate targets are ignored."""
    targets = dict.fromkeys(event.targets)
    return [
        Run(
            run_id=run_id("schedule", event.automation, event.slot, target),
            trigger="schedule",
            action=event.action,
            target=target,
            api_version=api_version,
            automation=event.automation,
            slot=event.slot,
            slot_runs=slot_runs(len(targets)),
        )
        for target in targets
    ]


def slot_runs(number: int) -> int | None:
    """Return the attribute ``slot_runs`` of the runs of a slot with this number of runs."""
    return number if number > 1 else None


def run_id(trigger: Trigger, *occurrence: str | None) -> str:
    """Return the id of a run: 32 characters (160 bits) that depend only on the occurrence.

    These values identify an occurrence:

    - for a schedule: automation, slot, target
    - for an HTTP call: caller, method and path, Idempotency-Key, target
    - for an automation that is run by hand: automation, ``manual:`` and a unique text, target
    - for a webhook: webhook-id, automation, target
    """
    unique = json.dumps([trigger, *occurrence], ensure_ascii=False, separators=(",", ":"))
    return base64.b32encode(hashlib.sha256(unique.encode()).digest()[:20]).decode().lower()
