"""The parameters of the requests to Whop's authorization server. Unknown parameters are ignored, as OAuth wants it."""

import re
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from aichats.validation import message_of
from local.standins.whop.oauth_errors import OAuthError

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
"""Hosts of the redirect URIs that every app has registered here."""
CODES = {"response_type": "unsupported_response_type", "grant_type": "unsupported_grant_type", "scope": "invalid_scope"}
"""The error codes of parameters that have one of their own."""


def redirect_uri(text: str) -> str:
    """Return the redirect URI.

    Raises:
        ValueError: it is not an absolute URL of this machine, or it has a user or a fragment.
    """
    url = urlsplit(text)
    if url.scheme not in {"http", "https"} or not url.hostname or url.fragment or "@" in url.netloc:
        raise ValueError("must be an absolute URL with http or https, without a user and a fragment")
    if url.hostname not in LOOPBACK or not has_valid_port(url):
        raise ValueError("must be on localhost. The mock registers each port and path of localhost for each app")
    return text


def has_valid_port(url: SplitResult) -> bool:
    """Return whether the port is absent or a number up to 65535."""
    try:
        return url.port is None or url.port > 0
    except ValueError:
        return False


def written(pattern: str, form: str) -> AfterValidator:
    """Return the validator of texts that match the pattern as a whole. ``form`` describes them."""

    def validate(text: str) -> str:
        if not re.fullmatch(pattern, text, re.ASCII):
            raise ValueError(f"must be {form}")
        return text

    return AfterValidator(validate)


type Text = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
type ClientId = Annotated[Text, written(r"app_[\w-]+", "the ID of an app, such as app_local")]
type Company = Annotated[Text, written(r"biz_[\w-]+", "the ID of a company, such as biz_A")]
type RedirectUri = Annotated[Text, written(r"[!-~]+", "a URL of ASCII characters"), AfterValidator(redirect_uri)]
type Scopes = Annotated[
    Text, written(r"([\w:.-]+ )*openid( [\w:.-]+)*", "scopes with single spaces in between, and one must be openid")
]
type Challenge = Annotated[
    Text, written(r"[\w-]{43}", "the SHA-256 of the code_verifier in base64url, without padding")
]
type Verifier = Annotated[Text, written(r"[\w.~-]{43,128}", "43 to 128 letters, digits and characters of -._~")]


class OAuthParameters(BaseModel):
    """Parameters of a request to the authorization server."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Target(OAuthParameters):
    """The app of an authorization, and its address. With an invalid one, the server must not redirect."""

    client_id: ClientId
    redirect_uri: RedirectUri


class Authorization(Target):
    """An app's request for the consent of a user. Whop requires the nonce because every request has ``openid``."""

    response_type: Literal["code"]
    scope: Scopes
    state: Text
    nonce: Text
    code_challenge: Challenge
    code_challenge_method: Literal["S256"]
    company_id: Company | None = None

    @property
    def scopes(self) -> list[str]:
        """The scopes, each once."""
        return list(dict.fromkeys(self.scope.split(" ")))


class CodeExchange(OAuthParameters):
    """An exchange of a code for the first tokens."""

    grant_type: Literal["authorization_code"]
    client_id: Text
    code: Text
    redirect_uri: Text
    code_verifier: Verifier


class Refresh(OAuthParameters):
    """An exchange of a refresh token for new tokens."""

    grant_type: Literal["refresh_token"]
    client_id: Text
    refresh_token: Text
    company_id: Text | None = None


class Revocation(OAuthParameters):
    """The end of the family of a refresh token."""

    client_id: Text
    token: Text


class GrantType(OAuthParameters):
    """The kind of a request for tokens."""

    grant_type: Literal["authorization_code", "refresh_token"]


def parse_form[P: OAuthParameters](model: type[P], parameters: dict[str, str]) -> P:
    """Return the parameters of a query or a form. Empty ones are ignored.

    Raises:
        OAuthError: 400, with the first invalid parameter.
    """
    try:
        return model.model_validate({name: value for name, value in parameters.items() if value})
    except ValidationError as error:
        raise error_of(error.errors()[0]) from error


def parse_json[P: OAuthParameters](model: type[P], body: bytes) -> P:
    """Return the parameters of a JSON body.

    Raises:
        OAuthError: 400, with the first invalid parameter.
    """
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise error_of(error.errors()[0]) from error


def error_of(error: ErrorDetails) -> OAuthError:
    """Return the error for an invalid parameter. It never contains the parameter's value."""
    name = ".".join(str(part) for part in error["loc"])
    if not name:
        return OAuthError(400, "The body must be a JSON object", "invalid_request")
    code = "invalid_request" if error["type"] == "missing" else CODES.get(name, "invalid_request")
    return OAuthError(400, f"{name}: {message_of(error)}", code)
