"""Whop's OAuth endpoint for tokens (https://docs.whop.com/developer/guides/oauth)."""

from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field

from aichats.aws.secret_values import read_key
from aichats.errors import APIStatusError
from aichats.http import BaseTransport, Headers
from aichats.http.answers import read_answer
from aichats.http.bodies import json_object
from aichats.http.client import HttpClient, HttpStyle
from aichats.http.masking import Mask
from aichats.http.rejections import NOTHING_TO_HIDE, rejection
from aichats.whop.connections import Grant

INVALID_GRANT = "invalid_grant"
"""The code of an error if a refresh token was revoked, was used before, or is unknown. The status is 400 or 401."""
LIFETIME_SECONDS = 3600
"""The lifetime of Whop's access tokens, if an answer does not name another one."""
MAX_LIFETIME_SECONDS = 86_400
"""The longest lifetime of an access token that is believed."""


type GrantedToken = Annotated[str, AfterValidator(read_key)]


class Tokens(BaseModel):
    """The answer to a refresh. Only the access token is needed, because an answer that is rejected is lost."""

    access_token: Annotated[GrantedToken, Field(repr=False)]
    refresh_token: Annotated[GrantedToken | None, Field(repr=False)] = None
    """``None``: the refresh token stays valid (RFC 6749, section 6)."""
    expires_in: Any = None

    @property
    def lifetime(self) -> timedelta:
        """The lifetime of the access token."""
        seconds = self.expires_in
        is_known = type(seconds) is int and 0 < seconds <= MAX_LIFETIME_SECONDS
        return timedelta(seconds=seconds if is_known else LIFETIME_SECONDS)


def oauth_error(
    status: int, headers: Headers, content: bytes, mask: Mask = NOTHING_TO_HIDE, _operation: str = ""
) -> APIStatusError:
    """Return a response of 300 or above as an error. Its body is ``{"error", "error_description"}``."""
    body = json_object(content)
    fields = {"message": body.get("error_description"), "code": body.get("error")}
    return rejection("whop", status, headers, mask, fields)


OAUTH_STYLE = HttpStyle(name="whop", authorization=lambda _token: {}, error=oauth_error)


class OAuthClient:
    """Whop's endpoint for tokens.

    Args:
        base_url: the URL of Whop's API. OAuth has its own path on the same host.
        transport: the transport.
        timeout: the time limit of a whole call in seconds.
    """

    def __init__(self, base_url: str, transport: BaseTransport, timeout: float) -> None:
        self._url, self._transport, self.timeout = oauth_url(base_url), transport, timeout

    def refresh(self, grant: Grant) -> Tokens:
        """Return new tokens. Whop then no longer accepts the refresh token of the grant.

        Raises:
            APIStatusError: Whop rejected the call. The refresh token is only invalid if the code is ``invalid_grant``.
            APIConnectionError: Whop was not reached.
            OutcomeUnknownError, ProtocolError: Whop may have replaced the refresh token by one that is lost.
        """
        # The refresh token serves as the token of the client, which hides it in all errors.
        client = HttpClient(OAUTH_STYLE, self._url, grant.refresh_token, self.timeout, self._transport)
        company = {} if grant.company_id is None else {"company_id": grant.company_id}
        body = {
            "grant_type": "refresh_token",
            "refresh_token": grant.refresh_token,
            "client_id": grant.client_id,
            **company,
        }
        return read_answer(Tokens, client.call("POST", "/token", body=body))


def oauth_url(base_url: str) -> str:
    """Return the URL of Whop's OAuth for the URL of its API."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}/oauth"
