"""Whop's credentials: their secrets, and the token of each company."""

from functools import partial
from typing import Annotated

from pydantic import BaseModel, Field

from aichats.aws.secrets import ApiKey, SecretKind, SecretStore, parse_secret
from aichats.http.tokens import Token


class WhopSecret(BaseModel):
    """Whop's credentials: one for all companies, and one for each company that has its own."""

    api_key: Annotated[ApiKey, Field(repr=False)]
    companies: Annotated[dict[str, ApiKey], Field(repr=False)] = {}


class WebhookSecret(BaseModel):
    """The secrets with which Whop signs webhooks: one, or two during a rotation."""

    secrets: Annotated[list[ApiKey], Field(repr=False, min_length=1, max_length=5)]


WHOP_SECRET = SecretKind(partial(parse_secret, WhopSecret))
WEBHOOK_SECRET = SecretKind(partial(parse_secret, WebhookSecret))


def whop_token(store: SecretStore, name: str | None, company_id: str | None) -> Token:
    """Return a function that returns Whop's token for a company: its own, or the one for all companies."""

    def token_of(secret: WhopSecret) -> str:
        return secret.companies.get(company_id or "", secret.api_key)

    def token(rejected: str | None) -> str:
        current = token_of(store.read(name, WHOP_SECRET))
        return current if current != rejected else token_of(store.read_again(name, WHOP_SECRET))

    return token
