"""The renewal of connections: once at a time, once per refresh token, and after each failure."""

import json
from collections.abc import Callable
from contextlib import ExitStack, suppress
from copy import replace
from datetime import timedelta
from typing import Any

import pytest

from aichats.aws.errors import ResponseError
from aichats.aws.secret_versions import SecretVersions
from aichats.aws.table import Table
from aichats.errors import SecretError
from aichats.http.deadline import time_limit
from aichats.whop.connections import fingerprint
from aichats.whop.oauth import OAuthClient
from aichats.whop.renewal import LEAST_PAUSE, PAUSE_AFTER_LOST_ANSWER, RENEW_BEFORE_END, Renewals
from tests.support.fakes import Json, aws_error
from tests.support.ledgers import Clock, make_ledger
from tests.support.oauth_in_memory import OAuthInMemory
from tests.support.output import Output
from tests.support.secret_vault import SecretVault

SECRET = "aichats/dev/whop"
PREFIX = f"{SECRET}/"
AGENCY = f"{PREFIX}agency"
LEASE = timedelta(seconds=65)
MINUTE = timedelta(minutes=1)


class Bench:
    """One connection, ``agency``, whose access token ends in one hour."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.whop = OAuthInMemory(self.clock)
        self.vault = SecretVault({SECRET: {"api_key": "k"}, AGENCY: self.whop.consent("agency")})
        self.table = make_ledger(self.clock).items
        self.renewals = self.process()

    def process(self) -> Renewals:
        """Return the renewals of another process."""
        oauth = OAuthClient("https://whop.invalid/api/v1", self.whop, 20.0)
        return Renewals(self.table, SecretVersions(self.vault), oauth, PREFIX, self.clock)

    def renew(self, rejected: str | None = None) -> str:
        return self.renewals.renew("agency", LEASE, rejected)

    def renew_later(self, minutes: float = 40) -> str:
        """Renew after some time: by default when the access token ends soon."""
        self.clock.forward(minutes=minutes)
        return self.renew()

    @property
    def tokens(self) -> Json:
        tokens: Json = self.vault.value(AGENCY)["oauth"]
        return tokens

    @property
    def row(self) -> Json:
        return self.table.get("connection:agency") or {}

    @property
    def uses(self) -> dict[str, int]:
        """The number of uses of each refresh token."""
        return self.whop.families["agency"].used


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_token_that_ends_soon_is_renewed_and_both_tokens_are_stored_at_once(bench: Bench) -> None:
    assert bench.renew_later() == "renewed"

    assert bench.tokens == {
        "client_id": "app_1",
        "access_token": "oauth_agency_1",
        "refresh_token": "refresh_agency_1",
        "expires_at": int((bench.clock.now + timedelta(hours=1)).timestamp()),
    }
    assert bench.whop.requests == [
        {"grant_type": "refresh_token", "refresh_token": "refresh_agency_0", "client_id": "app_1"}
    ]


def test_a_renewal_keeps_whose_account_it_is(bench: Bench) -> None:
    account = {"id": "user_1", "name": "Jane Doe", "username": "jane"}
    bench.vault.put(AGENCY, bench.vault.value(AGENCY) | {"account": account})

    assert bench.renew_later() == "renewed"
    assert bench.vault.value(AGENCY)["account"] == account
    assert bench.tokens["access_token"] == "oauth_agency_1"


def test_a_malformed_account_does_not_stop_the_renewal(bench: Bench) -> None:
    bench.vault.put(AGENCY, bench.vault.value(AGENCY) | {"account": ["Jane"]})

    assert bench.renew_later() == "renewed"


def test_a_token_with_enough_time_left_is_not_renewed(bench: Bench) -> None:
    bench.clock.now += timedelta(hours=1) - RENEW_BEFORE_END

    assert bench.renew() == "not due"
    assert bench.renew_later(minutes=0.1) == "renewed"


def test_a_grant_for_one_company_repeats_the_company(bench: Bench) -> None:
    bench.vault.put(AGENCY, bench.whop.consent("agency", company_id="biz_A"))

    assert bench.renew_later() == "renewed"
    assert bench.whop.requests[0]["company_id"] == "biz_A"
    assert bench.tokens["company_id"] == "biz_A"


def test_an_access_token_that_whop_rejects_is_renewed_before_its_end(bench: Bench) -> None:
    rejected = fingerprint("oauth_agency_0")

    assert bench.renew(rejected) == "renewed"
    bench.clock.now += LEAST_PAUSE
    assert bench.renew(rejected) == "not due", "the rejected token has been replaced already"


def test_two_renewals_are_fifteen_minutes_apart_so_that_a_secret_has_at_most_96_versions_a_day(bench: Bench) -> None:
    results = []
    for _ in range(24 * 60):
        results.append(bench.renew(fingerprint(bench.tokens["access_token"])))
        bench.clock.now += MINUTE

    assert results.count("renewed") == 96
    assert set(results) == {"renewed", "later"}


def test_all_connections_are_renewed_and_other_secrets_are_not_touched(bench: Bench) -> None:
    bench.vault.put(f"{SECRET}/other", bench.whop.consent("other"))
    bench.vault.put(f"{SECRET}/ended", {})
    bench.vault.put("aichats/dev/whopper/other", bench.whop.consent("whopper"))
    bench.clock.forward(minutes=40)

    assert bench.renewals.handle({"detail-type": "Scheduled Event"}, LEASE) == {"renewed": 2, "logged out": 1}
    assert bench.vault.value(SECRET) == {"api_key": "k"}
    assert len(bench.whop.requests) == 2


def test_if_the_time_is_too_short_for_all_connections_others_come_last_in_the_next_round(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aichats.whop.renewal.MAX_CONCURRENT_RENEWALS", 1)
    for number in range(9):
        bench.vault.put(f"{PREFIX}{number}", bench.whop.consent(str(number)))
    last = set()
    for _ in range(20):
        bench.vault.read.clear()
        bench.renewals.renew_all(LEASE)
        last.add(bench.vault.read[-1])
        bench.clock.forward(minutes=10)

    assert len(last) > 5


def test_without_time_for_a_call_no_connection_is_looked_at(bench: Bench) -> None:
    with time_limit(25.0):
        assert bench.renewals.renew_all(LEASE) == {"later": 1}
    assert (bench.vault.read, bench.row) == ([], {})


def test_an_event_of_another_function_renews_only_its_connection(bench: Bench) -> None:
    bench.vault.put(f"{SECRET}/other", bench.whop.consent("other"))

    event = {"connection": "agency", "rejected": fingerprint("oauth_agency_0")}
    assert bench.renewals.handle(event, LEASE) == {"renewed": 1}
    assert len(bench.whop.requests) == 1


def test_a_secret_that_is_no_json_is_an_error_that_names_the_secret_and_does_not_show_it(bench: Bench) -> None:
    secret = bench.vault.secrets[AGENCY]
    secret.versions[secret.labels["AWSCURRENT"]] = "hidden"

    with pytest.raises(SecretError, match="aichats/dev/whop/agency is not JSON") as caught:
        bench.renew()
    assert "hidden" not in str(caught.value)


def test_one_connection_that_cannot_be_checked_stops_no_other(bench: Bench) -> None:
    bench.vault.put(f"{SECRET}/broken", {"oauth": {"client_id": 5}})
    bench.clock.forward(minutes=40)

    with pytest.raises(SecretError, match="aichats/dev/whop/broken is malformed"):
        bench.renewals.renew_all(LEASE)
    assert bench.tokens["access_token"] == "oauth_agency_1"


# ---- two processes


def test_while_one_process_renews_another_one_does_nothing(bench: Bench) -> None:
    meanwhile: list[str] = []
    bench.whop.meanwhile = lambda: meanwhile.append(bench.process().renew("agency", LEASE))

    assert bench.renew_later() == "renewed"
    assert meanwhile == ["later"]
    assert len(bench.whop.requests) == 1


def test_after_the_lease_of_a_dead_process_another_one_continues(bench: Bench) -> None:
    bench.clock.forward(minutes=40)
    with suppress(KeyboardInterrupt):
        bench.whop.meanwhile = interrupt
        bench.renew()
    bench.whop.meanwhile = lambda: None

    assert bench.renew() == "later", "the lease of the dead process is not over"
    bench.clock.now += LEASE + timedelta(seconds=1)
    assert bench.renew() == "broken", "the answer died with the process, and the refresh token was used"


def test_a_process_that_lost_its_lease_writes_nothing_more(bench: Bench) -> None:
    def take_the_lease() -> None:
        bench.whop.meanwhile = lambda: None
        bench.table.update("connection:agency", {"owner": "another"}, "attribute_exists(#owner)")

    bench.clock.forward(minutes=40)
    bench.whop.meanwhile = take_the_lease

    assert bench.renew() == "later"
    assert bench.row["owner"] == "another"


def test_a_login_in_the_middle_of_a_renewal_wins(bench: Bench) -> None:
    bench.clock.forward(minutes=40)
    new_grant = bench.whop.consent("new")
    bench.whop.meanwhile = lambda: bench.vault.put(AGENCY, new_grant)

    assert bench.renew() == "later"
    assert bench.vault.value(AGENCY) == new_grant


def test_a_logout_in_the_middle_of_a_renewal_wins(bench: Bench) -> None:
    bench.clock.forward(minutes=40)
    bench.whop.meanwhile = lambda: bench.vault.put(AGENCY, {})

    assert bench.renew() == "later"
    assert bench.vault.value(AGENCY) == {}


# ---- lost answers


def test_a_call_that_never_reached_whop_is_made_again_with_the_same_refresh_token(bench: Bench) -> None:
    bench.whop.faults = ["unreachable"] * 4
    assert bench.renew_later() == "failed"
    assert "using" not in bench.row

    assert bench.renew() == "renewed"
    assert bench.uses == {"refresh_agency_0": 1}


@pytest.mark.parametrize("fault", ["cut", "500", "503"])
def test_after_an_answer_that_was_lost_the_refresh_token_is_used_once_more(bench: Bench, fault: str) -> None:
    bench.whop.faults = [fault]
    assert bench.renew_later() == "failed"
    assert bench.renew() == "later", "Whop may still be at work"

    bench.clock.now += PAUSE_AFTER_LOST_ANSWER
    assert bench.renew() == "renewed"


@pytest.mark.parametrize("fault", ["lost", "malformed"])
def test_if_whop_has_replaced_a_refresh_token_whose_answer_was_lost_the_connection_is_broken(
    bench: Bench, fault: str
) -> None:
    bench.whop.faults = [fault]
    assert bench.renew_later() == "failed"
    bench.clock.now += PAUSE_AFTER_LOST_ANSWER

    assert bench.renew() == "broken"
    assert bench.row["reason"].endswith("The answer to an earlier renewal was lost.")
    assert bench.uses == {"refresh_agency_0": 2}


@pytest.mark.parametrize("fault", ["429", "unreachable"])
def test_a_lost_answer_is_still_known_after_another_renewal_failed_without_effect(bench: Bench, fault: str) -> None:
    bench.whop.faults = ["lost"]
    assert bench.renew_later() == "failed"
    bench.whop.faults = [fault] * 4
    assert bench.renew_later(minutes=2) == "failed"
    bench.whop.faults = []

    assert bench.renew_later(minutes=2) == "broken"
    assert bench.row["reason"].endswith("The answer to an earlier renewal was lost.")


@pytest.mark.parametrize("status", ["400", "403", "404", "429"])
def test_a_rejection_that_does_not_concern_the_refresh_token_is_not_final(bench: Bench, status: str) -> None:
    bench.whop.faults = [status] * 4
    assert bench.renew_later() == "failed"
    bench.whop.faults = []

    assert bench.renew() == "renewed"


def test_whop_may_be_down_for_hours_and_no_connection_breaks(bench: Bench) -> None:
    bench.whop.faults = ["503"] * 20
    bench.clock.forward(minutes=40)
    results = []
    while bench.whop.faults:
        results.append(bench.renew())
        bench.clock.forward(minutes=10)

    assert set(results) == {"failed"}
    assert bench.renew() == "renewed"


# ---- broken connections


def test_a_revoked_grant_breaks_the_connection_and_its_refresh_token_is_not_used_again(
    bench: Bench, output: Output
) -> None:
    bench.whop.families["agency"].is_revoked = True
    assert [bench.renew_later() for _ in range(3)] == ["broken"] * 3

    assert bench.uses == {"refresh_agency_0": 1}
    assert output.counted("ConnectionsBroken") == 3, "the alarm stays on"


def test_a_login_repairs_a_broken_connection(bench: Bench) -> None:
    bench.whop.families["agency"].is_revoked = True
    bench.renew_later()
    bench.vault.put(AGENCY, bench.whop.consent("agency"))

    assert bench.renew() == "not due"
    assert bench.renew_later() == "renewed"
    assert not {"broken", "reason", "using"} & bench.row.keys()


def test_renewals_that_fail_raise_the_alarm_before_the_access_token_ends(bench: Bench, output: Output) -> None:
    bench.whop.faults = ["503"] * 2
    bench.renew_later(minutes=40)
    assert output.counted("ConnectionsBroken") == 0

    bench.renew_later(minutes=16)
    assert output.counted("ConnectionsBroken") == 1


def test_a_logout_in_the_middle_is_no_broken_connection(bench: Bench, output: Output) -> None:
    bench.clock.forward(minutes=40)
    bench.whop.families["agency"].is_revoked = True
    bench.whop.meanwhile = lambda: bench.vault.put(AGENCY, {})

    assert bench.renew() == "later"
    assert output.counted("ConnectionsBroken") == 0
    assert bench.renew() == "logged out"


# ---- answers of another form


def test_a_refresh_token_that_whop_does_not_replace_is_used_again(bench: Bench) -> None:
    bench.whop.replaces_tokens = False

    assert [bench.renew_later() for _ in range(3)] == ["renewed"] * 3
    assert bench.uses == {"refresh_agency_0": 3}
    assert bench.tokens["refresh_token"] == "refresh_agency_0"


@pytest.mark.parametrize("expires_in", [None, "soon", 0, -5, 10**9, True])
def test_an_answer_with_an_unknown_lifetime_is_not_lost(bench: Bench, expires_in: object) -> None:
    bench.whop.fields = {"expires_in": expires_in}

    assert bench.renew_later() == "renewed"
    left = bench.tokens["expires_at"] - bench.clock.now.timestamp()
    assert 0 < left <= 3600


def test_a_shorter_lifetime_counts(bench: Bench) -> None:
    bench.whop.fields = {"expires_in": 600}

    assert bench.renew_later() == "renewed"
    assert bench.tokens["expires_at"] == int(bench.clock.now.timestamp()) + 600


# ---- a process that dies


def interrupt() -> None:
    raise KeyboardInterrupt


class Dying:
    """A client that dies, or loses its answer, at one of its calls."""

    def __init__(self, client: object, method: str, *, after: bool) -> None:
        self.client, self.method, self.after = client, method, after

    def __getattr__(self, name: str) -> Callable[..., object]:
        def call(**request: object) -> object:
            if name != self.method:
                return getattr(self.client, name)(**request)
            if self.after:
                getattr(self.client, name)(**request)
            raise KeyboardInterrupt

        return call


@pytest.mark.parametrize(
    ("method", "after", "then"),
    [
        ("put_secret_value", False, "broken"),
        ("put_secret_value", True, "renewed"),
        ("update_secret_version_stage", False, "renewed"),
        ("update_secret_version_stage", True, "not due"),
    ],
)
def test_a_process_that_dies_after_the_answer_loses_the_connection_only_if_nothing_was_stored(
    bench: Bench, method: str, then: str, *, after: bool
) -> None:
    bench.clock.forward(minutes=40)
    dying = Dying(bench.vault, method, after=after)
    with suppress(KeyboardInterrupt):
        Renewals(bench.table, SecretVersions(dying), bench.renewals.oauth, PREFIX, bench.clock).renew("agency", LEASE)

    bench.clock.now += LEASE + timedelta(seconds=1)
    assert bench.renew() == then
    assert bench.uses["refresh_agency_0"] == (2 if then == "broken" else 1)
    if then != "broken":
        assert bench.tokens["refresh_token"] == "refresh_agency_1"
        assert bench.renew_later() == "renewed"


def test_a_process_that_dies_at_the_end_repeats_nothing_even_if_whop_keeps_the_refresh_token(bench: Bench) -> None:
    bench.whop.replaces_tokens = False
    bench.clock.forward(minutes=40)
    dying = Dying(bench.vault, "update_secret_version_stage", after=True)
    with suppress(KeyboardInterrupt):
        Renewals(bench.table, SecretVersions(dying), bench.renewals.oauth, PREFIX, bench.clock).renew("agency", LEASE)

    bench.clock.now += LEASE + timedelta(seconds=1)
    assert bench.renew() == "renewed"
    assert bench.uses == {"refresh_agency_0": 1}
    assert bench.tokens["access_token"] == "oauth_agency_1"
    assert "using" not in bench.row


def test_an_old_version_of_the_secret_is_recognized_and_its_refresh_token_is_not_used(bench: Bench) -> None:
    assert bench.renew_later() == "renewed"
    bench.vault.stale = {AGENCY}

    assert bench.renew_later() == "later"
    bench.vault.stale = set()
    assert bench.renew() == "renewed"
    assert bench.uses == {"refresh_agency_0": 1, "refresh_agency_1": 1}


def test_no_refresh_token_is_used_if_the_answer_could_not_be_stored_in_time(bench: Bench) -> None:
    bench.clock.forward(minutes=40)
    with time_limit(25.0):
        assert bench.renew() == "later"
    assert bench.whop.requests == []


def test_a_slow_write_of_the_note_leaves_no_time_for_the_call_so_that_no_answer_is_lost(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.clock.forward(minutes=40)
    write = Table.update

    def slow(table: Table, key: str, changes: Json, *rest: Any, **options: Any) -> Json:
        if changes.get("using"):
            later.enter_context(time_limit(25.0))
        return write(table, key, changes, *rest, **options)

    monkeypatch.setattr(Table, "update", slow)
    with ExitStack() as later:
        assert bench.renew() == "later"
    assert bench.whop.requests == []
    assert not {"using", "owner"} & bench.row.keys()
    monkeypatch.undo()
    assert bench.process().renew("agency", LEASE) == "renewed"


@pytest.mark.parametrize("is_marked", [True, False], ids=["marked for deletion", "gone"])
def test_a_deleted_secret_counts_as_logged_out(bench: Bench, *, is_marked: bool) -> None:
    """Check a request of another function, which may come after a person deleted the secret."""
    if is_marked:
        bench.vault.deleted = {AGENCY}
    else:
        del bench.vault.secrets[AGENCY]

    assert bench.renew(fingerprint("oauth_agency_0")) == "logged out"
    assert bench.whop.requests == []


def test_a_secret_that_is_deleted_in_the_middle_is_no_broken_connection(bench: Bench, output: Output) -> None:
    bench.clock.forward(minutes=40)
    bench.whop.families["agency"].is_revoked = True
    bench.whop.meanwhile = lambda: bench.vault.deleted.add(AGENCY)

    assert bench.renew() == "later"
    assert output.counted("ConnectionsBroken") == 0


def test_trouble_with_secrets_manager_is_an_error_of_the_function_and_the_note_stays(bench: Bench) -> None:
    bench.clock.forward(minutes=40)

    class Down(SecretVault):
        def put_secret_value(self, **_: object) -> Json:
            raise aws_error("InternalServiceError")

    down = Down()
    down.secrets = bench.vault.secrets
    with pytest.raises(ResponseError, match="InternalServiceError"):
        Renewals(bench.table, SecretVersions(down), bench.renewals.oauth, PREFIX, bench.clock).renew("agency", LEASE)
    assert bench.row["using"] == fingerprint("refresh_agency_0")


def test_an_answer_is_stored_as_soon_as_secrets_manager_works_again(bench: Bench, output: Output) -> None:
    bench.clock.forward(minutes=40)
    failures = [aws_error("InternalServiceError")] * 3
    slept: list[float] = []

    class Flaky(SecretVault):
        def put_secret_value(self, **request: object) -> Json:
            if failures:
                raise failures.pop()
            return super().put_secret_value(**request)

    flaky = Flaky()
    flaky.secrets = bench.vault.secrets
    renewals = replace(bench.renewals, versions=SecretVersions(flaky), sleep=slept.append)
    with time_limit(58.0):
        assert renewals.renew("agency", LEASE) == "renewed"
    assert (bench.tokens["refresh_token"], slept) == ("refresh_agency_1", [1.0] * 3)
    assert [log["message"] for log in output.logs][:3] == ["connection not stored yet"] * 3


def test_neither_the_row_nor_the_log_shows_a_token(bench: Bench, output: Output) -> None:
    bench.whop.faults = ["lost"]
    bench.renew_later()
    bench.renew_later(minutes=2)
    bench.vault.put(AGENCY, bench.whop.consent("agency"))
    bench.renew_later()

    shown = json.dumps(bench.row) + output.text
    assert "connection broken" in shown
    assert "refresh_agency" not in shown
    assert "oauth_agency" not in shown
