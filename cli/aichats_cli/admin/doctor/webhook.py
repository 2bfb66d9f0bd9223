"""The check of the webhook at Whop."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aichats.automations.webhook_check import problems_at_whop
from aichats.http.transport import DeadlineTransport
from aichats.whop.client import WhopClient
from aichats_cli.admin.doctor.credentials import whop_secret
from aichats_cli.admin.doctor.findings import Finding, fail, fine
from aichats_cli.admin.proofs import VERIFY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aichats_cli.admin.doctor.examined import ExaminedStack

WEBHOOK_SECONDS = 20.0
"""The maximum duration of the calls to Whop."""


def check_webhook(stack: ExaminedStack) -> Iterator[Finding]:
    """Check that Whop sends what automations listen for, and that the deliveries succeed."""
    events = stack.automations.events
    if not events:
        yield fine("not needed: no automation listens for webhooks")
        return
    main, url = whop_secret(stack), stack.output("WebhookUrl")
    owners = [(None, main.api_key), *sorted(main.companies.items())]
    with DeadlineTransport() as transport:
        keys = [
            (WhopClient(key, stack.providers.whop_url, timeout=VERIFY_SECONDS, transport=transport).webhooks, company)
            for company, key in owners
            if isinstance(key, str)
        ]
        problems = problems_at_whop(keys, url, events, datetime.now(UTC), WEBHOOK_SECONDS)
    for problem in problems:
        yield fail(problem, stack.command("webhook"))
    if not problems:
        yield fine(f"Whop sends {', '.join(events)}")
