"""Whop's credentials: API keys and connections, and the secrets that contain them."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from aichats.aws.observability import count_now
from aichats.aws.secret_values import parse_secret, read_key, remedy
from aichats.aws.secrets import SecretKind, SecretStore
from aichats.errors import SecretError, SecretUnavailableError
from aichats.frozen import frozen
from aichats.http.tokens import Token
from aichats.records import Field, Record, instance_of, nullable, read_each
from aichats.settings import MAX_CALL_SECONDS
from aichats.whop.connections import (
    CONNECTION,
    DEFAULT_CONNECTION,
    DESCRIBED_CONNECTION,
    DescribedConnection,
    Grant,
    fingerprint,
    read_connection_name,
)

LEAST_LIFETIME = timedelta(seconds=MAX_CALL_SECONDS + 5)
"""The shortest remaining lifetime of an access token for a call: the longest call, and the difference of two clocks."""
ALL_COMPANIES = "default"
"""The name of the credential that is the API key for all companies."""
OVERDUE = timedelta(minutes=10)
"""The time after the end of an access token at which a run that needs the connection raises the alarm."""


class ConnectionOfCompany(Record):
    """The choice of a connection for a company."""

    connection = Field(read_connection_name)


def _own_credential(value: object) -> str | ConnectionOfCompany:
    try:
        return read_key(value) if isinstance(value, str) else ConnectionOfCompany.of(value)
    except ValueError:
        # Which of the two it should have been is unknown.
        raise ValueError("is invalid") from None


def _companies(value: object) -> dict[str, str | ConnectionOfCompany]:
    return read_each(_own_credential, instance_of(dict, value, "must be an object").items())


MAX_WEBHOOK_SECRETS = 5


def _webhook_secrets(value: object) -> list[str]:
    secrets = instance_of(list, value, "must be a list")
    if not secrets:
        raise ValueError("must not be empty")
    if len(secrets) > MAX_WEBHOOK_SECRETS:
        raise ValueError("has too many elements")
    return list(read_each(read_key, enumerate(secrets)).values())


class WhopSecret(Record):
    """Whop's API key for all companies, and the credentials of companies that have their own."""

    api_key = Field(nullable(read_key), None, hidden=True)
    companies: Field[dict[str, str | ConnectionOfCompany]] = Field(_companies, {}, hidden=True)


class WebhookSecret(Record):
    """The secrets with which Whop signs webhooks: one, or two during a rotation."""

    secrets = Field(_webhook_secrets, hidden=True)


WHOP_SECRET = SecretKind(partial(parse_secret, WhopSecret, or_empty=True))
WEBHOOK_SECRET = SecretKind(partial(parse_secret, WebhookSecret))


@frozen
class Credential:
    """One credential of a stack.

    Attributes:
        name: the name of the credential, which stays the same when its tokens change.
        company_id: the company whose API key this is; ``None`` for a connection and for the key of all companies.
        connection: the connection; ``None`` for an API key.
    """

    name: str
    company_id: str | None = None
    connection: str | None = None


@frozen
class Credentials:
    """The credentials of a stack. Safe to share between threads.

    A company uses the credential that the main secret names for it. The others use the connection ``default`` if that
    exists, otherwise the API key for all companies.

    Args:
        secret: the name of the main secret; ``None`` in functions that don't call Whop.
        renew: asks for the renewal of a connection. The second argument is the fingerprint of an access token that Whop
            rejected before its end, or ``None``.
    """

    secrets: SecretStore
    secret: str | None
    renew: Callable[[str, str | None], None]

    def of_company(self, company_id: str | None) -> Credential:
        """Return the credential of a company.

        Raises:
            SecretError: there is none, or the secret can't be read.
        """
        main = self.secrets.read(self.secret, WHOP_SECRET)
        match main.companies.get(company_id or ""):
            case str():
                return Credential(f"{company_id}", company_id=company_id)
            case ConnectionOfCompany(connection=connection):
                return _of_connection(connection)
        if self._grant(DEFAULT_CONNECTION) is not None:
            return _of_connection(DEFAULT_CONNECTION)
        if main.api_key is None:
            name = str(self.secret)
            raise SecretError(name, "is empty", f"{remedy(name)}. {remedy(f'{name}/{DEFAULT_CONNECTION}')}")
        return Credential(ALL_COMPANIES)

    def api_keys(self) -> Iterator[Credential]:
        """Yield the API key for all companies, then the keys of companies.

        Raises:
            SecretError: the secret can't be read.
        """
        main = self.secrets.read(self.secret, WHOP_SECRET)
        if main.api_key is not None:
            yield Credential(ALL_COMPANIES)
        for company_id, credential in sorted(main.companies.items()):
            if isinstance(credential, str):
                yield Credential(company_id, company_id=company_id)

    def connections(self) -> dict[str, list[str]]:
        """Return the connections that are in use: ``default``, and those of companies, each with these companies.

        Raises:
            SecretError: the secret can't be read.
        """
        found: dict[str, list[str]] = {DEFAULT_CONNECTION: []}
        for company_id, credential in sorted(self.secrets.read(self.secret, WHOP_SECRET).companies.items()):
            if isinstance(credential, ConnectionOfCompany):
                found.setdefault(credential.connection, []).append(company_id)
        return found

    def describe(self, connection: str, *, again: bool = False) -> DescribedConnection:
        """Return the content of a connection's secret, which has no tokens if the connection is logged out.

        Args:
            connection: the connection's name.
            again: whether to read the secret again, at most every 30 seconds, because the user may have logged in.

        Raises:
            SecretError: the secret can't be read, or is malformed.
        """
        read = self.secrets.read_again if again else self.secrets.read
        return read(self._secret_of(connection), DESCRIBED_CONNECTION)

    def token(self, credential: Credential) -> Token:
        """Return a function that returns the credential's current token.

        The function raises SecretUnavailableError if the access token of a connection has expired, after it has asked
        for the renewal.
        """
        if credential.connection is not None:
            return partial(self._access_token, credential.connection)
        return self.secrets.token(self.secret, WHOP_SECRET, partial(self._api_key, credential.company_id))

    def may_recover(self, credential: Credential) -> bool:
        """Return whether Whop may accept a credential later that it has just rejected as invalid (401).

        An API key may be in rotation. A connection is renewed: this method asks for that.
        """
        if credential.connection is None:
            return self.secrets.in_rotation(self.secret, WHOP_SECRET)
        grant = self._grant(credential.connection)
        if grant is not None:
            self.renew(credential.connection, fingerprint(grant.access_token))
        return True

    def _api_key(self, company_id: str | None, main: WhopSecret) -> str:
        key = main.companies.get(company_id) if company_id else main.api_key
        if isinstance(key, str):
            return key
        owner = f"of {company_id}" if company_id else "for all companies"
        raise SecretError(str(self.secret), f"no longer has the API key {owner}", remedy(str(self.secret)))

    def _access_token(self, connection: str, rejected: str | None) -> str:
        """Return the access token of a connection. After a rejection, return a newer one if there is one.

        Raises:
            SecretUnavailableError: the token has expired. The renewal was requested.
            SecretError: the connection doesn't exist, or is logged out.
        """
        name, grant = self._secret_of(connection), self._grant(connection)
        if grant is not None and grant.access_token == rejected:
            grant = self.secrets.read_again(name, CONNECTION)
        if grant is None:
            raise SecretError(name, "has no tokens", remedy(name))
        now = datetime.fromtimestamp(self.secrets.clock(), UTC)
        if grant.expires_at - now < LEAST_LIFETIME:
            self.renew(connection, None)
            if now - grant.expires_at > OVERDUE:
                # The renewal itself may be what doesn't work.
                count_now("ConnectionsBroken")
            problem = f"needs a new access token: the current one ends at {grant.expires_at:%Y-%m-%d %H:%M:%S} UTC"
            advice = f"aichats renews it within ten minutes. If it doesn't, log in again. {remedy(name)}"
            raise SecretUnavailableError(name, problem, advice)
        return grant.access_token

    def _grant(self, connection: str) -> Grant | None:
        return self.secrets.read(self._secret_of(connection), CONNECTION)

    def _secret_of(self, connection: str) -> str:
        return f"{self.secret}/{connection}"


def credential_named(name: str) -> Credential:
    """Return the credential with this name. A run that used it may need it although the company has another one now."""
    prefix, _, connection = name.rpartition(":")
    if prefix:
        return _of_connection(connection)
    return Credential(name, company_id=None if name == ALL_COMPANIES else name)


def _of_connection(connection: str) -> Credential:
    return Credential(f"connection:{connection}", connection=connection)
