"""Register a deployed stack's webhook at Whop, or change it to what the automations listen for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from aichats.automations.table import AutomationTable
from aichats.automations.webhook_check import request_webhook_check
from aichats.aws.clients import converting
from aichats.aws.errors import AwsError
from aichats.aws.table import Table
from aichats.errors import OutcomeUnknownError, ProtocolError, ProviderError
from aichats.http.transport import DeadlineTransport
from aichats.whop.client import WhopClient
from aichats.whop.webhook_registration import Webhook, WebhooksClient, webhooks_for
from aichats_cli.admin.companies import check_company
from aichats_cli.admin.connections import companies_in
from aichats_cli.admin.deployed import DeployedError, DeployedStack, StackSecret
from aichats_cli.admin.secret import with_webhook_secret
from aichats_cli.errors import UsageError
from aichats_cli.output import Format

if TYPE_CHECKING:
    from aichats_cli.session import Session

OUTPUTS = ("WebhookUrl", "WhopSecret", "WebhookSecret", "AutomationsTable", "RunsTable")
"""Outputs of the stack that this command needs."""
KEPT = timedelta(days=30)
"""The time for which Whop keeps deliveries."""
SHOWN_EXTRA = 5
"""The largest number of event types without an automation whose names are shown."""
UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True)
class Wanted:
    """A request to register or change the webhook.

    Attributes:
        company: the company whose webhook it is; ``None`` for the company of the API key.
        replay: the age of the deliveries that Whop sends again; ``None`` for none.
        prune: whether event types are removed that no automation listens for.
        replace: whether the webhook is deleted, and a new one registered.
    """

    company: str | None = None
    replay: timedelta | None = None
    prune: bool = False
    replace: bool = False


@dataclass(frozen=True)
class StackWebhook:
    """The webhook of a deployed stack.

    Attributes:
        session: the command.
        stack: the stack.
        url: the URL that receives the events.
        company: the company whose webhook it is; ``None`` for the company of the API key.
        secret: the secret with which the stack checks signatures.
    """

    session: Session
    stack: DeployedStack
    url: str
    company: str | None
    client: WebhooksClient
    secret: StackSecret

    def find(self) -> list[Webhook]:
        """Return the webhooks at Whop that send to the stack.

        Raises:
            ProviderError: Whop rejected the call or was not reached.
        """
        return webhooks_for(self.url, self.client.list(self.company))

    def change(self, registered: Sequence[Webhook], events: Sequence[str], *, prune: bool) -> tuple[Webhook, Webhook]:
        """Enable the webhook and subscribe it to events. Return it as it was and as it is.

        Raises:
            DeployedError: several webhooks are enabled, or the stack doesn't have the webhook's secret.
            ProviderError: Whop rejected the call or was not reached.
        """
        enabled = [webhook for webhook in registered if webhook.enabled]
        if len(enabled) > 1:
            problem = f"Whop has {len(enabled)} enabled webhooks for {self.url}, so each event comes several times"
            raise DeployedError(problem, f"to keep one of your own, type: {self._again}")
        if not self.secret.read().get("secrets"):
            raise DeployedError(
                f"{self.secret.name} is empty, and Whop shows a webhook's secret only when it is registered",
                f"to register the webhook again, type: {self._again}. "
                f"If you have the secret, store it: {self.stack.command('secret set webhook')}",
            )
        before = (enabled or registered)[0]
        wanted = sorted({*events} if prune else {*events, *before.events})
        if before.enabled and sorted(before.events) == wanted:
            return before, before
        return before, self.client.update(before.id, events=wanted, enabled=True)

    def register(self, events: Sequence[str], registered: Sequence[Webhook]) -> Webhook:
        """Register a webhook, store its secret, and delete the webhooks that it replaces.

        The new webhook is disabled until its secret is stored, so no delivery has a signature that the stack rejects.

        Raises:
            DeployedError: the webhook is not registered, or only Whop knows its secret. The message says what to type.
            ProviderError: Whop rejected a call or was not reached.
        """
        webhook = self._create(events)
        self._store(webhook)
        for old in registered:
            self.client.delete(old.id)
        return self.client.update(webhook.id, events=events, enabled=True)

    @property
    def _again(self) -> str:
        company = f" --company {self.company}" if self.company else ""
        return self.stack.command(f"webhook{company} --replace")

    def _create(self, events: Sequence[str]) -> Webhook:
        try:
            return self.client.create(self.url, events, self.company)
        except (OutcomeUnknownError, ProtocolError) as error:
            problem = f"{error} If Whop registered the webhook, its secret is lost"
            raise DeployedError(problem, f"to register it again, type: {self._again}") from error

    def _store(self, webhook: Webhook) -> None:
        """Store the webhook's secret. If that fails, delete the webhook, because Whop doesn't show its secret again."""
        stored = False
        try:
            self.secret.change(partial(with_webhook_secret, key=webhook.webhook_secret or ""))
            stored = True
        except (DeployedError, ClientError, BotoCoreError) as error:
            problem = f"the new webhook's secret can't be stored, so the webhook is deleted again: {error}"
            raise DeployedError(problem, "fix the cause, then repeat the command") from error
        finally:
            if not stored:
                self._undo(webhook)

    def _undo(self, webhook: Webhook) -> None:
        try:
            self.client.delete(webhook.id)
        except ProviderError as error:
            self.session.note(f"The new webhook {webhook.id} is disabled and can't be deleted: {error}")
            self.session.note("Delete it in Whop's dashboard.")


def synchronize(session: Session, stack: DeployedStack, wanted: Wanted) -> None:
    """Register or change the webhook, and show what changed.

    Raises:
        UsageError: an option is invalid.
        DeployedError: the stack can't be read, or the webhook can't be registered.
        AichatsError: Whop rejected a call or was not reached.
    """
    check_company(wanted.company)
    values = stack.outputs(*OUTPUTS)
    dynamodb = converting(stack.aws.client("dynamodb"))
    table = AutomationTable(dynamodb, values["AutomationsTable"])
    events = sorted({event for row in table.rows() for event in row.event_types})
    with DeadlineTransport() as transport:
        _synchronize(session, _stack_webhook(session, stack, wanted.company, values, transport), events, wanted)
    # An alarm that this command fixed then ends after the next sweep. Without this, it ends within an hour.
    with suppress(AwsError):
        request_webhook_check(Table(dynamodb, values["RunsTable"]))


def _stack_webhook(
    session: Session, stack: DeployedStack, company: str | None, values: dict[str, str], transport: DeadlineTransport
) -> StackWebhook:
    base_url = stack.parameters("WhopBaseUrl")["WhopBaseUrl"]
    token = _api_key(stack, StackSecret(values["WhopSecret"], stack.aws), company)
    client = WhopClient(token=token, base_url=base_url, transport=transport).webhooks
    secret = StackSecret(values["WebhookSecret"], stack.aws)
    return StackWebhook(session, stack, values["WebhookUrl"], company, client, secret)


def _api_key(stack: DeployedStack, secret: StackSecret, company: str | None) -> str:
    """Return the company's own API key, or the one for all companies. A Whop user's token may not manage webhooks.

    Raises:
        DeployedError: there is no API key.
    """
    value = secret.read()
    own = companies_in(value).get(company) if company else None
    key = own if isinstance(own, str) else value.get("api_key")
    if not isinstance(key, str):
        problem = f"{secret.name} has no API key. Store one with the permission developer:manage_webhook"
        raise DeployedError(problem, stack.command("secret set whop"))
    return key


def _synchronize(session: Session, webhook: StackWebhook, events: Sequence[str], wanted: Wanted) -> None:
    """Register or change the webhook and show both states, then replay deliveries if that is wanted."""
    if not events:
        session.note(
            "No enabled automation listens for webhooks, so there is nothing to register. Create an automation first."
        )
        return
    registered = webhook.find()
    if registered and not wanted.replace:
        before, after = webhook.change(registered, events, prune=wanted.prune)
        _show(session, webhook.url, before, after, events)
        if wanted.replay:
            _replay(session, webhook.client, after, wanted.replay)
        return
    _show(session, webhook.url, None, webhook.register(events, registered), events)
    session.note(f"Stored its secret in {webhook.secret.name}. The stack uses it at once.")
    if wanted.replay:
        session.note("A new webhook has no deliveries that could be replayed.")


def _show(session: Session, url: str, before: Webhook | None, after: Webhook, events: Sequence[str]) -> None:
    """Show the webhook as it was and as it is."""
    match session.output.format:
        case Format.table:
            session.output.lines(_table(url, before, after, events))
        case Format.name:
            session.output.lines([after.id])
        case _:
            session.output.data({"url": url, "before": _as_data(before), **_as_data(after)})
    if before is after:
        session.note("Nothing to change.")
    if before and not before.enabled:
        session.note("Whop does not send the events of the time in which the webhook was disabled.")
        session.note("If the stack now rejects its deliveries with 401, register it again with --replace.")
    elif after.failing_since:
        # Whop shows no secret, so the stack may have the one of another webhook, for example if a command was killed.
        session.note(f"All deliveries since {after.failing_since:%Y-%m-%d %H:%M} UTC failed.")
        session.note("If the stack rejects them with 401, register the webhook again with --replace.")


def _as_data(webhook: Webhook | None) -> Any:
    return webhook and {"id": webhook.id, "enabled": webhook.enabled, "events": sorted(webhook.events)}


def _table(url: str, before: Webhook | None, after: Webhook, events: Sequence[str]) -> Iterator[str]:
    """Return the lines that compare the webhook as it was and as it is."""
    yield f"Webhook {after.id} for {url}"
    old = before.events if before else []
    extra = sorted({*old, *after.events} - {*events} - ({*old} ^ {*after.events}))
    types = sorted({*old, *after.events, *events} - {*extra})
    width = max(map(len, types))
    yield f"  {'':{width}}  before  now"
    was_enabled = before is not None and before.enabled
    yield f"  {'enabled':{width}}  {_yes(is_true=was_enabled):6}  {_yes(is_true=after.enabled)}"
    for event in types:
        yield f"  {event:{width}}  {_yes(is_true=event in old):6}  {_yes(is_true=event in after.events)}"
    if extra:
        names = f": {', '.join(extra)}" if len(extra) <= SHOWN_EXTRA else ""
        count = f"{len(extra)} other event type{'s' if len(extra) > 1 else ''}"
        yield f"  no automation listens for {count} (--prune removes {'them' if len(extra) > 1 else 'it'}){names}"


def _yes(*, is_true: bool) -> str:
    return "yes" if is_true else "no"


def _replay(session: Session, client: WebhooksClient, webhook: Webhook, age: timedelta) -> None:
    since = session.system.now() - age
    client.replay(webhook.id, since)
    session.note(f"Whop sends the deliveries since {since:%Y-%m-%d %H:%M} UTC again, those that succeeded too.")
    session.note("Each keeps its webhook-id, so runs of events that were handled already do nothing.")


def age_of(text: str) -> timedelta:
    """Return a duration such as ``30m``, ``2h`` or ``3d``, at most 30 days.

    Raises:
        UsageError: the text is not such a duration.
    """
    match = re.fullmatch(r"([1-9]\d{0,4})([mhd])", text)
    age = timedelta(**{UNITS[match[2]]: int(match[1])}) if match else None
    if age is None or age > KEPT:
        raise UsageError(f"--replay must be a duration of at most {KEPT.days} days, such as 2h, not {text!r}")
    return age
