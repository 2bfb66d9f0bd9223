"""The tokens of providers: read from the secret for each call, and read again once one is rejected."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from aichats.aws.secrets import REFRESH_AFTER_SECONDS, SecretStore
from aichats.errors import SecretError
from aichats.http.tokens import Token
from aichats.kodey.settings import KodeySettings
from aichats.runs.providers.kodey import KodeyProvider
from aichats.runs.providers.whop import WhopProvider
from aichats.whop.credentials import Credentials
from aichats.whop.settings import WhopSettings
from tests.support.fakes import FakeClock, FakeSecretsManager, ScriptedTransport
from tests.support.providers import kodey_token, no_renewal, whop_token
from tests.support.waiting import PATIENCE

NAME = "aichats/dev/provider"


def of_whop(store: SecretStore) -> Token:
    return whop_token(store, NAME, None)


def of_kodey(store: SecretStore) -> Token:
    return kodey_token(store, NAME)


class Vault:
    """A secret with a key that may change, and the number of times that it was read."""

    def __init__(self, token: Callable[[SecretStore], Token]) -> None:
        self.clock = FakeClock()
        self.manager = FakeSecretsManager({NAME: {"api_key": "old"}})
        made = token(SecretStore(self.manager, self.clock))
        assert callable(made)
        self.token = made

    def rotate(self) -> None:
        self.manager.values[NAME] = {"api_key": "new"}


@pytest.fixture(params=[of_whop, of_kodey])
def vault(request: pytest.FixtureRequest) -> Vault:
    return Vault(request.param)


def test_a_token_is_kept_for_a_while_and_then_read_again(vault: Vault) -> None:
    assert vault.token(None) == "old"
    vault.rotate()
    vault.clock.now += REFRESH_AFTER_SECONDS - 1
    assert vault.token(None) == "old"
    vault.clock.now += 1
    assert vault.token(None) == "new"


def test_a_rejected_token_is_read_again_at_once(vault: Vault) -> None:
    assert vault.token(None) == "old"
    vault.rotate()
    assert vault.token("old") == "new"
    assert vault.token(None) == "new"


def test_a_thread_whose_token_is_rejected_takes_the_newer_one_that_another_has_read(vault: Vault) -> None:
    vault.token(None)
    vault.rotate()
    tokens = [vault.token("old") for _ in range(2)]
    read = len(vault.manager.reads)
    assert [*tokens, vault.token("old")] == ["new"] * 3
    assert len(vault.manager.reads) == read


def test_many_threads_whose_token_is_rejected_at_once_read_once(vault: Vault) -> None:
    threads = 20
    vault.token(None)
    vault.rotate()
    before, meeting = len(vault.manager.reads), threading.Barrier(threads, timeout=PATIENCE)

    def renew() -> str:
        meeting.wait()
        return vault.token("old")

    with ThreadPoolExecutor(threads) as pool:
        renewed = {job.result() for job in [pool.submit(renew) for _ in range(threads)]}
    assert renewed == {"new"}
    assert len(vault.manager.reads) == before + 1


def test_a_function_that_is_given_no_secret_cannot_call_a_provider() -> None:
    store, transport = SecretStore(FakeSecretsManager({})), ScriptedTransport()
    nothing: Any = None
    whop = WhopSettings(whop_base_url="https://whop.invalid", whop_api_version="2026-07-08-1")
    kodey = KodeyProvider(KodeySettings(kodey_base_url="https://kodey.invalid"), store, transport)

    with pytest.raises(SecretError, match="is not for this function"):
        WhopProvider(whop, Credentials(store, None, no_renewal), transport, nothing, nothing).client()
    with pytest.raises(SecretError, match="is not for this function"):
        kodey.client.list_chats()
    assert kodey.calls_per_minute() == 100
