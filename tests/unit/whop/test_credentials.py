"""The choice of a credential, the access tokens of connections, and the requests for their renewal."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from aichats.aws.secrets import SecretStore
from aichats.errors import SecretError, SecretUnavailableError
from aichats.http.tokens import current_token
from aichats.runs.providers.whop import WhopProvider
from aichats.whop.connections import CACHED_BEFORE_END_SECONDS, fingerprint
from aichats.whop.credentials import LEAST_LIFETIME, OVERDUE, Credential, Credentials, credential_named
from aichats.whop.renewal_requests import REQUEST_PAUSE_SECONDS, RenewalRequests
from aichats.whop.settings import WhopSettings
from tests.support.fakes import FakeClock, FakeSecretsManager, Json, ScriptedTransport, SecretValue, aws_error
from tests.support.output import Output

SECRET = "aichats/dev/whop"
AGENCY, DEFAULT = f"{SECRET}/agency", f"{SECRET}/default"
LOG_IN = "type: aichats admin connect --stack <stack> --connection agency --client-id <app_...>"
NOW = 1_800_000_000.0


def grant(token: str, lifetime: float = 3600.0) -> Json:
    """Return the secret of a connection whose access token lives for some seconds from the beginning of the test."""
    tokens = {"access_token": token, "refresh_token": f"refresh-of-{token}", "expires_at": int(NOW + lifetime)}
    return {"oauth": {"client_id": "app_1", **tokens}}


class Container:
    """A container of a function that calls Whop, with the renewals that it requested."""

    def __init__(self, secrets: Mapping[str, SecretValue]) -> None:
        self.clock = FakeClock(NOW)
        self.manager = FakeSecretsManager(secrets)
        self.requested: list[Json] = []
        renewals = RenewalRequests(lambda: self, "refresh-tokens", self.clock)
        self.credentials = Credentials(SecretStore(self.manager, self.clock), SECRET, renewals.request)

    def invoke(self, **request: Any) -> None:
        assert (request["FunctionName"], request["InvocationType"]) == ("refresh-tokens", "Event")
        self.requested.append(json.loads(request["Payload"]))

    def token(self, company_id: str | None = None) -> str:
        return current_token(self.credentials.token(self.credentials.of_company(company_id)))


@pytest.fixture
def agency() -> Container:
    """A container whose only company, ``biz_A``, has a connection."""
    return Container({SECRET: {"companies": {"biz_A": {"connection": "agency"}}}, AGENCY: grant("token-1")})


# ---- the order of the choice

ALL: Mapping[str, SecretValue] = {
    SECRET: {"api_key": "key-of-all", "companies": {"biz_A": "own-key", "biz_B": {"connection": "agency"}}},
    AGENCY: grant("of-agency"),
    DEFAULT: grant("of-default"),
}


@pytest.mark.parametrize(
    ("company_id", "token"),
    [("biz_A", "own-key"), ("biz_B", "of-agency"), ("biz_C", "of-default"), (None, "of-default")],
)
def test_a_company_uses_its_own_credential_and_the_others_the_default_connection(
    company_id: str | None, token: str
) -> None:
    assert Container(ALL).token(company_id) == token


@pytest.mark.parametrize(
    "default",
    [{}, aws_error("ResourceNotFoundException"), aws_error("InvalidRequestException")],
    ids=["logged out", "missing", "marked for deletion"],
)
def test_without_a_default_connection_the_key_for_all_companies_is_used(default: SecretValue) -> None:
    container = Container({**ALL, DEFAULT: default})
    assert container.token("biz_C") == "key-of-all"
    assert container.token("biz_A") == "own-key"


def test_a_main_secret_without_a_key_works_with_the_default_connection() -> None:
    assert Container({SECRET: {}, DEFAULT: grant("of-default")}).token("biz_A") == "of-default"


def test_without_any_credential_the_error_shows_both_commands_that_help() -> None:
    with pytest.raises(SecretError) as caught:
        Container({SECRET: {}}).token()

    message = str(caught.value)
    assert message.startswith(f"secret {SECRET} is empty. ")
    assert "aichats admin secret set whop" in message
    assert "aichats admin connect --stack <stack> --connection default" in message


@pytest.mark.parametrize("name", ["connection:agency", "biz_A", "default"])
def test_a_credential_can_be_found_again_by_its_name(name: str) -> None:
    credential = credential_named(name)
    assert credential.name == name
    assert current_token(Container(ALL).credentials.token(credential)) in {"of-agency", "own-key", "key-of-all"}


def test_the_key_for_all_companies_is_not_a_companys_own() -> None:
    assert credential_named("default") == Credential("default")
    assert credential_named("biz_A") == Credential("biz_A", company_id="biz_A")


@pytest.mark.parametrize(
    ("main", "problem"),
    [
        ({"api_key": "with a space"}, "api_key: must have 1 to 4096 characters, without spaces"),
        ({"companies": "hidden"}, "companies: must be an object"),
        ({"companies": {"biz_A": {"connection": "hidden name"}}}, "(companies.biz_A: is invalid)"),
        ({"companies": {"biz_A": {"key": "hidden"}}}, "(companies.biz_A: is invalid)"),
        ({"companies": {"biz_A": None}}, "(companies.biz_A: is invalid)"),
        ({"companies": {"hidden": None}}, "(companies: is invalid)"),
    ],
)
def test_a_malformed_main_secret_is_reported_with_its_fields_and_without_its_values(main: Json, problem: str) -> None:
    with pytest.raises(SecretError, match="is malformed") as caught:
        Container({SECRET: main}).token("biz_A")

    assert problem in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert "with a space" not in str(caught.value)


# ---- a connection without tokens


@pytest.mark.parametrize("secret", [{}, aws_error("ResourceNotFoundException")], ids=["logged out", "missing"])
def test_a_mapped_connection_without_tokens_is_an_error_that_says_what_to_type(secret: SecretValue) -> None:
    container = Container({**ALL, AGENCY: secret})
    with pytest.raises(SecretError) as caught:
        container.token("biz_B")

    assert str(caught.value) == f"secret {AGENCY} has no tokens. To connect a Whop account, {LOG_IN}"
    assert not isinstance(caught.value, SecretUnavailableError)
    assert container.requested == []


def test_a_login_counts_after_at_most_five_minutes() -> None:
    container = Container({**ALL, AGENCY: {}})
    with pytest.raises(SecretError):
        container.token("biz_B")
    container.manager.values[AGENCY] = grant("token-2")
    container.clock.now += 300

    assert container.token("biz_B") == "token-2"


# ---- an access token near its end


def test_an_access_token_is_used_while_the_longest_call_fits_before_its_end(agency: Container) -> None:
    agency.clock.now += 3600 - LEAST_LIFETIME.total_seconds()
    assert agency.token("biz_A") == "token-1"
    assert agency.requested == []


def test_a_token_that_ends_sooner_is_not_used_and_its_renewal_is_requested(agency: Container) -> None:
    agency.clock.now += 3600 - LEAST_LIFETIME.total_seconds() + 1
    with pytest.raises(SecretUnavailableError) as caught:
        agency.token("biz_A")

    assert agency.requested == [{"connection": "agency"}]
    assert str(caught.value) == (
        f"secret {AGENCY} needs a new access token: the current one ends at 2027-01-15 09:00:00 UTC. aichats renews it "
        f"within ten minutes. If it doesn't, log in again. To connect a Whop account, {LOG_IN}"
    )


def test_the_secret_is_read_again_from_two_minutes_before_the_end_of_its_token(agency: Container) -> None:
    fresh_seconds = 3600 - CACHED_BEFORE_END_SECONDS
    agency.clock.now += fresh_seconds - 60
    agency.token("biz_A")
    agency.manager.values[AGENCY] = grant("token-2", lifetime=7200)
    agency.clock.now += 59
    assert agency.token("biz_A") == "token-1"

    agency.clock.now += 1
    assert agency.token("biz_A") == "token-2"


def test_if_the_secret_cannot_be_read_then_the_call_waits_and_no_old_token_is_used(agency: Container) -> None:
    agency.token("biz_A")
    agency.manager.values[AGENCY] = aws_error("InternalServiceError")
    agency.clock.now += 3600 - CACHED_BEFORE_END_SECONDS - 1
    assert agency.token("biz_A") == "token-1"

    agency.clock.now += 6
    with pytest.raises(SecretUnavailableError, match="could not be read"):
        agency.token("biz_A")


def test_a_token_that_ended_long_ago_raises_the_alarm_because_the_renewal_may_not_work(
    agency: Container, output: Output
) -> None:
    agency.clock.now += 3600 + OVERDUE.total_seconds()
    with pytest.raises(SecretUnavailableError):
        agency.token("biz_A")
    assert output.counted("ConnectionsBroken") == 0

    agency.clock.now += 1
    with pytest.raises(SecretUnavailableError):
        agency.token("biz_A")
    assert output.counted("ConnectionsBroken") == 1


# ---- requests for a renewal


def test_a_container_requests_a_renewal_at_most_once_a_minute_and_connection(agency: Container) -> None:
    agency.manager.values[SECRET] = {"companies": {"biz_A": {"connection": "agency"}, "biz_B": {"connection": "other"}}}
    agency.manager.values[f"{SECRET}/other"] = grant("of-other")
    agency.clock.now += 3600
    for seconds in (0, 1, REQUEST_PAUSE_SECONDS - 2):
        agency.clock.now += seconds
        for company_id in ("biz_A", "biz_B"):
            with pytest.raises(SecretUnavailableError):
                agency.token(company_id)
    assert agency.requested == [{"connection": "agency"}, {"connection": "other"}]

    agency.clock.now += 1
    with pytest.raises(SecretUnavailableError):
        agency.token("biz_A")
    assert agency.requested[2:] == [{"connection": "agency"}]


def test_a_rejected_token_is_renewed_before_its_end(agency: Container) -> None:
    assert agency.token("biz_A") == "token-1"
    assert agency.credentials.may_recover(agency.credentials.of_company("biz_A"))
    assert agency.requested == [{"connection": "agency", "rejected": fingerprint("token-1")}]


def test_after_a_rejection_the_newer_token_is_used_if_there_is_one(agency: Container) -> None:
    token = agency.credentials.token(agency.credentials.of_company("biz_A"))
    assert current_token(token) == "token-1"
    assert current_token(token, rejected="token-1") == "token-1", "there is no newer one"

    agency.manager.values[AGENCY] = grant("token-2")
    agency.clock.now += 30
    assert current_token(token, rejected="token-1") == "token-2"
    assert agency.requested == []


def test_a_connection_that_was_logged_out_may_recover_but_is_not_renewed(agency: Container) -> None:
    agency.manager.values[AGENCY] = {}
    assert agency.credentials.may_recover(credential_named("connection:agency"))
    assert agency.requested == []


# ---- a change of the mapping


def test_a_company_that_is_mapped_to_a_connection_uses_it_although_a_client_is_cached() -> None:
    container = Container({**ALL})
    settings = WhopSettings(whop_base_url="https://whop.invalid/api/v1", whop_api_version="2026-07-08-1")
    nothing: Any = None
    provider = WhopProvider(settings, container.credentials, ScriptedTransport(), nothing, nothing)
    before = provider.client("biz_A")
    container.manager.values[SECRET] = {"companies": {"biz_A": {"connection": "agency"}}}
    container.clock.now += 300

    assert provider.client("biz_A") is not before
    assert provider.client("biz_A") is provider.client_with(credential_named("connection:agency"))
    assert container.token("biz_A") == "of-agency"


def test_a_call_in_progress_gets_no_other_companys_key_if_its_own_was_removed() -> None:
    container = Container({**ALL})
    token = container.credentials.token(container.credentials.of_company("biz_A"))
    container.manager.values[SECRET] = {"api_key": "key-of-all"}
    container.clock.now += 300

    with pytest.raises(SecretError, match="no longer has the API key of biz_A"):
        current_token(token)
