"""What is to be done, for whom, and under which id.

The ``run_id`` is a hash of what makes an occurrence unique, so an event that arrives twice meets the same run.
"""

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BeforeValidator, Field, ValidationInfo, field_validator

from aichats.models import Request
from aichats.runs.actions import ACTION_KINDS, MAX_TARGETS, Action, check_targets
from aichats.validation import read_time

type Trigger = Literal["schedule", "http", "webhook"]


def _iso_8601(value: object) -> object:
    if isinstance(value, str) and re.match(r"2\d{3}-\d{2}-\d{2}T", value):
        return read_time(value)
    raise ValueError(
        "must be a time such as 2026-11-20T09:00:00Z; in a schedule write <aws.scheduler.scheduled-time>, "
        "which EventBridge Scheduler replaces"
    )


class Work(Request):
    """One action for many targets."""

    action: Action
    targets: Annotated[list[str | None], Field(min_length=1, max_length=MAX_TARGETS)]

    @field_validator("targets")
    @classmethod
    def _targets_fit_the_action(cls, targets: list[str | None], info: ValidationInfo) -> list[str | None]:
        if "action" in info.data:
            check_targets(info.data["action"], targets)
        return targets


class ScheduleTick(Request):
    """What the schedule of an automation hands to ``run_schedule``."""

    automation: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
    scheduled_time: Annotated[AwareDatetime, BeforeValidator(_iso_8601)]
    """The slot: the moment the schedule fired for. Scheduler fills it in; a guessed one would be another slot."""

    @property
    def slot(self) -> str:
        """The slot as runs keep it."""
        return slot_text(self.scheduled_time)


class ScheduleEvent(ScheduleTick, Work):
    """What a schedule hands to ``run_schedule`` that says itself what is to be done: nothing is looked up."""


@dataclass(frozen=True)
class Run:
    """One action on one target for one occurrence of a trigger."""

    run_id: str
    trigger: Trigger
    action: Action
    target: str | None
    api_version: str | None = None
    """Of the provider's API when the run was made, where it has versions: later attempts send the very bytes of the
    first."""
    automation: str | None = None
    slot: str | None = None
    not_after: datetime | None = None
    """From then on it is not begun any more: what it does would outlast its end. In whole seconds."""

    @property
    def provider(self) -> str:
        """Whose chat it is about: ``whop`` or ``kodey``."""
        return self.action.type.partition(".")[0]

    @property
    def slow(self) -> bool:
        """Whether it may take minutes."""
        return ACTION_KINDS[self.action.type].slow


def slot_text(moment: datetime) -> str:
    """A slot in UTC, whatever its offset, such as ``2026-11-20T09:00:00Z``."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def scheduled_runs(event: ScheduleEvent, api_version: str | None) -> list[Run]:
    """One run for each target; a target that stands twice counts once."""
    return [
        Run(
            run_id=run_id("schedule", event.automation, event.slot, target),
            trigger="schedule",
            action=event.action,
            target=target,
            api_version=api_version,
            automation=event.automation,
            slot=event.slot,
        )
        for target in dict.fromkeys(event.targets)
    ]


def run_id(trigger: Trigger, *occurrence: str | None) -> str:
    """32 characters (160 bits) that the same occurrence always gives, and no other.

    An occurrence is of a schedule ``(automation, slot, target)``, of an HTTP call
    ``(caller, method and path, Idempotency-Key, target)``, of an automation that is run by hand
    ``(automation, "manual:" and something unique, target)``, of a webhook ``(webhook-id, automation, target)``.
    """
    unique = json.dumps([trigger, *occurrence], ensure_ascii=False, separators=(",", ":"))
    return base64.b32encode(hashlib.sha256(unique.encode()).digest()[:20]).decode().lower()
