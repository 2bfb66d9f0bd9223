"""Permissions of a call: its token, its grant, and the chats to which the grant applies."""

from local.standins.shared.exchange import Call
from local.standins.whop.chats import Chat
from local.standins.whop.errors import WhopError
from local.standins.whop.mode import WhopMode
from local.standins.whop.oauth import OF_A_USER, Grant, Grants
from local.standins.whop.parameters import CreateAiChat, UpdateAiChat

WEBHOOKS_SINCE = "2026-08-21-1"
"""First version with webhooks."""
WRITES = {"create", "update", "delete"}
"""The operations that need a scope of their own, such as ``ai_chat:create``."""


def bearer_token(call: Call) -> str:
    """Return the token of ``Authorization: Bearer``, or an empty string."""
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def granted_to(call: Call, grants: Grants, mode: WhopMode) -> Grant | None:
    """Return the grant of the call's token. API keys and tokens that this server didn't issue have none.

    Raises:
        WhopError: 401, the user's token has expired, or the mode accepts only tokens that this server issued.
    """
    token = bearer_token(call)
    grant = grants.grant_of(token)
    needs_grant = mode.oauth_tokens == "issued" or grants.issued(token)
    if grant is None and token.startswith(OF_A_USER) and needs_grant:
        raise WhopError(401)
    return grant


def require_write(call: Call, grant: Grant | None, mode: WhopMode) -> None:
    """Check that the credential may perform an operation that isn't a GET.

    Raises:
        WhopError: 403, the grant lacks the scope, or API keys are forbidden.
    """
    if grant:
        allowed = call.operation not in WRITES or f"ai_chat:{call.operation}" in grant.scopes
    else:
        allowed = mode.api_keys == "allowed" or bearer_token(call).startswith(OF_A_USER)
    if not allowed:
        raise WhopError(403)


def require_webhooks(call: Call, grant: Grant | None, version: str) -> None:
    """Check that the version has webhooks, and that the credential may manage them. Every API key may.

    Raises:
        WhopError: 404 or 403.
    """
    if version < WEBHOOKS_SINCE:
        raise WhopError(404)
    scopes = grant.scopes if grant else ()
    if bearer_token(call).startswith(OF_A_USER) and "developer:manage_webhook" not in scopes:
        raise WhopError(403)


def sees(grant: Grant | None, chat: Chat) -> bool:
    """Return whether the credential sees the chat. A grant for one company sees only the chats of this company."""
    return grant is None or grant.company_id in (None, chat.company_id)


def require_company[B: CreateAiChat | UpdateAiChat](grant: Grant | None, body: B) -> B:
    """Return the body, which puts the chat into a company or leaves the company as it is.

    Raises:
        WhopError: 403, the grant is for another company.
    """
    names_company = isinstance(body, CreateAiChat) or "company_id" in body.model_fields_set
    if grant and grant.company_id and names_company and body.company_id != grant.company_id:
        raise WhopError(403)
    return body
