"""Whop's authorization server: the endpoints below ``/oauth``."""

import base64
import json
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from local.standins.shared.clock import Clock
from local.standins.shared.exchange import Call, Operation, Reply
from local.standins.whop.chats import USER_ID
from local.standins.whop.consent import ALLOW, DECISION, DENY, consent_page, rejection_page
from local.standins.whop.oauth import TOKEN_SECONDS, Grants, Tokens
from local.standins.whop.oauth_errors import OAuthError
from local.standins.whop.oauth_parameters import (
    Authorization,
    CodeExchange,
    GrantType,
    Refresh,
    Revocation,
    Target,
    parse_form,
    parse_json,
)
from local.standins.whop.permissions import bearer_token

OPERATIONS = (
    Operation("authorize", "GET", "/oauth/authorize"),
    Operation("consent", "POST", "/oauth/authorize"),
    Operation("token", "POST", "/oauth/token"),
    Operation("userinfo", "GET", "/oauth/userinfo"),
    Operation("revoke", "POST", "/oauth/revoke"),
)
ISSUER = "https://api.whop.com"
PROFILE = {"name": "Local User", "preferred_username": "local_user", "picture": "https://example.com/local_user.png"}
CLAIMS = {"profile": PROFILE, "email": {"email": "local_user@example.com"}}
"""Data about the user, by the scope that shows it."""
SHOWN = {"grant_type", "client_id", "company_id", "redirect_uri"}
"""Fields of JSON bodies that the request log shows. Any other may be a token, a code or a verifier."""
HIDDEN = "(hidden)"


def is_of_oauth(call: Call) -> bool:
    """Return whether the call is for the authorization server."""
    return any(call.operation == operation.name for operation in OPERATIONS)


class OAuthServer:
    """The authorization server, which has one user."""

    def __init__(self, grants: Grants, clock: Clock) -> None:
        self._grants = grants
        self._clock = clock

    def perform(self, call: Call) -> Reply:
        """Perform a call of one of the :data:`OPERATIONS`.

        Raises:
            OAuthError: the server rejects the call.
        """
        match call.operation:
            case "authorize":
                return self._authorize(dict(parse_qsl(call.query)))
            case "consent":
                return self._authorize(dict(parse_qsl(call.body.decode(errors="replace"))))
            case "token":
                return self._token(json_body(call))
            case "userinfo":
                return self._userinfo(bearer_token(call))
        self._grants.revoke(parse_json(Revocation, json_body(call)))
        return uncached({})

    def _authorize(self, parameters: dict[str, str]) -> Reply:
        """Ask the user for consent, or send the user back to the app with a code or an error."""
        try:
            target = parse_form(Target, parameters)
        except OAuthError as error:
            return rejection_page(error.description)
        try:
            request = parse_form(Authorization, parameters)
            return self._decide(request, parameters.get(DECISION))
        except OAuthError as error:
            fields = {"error": error.code, "error_description": error.description}
            return redirect(target, fields, parameters.get("state"))

    def _decide(self, request: Authorization, decision: str | None) -> Reply:
        """Perform the user's decision, or ask for it. Whop doesn't ask again for scopes that the user approved before.

        Raises:
            OAuthError: the user denies the request.
        """
        if decision == DENY:
            raise OAuthError(403, "The user denied the request", "access_denied")
        if decision == ALLOW or self._grants.approved(request):
            return redirect(request, {"code": self._grants.approve(request)}, request.state)
        return consent_page(request, f"{PROFILE['name']} (@{PROFILE['preferred_username']})")

    def _token(self, body: bytes) -> Reply:
        """Return tokens for a code or for a refresh token."""
        if parse_json(GrantType, body).grant_type == "authorization_code":
            return self._reply_with(self._grants.exchange(parse_json(CodeExchange, body)))
        return self._reply_with(self._grants.refresh(parse_json(Refresh, body)))

    def _reply_with(self, tokens: Tokens) -> Reply:
        content = {
            "access_token": tokens.access_token,
            "refresh_token": tokens.refresh_token,
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "scope": " ".join(tokens.grant.scopes),
        }
        if tokens.nonce:
            content["id_token"] = self._id_token(tokens.grant.client_id, tokens.nonce)
        return uncached(content)

    def _id_token(self, client_id: str, nonce: str) -> str:
        """Return an ID token without a signature, because the client gets it directly from this server."""
        now = int(self._clock.now())
        claims = {"iss": ISSUER, "sub": USER_ID, "aud": client_id, "iat": now, "exp": now + TOKEN_SECONDS}
        return f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{encoded({**claims, 'nonce': nonce})}."

    def _userinfo(self, access_token: str) -> Reply:
        """Return the user's data that the scopes of the token show."""
        grant = self._grants.grant_of(access_token)
        if grant is None:
            raise OAuthError(401, "The access token is missing, unknown or expired", "invalid_token")
        shown = [claims for scope, claims in CLAIMS.items() if scope in grant.scopes]
        return uncached({"sub": USER_ID} | {name: value for claims in shown for name, value in claims.items()})


def json_body(call: Call) -> bytes:
    """Return the JSON body of the call.

    Raises:
        OAuthError: 415, the body has another type.
    """
    if call.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise OAuthError(415, "The body must be JSON, with the Content-Type application/json")
    return call.body


def logged_body(call: Call) -> str:
    """Return the body of a call as the request log shows it: without tokens, codes and verifiers."""
    if call.operation in {"authorize", "consent", "userinfo"}:
        return call.body.decode(errors="replace")
    try:
        fields: dict[str, Any] = json.loads(call.body)
        return json.dumps({name: value if name in SHOWN else HIDDEN for name, value in fields.items()})
    except (ValueError, AttributeError):
        return HIDDEN


def redirect(target: Target, fields: dict[str, str], state: str | None) -> Reply:
    """Return the redirect to the app with these fields and the state."""
    query = urlencode({**fields, **({"state": state} if state else {})})
    separator = "&" if urlsplit(target.redirect_uri).query else "?"
    headers = {"location": f"{target.redirect_uri}{separator}{query}", "cache-control": "no-store"}
    return Reply(HTTPStatus.SEE_OTHER, b"", None, headers)


def uncached(content: dict[str, Any]) -> Reply:
    """Return a response that no cache keeps."""
    reply = Reply.of(content)
    return Reply(reply.status, reply.body, headers={"cache-control": "no-store"})


def encoded(content: dict[str, Any]) -> str:
    """Return JSON in base64url without padding."""
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
