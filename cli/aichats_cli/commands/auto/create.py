"""`aichats auto create`."""

from __future__ import annotations

import re
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from aichats_cli.commands.auto.attaching import attached
from aichats_cli.commands.auto.definition import TypedAction, trigger_of, zone_note
from aichats_cli.commands.auto.group import Companies, Zone, app, path_to
from aichats_cli.commands.auto.showing import fields_of
from aichats_cli.errors import CommandError, UsageError
from aichats_cli.labels import read_labels
from aichats_cli.messages import read_message
from aichats_cli.schedules import EVERY, TypedTrigger, split
from aichats_cli.session import Session, command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aichats_cli.api import Answer
    from aichats_cli.commands.auto.definition import Trigger
    from aichats_cli.models import AutomationBody, Budget, Per, StoredAutomation

NEXT_TIMES = 3


class Missed(StrEnum):
    """Ways to treat a missed run."""

    skip = "skip"
    run = "run"


Every = Annotated[str | None, typer.Option(metavar="WHEN", help=f"{EVERY}.")]
At = Annotated[list[str] | None, typer.Option(metavar="TIME", help="Time of the day: 08:30, or several: 08:00,17:00.")]
On = Annotated[str | None, typer.Option(metavar="DATE", help='Once, such as "24 dec 9:00" or "in 3h".')]
Schedule = Annotated[str | None, typer.Option(metavar="EXPRESSION", help="An expression: 'cron(0 9 ? * MON *)'.")]
Event = Annotated[list[str] | None, typer.Option(metavar="TYPE", help="When Whop sends this event; may be repeated.")]
Filter = Annotated[str | None, typer.Option("--filter", metavar="JMESPATH", help="Only events for which this is true.")]
Message = Annotated[str | None, typer.Option(metavar="TEXT", help="The message; - reads standard input.")]
MessageFile = Annotated[Path | None, typer.Option(metavar="FILE", help="The file with the message.")]
Title = Annotated[str | None, typer.Option(metavar="TEXT", help="The title of the chat.")]
Mute = Annotated[bool, typer.Option("--mute", help="Create muted chats.")]
Kodey = Annotated[bool, typer.Option("--kodey", help="Create chats of Kodey, --for agents.")]
User = Annotated[str | None, typer.Option(metavar="ID", help="Kodey's user of the chats.")]
OnMissed = Annotated[Missed, typer.Option(help="What to do with a missed run: skip it, or run it late.")]
Labels = Annotated[list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="A label; may be repeated.")]
Description = Annotated[str | None, typer.Option(metavar="TEXT", help="A note for people.")]
Attach = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE", help="A file, its https:// or s3:// URL, or its ID; may be repeated."),
]
AwaitReply = Annotated[bool, typer.Option("--await-reply", help="Let each run show when the agent replied.")]
TypedBudget = Annotated[
    str | None, typer.Option("--budget", metavar="LIMIT", help='The maximum, such as 2/day or "5000 tokens/month".')
]
Paused = Annotated[bool, typer.Option("--paused", help="Create it paused, until you resume it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check it, show its next times, and store nothing.")]
NewName = Annotated[str, typer.Argument(metavar="NAME", help="Lowercase letters, digits and hyphens.")]
EXAMPLES = [
    'aichats auto create daily-numbers --every weekday --at 08:30 --message "Sum up yesterday." --for biz_A --mute',
    'aichats auto create wish --on "24 dec 9:00" --tz Europe/Berlin --message-file wish.md --for biz_A,biz_B',
    'aichats auto create dunning --event payment.failed --message "{{ event.data.id }} failed. Why?"',
]


@command(app, "create", examples=EXAMPLES)
def create_automation(
    session: Session,
    name: NewName,
    *,
    every: Every = None,
    at: At = None,
    on: On = None,
    tz: Zone = None,
    schedule: Schedule = None,
    event: Event = None,
    filter_: Filter = None,
    message: Message = None,
    message_file: MessageFile = None,
    title: Title = None,
    companies: Companies = None,
    mute: Mute = False,
    attach: Attach = None,
    kodey: Kodey = False,
    user: User = None,
    await_reply: AwaitReply = False,
    missed: OnMissed = Missed.skip,
    budget: TypedBudget = None,
    label: Labels = None,
    description: Description = None,
    paused: Paused = False,
    dry_run: DryRun = False,
) -> None:
    """Create an automation. If the name is taken, nothing is changed."""
    typed = TypedTrigger(every, at or (), on, schedule, split(event or ()), filter_)
    trigger = trigger_of(session, typed, tz, paused=paused)
    text = read_message(session, message, message_file)
    action = TypedAction(
        text, companies or (), title, mute=mute, kodey=kodey, user=user, attach=attach or (), await_reply=await_reply
    )
    body = definition_of(trigger, action, missed, label or (), description)
    if budget:
        body["budget"] = read_budget(budget)
    stored = create(session, name, body, action, dry_run=dry_run)
    session.output.item(stored, fields_of(session, stored, NEXT_TIMES))
    if tz is None and (note := zone_note(session, trigger)):
        session.note(note)


def definition_of(
    trigger: Trigger, action: TypedAction, missed: Missed, labels: Sequence[str], description: str | None
) -> AutomationBody:
    """Return the definition of an automation. Fields that were not typed keep the API's defaults."""
    has_event = trigger["type"] == "webhook"
    body: AutomationBody = {
        "trigger": trigger,
        "action": action.fields(),
        "targets": action.targets(has_event=has_event),
    }
    if missed is Missed.run:
        body["missed"] = "run"
    if labels:
        body["labels"] = read_labels(labels)
    if description:
        body["description"] = description
    return body


def read_budget(text: str) -> Budget:
    """Return a budget that was typed, such as `2/day` or `5000 tokens/month`.

    Raises:
        UsageError: the text isn't a budget.
    """
    found = re.fullmatch(r"(\d{1,9}) ?(runs?|tokens?)? ?(?:/|per) ?(day|month)", text.strip().lower(), re.ASCII)
    if found is None:
        raise UsageError(f"--budget {text!r} is not a budget", 'write one such as 2/day or "5000 tokens/month"')
    number, per = int(found[1]), cast("Per", found[3])
    if (found[2] or "").startswith("token"):
        return {"tokens": number, "per": per}
    return {"runs": number, "per": per}


def create(
    session: Session, name: str, body: AutomationBody, action: TypedAction, *, dry_run: bool
) -> StoredAutomation:
    """Create an automation with files, or only check it. Say what was done, and show the warnings.

    Raises:
        CommandError: the name is taken, or the API rejects the automation, or a file can't be uploaded.
    """
    files = action.attach
    if files and not dry_run:
        put_new(session, name, body, dry_run=True)  # An automation that the API rejects uploads nothing.
        body["action"] = action.fields(attached(session, files, body["targets"]))
    answer = put_new(session, name, body, dry_run=dry_run)
    stored: StoredAutomation = answer.body
    for warning in stored["warnings"]:
        session.note(f"Warning: {warning}")
    if dry_run:
        unchecked = f" {', '.join(files)} would be attached." if files else ""
        session.note(f"Nothing was stored. This automation can be created.{unchecked}")
    elif answer.status == HTTPStatus.CREATED:
        session.note(f"Created {name}.")
    else:
        session.note(f"{name} exists already, and is the same: nothing was changed.")
    return stored


def put_new(session: Session, name: str, body: AutomationBody, *, dry_run: bool) -> Answer:
    """Send a new automation.

    Raises:
        CommandError: the name is taken, or the API rejects the automation.
    """
    from aichats_cli.api import ApiError

    query = {"dry_run": True} if dry_run else None
    try:
        return session.api.call("PUT", path_to(name), body, query=query, headers={"If-None-Match": "*"})
    except ApiError as error:
        if error.status != HTTPStatus.PRECONDITION_FAILED:
            raise
        raise CommandError(
            f"an automation named {name} exists already: nothing was changed",
            f"look at it: aichats auto show {name}. To change it, keep it in a file: aichats apply",
        ) from error
