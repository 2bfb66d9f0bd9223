"""Connections: the grants of Whop users, with which aichats may create, change and delete AI chats.

A connection is a secret of its own, ``aichats/<stage>/whop/<connection>``. ``aichats admin connect`` stores it, and the
function ``refresh_tokens`` renews its tokens.
"""

import hashlib
import math
import re
from datetime import datetime

from aichats.aws.secret_values import parse_secret, read_key, read_text, read_timestamp
from aichats.aws.secrets import SecretKind
from aichats.json_types import JsonObject
from aichats.records import Field, Record, nullable
from aichats.whop.kinds import COMPANY_PATTERN

DEFAULT_CONNECTION = "default"
"""The connection of all companies that have no credential of their own."""

CONNECTION_ROWS = "connection:"
"""The beginning of the keys of the connections' rows in the table of runs. The name of the connection follows."""

CACHED_BEFORE_END_SECONDS = 120
"""The time before the end of an access token from which functions read the secret again."""


def read_connection_name(value: object) -> str:
    """Return the name of a connection.

    Raises:
        ValueError: it isn't one.
    """
    name = read_text(value)
    if not re.fullmatch("[A-Za-z0-9_-]{1,64}", name):
        raise ValueError("is invalid")
    return name


def read_company(value: object) -> str:
    """Return the id of a company.

    Raises:
        ValueError: it isn't one.
    """
    if not (isinstance(value, str) and re.fullmatch(COMPANY_PATTERN, value)):
        raise ValueError("is invalid")
    return value


class Grant(Record):
    """The tokens that a Whop user granted to an app. Whop replaces the refresh token at each use."""

    client_id = Field(read_key)
    """The id of the app (``app_...``)."""
    refresh_token = Field(read_key, hidden=True)
    access_token = Field(read_key, hidden=True)
    expires_at = Field(read_timestamp)
    """The end of the access token, which lives for one hour."""
    company_id = Field(nullable(read_company), None)
    """The only company that the grant covers, which each refresh must repeat; ``None``: all companies of the user."""


class ConnectionSecret(Record):
    """The content of a connection's secret. ``aichats admin disconnect`` leaves ``{}``."""

    oauth = Field(nullable(Grant.of), None)

    def as_json(self) -> JsonObject:
        """Return the content to store."""
        return {name: _as_json(part) for name, part in vars(self).items() if part is not None}


class WhopAccount(Record):
    """The Whop user who granted the tokens, as Whop described the user at the login."""

    id = Field(read_text)
    name = Field(nullable(read_text), None)
    username = Field(nullable(read_text), None)


class DescribedConnection(ConnectionSecret):
    """The content of a connection's secret with the part that is for people. To use the tokens, nothing else is read.

    Connections of earlier versions have no account.
    """

    account = Field(nullable(WhopAccount.of), None)


def fingerprint(token: str) -> str:
    """Return a text that identifies a token without showing it."""
    return hashlib.sha256(token.encode()).hexdigest()[:32]


def parse_connection(name: str, value: JsonObject) -> Grant | None:
    """Return the grant in the secret of a connection; ``None`` if it is empty.

    Raises:
        SecretError: the secret is malformed.
    """
    return parse_secret(ConnectionSecret, name, value, or_empty=True).oauth


def _described(name: str, value: JsonObject) -> DescribedConnection:
    return parse_secret(DescribedConnection, name, value, or_empty=True)


def _fresh_until(grant: Grant | None) -> float:
    return math.inf if grant is None else grant.expires_at.timestamp() - CACHED_BEFORE_END_SECONDS


CONNECTION: SecretKind[Grant | None] = SecretKind(parse_connection, fresh_until=_fresh_until, absent=True)
"""The kind of a connection's secret: the grant, or ``None`` if the secret is missing or empty."""
DESCRIBED_CONNECTION = SecretKind(_described, fresh_until=lambda described: _fresh_until(described.oauth), absent=True)
"""The same with the account."""


def _as_json(part: Record) -> JsonObject:
    """Return the fields that have a value, with times in Unix seconds."""
    return {
        name: int(value.timestamp()) if isinstance(value, datetime) else value
        for name, value in vars(part).items()
        if value is not None
    }
