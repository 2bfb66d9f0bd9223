"""Whop's credentials: their secrets, and the token of each company."""

from functools import partial
from typing import Annotated

from pydantic import BaseModel, Field

from aichats.aws.secrets import ApiKey, SecretKind, parse_secret


class WhopSecret(BaseModel):
    """Whop's credentials: one for all companies, and one for each company that has its own."""

    api_key: Annotated[ApiKey, Field(repr=False)]
    companies: Annotated[dict[str, ApiKey], Field(repr=False)] = {}

    def token_of(self, company_id: str | None) -> str:
        """Return the token of a company: its own, or the one for all companies."""
        return self.companies.get(company_id or "", self.api_key)


class WebhookSecret(BaseModel):
    """The secrets with which Whop signs webhooks: one, or two during a rotation."""

    secrets: Annotated[list[ApiKey], Field(repr=False, min_length=1, max_length=5)]


WHOP_SECRET = SecretKind(partial(parse_secret, WhopSecret))
WEBHOOK_SECRET = SecretKind(partial(parse_secret, WebhookSecret))
