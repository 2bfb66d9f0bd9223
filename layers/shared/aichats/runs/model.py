"""What is to be done, for whom, and under which id.

The ``run_id`` is a hash of what makes an occurrence unique, so an event that arrives twice meets the same run.
"""

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC
from typing import Annotated, Literal, Self

from pydantic import (
    AwareDatetime,
    BeforeValidator,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from aichats.whop.models import ChatId, CompanyId, NewChat, NotificationPreference, Request, UpdateAiChat

MAX_TARGETS = 1000

type Trigger = Literal["schedule", "http"]


class WhopCreateChat(NewChat):
    """Create an AI chat. A target is a company, or ``None`` for none."""

    type: Literal["whop.create_chat"]
    notification_preference: NotificationPreference | None = None
    """A chat is created with notifications; ``none`` mutes it in a second call."""


class WhopUpdateChat(UpdateAiChat):
    """Change an AI chat. A target is a chat."""

    type: Literal["whop.update_chat"]

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.model_fields_set <= {"type"}:
            raise ValueError("changes nothing: give title, notification_preference or company_id")
        return self


type Action = Annotated[WhopCreateChat | WhopUpdateChat, Field(discriminator="type")]

_TARGETS = {
    "whop.create_chat": TypeAdapter[str | None](CompanyId | None),
    "whop.update_chat": TypeAdapter[str | None](ChatId),
}


def _iso_8601(value: object) -> object:
    if isinstance(value, str) and re.match(r"2\d{3}-\d{2}-\d{2}T", value):
        return value
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


class ScheduleEvent(Work):
    """What a schedule hands to ``run_schedule``."""

    automation: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
    scheduled_time: Annotated[AwareDatetime, BeforeValidator(_iso_8601)]
    """The slot: the moment the schedule fired for. Scheduler fills it in; a guessed one would be another slot."""

    @property
    def slot(self) -> str:
        """The slot in UTC, whatever offset it came with."""
        return self.scheduled_time.astimezone(UTC).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True)
class Run:
    """One action on one target for one occurrence of a trigger."""

    run_id: str
    trigger: Trigger
    action: WhopCreateChat | WhopUpdateChat
    target: str | None
    api_version: str
    """Of the provider's API when the run was made: later attempts send the very bytes of the first."""
    automation: str | None = None
    slot: str | None = None


def scheduled_runs(event: ScheduleEvent, api_version: str) -> list[Run]:
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
    ``(caller, method and path, Idempotency-Key, target)``.
    """
    unique = json.dumps([trigger, *occurrence], ensure_ascii=False, separators=(",", ":"))
    return base64.b32encode(hashlib.sha256(unique.encode()).digest()[:20]).decode().lower()


def check_targets(action: WhopCreateChat | WhopUpdateChat, targets: list[str | None]) -> None:
    """Check that the targets are of the action's kind.

    Raises:
        ValueError: one is not; says which.
    """
    for index, target in enumerate(targets):
        try:
            _TARGETS[action.type].validate_python(target)
        except ValidationError:
            kind = "a company (biz_...) or null" if action.type == "whop.create_chat" else "a chat (aich_...)"
            raise ValueError(f"item {index}: {action.type} needs {kind}") from None
