"""The connections to Whop of a deployed stack, and the companies that use them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aichats.records import RecordError
from aichats.whop.connections import (
    DEFAULT_CONNECTION,
    ConnectionSecret,
    DescribedConnection,
    Grant,
    WhopAccount,
    read_connection_name,
)
from aichats.whop.oauth import oauth_url
from aichats_cli.admin.deployed import DeployedError, DeployedStack, MissingSecretError, StackSecret
from aichats_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SHOWN_COMPANIES = 3
"""The number of companies that a line names."""

type Json = dict[str, Any]


def connection_name(text: str) -> str:
    """Return the text if it is a valid name of a connection.

    Raises:
        UsageError: it isn't.
    """
    try:
        return read_connection_name(text)
    except ValueError:
        raise UsageError(f"--connection must be 1 to 64 characters from A-Z, a-z, 0-9, _ and -, not {text!r}") from None


def connection_of(whop: StackSecret, name: str) -> Connection:
    """Return a connection of the stack that has this secret ``whop``."""
    return Connection(connection_name(name), StackSecret(f"{whop.name}/{name}", whop.aws))


def require_connection(stack: DeployedStack, whop: StackSecret, name: str) -> None:
    """Check that a connection exists and is logged in.

    Raises:
        DeployedError: it isn't, or its secret can't be read.
    """
    if not connection_of(whop, name).read():
        connect = stack.command(f"connect --connection {name} --client-id app_...")
        raise DeployedError(f"connection {name} doesn't exist or is logged out", connect)


def grant_of(value: Json) -> Grant | None:
    """Return the grant in a connection's secret. ``None`` if there is none, or if it is malformed."""
    try:
        return ConnectionSecret.of(value).oauth
    except RecordError:
        return None


def with_connection(value: Json, company: str, name: str) -> Json:
    """Return the secret ``whop`` so that a company uses a connection."""
    return value | {"companies": companies_in(value) | {company: {"connection": name}}}


def companies_in(value: Mapping[str, object]) -> Json:
    """Return the entries of companies in the secret ``whop``."""
    companies = value.get("companies")
    return dict(companies) if isinstance(companies, dict) else {}


def companies_of(value: Mapping[str, object], name: str) -> list[str]:
    """Return the companies that use a connection by name, from the secret ``whop``."""
    entries = companies_in(value).items()
    return sorted(company for company, entry in entries if isinstance(entry, dict) and entry.get("connection") == name)


def some_of(companies: Sequence[str]) -> str:
    """Return the first companies in words, and the number of the others."""
    hidden = len(companies) - SHOWN_COMPANIES
    return ", ".join(companies[:SHOWN_COMPANIES]) + (f" and {hidden} more" if hidden > 0 else "")


def users_of(value: Mapping[str, object], name: str) -> str:
    """Return in words which companies use a connection, from the secret ``whop``."""
    everyone = ["all without a credential of their own"] if name == DEFAULT_CONNECTION else []
    companies = companies_of(value, name)
    return ", ".join([*everyone, *([some_of(companies)] if companies else [])]) or "none yet"


@dataclass(frozen=True)
class Connection:
    """One connection, and its secret. The template doesn't create the secret, `aichats admin connect` does."""

    name: str
    secret: StackSecret

    def read(self) -> Json | None:
        """Return the secret's value: ``{}`` after a logout, ``None`` if the connection was never made.

        Raises:
            DeployedError: the secret can't be read.
        """
        try:
            return self.secret.read()
        except MissingSecretError:
            return None

    def store(self, grant: Grant, account: WhopAccount) -> None:
        """Store a grant and whose it is, in place of the earlier one, or of whatever a person wrote there by hand.

        Raises:
            DeployedError: the secret can't be written.
        """
        value = DescribedConnection(oauth=grant, account=account).as_json()
        try:
            self.secret.change(lambda _: value, malformed={})
        except MissingSecretError:
            stage = self.secret.name.split("/")[1]
            description = (
                f"Connection {self.name} to Whop. Renewed by aichats; to log in again, type `aichats admin connect`"
            )
            if not self.secret.create(value, description=description, tags={"application": "aichats", "stage": stage}):
                self.secret.change(lambda _: value, malformed={})  # Another login has created it meanwhile.


@dataclass(frozen=True)
class WhopStack:
    """A deployed stack, as far as it uses Whop.

    Attributes:
        secret: the secret with the keys, and with the companies that use connections.
        oauth_url: the address of Whop's OAuth endpoints.
    """

    secret: StackSecret
    oauth_url: str

    @classmethod
    def of(cls, stack: DeployedStack) -> WhopStack:
        """Return what a deployed stack has for Whop.

        Raises:
            DeployedError: the stack doesn't exist, or can't be read.
        """
        return cls(stack.secret("whop"), oauth_url(stack.parameters("WhopBaseUrl")["WhopBaseUrl"]))

    def connection(self, name: str) -> Connection:
        """Return a connection by its name.

        Raises:
            UsageError: the name is invalid.
        """
        return connection_of(self.secret, name)
