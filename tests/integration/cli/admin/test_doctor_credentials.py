"""The checks of `aichats admin doctor` of secrets: keys, API clients and connections."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aichats.http.transport import DeadlineTransport
from aichats.whop.client import WhopClient
from aichats.whop.connections import fingerprint
from aichats_cli.admin.doctor.connections import check_connections, check_credentials
from aichats_cli.admin.doctor.credentials import (
    check_callers,
    check_kodey_key,
    check_signing_key,
    check_webhook_secret,
    check_whop_keys,
)
from aichats_cli.admin.doctor.runner import run_checks
from aichats_cli.admin.doctor.webhook import check_webhook
from tests.support.automations import listening, scheduled
from tests.support.doctor_bench import EVENTS, STACK, WHOP, DoctorBench
from tests.support.mock_servers import AI_CHATS, MockServer, running_whop

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def bench() -> DoctorBench:
    return DoctorBench()


@pytest.fixture
def whop_server(bench: DoctorBench) -> Iterator[MockServer]:
    """The mock of Whop, which the stack calls."""
    with running_whop() as mock:
        bench.parameters["WhopBaseUrl"] = mock.base_url
        yield mock


# ---- credentials


def test_without_any_credential_the_command_to_connect_an_account_is_shown(bench: DoctorBench) -> None:
    bench.secrets.put(WHOP, {})
    login = f"aichats admin connect --connection default --client-id app_... --stack {STACK}"
    assert bench.lines(check_credentials) == [f"FAIL: none, so all runs for Whop fail -> {login}"]
    bench.secrets.put(WHOP, {"companies": {"biz_A": "key"}})
    assert bench.lines(check_credentials) == [
        f"warn: only the companies in {WHOP} have one, so runs for others and for no company fail -> {login}"
    ]


def test_companies_that_use_a_missing_or_empty_connection_are_named(bench: DoctorBench) -> None:
    companies: dict[str, Any] = {f"biz_{number}": {"connection": "gone"} for number in range(5)}
    bench.secrets.put(WHOP, {"api_key": "key", "companies": companies | {"biz_E": {"connection": "empty"}}})
    bench.secrets.put(f"{WHOP}/empty", {"oauth": None})
    empty, gone, rest = bench.lines(check_credentials)
    login = "aichats admin connect --connection empty"
    assert empty.startswith(f"FAIL: biz_E uses the connection empty, which is logged out -> {login}")
    assert gone.startswith("FAIL: biz_0, biz_1, biz_2 and 2 more use the connection gone, which doesn't exist -> ")
    assert rest == "ok: companies without a credential of their own use the API key"


def test_a_malformed_default_connection_is_no_reason_to_use_the_api_key(bench: DoctorBench) -> None:
    bench.secrets.put(f"{WHOP}/default", {"oauth": {"client_id": "app_1"}})
    [malformed] = bench.lines(check_credentials)
    start = "FAIL: companies without a credential of their own use the connection default, which is malformed ("
    assert malformed.startswith(start)
    assert malformed.endswith(f" -> aichats admin connect --connection default --client-id app_... --stack {STACK}")


def test_a_key_that_creates_no_chats_is_fine_if_the_default_connection_creates_them(
    bench: DoctorBench, whop_server: MockServer
) -> None:
    whop_server.mode(api_keys="forbidden")
    unusable: list[dict[str, Any]] = [{}, {"oauth": None}, {"oauth": {}}]
    for value in unusable:
        bench.secrets.put(f"{WHOP}/default", value)
        [line] = bench.lines(check_whop_keys)
        assert line.startswith("warn: the API key is accepted, but it looks unable to create and change chats (403)")

    bench.connect("default")
    assert bench.lines(check_whop_keys) == [
        "ok: the API key is accepted; the connection default creates chats in its place"
    ]


def test_the_default_connection_comes_before_the_api_key(bench: DoctorBench) -> None:
    bench.connect("default")
    assert bench.lines(check_credentials) == [
        "ok: companies without a credential of their own use the connection default"
    ]


@pytest.mark.usefixtures("one_attempt")
def test_keys_that_whop_rejects_or_does_not_answer_about_are_named(bench: DoctorBench, whop_server: MockServer) -> None:
    bench.secrets.put(WHOP, {"api_key": "apik_1", "companies": {f"biz_{number:02}": "apik_1" for number in range(25)}})
    whop_server.faults({"method": "GET", "path": AI_CHATS, "fault": "status:401"})
    lines = bench.lines(check_whop_keys)
    rejected = "FAIL: the API key is rejected: 401 unauthorized: Invalid or missing API key"
    assert lines[0] == f"{rejected} -> aichats admin secret set whop --stack {STACK}"
    assert lines[1].endswith(f"-> aichats admin secret set whop --company biz_00 --stack {STACK}")
    assert (len(lines), lines[-1]) == (22, "warn: 5 more keys of companies were not tried")
    whop_server.faults({"method": "GET", "path": AI_CHATS, "fault": "status:503"})
    assert bench.lines(check_whop_keys)[0].startswith(
        "warn: the API key can't be checked: whop: 503 internal_server_error"
    )


def test_kodeys_empty_secret_fails_only_if_automations_call_kodey(bench: DoctorBench) -> None:
    bench.secrets.put("aichats/dev/kodey", {})
    assert bench.lines(check_kodey_key) == ["ok: not set up. You need a key only for Kodey"]
    action = {"type": "kodey.create_chat", "message_text": "Hi"}
    bench.put("weekly", {**scheduled("cron(0 9 ? * MON *)"), "action": action, "targets": ["agent_1"]})
    [line] = bench.lines(check_kodey_key)
    command = f"aichats admin secret set kodey --stack {STACK}"
    assert line == f"FAIL: aichats/dev/kodey is empty, and automations call Kodey -> {command}"


def test_a_webhook_that_does_not_send_what_automations_listen_for_says_how_to_repair_it(
    bench: DoctorBench, whop_server: MockServer
) -> None:
    url = bench.outputs["WebhookUrl"]
    assert bench.lines(check_webhook) == ["ok: not needed: no automation listens for webhooks"]
    bench.put("listens", listening("payment.failed"))
    repair = f"aichats admin webhook --stack {STACK}"
    assert bench.lines(check_webhook) == [f"FAIL: Whop has no webhook for {url} -> {repair}"]
    register(whop_server, url, "payment.succeeded")
    assert bench.lines(check_webhook) == [f"FAIL: Whop does not send payment.failed -> {repair}"]
    register(whop_server, url, "payment.failed")
    assert bench.lines(check_webhook) == ["ok: Whop sends payment.failed"]


def register(whop_server: MockServer, url: str, event: str) -> None:
    """Register a webhook of the company of the API key."""
    with DeadlineTransport() as transport:
        client = WhopClient("key", whop_server.base_url, transport=transport).webhooks
        client.update(client.create(url, [event]).id, events=[event], enabled=True)


@pytest.mark.usefixtures("whop_server")
def test_without_an_api_key_the_webhook_cannot_be_checked(bench: DoctorBench) -> None:
    bench.secrets.put(WHOP, {})
    bench.put("listens", listening("payment.failed"))
    [(_, [finding])] = run_checks({"webhook": check_webhook}, bench.stack)
    assert finding.status == "warn"
    assert finding.text.startswith("can't be checked: Whop lets only API keys manage webhooks")


def test_an_empty_webhook_secret_is_fine_as_long_as_no_automation_listens(bench: DoctorBench) -> None:
    bench.secrets.put("aichats/dev/webhook", {})
    assert bench.lines(check_webhook_secret) == ["ok: empty, and no automation listens for webhooks"]
    bench.secrets.put("aichats/dev/webhook", {"secrets": ["ws_1", "ws_2"]})
    assert bench.lines(check_webhook_secret) == ["ok: 2 secrets for signatures"]


def test_api_clients_with_malformed_or_expired_tokens_are_named(bench: DoctorBench) -> None:
    now = datetime.now(UTC)
    valid: dict[str, Any] = {"sha256": "a" * 64, "scopes": ["chats:read"]}
    callers = {
        "good": valid,
        "odd": {"sha256": "short"},
        "old": valid | {"expires_at": (now - DAY).isoformat()},
        "soon": valid | {"expires_at": (now + DAY).isoformat()},
        "later": valid | {"expires_at": (now + 30 * DAY).isoformat()},
    }
    bench.secrets.put("aichats/dev/callers", callers)
    odd, old, soon, count = bench.lines(check_callers)
    assert odd.startswith("FAIL: the entry odd is malformed, so its token is rejected")
    assert old.startswith(f"FAIL: the token of old expired at {now - DAY:%Y-%m-%d}")
    assert old.endswith(f" -> aichats admin callers rotate old --stack {STACK}")
    assert soon.startswith(f"warn: the token of soon expires at {now + DAY:%Y-%m-%d}")
    assert count == "ok: 3 with a valid token"


@pytest.mark.parametrize(
    ("value", "problem"),
    [(None, "doesn't exist"), ({"api_key": "two words"}, "is malformed"), ([], "is not a JSON object")],
)
def test_a_secret_that_functions_cannot_use_fails_without_its_content(
    bench: DoctorBench, value: Any, problem: str
) -> None:
    if value is None:
        del bench.secrets.secrets[WHOP]
    else:
        bench.secrets.put(WHOP, value)
    [(_, [finding])] = run_checks({"Whop keys": check_whop_keys}, bench.stack)
    assert finding.status == "FAIL"
    assert finding.text.startswith(f"{WHOP} {problem}")
    assert finding.remedy.startswith("To store it, type: aichats admin secret set whop")
    assert "two words" not in finding.text


def test_a_secret_that_is_marked_for_deletion_fails_with_the_command_that_restores_it(bench: DoctorBench) -> None:
    bench.secrets.deleted.add(WHOP)
    [(_, [finding])] = run_checks({"Whop keys": check_whop_keys}, bench.stack)
    assert (finding.status, finding.text) == ("FAIL", f"{WHOP} is marked for deletion")
    assert finding.remedy == f"aws secretsmanager restore-secret --secret-id {WHOP}"


# ---- connections


@pytest.mark.usefixtures("whop_server")
def test_a_malformed_connection_does_not_hide_the_others(bench: DoctorBench) -> None:
    bench.secrets.put(f"{WHOP}/acme", {"oauth": {}})
    bench.connect("default")
    malformed, accepted = bench.lines(check_connections)
    assert malformed.startswith("FAIL: acme: its secret is malformed (")
    assert malformed.endswith(f" -> aichats admin connect --connection acme --client-id app_... --stack {STACK}")
    assert accepted == "ok: default is accepted, not renewed yet"


@pytest.mark.usefixtures("whop_server")
def test_a_connection_whose_token_whop_accepts_is_shown_with_the_age_of_its_tokens(bench: DoctorBench) -> None:
    bench.connect("default", renewed_at=int((datetime.now(UTC) - 12.5 * MINUTE).timestamp()))
    bench.connect("fresh")
    assert bench.lines(check_connections) == [
        "ok: default is accepted, renewed 12 minutes ago",
        "ok: fresh is accepted, not renewed yet",
    ]


def test_a_connection_whose_token_whop_rejects_says_how_to_log_in(bench: DoctorBench, whop_server: MockServer) -> None:
    bench.connect("acme")
    whop_server.faults({"method": "GET", "path": AI_CHATS, "fault": "status:401"})
    [line] = bench.lines(check_connections)
    assert line.startswith("FAIL: acme's access token is rejected: 401 unauthorized")
    assert line.endswith(f" -> aichats admin connect --connection acme --client-id app_1 --stack {STACK}")


@pytest.mark.usefixtures("whop_server")
def test_a_login_repairs_a_broken_connection(bench: DoctorBench) -> None:
    bench.connect("acme", broken=fingerprint("refresh-acme"), reason="invalid_grant")
    assert bench.lines(check_connections)[0].startswith("FAIL: acme is broken. invalid_grant -> aichats admin connect")
    bench.connect("acme", broken=fingerprint("the token before"), reason="invalid_grant")
    assert bench.lines(check_connections) == ["ok: acme is accepted, not renewed yet"]


def test_the_login_for_a_connection_that_is_named_after_a_company_stays_limited_to_it(bench: DoctorBench) -> None:
    bench.secrets.put(WHOP, {"api_key": "key", "companies": {"biz_A": {"connection": "biz_A"}}})
    bench.secrets.put(f"{WHOP}/biz_A", {})
    login = f"aichats admin connect --connection biz_A --client-id app_... --company biz_A --stack {STACK}"
    assert bench.lines(check_credentials)[0] == f"FAIL: biz_A uses the connection biz_A, which is logged out -> {login}"
    assert bench.lines(check_connections) == [f"warn: biz_A is logged out -> {login}"]


def test_tokens_that_were_not_renewed_in_time_fail(bench: DoctorBench) -> None:
    bench.connect("acme", ends_in=-MINUTE)
    [line] = bench.lines(check_connections)
    assert line.startswith("FAIL: acme's access token ended at ")
    assert line.endswith(" UTC and was not renewed -> read docs/operations/by-alarm.md#refreshtokensfailuresalarm")


@pytest.mark.usefixtures("whop_server")
def test_a_lost_answer_and_an_empty_connection_are_mentioned(bench: DoctorBench) -> None:
    bench.connect("acme", using=fingerprint("refresh-acme"))
    bench.secrets.put(f"{WHOP}/empty", {})
    lost, accepted, empty = bench.lines(check_connections)
    assert lost.startswith("warn: acme: the answer to its last renewal was lost")
    assert accepted == "ok: acme is accepted, not renewed yet"
    assert empty.startswith("warn: empty is logged out -> aichats admin connect --connection empty")


# ---- the signing key


def test_a_signing_key_that_functions_cannot_use_is_reported_with_the_command(bench: DoctorBench) -> None:
    assert bench.lines(check_signing_key) == ["ok: deliveries of events can be signed"]
    for value in ({}, {"signing_key": ""}):
        bench.secrets.put(EVENTS, value)
        [(_, [finding])] = run_checks({"signing key": check_signing_key}, bench.stack)
        assert finding.status == "FAIL"
        assert finding.remedy == "To store it, type: aichats admin secret set events --stack <stack>"
