"""`aichats admin connect`: over real sockets, from the browser's consent to the secret."""

import base64
import os
import signal
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse

from aichats.whop.connections import Grant, WhopAccount
from aichats.whop.oauth import MAX_LIFETIME_SECONDS
from aichats_cli.admin import connect
from aichats_cli.admin.connections import Connection, grant_of
from aichats_cli.admin.deployed import StackSecret
from aichats_cli.admin.oauth_login import client
from aichats_cli.admin.oauth_login.callback import Redirect
from aichats_cli.admin.oauth_login.client import WhopOAuth
from aichats_cli.admin.oauth_login.pages import CONNECTED, DENIED, FAILED, NOT_OURS, Page
from benchmarks.raw_server import Connection as RawConnection
from benchmarks.raw_server import serving
from local.ports import free_port
from tests.support.fake_oauth import ACCESS_TOKEN, CLIENT_ID, REFRESH_TOKEN
from tests.support.login_bench import OLD_GRANT, WHOP, LoginBench, login_bench

DEEP = f"a.{base64.urlsafe_b64encode(b'[' * 200_000).decode()}.c"
SCOPES = "openid profile ai_chat:create ai_chat:update ai_chat:delete"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[LoginBench]:
    with login_bench(monkeypatch, capsys) as bench:
        yield bench


def fails(bench: LoginBench, *options: str) -> str:
    """Log in without success, check that nothing is stored, and return the error."""
    before = {name: bench.secret(name) for name in (WHOP, f"{WHOP}/default", f"{WHOP}/biz_A")}
    assert bench.login(*options) in (1, 2)
    assert {name: bench.secret(name) for name in before} == before
    error = bench.printed[bench.printed.index("Error: ") :]
    assert ". Nothing was stored\n" in error
    return error


# ---- success


def test_consent_in_the_browser_stores_the_grant_and_shows_whose_account_it_is(bench: LoginBench) -> None:
    begun = int(time.time())
    assert bench.login() == 0

    value = bench.secret()
    assert value is not None
    grant = value["oauth"]
    assert begun + 3600 <= grant.pop("expires_at") <= time.time() + 3600
    assert grant == {"client_id": CLIENT_ID, "refresh_token": REFRESH_TOKEN, "access_token": ACCESS_TOKEN}
    assert value["account"] == {"id": "user_1", "name": "Jane Doe"}
    assert "Connection default of aichats-dev is stored." in bench.printed
    assert "account    Jane Doe (user_1)" in bench.printed
    assert f"scopes     {' '.join(sorted(SCOPES.split()))}" in bench.printed
    assert "companies  all without a credential of their own" in bench.printed
    assert "Functions use it within 5 minutes." in bench.printed
    assert CONNECTED.text in bench.page


def test_the_request_for_consent_is_as_oauth_2_1_and_openid_connect_want_it(bench: LoginBench) -> None:
    bench.login()

    [consent] = bench.oauth.consents
    [exchange] = bench.oauth.exchanges
    unguessable = {name: consent.pop(name) for name in ("state", "nonce", "code_challenge")}
    assert consent == {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": f"http://localhost:{bench.port}/callback",
        "scope": SCOPES,
        "code_challenge_method": "S256",
    }
    assert len(set(unguessable.values())) == 3
    assert min(len(value) for value in unguessable.values()) == 43
    assert len(exchange["code_verifier"]) == 96
    assert bench.browser.opened[0] in bench.printed


def test_two_logins_share_no_value_that_must_be_unguessable(bench: LoginBench) -> None:
    bench.login()
    bench.login()

    first, second = bench.oauth.consents
    assert {name for name in first if first[name] == second[name]} == {
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "code_challenge_method",
    }


def test_the_secret_of_a_connection_gets_the_tags_of_the_stack_s_secrets(bench: LoginBench) -> None:
    bench.login("--connection", "agency-2")

    described = bench.manager.describe_secret(SecretId=f"{WHOP}/agency-2")
    assert {tag["Key"]: tag["Value"] for tag in described["Tags"]} == {"application": "aichats", "stage": "dev"}
    assert described["Description"].startswith("Connection agency-2 to Whop")
    assert "companies  none yet" in bench.printed


def test_a_new_login_replaces_the_grant_and_revokes_nothing(
    bench: LoginBench,
) -> None:
    bench.store(f"{WHOP}/default", {"oauth": OLD_GRANT | {"client_id": "app_other", "company_id": "biz_A"}})

    assert bench.login() == 0

    value = bench.secret()
    assert value is not None
    grant = grant_of(value)
    assert grant is not None
    assert (grant.refresh_token, "company_id" in value["oauth"]) == (REFRESH_TOKEN, False)
    assert bench.oauth.revoked == []


def test_the_stored_account_is_that_of_the_last_login(bench: LoginBench) -> None:
    bench.store(f"{WHOP}/default", {"oauth": OLD_GRANT, "account": {"id": "user_0", "name": "Old", "username": "old"}})
    bench.oauth.userinfo = lambda: JSONResponse({"sub": "user_2", "preferred_username": "jo\x1be"})

    assert bench.login() == 0

    assert (bench.secret() or {})["account"] == {"id": "user_2", "username": "joe"}
    assert "account    joe (user_2)" in bench.printed


def test_a_login_without_a_name_is_stored_without_one(bench: LoginBench) -> None:
    bench.oauth.userinfo = lambda: JSONResponse({"sub": "user_2", "name": None})

    assert bench.login() == 0

    assert (bench.secret() or {})["account"] == {"id": "user_2"}
    assert "account    (no name) (user_2)" in bench.printed


def test_a_login_after_a_logout_fills_the_same_secret(bench: LoginBench) -> None:
    bench.store(f"{WHOP}/default", {})
    assert bench.login() == 0
    assert (bench.secret() or {}).keys() == {"oauth", "account"}
    assert bench.oauth.revoked == []


@pytest.mark.parametrize("text", ["{'oauth': {}}", "[]", '{"oauth": {"refresh_token": null}}'])
def test_a_login_replaces_what_a_person_broke_by_hand(bench: LoginBench, text: str) -> None:
    bench.manager.create_secret(Name=f"{WHOP}/default", SecretString=text)
    assert bench.login() == 0
    assert (bench.secret() or {})["oauth"]["refresh_token"] == REFRESH_TOKEN


def test_of_two_first_logins_at_once_the_later_one_is_stored(
    bench: LoginBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = StackSecret.create

    def overtaken(secret: StackSecret, value: dict[str, object], **options: Any) -> bool:
        bench.store(secret.name, {"oauth": OLD_GRANT})
        return create(secret, value, **options)

    monkeypatch.setattr(StackSecret, "create", overtaken)
    assert bench.login() == 0
    assert (bench.secret() or {})["oauth"]["refresh_token"] == REFRESH_TOKEN


def test_a_company_gets_a_connection_of_its_own_in_place_of_its_key(bench: LoginBench) -> None:
    bench.store(WHOP, {"api_key": "canary-key", "companies": {"biz_A": "canary-own", "biz_B": "canary-b"}})

    assert bench.login("--company", "biz_A") == 0

    assert bench.secret(WHOP) == {
        "api_key": "canary-key",
        "companies": {"biz_A": {"connection": "biz_A"}, "biz_B": "canary-b"},
    }
    assert (bench.secret(f"{WHOP}/biz_A") or {})["oauth"]["company_id"] == "biz_A"
    assert bench.oauth.consents[0]["company_id"] == bench.oauth.exchanges[0]["company_id"] == "biz_A"
    assert "biz_A had an API key of its own. The connection replaced it." in bench.printed
    assert "companies  biz_A\n" in bench.printed


def test_a_company_may_use_a_connection_of_another_name(bench: LoginBench) -> None:
    assert bench.login("--company", "biz_A", "--connection", "agency") == 0
    assert bench.secret(WHOP) == {"companies": {"biz_A": {"connection": "agency"}}}
    assert "API key" not in bench.printed


def test_without_openid_s_token_the_login_still_succeeds(bench: LoginBench) -> None:
    bench.oauth.claims = None
    assert bench.login() == 0


def test_scopes_that_whop_does_not_name_are_the_ones_that_were_asked_for(bench: LoginBench) -> None:
    bench.oauth.scope = None
    assert bench.login() == 0
    assert "Warning" not in bench.printed


def test_a_scope_that_was_not_granted_is_a_warning_that_says_what_to_do(bench: LoginBench) -> None:
    bench.oauth.scope = "openid profile ai_chat:create ai_chat:update"
    assert bench.login() == 0
    assert "Warning: Whop did not grant ai_chat:delete, so aichats can't do these actions." in bench.printed


def test_a_lifetime_that_is_too_long_to_be_true_does_not_keep_the_token_from_its_renewal(bench: LoginBench) -> None:
    bench.oauth.token = lambda: JSONResponse(bench.oauth.tokens() | {"expires_in": 10**9})
    assert bench.login() == 0
    grant = grant_of(bench.secret() or {})
    assert grant is not None
    assert grant.expires_at.timestamp() <= time.time() + MAX_LIFETIME_SECONDS


def test_a_scope_that_whop_names_cannot_control_the_terminal(bench: LoginBench) -> None:
    bench.oauth.scope = "openid ai_chat:create ai_chat:update ai_chat:delete \x1b[2J\x1b]0;title\x07 \u202eevil"
    assert bench.login() == 0
    assert "ai_chat:create ai_chat:delete ai_chat:update openid\n" in bench.printed
    assert not {"\x1b", "\x07", "\u202e"} & set(bench.printed)


# ---- the browser


@pytest.mark.parametrize(
    ("system", "environment", "opens"),
    [
        ("darwin", {}, True),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("linux", {"BROWSER": "firefox"}, True),
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0", "BROWSER": ""}, False),
        ("darwin", {"BROWSER": ""}, False),
    ],
)
def test_a_browser_is_opened_only_if_there_is_one(
    monkeypatch: pytest.MonkeyPatch, system: str, environment: dict[str, str], *, opens: bool
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.setattr(threading, "Thread", InlineThread)

    assert connect.open_browser("https://whop.invalid", environment, system) is opens

    assert opened == ["https://whop.invalid"] * opens


class InlineThread:
    """A thread that runs when it starts."""

    def __init__(self, *, target: Callable[[], None], daemon: bool) -> None:
        assert daemon, "the command would wait for the browser"
        self.start = target


def test_a_browser_that_does_not_start_does_not_end_the_login(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_url: str) -> None:
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "open", fail)
    monkeypatch.setattr(threading, "Thread", InlineThread)
    assert connect.open_browser("https://whop.invalid", {"BROWSER": "none"}, "linux")


def test_without_a_browser_the_output_says_how_to_use_that_of_another_machine(
    bench: LoginBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit = bench.browser.open
    monkeypatch.setattr(bench.browser, "open", lambda url: not visit(url))
    assert bench.login() == 0
    assert f"ssh -L {bench.port}:localhost:{bench.port} THIS_MACHINE" in bench.printed


# ---- failures: nothing is stored


def test_a_user_who_denies_access_sees_so_in_both_places(bench: LoginBench) -> None:
    bench.oauth.redirect = lambda query: {"error": "access_denied", "state": query["state"]}
    assert "you did not allow access at Whop. To allow it, type the command again" in fails(bench)
    assert DENIED.text in bench.page


def test_an_error_that_whop_redirects_with_is_shown_with_what_to_do(bench: LoginBench) -> None:
    bench.oauth.redirect = lambda query: {
        "error": "invalid_scope",
        "error_description": "unknown\x1b[2J scope",
        "state": query["state"],
    }
    error = fails(bench)
    assert "Whop did not grant access (invalid_scope: unknown [2J scope). Select these scopes in the app's" in error
    assert FAILED.text in bench.page


@pytest.mark.parametrize(
    "form",
    [str, lambda secret: secret[3:20], lambda secret: base64.b64encode(secret.encode()).decode()],
    ids=["whole", "a part", "base64"],
)
def test_an_error_text_that_repeats_a_secret_is_shown_without_it(bench: LoginBench, form: Callable[[str], str]) -> None:
    def rejected() -> JSONResponse:
        secret = form(bench.oauth.exchanges[-1]["code_verifier"])
        return JSONResponse({"error": f"bad {secret}", "error_description": f"{secret} is unknown"}, 400)

    bench.oauth.token = rejected
    error = fails(bench)
    assert "Whop rejected the code (bad [hidden]: [hidden] is unknown). Type the command again" in error


def test_the_page_of_another_login_does_not_end_the_command(bench: LoginBench, monkeypatch: pytest.MonkeyPatch) -> None:
    states, visit = iter(["other"]), bench.browser.open
    bench.oauth.redirect = lambda query: query | {"state": next(states, query["state"])}

    def twice(url: str) -> bool:
        visit(url)
        bench.browser.close()
        return visit(url)

    monkeypatch.setattr(bench.browser, "open", twice)
    assert bench.login() == 0
    assert [NOT_OURS.text in bench.browser.pages[0].text, CONNECTED.text in bench.browser.pages[1].text] == [True, True]
    assert len(bench.oauth.exchanges) == 1


def test_a_redirect_without_a_code_ends_the_command(bench: LoginBench) -> None:
    bench.oauth.redirect = lambda query: {"state": query["state"]}
    assert "Whop did not grant access" in fails(bench)


def test_a_code_that_was_used_before_is_reported_after_one_attempt(bench: LoginBench) -> None:
    bench.oauth.token = lambda: JSONResponse({"error": "invalid_grant"}, 401)
    assert "Whop rejected the code (invalid_grant). The code was used before or has expired. Type" in fails(bench)
    assert len(bench.oauth.exchanges) == 1


def test_an_app_that_whop_does_not_know_is_reported_with_the_option(bench: LoginBench) -> None:
    bench.oauth.token = lambda: JSONResponse({"error": "invalid_client"}, 401)
    assert "(invalid_client). Check --client-id" in fails(bench)


@pytest.mark.parametrize(
    ("status", "content", "error"),
    [
        (502, "<html>canary</html>", "Whop's answer to the code is not a JSON object (status 502)"),
        (200, "[]", "Whop's answer to the code is not a JSON object (status 200)"),
        (500, '{"message": "canary"}', "Whop answered the code with status 500"),
        (400, '{"error": {"type": "canary"}}', "Whop rejected the code"),
        (200, "{}", "Whop rejected the code (missing_token"),
        (200, '{"access_token": "canary"}', "Whop's answer to the code lacks a token, or has a malformed one"),
        (200, '{"access_token": 5, "refresh_token": "canary"}', "lacks a token, or has a malformed one"),
        (200, '{"access_token": "a", "refresh_token": "b", "expires_in": "soon"}', "or has a malformed one"),
        (200, '{"access_token": "a", "refresh_token": "b", "expires_in": 1e99}', "or has a malformed one"),
        (200, '{"access_token": "a", "refresh_token": "b", "scope": 5}', "or has a malformed one"),
    ],
)
def test_a_malformed_answer_is_reported_without_its_content(
    bench: LoginBench, status: int, content: str, error: str
) -> None:
    bench.oauth.token = lambda: PlainTextResponse(content, status)
    assert error in fails(bench)


@pytest.mark.parametrize("claims", [{"nonce": "other"}, {"nonce": None}])
def test_the_answer_of_another_login_is_not_stored(bench: LoginBench, claims: dict[str, object]) -> None:
    bench.oauth.claims = claims
    assert "Whop's answer belongs to another login (its nonce differs)" in fails(bench)


@pytest.mark.parametrize("token", ["", "one", "a.b.c", "a.W10.c", "a.bm90LWpzb24.c", DEEP, 5])
def test_an_id_token_that_cannot_be_read_has_no_valid_nonce(bench: LoginBench, token: object) -> None:
    bench.oauth.token = lambda: JSONResponse(bench.oauth.tokens() | {"id_token": token})
    assert "its nonce differs" in fails(bench)


def test_without_the_scope_to_create_chats_the_earlier_grant_stays(bench: LoginBench) -> None:
    bench.store(f"{WHOP}/default", {"oauth": OLD_GRANT})
    bench.oauth.scope = "openid profile ai_chat:update"
    assert "Whop did not grant ai_chat:create, without which aichats can't create chats" in fails(bench)
    assert bench.oauth.revoked == [], "a revocation may end the earlier grant too"
    assert FAILED.text in bench.page


def test_a_token_that_whop_rejects_is_not_stored(bench: LoginBench) -> None:
    bench.oauth.userinfo = lambda: JSONResponse({"error": "invalid_token"}, 401)
    assert "Whop rejected the new access token (status 401)" in fails(bench)


def test_a_grant_that_could_not_be_stored_is_reported(bench: LoginBench) -> None:
    bench.deny("create_secret")
    assert f"can't create {WHOP}/default: AccessDeniedException" in fails(bench)
    assert bench.oauth.revoked == []
    assert FAILED.text in bench.page


def test_a_grant_that_could_not_replace_the_earlier_one_leaves_it_as_it_is(bench: LoginBench) -> None:
    bench.store(f"{WHOP}/default", {"oauth": OLD_GRANT})
    bench.deny("put_secret_value")
    assert f"can't write {WHOP}/default" in fails(bench)
    assert bench.oauth.revoked == []


def test_a_secret_that_cannot_be_read_ends_the_command_before_the_browser_opens(bench: LoginBench) -> None:
    bench.deny("get_secret_value")
    assert bench.login() == 1
    assert f"can't read {WHOP}/default: AccessDeniedException" in bench.printed
    assert bench.browser.opened == []


def test_a_secret_that_is_marked_for_deletion_is_reported_with_the_command_that_restores_it(
    bench: LoginBench,
) -> None:
    bench.store(f"{WHOP}/default", {})
    bench.manager.delete_secret(SecretId=f"{WHOP}/default")
    assert bench.login() == 1
    restore = f"aws secretsmanager restore-secret --secret-id {WHOP}/default"
    assert f"{WHOP}/default is marked for deletion. To restore it, type: {restore}" in bench.printed
    assert bench.browser.opened == []


def test_a_company_that_could_not_be_connected_is_reported_beside_the_stored_connection(bench: LoginBench) -> None:
    bench.store(f"{WHOP}/biz_A", {})
    bench.manager.delete_secret(SecretId=WHOP)
    assert bench.login("--company", "biz_A") == 1
    command = "aichats admin secret set whop --company biz_A --connection biz_A --stack aichats-dev"
    assert f"Connection biz_A is stored, but biz_A does not use it yet\n  → {command}\n" in bench.printed
    assert (bench.secret(f"{WHOP}/biz_A") or {}).keys() == {"oauth", "account"}
    assert bench.oauth.revoked == []


def test_a_port_in_use_is_reported_with_the_option_to_set(bench: LoginBench) -> None:
    assert "choose another port: --port" in fails(bench, "--port", bench.oauth.origin.rpartition(":")[2])
    assert bench.browser.opened == []


def test_after_five_minutes_without_consent_the_command_ends(bench: LoginBench) -> None:
    clock = bench.without_consent()
    assert "no consent within 5 minutes. Nothing was stored\n  → for more time, add --timeout 900" in fails(bench)
    assert clock.now == 1300


def test_the_time_limit_can_be_set(bench: LoginBench) -> None:
    clock = bench.without_consent()
    assert "no consent within 90 seconds" in fails(bench, "--timeout", "90")
    assert clock.now == 1090


def test_without_a_network_the_message_names_whop_s_address(bench: LoginBench) -> None:
    bench.use(f"http://127.0.0.1:{free_port()}")
    assert "can't reach Whop at http://127.0.0.1:" in fails(bench)


def test_a_lost_answer_is_not_asked_for_again(bench: LoginBench) -> None:
    def hang_up(connection: RawConnection) -> None:
        connection.read_request()

    with serving(hang_up) as server:
        bench.use(server.base_url)
        assert "Whop's answer got lost, and a code is valid only once. Type the command again" in fails(bench)
        assert server.requests == ["POST /oauth/token HTTP/1.1"]


def test_an_answer_that_is_too_large_counts_as_lost(bench: LoginBench) -> None:
    bench.oauth.token = lambda: StreamingResponse(repeat(b" " * 65_536, 32))
    assert "Whop's answer got lost, and a code is valid only once. Type the command again" in fails(bench)


def test_an_answer_that_does_not_end_in_time_counts_as_lost(bench: LoginBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAX_ANSWER_SECONDS", -1.0)
    assert "Whop's answer got lost, and a code is valid only once. Type the command again" in fails(bench)


# ---- signals


def test_ctrl_c_during_the_wait_stores_nothing_and_exits_with_130(
    bench: LoginBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_url: str) -> bool:
        os.kill(os.getpid(), signal.SIGINT)
        return True

    monkeypatch.setattr(bench.browser, "open", interrupt)
    assert bench.login() == 130
    assert bench.printed.endswith("Stopped. Nothing was stored.\n")
    assert bench.secret() is None


def test_ctrl_c_after_the_exchange_stores_nothing(bench: LoginBench, monkeypatch: pytest.MonkeyPatch) -> None:
    account = WhopOAuth.account

    def interrupt(oauth: WhopOAuth, token: str) -> WhopAccount:
        os.kill(os.getpid(), signal.SIGTERM)
        return account(oauth, token)

    monkeypatch.setattr(WhopOAuth, "account", interrupt)
    assert bench.login() == 143
    assert bench.secret() is None
    assert FAILED.text in bench.page


def test_ctrl_c_while_the_grant_is_stored_comes_too_late(bench: LoginBench, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Connection.store

    def interrupt(connection: Connection, grant: Grant, account: WhopAccount) -> object:
        os.kill(os.getpid(), signal.SIGINT)
        return store(connection, grant, account)

    monkeypatch.setattr(Connection, "store", interrupt)
    assert bench.login() == 0
    assert (bench.secret() or {}).keys() == {"oauth", "account"}


def test_ctrl_c_just_after_the_grant_is_stored_never_says_that_nothing_was_stored(
    bench: LoginBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = Redirect.answer

    def interrupt(redirect: Redirect, page: Page) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        answer(redirect, page)

    monkeypatch.setattr(Redirect, "answer", interrupt)
    assert bench.login() == 0
    assert "Nothing was stored" not in bench.printed
    assert CONNECTED.text in bench.page


def test_ctrl_c_before_the_company_uses_the_connection_says_what_is_stored_and_what_to_type(
    bench: LoginBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_arguments: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(connect, "with_connection", interrupt)
    assert bench.login("--company", "biz_A") == 130
    command = "aichats admin secret set whop --company biz_A --connection biz_A --stack aichats-dev"
    expected = f"stopped. Connection biz_A is stored, but biz_A does not use it yet. Type: {command}\n"
    assert bench.printed.endswith(expected)


# ---- what people type


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--client-id", ""], "--client-id must be the ID of your app at Whop, such as app_XXXXX, not ''"),
        (["--client-id", "apik_canteen"], "--client-id must be the ID of your app"),
        (["--company", ""], "--company must be a company ID from Whop"),
        (["--company", "canteen"], "--company must be a company ID from Whop, such as biz_XXXXX, not 'canteen'"),
        (["--port", "0"], "invalid value for --port"),
        (["--timeout", "0"], "invalid value for --timeout"),
        (["--timeout", "soon"], "invalid value for --timeout"),
    ],
)
def test_an_option_that_does_not_fit_is_rejected(bench: LoginBench, options: list[str], error: str) -> None:
    assert bench.login(*options) == 2
    assert error in bench.printed


def test_a_connection_s_name_that_does_not_fit_is_rejected(bench: LoginBench) -> None:
    assert "--connection must be 1 to 64 characters from A-Z, a-z, 0-9, _ and -, not 'a/b'" in fails(
        bench, "--connection", "a/b"
    )
    assert "--connection must be 1 to 64 characters" in fails(bench, "--connection", "")
