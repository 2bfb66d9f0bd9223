"""The states of connections, from their secrets and from the rows that their renewal writes."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any, Literal

from aichats.errors import SecretError
from aichats.frozen import frozen
from aichats.json_types import Json
from aichats.whop.connections import DescribedConnection, fingerprint
from aichats.whop.credentials import Credentials

type ConnectionState = Literal["connected", "expired", "broken", "disconnected", "unreadable"]


@frozen
class ConnectionStatus:
    """A connection as it is now.

    Attributes:
        state: ``expired``: its access token has ended, and it is not renewed yet. ``broken``: Whop rejected the
            renewal for good. ``disconnected``: there are no tokens.
        secret: the content of its secret; empty if it can't be read.
        row: the attributes of its row.
        reason: why it is broken or can't be read.
    """

    state: ConnectionState
    secret: DescribedConnection = field(repr=False)
    row: Json
    reason: str | None = None


def connection_status(credentials: Credentials, name: str, row: Mapping[str, Any], now: datetime) -> ConnectionStatus:
    """Return the status of a connection. Its secret may be some minutes old, unless the connection does not work.

    Args:
        credentials: the credentials of the stack.
        name: the connection's name.
        row: the attributes of the connection's row in the table of runs; empty if there is none.
        now: the current time.
    """
    try:
        secret = credentials.describe(name)
        if _state(secret, row, now) != "connected":
            secret = credentials.describe(name, again=True)
    except SecretError as error:
        return ConnectionStatus("unreadable", DescribedConnection(), row, str(error))
    state = _state(secret, row, now)
    return ConnectionStatus(state, secret, row, row.get("reason") if state == "broken" else None)


def _state(secret: DescribedConnection, row: Mapping[str, Any], now: datetime) -> ConnectionState:
    if secret.oauth is None:
        return "disconnected"
    # A person who logs in again replaces the refresh token that Whop rejected.
    if row.get("broken") == fingerprint(secret.oauth.refresh_token):
        return "broken"
    return "connected" if secret.oauth.expires_at > now else "expired"
