"""Connections of a running system: grants of the user of its mock of Whop, as `aichats admin connect` stores them."""

import json
from copy import replace
from datetime import UTC, datetime, timedelta

import pytest

from aichats.whop.connections import ConnectionSecret, Grant
from local.plain_http import plain_client
from local.system import WHOP, System
from tests.support.mock_servers import Json
from tests.support.whop_oauth import CLIENT_ID, OAuthApp

WITH_EACH_CREDENTIAL = pytest.mark.parametrize("credential", ["API key", "connection"])
"""For the main job: the test runs on a system with an API key, and on one whose mock of Whop lets only users write."""

CONNECTED = {"biz_Ended": "ended", "biz_Broken": "broken"}
"""Companies with a connection of their own."""


def log_in(whop_url: str) -> Grant:
    """Return a new grant of the user of a mock of Whop."""
    with plain_client(base_url=whop_url) as http:
        tokens = OAuthApp(http.request).log_in()
    end = datetime.now(UTC) + timedelta(seconds=tokens["expires_in"])
    return Grant(
        client_id=CLIENT_ID,
        refresh_token=tokens["refresh_token"],
        access_token=tokens["access_token"],
        expires_at=end,
    )


def ended(grant: Grant) -> Grant:
    """Return the grant as it is stored an hour after the last renewal."""
    return replace(grant, expires_at=datetime.now(UTC) - timedelta(minutes=1))


def revoke(whop_url: str, grant: Grant) -> None:
    """Let the user of a mock of Whop remove the app."""
    with plain_client(base_url=whop_url) as http:
        OAuthApp(http.request).revoke(grant.refresh_token).raise_for_status()


def create_connection(system: System, name: str, grant: Grant) -> None:
    """Create the secret of a connection. Functions must not have looked for it before."""
    system.emulator.clients.secrets.create_secret(Name=name_of(system, name), SecretString=secret_text(grant))


def secret_text(grant: Grant) -> str:
    """Return the value of the secret of a connection."""
    return json.dumps(ConnectionSecret(oauth=grant).as_json())


def stored_grant(system: System, name: str) -> Grant:
    """Return the grant in the secret of a connection."""
    text = system.emulator.clients.secrets.get_secret_value(SecretId=name_of(system, name))["SecretString"]
    grant = ConnectionSecret.of(json.loads(text)).oauth
    assert grant
    return grant


def assign(system: System, connections: dict[str, str]) -> None:
    """Let companies use connections. Functions must not have read the main secret before."""
    companies: Json = {company: {"connection": name} for company, name in connections.items()}
    value = {"api_key": WHOP.api_key, "companies": companies}
    system.emulator.clients.secrets.put_secret_value(SecretId=main_secret(system), SecretString=json.dumps(value))


def main_secret(system: System) -> str:
    """Return the name of the main secret of Whop."""
    return system.stack.outputs[WHOP.secret]


def name_of(system: System, connection: str) -> str:
    """Return the name of the secret of a connection."""
    return f"{main_secret(system)}/{connection}"
