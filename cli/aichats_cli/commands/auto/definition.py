"""The parts of an automation's definition, as options describe them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aichats_cli.errors import UsageError
from aichats_cli.schedules import split
from aichats_cli.zones import zone_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aichats_cli.models import Action, Attachment, KodeyCreateChat, ScheduleTrigger, WebhookTrigger, WhopCreateChat
    from aichats_cli.schedules import TypedTrigger
    from aichats_cli.session import Session

    type Trigger = ScheduleTrigger | WebhookTrigger

COMPANY_OF_EVENT = "{{ event.account_id }}"


@dataclass(frozen=True)
class TypedAction:
    """The options that describe an action."""

    message: str
    companies: Sequence[str]
    title: str | None
    mute: bool
    kodey: bool
    user: str | None
    attach: Sequence[str]
    await_reply: bool = False

    def fields(self, attachments: Sequence[Attachment] = ()) -> Action:
        """Return the action as the API reads it, with files that are uploaded already.

        Raises:
            UsageError: options of Whop are mixed with those of Kodey.
        """
        if self.kodey:
            of_whop = {"--title": self.title, "--mute": self.mute, "--attach": self.attach}
            self._reject({**of_whop, "--await-reply": self.await_reply}, "Whop")
            kodey: KodeyCreateChat = {"type": "kodey.create_chat", "message_text": self.message}
            return {**kodey, "user_id": self.user} if self.user else kodey
        self._reject({"--user": self.user}, "Kodey")
        whop: WhopCreateChat = {"type": "whop.create_chat", "message_text": self.message}
        if self.title:
            whop["title"] = self.title
        if self.mute:
            whop["notification_preference"] = "none"
        if attachments:
            whop["attachments"] = list(attachments)
        if self.await_reply:
            whop["await_reply"] = True
        return whop

    def targets(self, *, has_event: bool) -> list[str | None]:
        """Return the targets. Without any, a chat of Whop is for the company of the event, or for no company.

        Raises:
            UsageError: Kodey's agent is missing.
        """
        if named := split_targets(self.companies):
            return named
        if self.kodey:
            raise UsageError("--kodey needs an agent: --for AGENT_ID")
        return [COMPANY_OF_EVENT if has_event else None]

    @staticmethod
    def _reject(options: dict[str, object], provider: str) -> None:
        if given := [name for name, value in options.items() if value]:
            other = "without --kodey" if provider == "Whop" else "with --kodey"
            raise UsageError(f"{given[0]} is for chats of {provider}: write it {other}")


def split_targets(typed: Sequence[str]) -> list[str | None]:
    """Return the targets that were typed, several in a text with commas. A template may contain commas."""
    return [part for text in typed for part in ([text] if "{{" in text else split([text]))]


def trigger_of(session: Session, typed: TypedTrigger, zone: str | None, *, paused: bool) -> Trigger:
    """Return the trigger that the options describe, in a time zone: by default that of this machine, or else UTC.

    Raises:
        UsageError: the options don't describe a trigger, or the time zone doesn't exist.
    """
    typed.check()
    if zone and typed.events:
        raise UsageError("--tz goes with a schedule, not with --event")
    used = zone_named(zone) if zone else session.zone or zone_named("UTC")
    trigger = typed.trigger(session.now(used), used.key)
    if paused:
        trigger["enabled"] = False
    return trigger


def zone_note(session: Session, trigger: Trigger) -> str | None:
    """Return a note about a time zone that was not typed; ``None`` if the trigger has no times of the day."""
    if trigger["type"] == "webhook" or trigger["expression"].startswith("rate("):
        return None
    owner = "the zone of this machine" if session.zone else "because this machine doesn't name its zone"
    return f"Times are in {trigger.get('timezone')}, {owner}. To use another one: --tz ZONE"
