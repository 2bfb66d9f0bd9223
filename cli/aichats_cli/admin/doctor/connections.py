"""Checks of connections to Whop: their tokens, their renewal, and the companies that use them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aichats.aws.secret_versions import SecretVersions
from aichats.errors import SecretError
from aichats.whop.connections import DEFAULT_CONNECTION, Grant, fingerprint, parse_connection
from aichats.whop.credentials import ConnectionOfCompany
from aichats_cli.admin.companies import is_company
from aichats_cli.admin.connections import some_of
from aichats_cli.admin.doctor.credentials import whop_secret
from aichats_cli.admin.doctor.findings import Finding, fail, fine, warn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aichats_cli.admin.doctor.examined import ExaminedStack

RENEWALS = "docs/operations/by-alarm.md#refreshtokensfailuresalarm"

_USABLE, _LOGGED_OUT = "has tokens", "is logged out"


def check_credentials(stack: ExaminedStack) -> Iterator[Finding]:
    """Check that each company has a credential."""
    main = whop_secret(stack)
    states = {name: _state(stack, name) for name in _names(stack)}
    missing: dict[str, list[str]] = {}
    for company, entry in main.companies.items():
        if isinstance(entry, ConnectionOfCompany) and states.get(entry.connection) != _USABLE:
            missing.setdefault(entry.connection, []).append(company)
    for name, companies in sorted(missing.items()):
        what = states.get(name, "doesn't exist")
        text = f"{some_of(companies)} use{'s' if len(companies) == 1 else ''} the connection {name}, which {what}"
        yield fail(text, _login(stack, name))
    default = states.get(DEFAULT_CONNECTION, _LOGGED_OUT)
    if default not in (_USABLE, _LOGGED_OUT):
        text = f"companies without a credential of their own use the connection {DEFAULT_CONNECTION}, which {default}"
        yield fail(text, _login(stack, DEFAULT_CONNECTION))
    elif default == _USABLE or main.api_key:
        everyone = f"the connection {DEFAULT_CONNECTION}" if default == _USABLE else "the API key"
        yield fine(f"companies without a credential of their own use {everyone}")
    elif main.companies:
        text = f"only the companies in {stack.output('WhopSecret')} have one"
        yield warn(f"{text}, so runs for others and for no company fail", _login(stack, DEFAULT_CONNECTION))
    else:
        yield fail("none, so all runs for Whop fail", _login(stack, DEFAULT_CONNECTION))


def _state(stack: ExaminedStack, name: str) -> str:
    """Return what functions find in the secret of a connection, in words."""
    secret = f"{stack.output('WhopSecret')}/{name}"
    try:
        return _LOGGED_OUT if parse_connection(secret, stack.secret(secret)) is None else _USABLE
    except SecretError as error:
        return error.problem


def check_connections(stack: ExaminedStack) -> Iterator[Finding]:
    """Check the tokens and the renewal of each connection."""
    names = _names(stack)
    for name in names:
        try:
            yield from _check(stack, name)
        except SecretError as error:
            yield fail(f"{name}: its secret {error.problem}", _login(stack, name))
    if not names:
        yield fine("none; API keys are used")


def _check(stack: ExaminedStack, name: str) -> Iterator[Finding]:
    secret = f"{stack.output('WhopSecret')}/{name}"
    grant = parse_connection(secret, stack.secret(secret))
    if grant is None:
        yield warn(f"{name} is logged out", _login(stack, name))
    else:
        row = stack.runs.get(f"connection:{name}") or {}
        yield from _Connection(stack, name, grant, row).findings()


@dataclass(frozen=True)
class _Connection:
    """A connection with tokens, and its row in the table of runs."""

    stack: ExaminedStack
    name: str
    grant: Grant
    row: Mapping[str, Any]

    def findings(self) -> Iterator[Finding]:
        """Yield what is wrong; one finding if all is well."""
        used = fingerprint(self.grant.refresh_token)
        if self.row.get("broken") == used:
            reason = self.row.get("reason") or "Whop rejects its refresh token"
            yield fail(f"{self.name} is broken. {reason}", _login(self.stack, self.name, self.grant))
            return
        ended = self.grant.expires_at <= datetime.now(UTC)
        if ended:
            text = f"{self.name}'s access token ended at {self.grant.expires_at:%Y-%m-%d %H:%M} UTC and was not renewed"
            yield fail(text, f"read {RENEWALS}")
        if self.row.get("using") == used:
            yield warn(f"{self.name}: the answer to its last renewal was lost. aichats tries again within ten minutes")
        if not ended:
            yield self._proof()

    def _proof(self) -> Finding:
        """Return whether Whop accepts the access token."""
        proof = self.stack.providers.whop(self.grant.access_token)
        login = _login(self.stack, self.name, self.grant)
        if proof.result == "rejected":
            return fail(f"{self.name}'s access token is rejected: {proof.reason}", login)
        if proof.result == "unknown":
            return warn(f"{self.name} can't be checked: {proof.reason}")
        if proof.lacks_writes:
            return warn(f"{self.name} looks unable to create and change chats (403)", login)
        return fine(f"{self.name} is accepted, {self._renewed()}")

    def _renewed(self) -> str:
        if "renewed_at" not in self.row:
            return "not renewed yet"
        age = datetime.now(UTC) - datetime.fromtimestamp(int(self.row["renewed_at"]), UTC)
        return f"renewed {int(age.total_seconds() // 60)} minutes ago"


def _names(stack: ExaminedStack) -> list[str]:
    """Return the names of the connections that have a secret."""
    prefix = f"{stack.output('WhopSecret')}/"
    return sorted(name.removeprefix(prefix) for name in SecretVersions(stack.aws.secrets).names(prefix))


def _login(stack: ExaminedStack, name: str, grant: Grant | None = None) -> str:
    client = grant.client_id if grant else "app_..."
    # Without a grant, only the name shows for which company it was.
    company = grant.company_id if grant else name if is_company(name) else None
    limit = f" --company {company}" if company else ""
    return stack.command(f"connect --connection {name} --client-id {client}{limit}")
