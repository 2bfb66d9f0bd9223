"""The contents of secrets as models of pydantic, to judge how the functions read them."""

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints, ValidationError

from aichats.api.callers import Scope
from aichats.errors import SecretError
from aichats.json_types import JsonObject
from aichats.whop.models import CompanyId

PROBLEMS = {
    "missing": "is missing",
    "string_type": "must be a text",
    "string_pattern_mismatch": "must have 1 to 4096 characters, without spaces",
    "dict_type": "must be an object",
    "list_type": "must be a list",
    "too_short": "must not be empty",
    "too_long": "has too many elements",
}
"""The message for each type of pydantic's errors in a secret."""

type ApiKey = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,4096}$")]
type ConnectionName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
type TokenHash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ConnectionOfCompany(BaseModel):
    """The choice of a connection for a company."""

    connection: ConnectionName


class WhopSecret(BaseModel):
    """Whop's API key for all companies, and the credentials of companies that have their own."""

    api_key: ApiKey | None = None
    companies: dict[str, ApiKey | ConnectionOfCompany] = {}


class WebhookSecret(BaseModel):
    """The secrets with which Whop signs webhooks."""

    secrets: Annotated[list[ApiKey], Field(min_length=1, max_length=5)]


class KodeySecret(BaseModel):
    """Kodey's key."""

    api_key: ApiKey


class EventsSecret(BaseModel):
    """The signing key of a stack."""

    signing_key: ApiKey


class Grant(BaseModel):
    """The tokens that a Whop user granted to an app."""

    client_id: ApiKey
    refresh_token: ApiKey
    access_token: ApiKey
    expires_at: AwareDatetime
    company_id: CompanyId | None = None


class ConnectionSecret(BaseModel):
    """The content of a connection's secret."""

    oauth: Grant | None = None


class WhopAccount(BaseModel):
    """The Whop user who granted the tokens."""

    id: str
    name: str | None = None
    username: str | None = None


class DescribedConnection(ConnectionSecret):
    """The content of a connection's secret with the part that is for people."""

    account: WhopAccount | None = None


class PreviousToken(BaseModel):
    """A token that a rotation replaced."""

    sha256: TokenHash
    expires_at: AwareDatetime


class StoredCaller(BaseModel):
    """A caller as the secret stores it."""

    sha256: TokenHash
    scopes: frozenset[Scope]
    lineage: Annotated[str, Field(pattern=r"^[a-z2-7]{8,64}$")] | None = None
    expires_at: AwareDatetime | None = None
    previous: PreviousToken | None = None
    companies: frozenset[CompanyId] | None = None


def judged_secret[SecretT: BaseModel](model: type[SecretT], value: JsonObject) -> SecretT:
    """Return a secret as its model.

    Raises:
        SecretError: the secret is malformed.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problems: dict[str, str] = {}
        for detail in error.errors(include_input=False, include_url=False):
            field = _field(detail["loc"])
            # A field of several types has an error for each of them.
            problems[field] = "is invalid" if field in problems else PROBLEMS.get(detail["type"], "is invalid")
        shown = "; ".join(f"{field}: {problem}" for field, problem in problems.items())
        raise SecretError("secret", f"is malformed ({shown})", "") from None


def _field(place: Sequence[int | str]) -> str:
    if len(place) > 1 and re.fullmatch(r"biz_[A-Za-z0-9]{1,64}", str(place[1])):
        return f"{place[0]}.{place[1]}"
    return str(place[0]) if place else "value"
