"""The grants of users to apps, with their codes and tokens. Codes and tokens are kept as hashes only."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from local.standins.shared.clock import Clock
from local.standins.whop.oauth_errors import invalid_grant
from local.standins.whop.oauth_parameters import Authorization, CodeExchange, Refresh, Revocation

OF_A_USER = "oauth_"
"""Start of a user's access tokens here. Every other token of a call is an API key."""
CODE_SECONDS = 5 * 60
TOKEN_SECONDS = 60 * 60
"""Lifetime of access tokens. The server can't revoke them."""


@dataclass
class Grant:
    """A user's consent, and the family of all tokens that come from it. Only one refresh token is valid at a time."""

    client_id: str
    scopes: list[str]
    company_id: str | None
    refresh_token: str | None = None
    """Hash of the valid refresh token. None before the code is exchanged, and after the family was revoked."""
    used: list[str] = field(default_factory=list)
    """Hashes of the refresh tokens that are no longer valid."""
    access_tokens: dict[str, float] = field(default_factory=dict)
    """The end of each access token, in seconds since 1970, by its hash."""

    def revoke(self) -> None:
        """End the family: no refresh token of it is valid any more. Access tokens live on until they expire."""
        self.replace(None)

    def replace(self, refresh_token: str | None) -> None:
        """Make this hash the only valid refresh token."""
        if self.refresh_token:
            self.used.append(self.refresh_token)
        self.refresh_token = refresh_token


@dataclass
class Code:
    """An authorization code."""

    grant: Grant
    request: Authorization
    expires_at: float
    used: bool = False


class Tokens(NamedTuple):
    """New tokens of a grant. ``nonce`` is the one of the authorization, or None after a refresh."""

    grant: Grant
    access_token: str
    refresh_token: str
    nonce: str | None = None


GRANTS = TypeAdapter(list[Grant])


class Grants:
    """All grants, in order of consent."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._grants: list[Grant] = []
        self._codes: dict[str, Code] = {}

    def state(self) -> list[dict[str, Any]]:
        """Return every grant. Tokens are hashes."""
        grants: list[dict[str, Any]] = GRANTS.dump_python(self._grants)
        return grants

    def load(self, grants: list[dict[str, Any]]) -> None:
        """Add the grants that :meth:`state` of an earlier server returned. Codes don't survive a restart."""
        self._grants += GRANTS.validate_python(grants)

    def approved(self, request: Authorization) -> bool:
        """Return whether the user approved these scopes for this app and company before."""
        approved = {
            scope
            for grant in self._grants
            if (grant.client_id, grant.company_id) == (request.client_id, request.company_id)
            for scope in grant.scopes
        }
        return approved.issuperset(request.scopes)

    def approve(self, request: Authorization) -> str:
        """Store the user's consent, and return a code for it."""
        grant = Grant(request.client_id, request.scopes, request.company_id)
        self._grants.append(grant)
        code = new_secret("code_")
        self._codes[digest(code)] = Code(grant, request, self._clock.now() + CODE_SECONDS)
        return code

    def exchange(self, body: CodeExchange) -> Tokens:
        """Return the first tokens for a code. A second use of the code revokes them.

        Raises:
            OAuthError: ``invalid_grant``.
        """
        code = self._codes.get(digest(body.code))
        if code is None or (code.request.client_id, code.request.redirect_uri) != (body.client_id, body.redirect_uri):
            raise invalid_grant("The code is unknown, or belongs to another client_id or redirect_uri")
        if code.used:
            code.grant.revoke()
            raise invalid_grant("The code was used before. Its tokens are revoked")
        if self._clock.now() >= code.expires_at:
            raise invalid_grant("The code has expired")
        if challenge_of(body.code_verifier) != code.request.code_challenge:
            raise invalid_grant("The code_verifier doesn't belong to the code_challenge")
        code.used = True
        return self._issue(code.grant, code.request.nonce)

    def refresh(self, body: Refresh) -> Tokens:
        """Return new tokens for a refresh token, which is then used. A second use of it revokes the family.

        Raises:
            OAuthError: ``invalid_grant``.
        """
        grant = self._grant_of_refresh_token(body.refresh_token)
        if grant is None or grant.client_id != body.client_id:
            raise invalid_grant("The refresh token is unknown, or belongs to another client_id")
        if digest(body.refresh_token) != grant.refresh_token:
            grant.revoke()
            raise invalid_grant("The refresh token was used before or is revoked. All tokens of its family are revoked")
        if grant.company_id != body.company_id:
            raise invalid_grant("company_id must be the one of the authorization")
        return self._issue(grant)

    def revoke(self, body: Revocation) -> None:
        """End the family of a refresh token. Nothing happens for an unknown token, or one of another app."""
        grant = self._grant_of_refresh_token(body.token)
        if grant and grant.client_id == body.client_id:
            grant.revoke()

    def issued(self, access_token: str) -> bool:
        """Return whether this server issued the access token. It may have expired."""
        return self._with_access_token(digest(access_token)) is not None

    def grant_of(self, access_token: str) -> Grant | None:
        """Return the grant of an access token, or None if the token is unknown or has expired."""
        key = digest(access_token)
        grant = self._with_access_token(key)
        return grant if grant and self._clock.now() < grant.access_tokens[key] else None

    def _with_access_token(self, key: str) -> Grant | None:
        return next((grant for grant in self._grants if key in grant.access_tokens), None)

    def _grant_of_refresh_token(self, refresh_token: str) -> Grant | None:
        key = digest(refresh_token)
        return next((grant for grant in self._grants if key == grant.refresh_token or key in grant.used), None)

    def _issue(self, grant: Grant, nonce: str | None = None) -> Tokens:
        tokens = Tokens(grant, new_secret(OF_A_USER), new_secret("refresh_"), nonce)
        grant.replace(digest(tokens.refresh_token))
        grant.access_tokens[digest(tokens.access_token)] = self._clock.now() + TOKEN_SECONDS
        return tokens


def new_secret(prefix: str) -> str:
    """Return a new code or token."""
    return prefix + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return the hash of a code or a token."""
    return hashlib.sha256(secret.encode()).hexdigest()


def challenge_of(verifier: str) -> str:
    """Return the code challenge of a code verifier (S256)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
