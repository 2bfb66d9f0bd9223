"""The model of a run, and of the events of schedules.

The ``run_id`` is a hash of the values that identify an occurrence, so a duplicate event has the same run.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BeforeValidator, Field, ValidationInfo, field_validator

from aichats.models import Request
from aichats.runs.action import MAX_TARGETS, Action, check_targets
from aichats.validation import read_time

type Trigger = Literal["schedule", "http", "webhook"]


def _iso_8601(value: object) -> object:
    try:
        return read_time(value)
    except ValueError:
        raise ValueError(
            "must be a time such as 2026-11-20T09:00:00Z; in a schedule, use <aws.scheduler.scheduled-time>, "
            "which EventBridge Scheduler replaces"
        ) from None


class Work(Request):
    """One action for one or many targets."""

    action: Action
    targets: Annotated[list[str | None], Field(min_length=1, max_length=MAX_TARGETS)]

    @field_validator("targets")
    @classmethod
    def _targets_fit_the_action(cls, targets: list[str | None], info: ValidationInfo) -> list[str | None]:
        if "action" in info.data:
            check_targets(info.data["action"], targets)
        return targets


class ScheduleTick(Request):
    """The event of an automation's schedule."""

    automation: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
    scheduled_time: Annotated[AwareDatetime, BeforeValidator(_iso_8601)]
    """The slot: the time for which the schedule fired. EventBridge Scheduler sets it."""

    @property
    def slot(self) -> str:
        """The slot as runs store it."""
        return slot_text(self.scheduled_time)


class ScheduleEvent(ScheduleTick, Work):
    """The event of a schedule that you create yourself: it contains the action and the targets."""


@dataclass(frozen=True)
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


def scheduled_runs(event: ScheduleEvent, api_version: str | None) -> list[Run]:
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
