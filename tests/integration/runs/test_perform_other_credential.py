"""aichats looks for a lost chat with the credential of its call, even if the company has got another one meanwhile."""

from copy import replace

import httpx
import pytest

from aichats.aws.secrets import SecretStore
from aichats.errors import SecretUnavailableError
from aichats.frozen import frozen
from aichats.runs.ledger.rows import Row
from aichats.runs.perform import MAX_AGE
from aichats.runs.providers.whop import WhopProvider
from aichats.whop.credentials import Credentials
from aichats.whop.settings import WhopSettings
from tests.support.fakes import FakeSecretsManager, Json, ai_chat, aws_error, ok, page
from tests.support.ledgers import LEASE
from tests.support.providers import FakeWhopProvider, no_renewal, nothing_to_fetch
from tests.support.whop_bench import MARK, WhopBench

SECRET = "aichats/dev/whop"
LOST = httpx.ReadError("connection lost")
GRANT: Json = {
    "oauth": {"client_id": "app_1", "refresh_token": "r", "access_token": "of-a-user", "expires_at": 4102444800}
}


class Bench(WhopBench):
    """A run whose credentials come from secrets."""

    def __init__(self, main: Json) -> None:
        super().__init__()
        self.manager = FakeSecretsManager({SECRET: main})
        self.new_container()

    def new_container(self) -> None:
        """Forget all secrets."""
        settings = WhopSettings(whop_base_url="https://whop.invalid/api/v1", whop_api_version="2026-07-08-1")
        credentials = Credentials(SecretStore(self.manager), SECRET, no_renewal)
        self.use(WhopProvider(settings, credentials, self.whop, self.ledger, nothing_to_fetch))

    def log_in(self) -> None:
        """Connect an account, and use it in a new container."""
        self.manager.values[f"{SECRET}/default"] = GRANT
        self.new_container()

    @property
    def tokens(self) -> list[str]:
        return [request.headers["authorization"].removeprefix("Bearer ") for request in self.whop.requests]


def die(_: httpx.Request) -> httpx.Response:
    raise KeyboardInterrupt


def test_after_a_login_the_chat_of_the_api_key_is_found_and_no_second_one_is_created() -> None:
    bench = Bench({"api_key": "the-key"})
    assert bench.perform(LOST).state == "waiting"
    bench.log_in()

    chat = ai_chat(id="aich_1", title=f"{MARK}Week")
    assert bench.perform_when_due(page(chat), ok(chat)).state == "succeeded"
    assert bench.tokens == ["the-key", "the-key", "of-a-user"]


def test_if_the_chat_does_not_exist_it_is_created_with_the_new_credential() -> None:
    bench = Bench({"api_key": "the-key"})
    bench.perform(LOST)
    bench.log_in()

    assert bench.perform_when_due(page()).state == "waiting"
    assert bench.row.due_at == bench.clock.now
    assert bench.perform(ok(ai_chat(id="aich_1")), ok(ai_chat(id="aich_1"))).state == "succeeded"
    assert bench.tokens == ["the-key", "the-key", "of-a-user", "of-a-user"]


def test_a_process_that_dies_while_it_creates_the_chat_with_the_new_credential_leaves_no_old_one_in_the_row() -> None:
    bench = Bench({"api_key": "the-key"})
    bench.perform(LOST)
    bench.log_in()
    bench.perform_when_due(page())
    with pytest.raises(KeyboardInterrupt):
        bench.perform(die)

    bench.clock.now += LEASE + bench.ledger.settle
    chat = ai_chat(id="aich_1", title=f"{MARK}Week")
    assert bench.perform(page(chat), ok(chat)).state == "succeeded"
    assert bench.tokens == ["the-key", "the-key", *["of-a-user"] * 3]


def test_the_credential_of_a_call_whose_outcome_stays_unknown_after_a_day_is_used_by_a_replay() -> None:
    bench = Bench({"api_key": "the-key"})
    bench.ledger.add([bench.run], lambda _: bench.clock.now)
    bench.clock.now += MAX_AGE
    assert bench.perform(LOST).state == "unknown"
    bench.log_in()

    bench.ledger.steering.replay(bench.run.run_id)
    chat = ai_chat(id="aich_1", title=f"{MARK}Week")
    assert bench.perform_when_due(page(chat), ok(chat)).state == "succeeded"
    assert bench.tokens == ["the-key", "the-key", "of-a-user"]


def test_if_the_old_credential_is_gone_the_run_waits_and_creates_nothing() -> None:
    bench = Bench({"api_key": "the-key"})
    bench.perform(LOST)
    bench.manager.values[SECRET] = {}
    bench.log_in()

    outcome = bench.perform_when_due()
    assert outcome.state == "waiting"
    assert "no longer has the API key for all companies" in str(outcome.error)
    assert bench.row.credential == "default"


def test_a_company_that_gets_its_own_key_meanwhile_is_looked_up_with_the_key_of_all() -> None:
    bench = Bench({"api_key": "the-key"})
    target = bench.run.target
    bench.perform(LOST)
    bench.manager.values[SECRET] = {"api_key": "the-key", "companies": {str(target): "its-own"}}
    bench.new_container()

    chat = ai_chat(id="aich_1", title=f"{MARK}Week")
    bench.perform_when_due(page(chat), ok(chat))
    assert bench.tokens == ["the-key", "the-key", "its-own"]


def test_the_credential_stays_in_the_row_while_the_outcome_is_unknown() -> None:
    bench = Bench({"api_key": "the-key"})
    bench.perform(LOST)
    bench.log_in()

    bench.perform_when_due(httpx.Response(403, json={"error": {"message": "no"}}))
    assert bench.row.credential == "default"
    assert replace(bench.row, credential=None).unsettled


def test_if_the_credential_cannot_be_read_after_a_lost_answer_the_run_waits_and_the_next_one_counts() -> None:
    @frozen
    class Unreadable(FakeWhopProvider):
        def credential(self, _row: Row) -> str:
            raise SecretUnavailableError("aichats/dev/whop", "could not be read", "Try again later.")

    bench = WhopBench()
    fake = bench.provider
    bench.use(
        Unreadable(fake.settings, fake.credentials, fake.transport, fake.ledger, fake.fetch, client_for=fake.client_for)
    )

    assert bench.perform(LOST).state == "waiting"
    assert (bench.row.unsettled, bench.row.credential) == (True, None)


def test_a_rejected_key_whose_secret_cannot_be_read_may_recover() -> None:
    bench = Bench({"api_key": "the-key"})
    bench.manager.values[SECRET] = aws_error("ThrottlingException")
    bench.new_container()

    assert bench.performer.providers["whop"].may_recover(bench.ledger.claim(bench.run, LEASE))
