"""Register a deployed stack's webhook at Whop, or change it to what the automations listen for (`make webhook`)."""

import argparse
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from aichats.automations.table import AutomationTable
from aichats.automations.webhook_check import request_webhook_check
from aichats.aws.table import Table
from aichats.errors import AichatsError, OutcomeUnknownError, ProtocolError, ProviderError
from aichats.http.transport import DeadlineTransport
from aichats.whop import WhopClient
from aichats.whop.webhook_registration import Webhook, WebhooksClient, webhooks_for
from local.companies import check_company
from local.connections import companies_in
from local.deployed import DeployedError, StackSecret, outputs, parameters
from local.secret import with_webhook_secret
from local.signals import interruptible

OUTPUTS = ("WebhookUrl", "WhopSecret", "WebhookSecret", "AutomationsTable", "RunsTable")
"""Outputs of the stack that this command needs."""
KEPT = timedelta(days=30)
"""The time for which Whop keeps deliveries."""
SHOWN_EXTRA = 5
"""The largest number of event types without an automation whose names are shown."""
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
USAGE = "make webhook STACK=aichats-dev [COMPANY=biz_...] [REPLAY=2h] [PRUNE=1] [REPLACE=1]"
EPILOG = (
    "Whop then sends the event types that your enabled automations listen for. Other event types of the webhook stay, "
    "unless you add PRUNE=1. The second time, the command changes nothing. REPLAY=2h also asks Whop to send the "
    "deliveries of the last two hours again; runs of events that were handled already do nothing. REPLACE=1 deletes "
    "the webhook and registers a new one, whose secret the stack then has. The API key in the Whop secret needs the "
    "permission developer:manage_webhook."
)


@dataclass(frozen=True)
class StackWebhook:
    """The webhook of a deployed stack.

    Attributes:
        stack: the stack's name.
        url: the URL that receives the events.
        company: the company whose webhook it is; ``None`` for the company of the API key.
        secret: the secret with which the stack checks signatures.
    """

    stack: str
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
            raise DeployedError(f"{problem}. To keep one of your own, type: {self._again}")
        if not self.secret.read().get("secrets"):
            raise DeployedError(
                f"{self.secret.name} is empty, and Whop shows a webhook's secret only when it is registered. "
                f"To register the webhook again, type: {self._again}. "
                f"If you have the secret, store it: make secret NAME=webhook STACK={self.stack}"
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
        company = f" COMPANY={self.company}" if self.company else ""
        return f"make webhook STACK={self.stack}{company} REPLACE=1"

    def _create(self, events: Sequence[str]) -> Webhook:
        try:
            return self.client.create(self.url, events, self.company)
        except (OutcomeUnknownError, ProtocolError) as error:
            problem = f"{error} If Whop registered the webhook, its secret is lost"
            raise DeployedError(f"{problem}. To register it again, type: {self._again}") from error

    def _store(self, webhook: Webhook) -> None:
        """Store the webhook's secret. If that fails, delete the webhook, because Whop doesn't show its secret again."""
        stored = False
        try:
            self.secret.change(partial(with_webhook_secret, key=webhook.webhook_secret or ""))
            stored = True
        except (DeployedError, ClientError, BotoCoreError) as error:
            problem = f"the new webhook's secret can't be stored, so the webhook is deleted again: {error}"
            raise DeployedError(f"{problem}. Fix the cause, then repeat the command") from error
        finally:
            if not stored:
                self._undo(webhook)

    def _undo(self, webhook: Webhook) -> None:
        try:
            self.client.delete(webhook.id)
        except ProviderError as error:
            print(f"webhook: the new webhook {webhook.id} is disabled and can't be deleted: {error}", file=sys.stderr)
            print("webhook: delete it in Whop's dashboard", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Register or change the webhook, and print what changed. Return the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    check_company(parser, options.company)
    try:
        values = outputs(options.stack, *OUTPUTS)
        table = AutomationTable(boto3.client("dynamodb"), values["AutomationsTable"])
        events = sorted({event for row in table.rows() for event in row.event_types})
        with DeadlineTransport() as transport:
            _synchronize(_stack_webhook(options.stack, options.company, values, transport), events, options)
        # An alarm that this command fixed then ends after the next sweep. Without this, it ends within an hour.
        with suppress(ClientError, BotoCoreError):
            request_webhook_check(Table(boto3.client("dynamodb"), values["RunsTable"]))
    except (DeployedError, AichatsError, ClientError, BotoCoreError) as error:
        print(f"webhook: {error}", file=sys.stderr)
        return 1
    return 0


def _stack_webhook(
    stack: str, company: str | None, values: dict[str, str], transport: DeadlineTransport
) -> StackWebhook:
    base_url = parameters(stack, "WhopBaseUrl")["WhopBaseUrl"]
    token = _api_key(stack, StackSecret(values["WhopSecret"]), company)
    client = WhopClient(token=token, base_url=base_url, transport=transport).webhooks
    return StackWebhook(stack, values["WebhookUrl"], company, client, StackSecret(values["WebhookSecret"]))


def _api_key(stack: str, secret: StackSecret, company: str | None) -> str:
    """Return the company's own API key, or the one for all companies. A Whop user's token may not manage webhooks.

    Raises:
        DeployedError: there is no API key.
    """
    value = secret.read()
    own = companies_in(value).get(company) if company else None
    key = own if isinstance(own, str) else value.get("api_key")
    if not isinstance(key, str):
        problem = f"{secret.name} has no API key. Store one with the permission developer:manage_webhook"
        raise DeployedError(f"{problem}: make secret NAME=whop STACK={stack}")
    return key


def _synchronize(webhook: StackWebhook, events: Sequence[str], options: argparse.Namespace) -> None:
    """Register or change the webhook and print both states, then replay deliveries if the options ask for it."""
    if not events:
        print(
            "No enabled automation listens for webhooks, so there is nothing to register. Create an automation first."
        )
        return
    registered = webhook.find()
    if registered and not options.replace:
        before, after = webhook.change(registered, events, prune=options.prune)
        _show(webhook.url, before, after, events)
        if options.replay:
            _replay(webhook.client, after, options.replay)
        return
    _show(webhook.url, None, webhook.register(events, registered), events)
    print(f"Stored its secret in {webhook.secret.name}. The stack uses it at once.")
    if options.replay:
        print("A new webhook has no deliveries that could be replayed.")


def _show(url: str, before: Webhook | None, after: Webhook, events: Sequence[str]) -> None:
    """Print the webhook as it was and as it is."""
    print(f"Webhook {after.id} for {url}")
    old = before.events if before else []
    extra = sorted({*old, *after.events} - {*events} - ({*old} ^ {*after.events}))
    types = sorted({*old, *after.events, *events} - {*extra})
    width = max(map(len, types))
    print(f"  {'':{width}}  before  now")
    print(
        f"  {'enabled':{width}}  {_yes(is_true=before is not None and before.enabled):6}  {_yes(is_true=after.enabled)}"
    )
    for event in types:
        print(f"  {event:{width}}  {_yes(is_true=event in old):6}  {_yes(is_true=event in after.events)}")
    if extra:
        names = f": {', '.join(extra)}" if len(extra) <= SHOWN_EXTRA else ""
        count = f"{len(extra)} other event type{'s' if len(extra) > 1 else ''}"
        print(f"  no automation listens for {count} (PRUNE=1 removes {'them' if len(extra) > 1 else 'it'}){names}")
    if before is after:
        print("Nothing to change.")
    if before and not before.enabled:
        print("Whop does not send the events of the time in which the webhook was disabled.")
        print("If the stack now rejects its deliveries with 401, register it again with REPLACE=1.")
    elif after.failing_since:
        # Whop shows no secret, so the stack may have the one of another webhook, for example if a command was killed.
        print(f"All deliveries since {after.failing_since:%Y-%m-%d %H:%M} UTC failed.")
        print("If the stack rejects them with 401, register the webhook again with REPLACE=1.")


def _yes(*, is_true: bool) -> str:
    return "yes" if is_true else "no"


def _replay(client: WebhooksClient, webhook: Webhook, age: timedelta) -> None:
    since = datetime.now(UTC) - age
    client.replay(webhook.id, since)
    print(f"Whop sends the deliveries since {since:%Y-%m-%d %H:%M} UTC again, those that succeeded too.")
    print("Each keeps its webhook-id, so runs of events that were handled already do nothing.")


def _age(text: str) -> timedelta:
    """Return a duration such as ``30m``, ``2h`` or ``3d``, at most 30 days.

    Raises:
        argparse.ArgumentTypeError: the text is not such a duration.
    """
    match = re.fullmatch(r"([1-9]\d{0,4})([mhd])", text)
    age = timedelta(**{UNITS[match[2]]: int(match[1])}) if match else None
    if age is None or age > KEPT:
        raise argparse.ArgumentTypeError(
            f"REPLAY must be a duration of at most {KEPT.days} days, such as 2h, not {text!r}"
        )
    return age


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make webhook", usage=USAGE, description=__doc__, epilog=EPILOG)
    parser.add_argument("--stack", required=True, help="name of the deployed stack, such as aichats-dev (STACK=)")
    parser.add_argument("--company", help="company (biz_...) whose webhook it is (COMPANY=)")
    parser.add_argument("--replay", type=_age, help="age of the deliveries to send again, such as 2h (REPLAY=)")
    parser.add_argument("--prune", action="store_true", help="remove events that no automation listens for (PRUNE=1)")
    parser.add_argument("--replace", action="store_true", help="delete the webhook and register a new one (REPLACE=1)")
    return parser


if __name__ == "__main__":
    sys.exit(interruptible(main))
