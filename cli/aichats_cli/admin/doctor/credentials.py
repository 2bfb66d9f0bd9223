"""Checks of secrets: what they contain, and whether the providers accept it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from aichats.api.callers import StoredCaller
from aichats.aws.secret_values import parse_secret
from aichats.errors import SecretError
from aichats.kodey.credentials import KodeySecret
from aichats.records import RecordError
from aichats.subscriptions.signing import SIGNING_KEY
from aichats.whop.connections import DEFAULT_CONNECTION, parse_connection
from aichats.whop.credentials import WebhookSecret, WhopSecret
from aichats_cli.admin.doctor.findings import Finding, fail, fine, warn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aichats_cli.admin.doctor.examined import ExaminedStack
    from aichats_cli.admin.proofs import Proof

MAX_KEYS = 20
"""The number of companies' keys that are tried."""
EXPIRES_SOON = timedelta(days=7)


def check_whop_keys(stack: ExaminedStack) -> Iterator[Finding]:
    """Check that Whop accepts the API key for all companies, and the keys of the first companies."""
    main = whop_secret(stack)
    keys = {company: key for company, key in main.companies.items() if isinstance(key, str)}
    tried = dict(list(keys.items())[:MAX_KEYS])
    proofs = dict(stack.providers.whop_keys([*([main.api_key] if main.api_key else []), *tried.values()]))
    if main.api_key and proofs[main.api_key].lacks_writes and _has_default_connection(stack):
        yield fine(f"the API key is accepted; the connection {DEFAULT_CONNECTION} creates chats in its place")
    elif main.api_key:
        yield from _key(stack, "the API key", proofs[main.api_key], stack.command("secret set whop"))
    for company, key in tried.items():
        command = stack.command(f"secret set whop --company {company}")
        yield from _key(stack, f"the key of {company}", proofs[key], command)
    if len(keys) > len(tried):
        yield warn(f"{len(keys) - len(tried)} more keys of companies were not tried")
    if not keys and not main.api_key:
        yield fine("no API key; connections are used")


def _has_default_connection(stack: ExaminedStack) -> bool:
    name = f"{stack.output('WhopSecret')}/{DEFAULT_CONNECTION}"
    try:
        return parse_connection(name, stack.secret(name)) is not None
    except SecretError:
        return False


def whop_secret(stack: ExaminedStack) -> WhopSecret:
    """Return the main secret for Whop.

    Raises:
        SecretError: the secret is malformed.
    """
    name = stack.output("WhopSecret")
    return parse_secret(WhopSecret, name, stack.secret(name), or_empty=True)


def _key(stack: ExaminedStack, what: str, proof: Proof, command: str) -> Iterator[Finding]:
    match proof.result:
        case "rejected":
            yield fail(f"{what} is rejected: {proof.reason}", command)
        case "unknown":
            yield warn(f"{what} can't be checked: {proof.reason}")
        case _ if proof.lacks_writes:
            login = stack.command("connect --client-id app_...")
            yield warn(f"{what} is accepted, but it looks unable to create and change chats (403)", login)
        case _:
            yield fine(f"{what} is accepted")


def check_kodey_key(stack: ExaminedStack) -> Iterator[Finding]:
    """Check that Kodey accepts the key, if there is one."""
    name, command = stack.output("KodeySecret"), stack.command("secret set kodey")
    value = stack.secret(name)
    if value:
        key = parse_secret(KodeySecret, name, value).api_key
        yield from _key(stack, "the key", stack.providers.kodey(key), command)
    elif "kodey" in stack.automations.providers:
        yield fail(f"{name} is empty, and automations call Kodey", command)
    else:
        yield fine("not set up. You need a key only for Kodey")


def check_webhook_secret(stack: ExaminedStack) -> Iterator[Finding]:
    """Check that the stack can verify webhooks, if automations listen for them."""
    name = stack.output("WebhookSecret")
    value = stack.secret(name)
    if value:
        count = len(parse_secret(WebhookSecret, name, value).secrets)
        yield fine(f"{count} secret{'' if count == 1 else 's'} for signatures")
    elif stack.automations.events:
        yield fail(f"{name} is empty, so all webhooks are rejected", stack.command("webhook"))
    else:
        yield fine("empty, and no automation listens for webhooks")


def check_signing_key(stack: ExaminedStack) -> Iterator[Finding]:
    """Check that the stack can sign deliveries of events."""
    name = stack.output("EventsSecret")
    SIGNING_KEY.parse(name, stack.secret(name))
    yield fine("deliveries of events can be signed")


def check_callers(stack: ExaminedStack) -> Iterator[Finding]:
    """Check that the HTTP API has API clients whose tokens are valid."""
    callers = stack.secret(stack.output("CallersSecret"))
    valid = 0
    for name, stored in callers.items():
        finding = _caller(stack, name, stored)
        valid += finding is None or finding.status == "warn"
        yield from [finding] if finding else []
    if valid:
        yield fine(f"{valid} with a valid token")
    elif not callers:
        create = stack.command("callers add crm --scopes chats:read,chats:write")
        yield warn("none, so the HTTP API rejects all calls", create)


def _caller(stack: ExaminedStack, name: str, stored: Any) -> Finding | None:
    """Return what is wrong with an entry; ``None`` if it is in order."""
    try:
        end = StoredCaller.of(stored).expires_at
    except RecordError:
        return fail(f"the entry {name} is malformed, so its token is rejected", "read docs/reference/secrets.md")
    now, rotate = datetime.now(UTC), stack.command(f"callers rotate {name}")
    if end is not None and end <= now:
        return fail(f"the token of {name} expired at {end:%Y-%m-%d %H:%M} UTC", rotate)
    if end is not None and end - now <= EXPIRES_SOON:
        return warn(f"the token of {name} expires at {end:%Y-%m-%d %H:%M} UTC", rotate)
    return None
