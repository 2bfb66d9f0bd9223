"""The reprs of objects with secrets don't show them, because a repr may appear in a log or in an error."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from aichats.api.callers import Caller
from aichats.api.operation import ApiCall
from aichats.aws.secret_versions import SecretVersion
from aichats.aws.secrets import SecretStore
from aichats.bootstrap import Application
from aichats.http import Headers
from aichats.http.answers import ProviderAnswer
from aichats.http.masking import Mask
from aichats.http.transport import DeadlineTransport
from aichats.http.uploads import UploadTarget
from aichats.kodey.client import KodeyClient
from aichats.kodey.credentials import KODEY_SECRET, KodeySecret
from aichats.whop.client import WhopClient
from aichats.whop.connection_states import ConnectionStatus
from aichats.whop.connections import CONNECTION, ConnectionSecret, DescribedConnection, Grant, WhopAccount
from aichats.whop.credentials import WHOP_SECRET, Credentials, WebhookSecret, WhopSecret
from aichats.whop.files import WhopFile
from aichats.whop.oauth import OAuthClient, Tokens
from aichats.whop.renewal import _Claim
from aichats.whop.webhook_registration import Webhook
from aichats_cli.admin.connect import Connected
from aichats_cli.admin.connections import Connection
from aichats_cli.admin.deployed import StackSecret
from aichats_cli.admin.oauth_login.callback import Redirect
from aichats_cli.admin.oauth_login.client import Issued, WhopOAuth
from tests.support.fakes import FakeClock, FakeSecretsManager
from tests.support.http_calls import client

SECRET = "canary-of-a-secret"
TOKENS = {"access_token": SECRET, "refresh_token": SECRET}
GRANT = Grant(client_id="app_1", expires_at=datetime(2027, 1, 1, tzinfo=UTC), **TOKENS)
SECRETS: dict[str, Any] = {
    "whop": {"api_key": SECRET, "companies": {"biz_A": SECRET}},
    "kodey": {"api_key": SECRET},
    "whop/default": {"oauth": {"client_id": "app_1", "expires_at": 1_800_000_000, **TOKENS}},
}


def full_store() -> SecretStore:
    """Return a store that has read all secrets."""
    store = SecretStore(FakeSecretsManager(SECRETS))
    store.read("whop", WHOP_SECRET)
    store.read("kodey", KODEY_SECRET)
    store.read("whop/default", CONNECTION)
    return store


def claim() -> _Claim:
    """Return a claim on a connection."""
    return _Claim("default", "owner", {}, SecretVersion("1", SECRET), GRANT)


def call() -> ApiCall[None, None]:
    """Return a call of the HTTP API."""
    headers = {"authorization": f"Bearer {SECRET}"}
    app = cast("Application", None)
    caller = Caller("crm", frozenset())
    return ApiCall(
        app=app,
        caller=caller,
        path={},
        body=None,
        query=None,
        idempotency_key=None,
        headers=headers,
        domain="api.invalid",
        lease=timedelta(0),
        open_operations=list,
    )


OBJECTS: list[object] = [
    GRANT,
    ConnectionSecret(oauth=GRANT),
    DescribedConnection(oauth=GRANT),
    ConnectionStatus("connected", DescribedConnection(oauth=GRANT), {}),
    Tokens(**TOKENS),
    WhopSecret.of(SECRETS["whop"]),
    KodeySecret(api_key=SECRET),
    WebhookSecret(secrets=[SECRET]),
    Webhook(id="hook_1", url="https://example.com", enabled=True, events=[], webhook_secret=SECRET),
    WhopFile(id="file_1", upload_status="pending", upload_url=SECRET, upload_headers={"X-Amz": SECRET}),
    UploadTarget("whop", "file_1", SECRET, {"X-Amz": SECRET}),
    SecretVersion("1", SECRET),
    claim(),
    Credentials(full_store(), "whop", lambda *_: None),
    full_store(),
    next(iter(full_store()._entries.values())),
    Mask((SECRET,), {"title": SECRET}),
    ProviderAnswer(200, Headers({"set-cookie": SECRET}), SECRET.encode(), "whop", Mask((SECRET,))),
    client(FakeClock(), token=SECRET),
    WhopClient(SECRET),
    KodeyClient(SECRET),
    OAuthClient("https://api.whop.com/api/v1", DeadlineTransport(), 10),
    call(),
    WhopOAuth("https://api.whop.com/oauth", "app_1"),
    Issued(GRANT, frozenset()),
    Redirect(f"/callback?code={SECRET}"),
    Connected(
        Connection("default", StackSecret("whop/default")),
        WhopAccount(id="user_1", name="Jane"),
        Issued(GRANT, frozenset()),
    ),
]


@pytest.mark.parametrize("item", OBJECTS, ids=lambda item: type(item).__name__)
def test_no_repr_shows_a_secret(item: object) -> None:
    assert SECRET not in repr(item) + str(item)


def test_the_code_verifier_is_not_in_the_repr_of_a_request_for_consent() -> None:
    consent = WhopOAuth("https://api.whop.com/oauth", "app_1").ask("http://localhost:8913/callback")
    assert consent.verifier not in repr(consent)
    assert consent.verifier not in consent.url


def test_the_repr_of_an_application_does_not_show_the_environment() -> None:
    names = {field.name for field in fields(Application) if field.repr}
    assert "environment" not in names
