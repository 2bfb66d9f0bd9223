"""Runs that need a connection: they wait while its access token has ended, and go on once it was renewed."""

from copy import replace
from datetime import timedelta

import httpx
import pytest

from aichats.aws.secrets import SecretStore
from aichats.errors import AuthenticationError
from aichats.runs.model import Run
from aichats.runs.perform import MAX_AGE, ROTATION, Outcome
from aichats.runs.providers.whop import WhopProvider
from aichats.whop.connections import fingerprint
from aichats.whop.credentials import Credentials
from aichats.whop.settings import WhopSettings
from tests.support.fakes import (
    FakeSecretsManager,
    Json,
    ScriptedTransport,
    SecretValue,
    ai_chat,
    aws_error,
    error_response,
    ok,
)
from tests.support.lambda_calls import SECRETS, WHOP_SECRET, HttpCaller, call_api
from tests.support.ledgers import NOON, make_run
from tests.support.providers import nothing_to_fetch
from tests.support.whop_bench import WhopBench

SECRET = "aichats/dev/whop"
AGENCY = f"{SECRET}/agency"
CHAT = ok(ai_chat(id="aich_1"))
REJECTED = error_response(401)
SCHEDULED: Run = replace(make_run(), trigger="schedule")
CREATE = ("POST", "/chats", {"message_text": "hello"})


def tokens(number: int, minutes: float) -> Json:
    """Return the secret of a connection whose access token ends some minutes after noon."""
    end = int((NOON + timedelta(minutes=minutes)).timestamp())
    return {"oauth": _grant(number, end)}


def _grant(number: int, end: int) -> Json:
    return {
        "client_id": "app_1",
        "refresh_token": f"refresh-{number}",
        "access_token": f"token-{number}",
        "expires_at": end,
    }


class Bench(WhopBench):
    """A run whose company has a connection, whose access token ended a minute ago."""

    def __init__(self, run: Run = SCHEDULED) -> None:
        super().__init__(run)
        mapped = {"companies": {"biz_A": {"connection": "agency"}}}
        self.manager = FakeSecretsManager({SECRET: mapped, AGENCY: tokens(1, minutes=-1)})
        self.requested: list[tuple[str, str | None]] = []
        settings = WhopSettings(
            whop_base_url="https://whop.invalid/api/v1", whop_api_version="2026-07-08-1", whop_secret=SECRET
        )
        store = SecretStore(self.manager, self._seconds)
        credentials = Credentials(store, SECRET, lambda *request: self.requested.append(request))
        self.use(WhopProvider(settings, credentials, self.whop, self.ledger, nothing_to_fetch))

    def has(self, secret: SecretValue) -> None:
        """Let the connection have this secret from now on."""
        self.manager.values[AGENCY] = secret

    def has_tokens(self, number: int) -> None:
        """Let the connection have tokens that live for an hour from now on."""
        self.has({"oauth": _grant(number, int((self.clock.now + timedelta(hours=1)).timestamp()))})

    def wait(self, time: timedelta) -> Outcome:
        """Perform the run whenever it is due in this time. Return the last outcome."""
        end = self.clock.now + time
        outcome = self.perform_when_due()
        while outcome.row.due_at is not None and outcome.row.due_at < end:
            outcome = self.perform_when_due()
        return outcome

    def _seconds(self) -> float:
        return self.clock.now.timestamp()

    @property
    def sent(self) -> list[str]:
        """The access token of each call."""
        return [request.headers["authorization"].removeprefix("Bearer ") for request in self.whop.requests]

    @property
    def message(self) -> str:
        """The message of the stored error."""
        assert self.row.error is not None
        return str(self.row.error["message"])


# ---- an access token that has ended


def test_a_run_waits_for_the_renewal_and_its_attempt_does_not_count() -> None:
    bench = Bench()

    assert bench.perform().state == "waiting"
    assert (bench.row.status, bench.row.attempts, bench.row.key_number) == ("pending", 0, 1)
    assert bench.requested == [("agency", None)]
    assert bench.sent == [], "nothing may be sent with an access token that has ended"


def test_the_error_of_a_waiting_run_says_what_happened_and_what_to_type() -> None:
    bench = Bench()
    bench.perform()

    assert f"secret {AGENCY} needs a new access token: the current one ends at 2026-11-20 11:59:00 UTC" in bench.message
    assert "renews it within ten minutes" in bench.message
    assert "type: aichats admin connect --stack <stack> --connection agency --client-id <app_...>" in bench.message
    assert "token-1" not in bench.message


def test_after_the_renewal_the_run_succeeds_with_the_idempotency_key_of_its_first_attempt() -> None:
    bench = Bench()
    bench.perform()
    bench.wait(timedelta(minutes=10))
    bench.has_tokens(2)

    assert bench.perform_when_due(CHAT, CHAT).state == "succeeded"
    assert bench.sent == ["token-2", "token-2"]
    assert bench.keys == [".1"]
    assert bench.row.attempts == 1


def test_a_token_that_ends_between_two_calls_loses_no_chat_and_creates_no_second_one() -> None:
    bench = Bench()
    bench.has(tokens(1, minutes=1))

    def created_late(_: httpx.Request) -> httpx.Response:
        bench.clock.forward(seconds=50)
        return CHAT

    assert bench.perform(created_late).state == "waiting"
    assert bench.row.chat_id == "aich_1"

    bench.has_tokens(2)
    assert bench.perform_when_due(CHAT).state == "succeeded"
    assert [request.method for request in bench.whop.requests] == ["POST", "PATCH"]
    assert bench.sent == ["token-1", "token-2"]


def test_a_secret_that_cannot_be_read_at_the_end_of_its_token_lets_the_run_wait() -> None:
    bench = Bench()
    bench.has(aws_error("InternalServiceError"))
    assert bench.perform().state == "waiting"

    bench.has_tokens(2)
    bench.clock.forward(minutes=1)
    assert bench.perform_when_due(CHAT, CHAT).state == "succeeded"


# ---- an access token that Whop rejects


def test_a_run_whose_token_is_rejected_waits_for_the_renewal_however_long_it_takes() -> None:
    bench = Bench()
    bench.has(tokens(1, minutes=60))
    bench.perform(REJECTED)
    assert bench.requested == [("agency", fingerprint("token-1"))]
    while bench.clock.now < NOON + 2 * ROTATION:
        assert bench.perform_when_due(REJECTED).state == "waiting"
    assert bench.row.attempts == 0

    bench.has_tokens(2)
    bench.clock.forward(seconds=30)
    assert bench.perform_when_due(CHAT, CHAT).state == "succeeded"


# ---- a broken connection


def test_the_run_of_a_broken_connection_fails_after_a_day_and_not_before() -> None:
    bench = Bench()
    bench.perform()

    outcome = bench.wait(MAX_AGE - timedelta(minutes=10))
    assert outcome.state == "waiting"
    assert bench.clock.now > NOON + MAX_AGE - timedelta(minutes=30)

    outcome = bench.wait(timedelta(minutes=30))
    assert outcome.state == "failed"
    assert bench.clock.now >= NOON + MAX_AGE
    assert "aichats admin connect --stack <stack> --connection agency" in bench.message
    assert bench.sent == []


def test_after_a_login_the_run_goes_on() -> None:
    bench = Bench()
    bench.perform()
    assert bench.wait(timedelta(hours=20)).state == "waiting"
    bench.has_tokens(7)

    assert bench.perform_when_due(CHAT, CHAT).state == "succeeded"
    assert bench.sent == ["token-7", "token-7"]
    assert bench.keys == [".1"]


# ---- clients of the HTTP API


@pytest.fixture
def api() -> HttpCaller:
    """The API of a stack whose default connection has an access token that has ended."""
    return call_api(
        ScriptedTransport(), FakeSecretsManager({**SECRETS, f"{WHOP_SECRET}/default": tokens(1, minutes=-1)})
    )


def test_a_client_that_creates_a_chat_gets_202_while_the_run_waits(api: HttpCaller) -> None:
    answer = api(*CREATE)

    assert (answer.status, answer.json["status"]) == (202, "pending")
    assert answer.headers["location"] == f"/runs/{answer.json['run_id']}"


@pytest.mark.parametrize("call", [("GET", "/chats"), ("GET", "/chats/aich_1"), ("DELETE", "/chats/aich_1")])
def test_a_client_that_reads_or_deletes_gets_503_and_retries(api: HttpCaller, call: tuple[str, str]) -> None:
    answer = api(*call)

    assert answer.status == 503
    assert answer.headers["retry-after"] == "5"
    assert "aichats admin connect --stack <stack> --connection default" in answer.json["detail"]


def test_a_look_at_the_chat_of_a_run_whose_token_whop_rejects_asks_for_the_renewal() -> None:
    bench = Bench()
    bench.has_tokens(2)
    bench.perform(CHAT, CHAT)
    bench.whop.script = [REJECTED]
    provider = bench.performer.providers["whop"]
    assert isinstance(provider, WhopProvider)

    with pytest.raises(AuthenticationError):
        provider.chat_of(bench.row)

    assert bench.requested == [("agency", fingerprint("token-2"))]
    assert bench.sent[-1] == "token-2"
