"""Connections: the grants of Whop users, with which aichats may create, change and delete AI chats.

A connection is a secret of its own, ``aichats/<stage>/whop/<connection>``. ``aichats admin connect`` stores it, and the
function ``refresh_tokens`` renews its tokens.
"""

import hashlib
import math
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, Field, PlainSerializer, StringConstraints

from aichats.aws.secret_values import ApiKey, parse_secret
from aichats.aws.secrets import SecretKind
from aichats.json_types import JsonObject
from aichats.whop.models import CompanyId

DEFAULT_CONNECTION = "default"
"""The connection of all companies that have no credential of their own."""

CONNECTION_ROWS = "connection:"
"""The beginning of the keys of the connections' rows in the table of runs. The name of the connection follows."""

CACHED_BEFORE_END_SECONDS = 120
"""The time before the end of an access token from which functions read the secret again."""

type ConnectionName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
type UnixTime = Annotated[AwareDatetime, PlainSerializer(lambda time: int(time.timestamp()), return_type=int)]
"""A time that is stored in Unix seconds. A text in ISO 8601 with a time zone is accepted too."""


class Grant(BaseModel):
    """The tokens that a Whop user granted to an app. Whop replaces the refresh token at each use."""

    client_id: ApiKey
    """The id of the app (``app_...``)."""
    refresh_token: Annotated[ApiKey, Field(repr=False)]
    access_token: Annotated[ApiKey, Field(repr=False)]
    expires_at: UnixTime
    """The end of the access token, which lives for one hour."""
    company_id: CompanyId | None = None
    """The only company that the grant covers, which each refresh must repeat; ``None``: all companies of the user."""


class ConnectionSecret(BaseModel):
    """The content of a connection's secret. ``aichats admin disconnect`` leaves ``{}``."""

    oauth: Grant | None = None


class ConnectedAccount(BaseModel):
    """The Whop user who granted the tokens, as Whop described the user at the login."""

    id: str
    name: str | None = None
    username: str | None = None


class DescribedConnection(ConnectionSecret):
    """The content of a connection's secret with the part that is for people. To use the tokens, nothing else is read.

    Connections of earlier versions have no account.
    """

    account: ConnectedAccount | None = None


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
