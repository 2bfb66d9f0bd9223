"""Disconnect a Whop account from a deployed stack (`make logout`): revoke its grant at Whop, then empty its secret."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from aichats.whop.connections import DEFAULT_CONNECTION
from local.connections import WhopStack, companies_in, companies_of, grant_of, some_of
from local.deployed import DeployedError, MalformedSecretError
from local.oauth_login.client import LoginError, WhopOAuth
from local.signals import interruptible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aichats.whop.connections import Grant
    from local.connections import Connection

type Json = dict[str, Any]


def main() -> int:
    """Log out. Return the exit code."""
    return interruptible(lambda: run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Log out. Return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        stack = WhopStack.find(options.stack)
        connection = stack.connection(options.connection)
        if not _exists(connection, force=options.force):
            return 0
        log_out(stack, connection, force=options.force)
        print(
            f"Connection {connection.name} of {options.stack} is logged out. Functions stop using it within 5 minutes."
        )
        _report_companies(stack.secret.read(), connection.name)
    except DeployedError as error:
        print(f"logout: {error}", file=sys.stderr)
        return 1
    return 0


def log_out(stack: WhopStack, connection: Connection, *, force: bool) -> None:
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
            _revoke(stack, grant, force=force)
            revoked.add(grant.refresh_token)
        return {}

    connection.secret.change(emptied, malformed={} if force else None)


def _malformed(connection: Connection) -> DeployedError:
    return DeployedError(f"{connection.secret.name} is malformed, so nothing was revoked. To empty it: FORCE=1")


def _revoke(stack: WhopStack, grant: Grant, *, force: bool) -> None:
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
                f"{error}. The connection is unchanged. Type the command again, or add FORCE=1"
            ) from error
        print(f"logout: {error}. To end the grant, remove the app's access in your settings at Whop", file=sys.stderr)


def _exists(connection: Connection, *, force: bool) -> bool:
    """Return whether there is something to log out from. If not, print that.

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
        print(f"Connection {connection.name} is logged out already.")
    return bool(value)


def _report_companies(whop: Json, name: str) -> None:
    """Print which companies have no credential now."""
    if companies := companies_of(whop, name):
        print(f"These companies use connection {name}, and have no credential now: {some_of(companies)}")
    if name == DEFAULT_CONNECTION:
        others = "use the API key" if "api_key" in whop else "have no credential now"
        own = " without an entry of their own" if companies_in(whop) else ""
        print(f"All companies{own} {others}.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make logout", description=__doc__)
    parser.add_argument("--stack", required=True, help="name of the deployed stack, such as aichats-dev (STACK=)")
    parser.add_argument("--connection", default=DEFAULT_CONNECTION, help="name of the connection (CONNECTION=)")
    parser.add_argument("--force", action="store_true", help="empty the secret even if Whop can't revoke it (FORCE=1)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
