"""Whop's OAuth 2.1 for the commands: authorization code with PKCE, and OpenID Connect. Whop takes JSON."""

from __future__ import annotations

import base64
import json
import re
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
from oauthlib.oauth2 import OAuth2Error, WebApplicationClient

from aichats.http.masking import Mask
from aichats.whop.connections import Grant, WhopAccount
from aichats.whop.oauth import LIFETIME_SECONDS, MAX_LIFETIME_SECONDS
from aichats_cli.errors import CommandError

WANTED = ("ai_chat:create", "ai_chat:update", "ai_chat:delete")
"""Scopes that aichats uses."""
SCOPES = ("openid", "profile", *WANTED)
"""Scopes to ask for. `openid` is required, and `profile` adds the name of the account."""
TIMEOUT_SECONDS = 15.0
"""The longest wait for the next part of an answer."""
MAX_ANSWER_SECONDS = 30.0
"""The longest time for the body of an answer."""
MAX_LIFETIME = timedelta(seconds=MAX_LIFETIME_SECONDS)
MAX_BODY_BYTES = 1024 * 1024
"""The largest body of an answer, of which a correct one takes a few kilobytes."""
VERIFIER_CHARACTERS = 96
SCOPE = re.compile(r"[!-~]{1,100}")
"""The form of a scope."""
SHOWN_CHARACTERS = 200
DEAD_TOKEN = {"invalid_grant", "invalid_token"}
"""Errors with which Whop rejects a token that it doesn't know, or that it revoked before."""
AGAIN = "Type the command again"
REASONS = {
    "invalid_scope": f"Select these scopes in the app's settings at Whop: {' '.join(WANTED)}",
    "invalid_client": "Check --client-id: it must be the ID of an app that needs no client secret (public, with PKCE)",
    "unauthorized_client": "Allow OAuth in the app's settings at Whop",
    "invalid_grant": f"The code was used before or has expired. {AGAIN}",
    "rate_limit_exceeded": f"Wait a minute. {AGAIN}",
    "temporarily_unavailable": f"Wait a minute. {AGAIN}",
    "server_error": f"Wait a minute. {AGAIN}",
}
"""The next step for each error of Whop."""


class LoginError(CommandError):
    """A login that failed. The message says why, and what to do."""


class ConsentDeniedError(LoginError):
    """The user didn't allow access."""


@dataclass(frozen=True)
class Consent:
    """A request for a user's consent. Only its URL is shown."""

    url: str
    redirect_uri: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True)
class Issued:
    """The tokens that Whop issued, with the scopes that the user granted."""

    grant: Grant
    scopes: frozenset[str]


class WhopOAuth:
    """Whop's OAuth endpoints for one app, and with ``company_id`` for one company of the user."""

    def __init__(self, base_url: str, client_id: str, company_id: str | None = None) -> None:
        self._base_url = base_url
        self._client_id = client_id
        self._company = {"company_id": company_id} if company_id else {}

    def ask(self, redirect_uri: str) -> Consent:
        """Return a new request for consent, with the URL to open in the browser."""
        client = WebApplicationClient(self._client_id)
        verifier = client.create_code_verifier(VERIFIER_CHARACTERS)
        state, nonce = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        # oauthlib accepts https:// only, but on this machine Whop's mock server has no TLS. So only the query is used.
        query = urlsplit(
            client.prepare_request_uri(
                "https://authorize",
                redirect_uri=redirect_uri,
                scope=list(SCOPES),
                state=state,
                nonce=nonce,
                code_challenge=client.create_code_challenge(verifier, "S256"),
                code_challenge_method="S256",
                **self._company,
            )
        ).query
        return Consent(f"{self._base_url}/authorize?{query}", redirect_uri, state, nonce, verifier)

    def code_of(self, consent: Consent, target: str) -> str:
        """Return the code in the redirect.

        Args:
            consent: the request to which the redirect answers.
            target: the path and the query of the redirect.

        Raises:
            ConsentDeniedError: the user didn't allow access.
            LoginError: the redirect belongs to another request, or has no code.
        """
        client = WebApplicationClient(self._client_id)
        try:
            # oauthlib accepts https:// only, but the redirect to this machine has no TLS (RFC 8252).
            answer = client.parse_request_uri_response(f"https://localhost{target}", state=consent.state)
        except OAuth2Error as error:
            if error.error == "access_denied":
                raise ConsentDeniedError(f"you did not allow access at Whop. To allow it, {AGAIN.lower()}") from None
            raise _rejected("Whop did not grant access", error, consent.state) from None
        return str(answer["code"])

    def exchange(self, consent: Consent, code: str) -> Issued:
        """Return the tokens for a code. There is one attempt only, because a code is valid once.

        Raises:
            LoginError: Whop rejected the code, its answer got lost or is malformed, or it answers another login.
        """
        now = time.time()
        body = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": consent.redirect_uri,
            "client_id": self._client_id,
            "code_verifier": consent.verifier,
        }
        lost = f"Whop's answer got lost, and a code is valid only once. {AGAIN}"
        response = self._send("POST", "/token", lost, json=body | self._company)
        answer = _object(response, "Whop's answer to the code")
        issued = self._issued(response, answer, now, (code, consent.verifier))
        if "id_token" in answer and _nonce(answer["id_token"]) != consent.nonce:
            raise LoginError(f"Whop's answer belongs to another login (its nonce differs). {AGAIN}")
        return issued

    def account(self, access_token: str) -> WhopAccount:
        """Return the account of an access token, which proves that Whop accepts the token.

        Raises:
            LoginError: Whop rejected the token, or can't be reached.
        """
        headers = {"Authorization": f"Bearer {access_token}"}
        response = self._send("GET", "/userinfo", f"Whop did not say whose account it is. {AGAIN}", headers=headers)
        if not response.is_success:
            raise LoginError(f"Whop rejected the new access token (status {response.status_code}). {AGAIN}")
        user = _object(response, "Whop's answer about the account")
        name, username = _printable(user.get("name")), _printable(user.get("preferred_username"))
        return WhopAccount(id=_printable(user.get("sub")) or "(no id)", name=name, username=username)

    def revoke(self, refresh_token: str) -> None:
        """Revoke a refresh token. If Whop doesn't know the token, it counts as revoked.

        Raises:
            LoginError: Whop did not revoke the token.
        """
        body = {"token": refresh_token, "client_id": self._client_id}
        response = self._send("POST", "/revoke", "Whop did not confirm that the refresh token is revoked", json=body)
        if not response.is_success and _error_code(response) not in DEAD_TOKEN:
            raise LoginError(f"Whop did not revoke the refresh token (status {response.status_code})")

    def _send(self, method: str, path: str, lost: str, **options: Any) -> httpx.Response:
        """Send a request once.

        Raises:
            LoginError: Whop can't be reached, or its answer got lost; then the message is ``lost``.
        """
        # A server on this machine, which uses no TLS, is not behind a proxy.
        is_remote = self._base_url.startswith("https:")
        try:
            with (
                httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=is_remote) as client,
                client.stream(method, self._base_url + path, **options) as response,
            ):
                return httpx.Response(response.status_code, content=_body(response))
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise LoginError(
                f"can't reach Whop at {self._base_url}. Check your network connection, and type the command again"
            ) from None
        except httpx.HTTPError:
            raise LoginError(lost) from None

    def _issued(self, response: httpx.Response, answer: dict[str, Any], now: float, hidden: tuple[str, ...]) -> Issued:
        """Return the tokens in an answer of the token endpoint.

        Raises:
            LoginError: the answer is an error, or lacks a token.
        """
        if not response.is_success and "error" not in answer:
            raise LoginError(f"Whop answered the code with status {response.status_code}. {AGAIN}")
        try:
            tokens = WebApplicationClient(self._client_id).parse_request_body_response(response.text)
            # A token that seems to live for years would not be renewed, so Whop would let the grant expire.
            lifetime = min(timedelta(seconds=tokens.get("expires_in", LIFETIME_SECONDS)), MAX_LIFETIME)
            granted = {
                "client_id": self._client_id,
                "refresh_token": tokens.get("refresh_token", ""),
                "access_token": tokens["access_token"],
                "expires_at": (datetime.fromtimestamp(now, UTC) + lifetime).timestamp(),
            }
            grant = Grant.of(granted | self._company)
        except OAuth2Error as error:
            raise _rejected("Whop rejected the code", error, *hidden) from None
        except (ValueError, TypeError, AttributeError, OverflowError):
            raise LoginError(f"Whop's answer to the code lacks a token, or has a malformed one. {AGAIN}") from None
        scope = answer.get("scope")
        # Scopes are shown on the terminal, so only those are taken that contain no control characters (RFC 6749, 3.3).
        named = filter(SCOPE.fullmatch, scope.split()) if isinstance(scope, str) else SCOPES
        return Issued(grant, frozenset(named))


def _rejected(what: str, error: OAuth2Error, *hidden: str) -> LoginError:
    """Return the error to raise for an error of Whop, without the values ``hidden``, which Whop may repeat."""
    mask = Mask(hidden)
    code = mask.word(error.error) or "no reason"
    described = _printable(mask.text(error.description) or "")
    reason = f"{code}: {described}" if described else code
    return LoginError(f"{what} ({reason}). {REASONS.get(code, AGAIN)}")


def _body(response: httpx.Response) -> bytes:
    """Return the body of an answer.

    Raises:
        httpx.ReadError: the body is too large or doesn't end in time. httpx limits only the wait for each part.
    """
    content, end = bytearray(), time.monotonic() + MAX_ANSWER_SECONDS
    for part in response.iter_bytes():
        content += part
        if len(content) > MAX_BODY_BYTES or time.monotonic() > end:
            raise httpx.ReadError("the answer doesn't end")
    return bytes(content)


def _object(response: httpx.Response, what: str) -> dict[str, Any]:
    try:
        value = response.json()
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise LoginError(f"{what} is not a JSON object (status {response.status_code}). {AGAIN}")
    return value


def _error_code(response: httpx.Response) -> str:
    """Return the code of an error; an empty text if the answer has none."""
    try:
        return str(_object(response, "").get("error", ""))
    except LoginError:
        return ""


def _nonce(id_token: object) -> object:
    """Return the nonce in an ID token; ``None`` if it has none.

    The signature isn't checked, because the token comes straight from the token endpoint over TLS (OpenID Connect Core,
    section 3.1.3.7).
    """
    try:
        payload = str(id_token).split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, IndexError, RecursionError):
        return None
    return claims.get("nonce") if isinstance(claims, dict) else None


def _printable(value: object) -> str | None:
    """Return the beginning of a text by others, without characters that control a terminal; ``None`` if it is empty."""
    text = "" if value is None else str(value)
    return "".join(character for character in text if character.isprintable())[:SHOWN_CHARACTERS] or None
