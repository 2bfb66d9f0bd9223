"""`aichats admin connect` and `disconnect` with Whop's OAuth on a free port, a browser, and moto's Secrets Manager."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import boto3
import pytest
from moto import mock_aws
from mypy_boto3_secretsmanager import SecretsManagerClient

from aichats_cli.admin import connect
from aichats_cli.admin.deployed import DeployedStack
from aichats_cli.admin.oauth_login.callback import Callback, Redirect
from local.ports import free_port
from tests.support.admin import admin
from tests.support.commands import restored_signals
from tests.support.fake_oauth import CLIENT_ID, Browser, FakeOAuth, running_oauth
from tests.support.fakes import FakeClock

STACK = "aichats-dev"
WHOP = "aichats/dev/whop"
OLD_GRANT = {
    "client_id": CLIENT_ID,
    "refresh_token": "canary-old-refresh",
    "access_token": "canary-old-access",
    "expires_at": 1_800_000_000,
}

type Json = dict[str, Any]


class LoginBench:
    """The two commands, and everything around them."""

    def __init__(
        self,
        oauth: FakeOAuth,
        manager: SecretsManagerClient,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self._printed = ""
        self.oauth = oauth
        self.manager = manager
        self.browser = Browser()
        self.browser.origin = oauth.origin
        self.use(oauth.origin)
        self.port = free_port()

    def use(self, origin: str) -> None:
        """Let the stack call Whop at this server. The browser still uses the fake."""
        self.stack = {
            "Outputs": [{"OutputKey": "WhopSecret", "OutputValue": WHOP}],
            "Parameters": [{"ParameterKey": "WhopBaseUrl", "ParameterValue": f"{origin}/api/v1"}],
        }
        self._monkeypatch.setattr(DeployedStack, "describe", lambda deployed: {STACK: self.stack}[deployed.name])

    def login(self, *options: str) -> int:
        """Log in, and return the exit code."""
        arguments = ["--stack", STACK, "--client-id", CLIENT_ID, "--port", str(self.port), *options]
        self._monkeypatch.setattr(connect, "open_browser", self.browser.open)
        try:
            with restored_signals():
                return admin("connect", *arguments)
        finally:
            self.browser.close()

    def logout(self, *options: str) -> int:
        """Log out, and return the exit code."""
        return admin("disconnect", "--stack", STACK, "--yes", *options)

    def without_consent(self) -> FakeClock:
        """Let no redirect arrive. Return a clock that passes while the command waits."""
        clock = FakeClock()

        def wait(_callback: Callback, seconds: float) -> Redirect | None:
            clock.sleep(seconds)
            return None

        self._monkeypatch.setattr(Callback, "wait", wait)
        self._monkeypatch.setattr(connect, "time", clock)
        self._monkeypatch.setattr(self.browser, "open", lambda _url: True)
        return clock

    def store(self, name: str, value: object) -> None:
        """Create a secret, or replace its value."""
        text = json.dumps(value)
        with suppress(self.manager.exceptions.ResourceExistsException):
            self.manager.create_secret(Name=name, SecretString=text)
            return
        self.manager.put_secret_value(SecretId=name, SecretString=text)

    def secret(self, name: str = f"{WHOP}/default") -> Json | None:
        """Return the value of a secret; ``None`` if it doesn't exist."""
        try:
            value: Json = json.loads(
                self.manager.get_secret_value(SecretId=name, VersionStage="AWSCURRENT")["SecretString"]
            )
        except self.manager.exceptions.ResourceNotFoundException:
            return None
        return value

    def deny(self, operation: str) -> None:
        """Let AWS deny an operation of Secrets Manager."""

        def denied(**_request: object) -> None:
            raise self.manager.exceptions.ClientError({"Error": {"Code": "AccessDeniedException"}}, operation)

        create = boto3.client

        def client(service: str) -> object:
            made = create("secretsmanager") if service == "secretsmanager" else pytest.fail(service)
            self._monkeypatch.setattr(made, operation, denied)
            return made

        self._monkeypatch.setattr(boto3, "client", client)

    @property
    def printed(self) -> str:
        """The output of the commands so far."""
        self._printed += "".join(self._capsys.readouterr())
        return self._printed

    @property
    def page(self) -> str:
        """The text that the browser shows."""
        [page] = self.browser.pages
        return page.text


@contextmanager
def login_bench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[LoginBench]:
    """Run the bench for the ``with`` block. At its end, check that neither output nor pages contain a secret."""
    with running_oauth() as oauth, mock_aws():
        manager = boto3.client("secretsmanager")
        manager.create_secret(Name=WHOP, SecretString="{}")
        bench = LoginBench(oauth, manager, monkeypatch, capsys)
        yield bench
        shown = bench.printed + "".join(page.text for page in bench.browser.pages)
        assert [secret for secret in ["canary", *oauth.secrets] if secret in shown] == []
