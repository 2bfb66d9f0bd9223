"""Disconnect a Whop account from a deployed stack: revoke its grant at Whop, then empty its secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aichats.whop.connections import DEFAULT_CONNECTION
from aichats_cli.admin.connections import WhopStack, companies_in, companies_of, grant_of, some_of
from aichats_cli.admin.deployed import DeployedError, MalformedSecretError
from aichats_cli.admin.oauth_login.client import LoginError, WhopOAuth

if TYPE_CHECKING:
    from aichats.whop.connections import Grant
    from aichats_cli.admin.connections import Connection
    from aichats_cli.admin.deployed import DeployedStack
    from aichats_cli.session import Session

type Json = dict[str, Any]


def disconnect(session: Session, stack: DeployedStack, name: str | None, *, force: bool, yes: bool) -> None:
    """Disconnect the connection ``name``, or the default one. Say which companies have no credential now.

    Raises:
        UsageError: the name is invalid.
        DeployedError: the connection doesn't exist, Whop did not revoke it, or a secret can't be read or written.
        CommandError: you don't confirm it.
    """
    whop = WhopStack.of(stack)
    connection = whop.connection(DEFAULT_CONNECTION if name is None else name)
    if not _exists(session, connection, force=force):
        return
    session.confirm(f"Disconnect the connection {connection.name} of {stack.name}?", yes=yes)
    log_out(session, whop, connection, force=force)
    session.note(
        f"Connection {connection.name} of {stack.name} is logged out. Functions stop using it within 5 minutes."
    )
    _report_companies(session, whop.secret.read(), connection.name)


def log_out(session: Session, stack: WhopStack, connection: Connection, *, force: bool) -> None:
    """Revoke the grant, then empty the secret. If a function renews the grant meanwhile, revoke the new one too.

    Raises:
        DeployedError: Whop did not revoke the grant, and ``force`` is not set; or the secret can't be read or written.
    """
    revoked: set[str] = set()

    def emptied(value: Json) -> Json:
        grant = grant_of(value)
        if value and grant is None and not force:
            raise _malformed(connection)
        if grant is not None and grant.refresh_token not in revoked:
            _revoke(session, stack, grant, force=force)
            revoked.add(grant.refresh_token)
        return {}

    connection.secret.change(emptied, malformed={} if force else None)


def _malformed(connection: Connection) -> DeployedError:
    return DeployedError(f"{connection.secret.name} is malformed, so nothing was revoked", "to empty it, add --force")


def _revoke(session: Session, stack: WhopStack, grant: Grant, *, force: bool) -> None:
    """Revoke a grant at Whop.

    Raises:
        DeployedError: Whop did not revoke it, and ``force`` is not set. Then the secret must stay: without the token,
            the grant could not be revoked later.
    """
    try:
        WhopOAuth(stack.oauth_url, grant.client_id).revoke(grant.refresh_token)
    except LoginError as error:
        if not force:
            raise DeployedError(
                f"{error.message}. The connection is unchanged", "type the command again, or add --force"
            ) from error
        session.note(f"{error.message}. To end the grant, remove the app's access in your settings at Whop.")


def _exists(session: Session, connection: Connection, *, force: bool) -> bool:
    """Return whether there is something to log out from. If not, note that.

    Raises:
        DeployedError: the connection was never made, its secret can't be read, or it is malformed without ``force``.
    """
    try:
        value = connection.read()
    except MalformedSecretError:
        if not force:
            raise _malformed(connection) from None
        return True
    if value is None:
        raise DeployedError(f"connection {connection.name} doesn't exist")
    if not value:
        session.note(f"Connection {connection.name} is logged out already.")
    return bool(value)


def _report_companies(session: Session, whop: Json, name: str) -> None:
    """Note which companies have no credential now."""
    if companies := companies_of(whop, name):
        session.note(f"These companies use connection {name}, and have no credential now: {some_of(companies)}")
    if name == DEFAULT_CONNECTION:
        others = "use the API key" if "api_key" in whop else "have no credential now"
        own = " without an entry of their own" if companies_in(whop) else ""
        session.note(f"All companies{own} {others}.")
