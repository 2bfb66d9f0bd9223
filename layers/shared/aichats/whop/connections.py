"""Connections: the grants of Whop users, with which aichats may create, change and delete AI chats.

A connection is a secret of its own, ``aichats/<stage>/whop/<connection>``. ``make login`` stores it, and the function
``refresh_tokens`` renews its tokens.
"""

from functools import partial
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, Field, PlainSerializer, StringConstraints

from aichats.aws.secrets import ApiKey, SecretKind, parse_secret
from aichats.whop.models import CompanyId

DEFAULT_CONNECTION = "default"
"""The connection of all companies that have no credential of their own."""

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
    """The only company to which the grant applies; ``None``: all companies of the user. Whop wants it at each refresh."""


class ConnectionSecret(BaseModel):
    """The content of a connection's secret. ``make logout`` leaves ``{}``."""

    oauth: Grant


CONNECTION = SecretKind(partial(parse_secret, ConnectionSecret))
