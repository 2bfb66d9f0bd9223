"""The tokens of the mock of Whop: how an app gets, renews and revokes them."""

import base64
import json
from functools import partial
from typing import Any

import pytest

from local.standins.whop.app import create_app
from tests.support.mock_servers import WhopInProcess
from tests.support.whop_oauth import (
    AUTHORIZE,
    HOUR,
    REDIRECT_URI,
    REVOKE,
    TOKEN,
    USERINFO,
    VERIFIER,
    OAuthApp,
    error_of,
)

REJECTED = (400, "invalid_grant")


def test_a_code_gives_tokens_for_an_hour(app: OAuthApp) -> None:
    reply = app.exchange(app.code(scope="openid ai_chat:create"))

    assert (reply.status_code, reply.headers["cache-control"]) == (200, "no-store")
    tokens = reply.json()
    assert tokens["access_token"].startswith("oauth_")
    assert not tokens["refresh_token"].startswith("oauth_")
    assert tokens | {"token_type": "Bearer", "expires_in": 3600, "scope": "openid ai_chat:create"} == tokens


def test_the_id_token_names_the_user_and_the_app_and_repeats_the_nonce(app: OAuthApp) -> None:
    tokens = app.exchange(app.code(nonce="n-1")).json()

    header, claims, signature = tokens["id_token"].split(".")
    assert (decoded(header)["alg"], signature) == ("none", "")
    assert decoded(claims) == {
        "iss": "https://api.whop.com",
        "sub": "user_localstandin1",
        "aud": "app_local",
        "iat": 1_800_000_000,
        "exp": 1_800_003_600,
        "nonce": "n-1",
    }


def decoded(part: str) -> dict[str, Any]:
    """Return a part of a JWT."""
    content: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return content


@pytest.mark.parametrize("change", [
    {"client_id": "app_other"},
    {"redirect_uri": f"{REDIRECT_URI}/"},
    {"redirect_uri": REDIRECT_URI.replace("localhost", "127.0.0.1")},
    {"code_verifier": "w" * 43},
    {"code": "code_unknown"},
], ids=str)  # fmt: skip
def test_a_code_is_exchanged_only_with_what_belongs_to_it(app: OAuthApp, change: dict[str, str]) -> None:
    code = app.code()

    assert error_of(app.exchange(**{"code": code} | change)) == REJECTED
    assert app.exchange(code).status_code == 200


@pytest.mark.parametrize(("seconds", "status"), [(299.9, 200), (300, 400)])
def test_a_code_lives_for_five_minutes(whop: WhopInProcess, app: OAuthApp, seconds: float, status: int) -> None:
    code = app.code()
    whop.advance(seconds)

    assert app.exchange(code).status_code == status


def test_a_code_that_is_used_twice_ends_the_tokens_of_the_first_time(app: OAuthApp) -> None:
    code = app.code()
    first = app.exchange(code).json()
    second = app.refresh(first["refresh_token"]).json()

    assert error_of(app.exchange(code)) == REJECTED
    assert error_of(app.refresh(second["refresh_token"])) == REJECTED


def test_each_refresh_replaces_both_tokens_and_the_old_access_token_lives_on(app: OAuthApp) -> None:
    first = app.log_in()
    second = app.refresh(first["refresh_token"]).json()

    assert second.keys() == first.keys() - {"id_token"}
    assert not set(first.values()) & {second["access_token"], second["refresh_token"]}
    assert app.userinfo(first["access_token"]).status_code == 200
    assert app.refresh(second["refresh_token"]).status_code == 200


def test_a_refresh_token_that_is_used_twice_ends_its_family_and_no_other(app: OAuthApp) -> None:
    first, other = app.log_in(), app.log_in()
    second = app.refresh(first["refresh_token"]).json()

    assert error_of(app.refresh(first["refresh_token"])) == REJECTED
    assert error_of(app.refresh(second["refresh_token"])) == REJECTED
    assert app.refresh(other["refresh_token"]).status_code == 200


@pytest.mark.parametrize("change", [{"refresh_token": "refresh_unknown"}, {"client_id": "app_other"}], ids=str)
def test_a_refresh_that_is_not_the_apps_own_changes_nothing(app: OAuthApp, change: dict[str, str]) -> None:
    token = app.log_in()["refresh_token"]

    assert error_of(app.refresh(**{"refresh_token": token} | change)) == REJECTED
    assert app.refresh(token).status_code == 200


@pytest.mark.parametrize(("granted", "sent"), [("biz_A", None), ("biz_A", "biz_B"), (None, "biz_A")])
def test_a_refresh_repeats_the_company_of_the_authorization(
    app: OAuthApp, granted: str | None, sent: str | None
) -> None:
    token = app.log_in(company_id=granted)["refresh_token"]

    assert error_of(app.refresh(token, company_id=sent)) == REJECTED
    assert app.refresh(token, company_id=granted).status_code == 200


def test_an_access_token_is_no_refresh_token(app: OAuthApp) -> None:
    assert error_of(app.refresh(app.log_in()["access_token"])) == REJECTED


def test_a_revoked_family_gets_no_tokens_but_its_access_token_lives_on(whop: WhopInProcess, app: OAuthApp) -> None:
    tokens = app.log_in()

    for _ in range(2):
        reply = app.revoke(tokens["refresh_token"])
        assert (reply.status_code, reply.json()) == (200, {})
    assert error_of(app.refresh(tokens["refresh_token"])) == REJECTED
    assert whop.call("GET", token=tokens["access_token"]).status_code == 200
    whop.advance(HOUR)
    assert whop.call("GET", token=tokens["access_token"]).status_code == 401


def test_an_old_refresh_token_revokes_its_family_too(app: OAuthApp) -> None:
    first = app.log_in()["refresh_token"]
    second = app.refresh(first).json()["refresh_token"]

    assert app.revoke(first).status_code == 200
    assert error_of(app.refresh(second)) == REJECTED


@pytest.mark.parametrize("change", [{"token": "refresh_unknown"}, {"client_id": "app_other"}], ids=str)
def test_a_revocation_of_a_token_that_is_not_the_apps_own_changes_nothing(
    app: OAuthApp, change: dict[str, str]
) -> None:
    token = app.log_in()["refresh_token"]

    assert app.revoke(**{"token": token} | change).status_code == 200
    assert app.refresh(token).status_code == 200


def test_the_scopes_decide_what_an_app_learns_about_the_user(app: OAuthApp) -> None:
    known = {
        scope: app.userinfo(app.log_in(scope=scope)["access_token"]).json().keys()
        for scope in ("openid", "openid profile", "openid profile email")
    }

    assert known["openid"] == {"sub"}
    assert known["openid profile"] == {"sub", "name", "preferred_username", "picture"}
    assert known["openid profile email"] == known["openid profile"] | {"email"}


def test_only_a_valid_access_token_shows_who_the_user_is(whop: WhopInProcess, app: OAuthApp) -> None:
    token = app.log_in()["access_token"]
    whop.advance(HOUR)

    for each in (token, "oauth_unknown", "a-token"):
        reply = app.userinfo(each)
        assert error_of(reply) == (401, "invalid_token")
        assert reply.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert whop.request("GET", USERINFO).status_code == 401


@pytest.mark.parametrize(("body", "error"), [
    ({}, "invalid_request"),
    ({"grant_type": "password"}, "unsupported_grant_type"),
    ({"grant_type": "refresh_token", "client_id": "app_local"}, "invalid_request"),
    ({"grant_type": "refresh_token", "client_id": "app_local", "refresh_token": 1}, "invalid_request"),
    ({"grant_type": "authorization_code", "client_id": "app_local", "code": "c", "redirect_uri": "u",
      "code_verifier": "short"}, "invalid_request"),
    ([], "invalid_request"),
], ids=str)  # fmt: skip
def test_an_invalid_request_for_tokens_is_rejected(whop: WhopInProcess, body: object, error: str) -> None:
    assert error_of(whop.request("POST", TOKEN, json=body)) == (400, error)


def test_a_body_that_is_not_json_is_rejected(whop: WhopInProcess) -> None:
    json_type = {"Content-Type": "application/json; charset=utf-8"}
    form = {"grant_type": "refresh_token", "client_id": "app_local", "refresh_token": "r"}

    for path in (TOKEN, REVOKE):
        assert error_of(whop.request("POST", path, content=b"{", headers=json_type)) == (400, "invalid_request")
        assert error_of(whop.request("POST", path, data=form)) == (415, "invalid_request")


@pytest.mark.parametrize(("status", "error"), [
    (400, "invalid_request"),
    (401, "invalid_grant"),
    (403, "access_denied"),
    (404, "invalid_request"),
    (429, "rate_limit_exceeded"),
    (500, "server_error"),
    (503, "temporarily_unavailable"),
])  # fmt: skip
def test_a_fault_answers_in_the_form_of_oauth_and_uses_no_token(
    whop: WhopInProcess, app: OAuthApp, status: int, error: str
) -> None:
    token = app.log_in()["refresh_token"]
    whop.faults({"method": "POST", "path": TOKEN, "fault": f"status:{status}"})

    reply = app.refresh(token)

    assert error_of(reply) == (status, error)
    assert reply.headers.get("retry-after") == ("1" if status == 429 else None)
    assert app.refresh(token).status_code == 200


@pytest.mark.parametrize(("fault", "status_again"), [
    ("drop_before", 200),
    ("drop_after", 400),
    ("error_after", 400),
    ("malformed", 400),
])  # fmt: skip
def test_a_fault_that_loses_the_new_token_uses_the_old_one_only_if_the_server_got_that_far(
    whop: WhopInProcess, app: OAuthApp, fault: str, status_again: int
) -> None:
    token = app.log_in()["refresh_token"]
    whop.faults({"method": "POST", "path": TOKEN, "fault": fault})
    try:
        app.refresh(token)
    except ConnectionResetError:
        assert fault.startswith("drop")

    assert app.refresh(token).status_code == status_again


def test_a_late_refresh_happens_when_its_time_has_come(whop: WhopInProcess, app: OAuthApp) -> None:
    token = app.log_in()["refresh_token"]
    whop.faults({"method": "POST", "path": TOKEN, "fault": "late:30"})
    with pytest.raises(ConnectionResetError):
        app.refresh(token)

    assert whop.state()["oauth"][0]["used"] == []
    whop.advance(30)
    assert error_of(app.refresh(token)) == REJECTED


def test_the_state_and_the_log_show_no_token_no_code_and_no_verifier(whop: WhopInProcess, app: OAuthApp) -> None:
    code = app.code()
    first = app.exchange(code).json()
    second = app.refresh(first["refresh_token"]).json()
    app.revoke(second["refresh_token"])
    app.userinfo(second["access_token"])
    whop.request("POST", TOKEN, content=f"refresh_token={second['refresh_token']}".encode())
    whop.request("POST", TOKEN, json=[second["refresh_token"]])
    whop.request("POST", TOKEN, json={"token": {"refresh_token": second["refresh_token"]}})

    state = whop.state()
    tokens = [each[name] for each in (first, second) for name in ("access_token", "refresh_token")]
    for secret in (code, VERIFIER, *tokens, first["id_token"]):
        assert secret not in json.dumps(state)
    refresh = json.loads(state["requests"][2]["body"])
    assert refresh == {"grant_type": "refresh_token", "client_id": "app_local", "refresh_token": "(hidden)"}
    assert [request["path"] for request in state["requests"][:3]] == [AUTHORIZE, TOKEN, TOKEN]


def test_a_reset_ends_all_grants(whop: WhopInProcess, app: OAuthApp) -> None:
    tokens, code = app.log_in(), app.code()
    whop.control("reset", None)
    whop.mode(oauth_tokens="issued")

    assert whop.state()["oauth"] == []
    assert whop.call("GET", token=tokens["access_token"]).status_code == 401
    assert error_of(app.refresh(tokens["refresh_token"])) == REJECTED
    assert error_of(app.exchange(code)) == REJECTED
    assert app.authorize().status_code == 200


def test_grants_and_their_tokens_survive_a_restart_but_codes_do_not(whop: WhopInProcess, app: OAuthApp) -> None:
    first = app.log_in(company_id="biz_A")
    second = app.refresh(first["refresh_token"], company_id="biz_A").json()
    code = app.code()
    whop.create()
    whop.advance(HOUR - 1)
    saved = json.loads(json.dumps(whop.state()))

    with WhopInProcess(partial(create_app, state=saved)) as restarted:
        later = OAuthApp(restarted.request)
        assert {**restarted.state(), "requests": []} == {**saved, "requests": []}
        assert restarted.call("GET", token=second["access_token"]).status_code == 200
        restarted.advance(1)
        assert restarted.call("GET", token=second["access_token"]).status_code == 401
        assert error_of(later.exchange(code)) == REJECTED
        third = later.refresh(second["refresh_token"], company_id="biz_A").json()
        assert error_of(later.refresh(first["refresh_token"], company_id="biz_A")) == REJECTED
        assert error_of(later.refresh(third["refresh_token"], company_id="biz_A")) == REJECTED


def test_a_state_from_before_there_were_grants_can_be_loaded(whop: WhopInProcess) -> None:
    whop.create()
    chats = whop.state()["chats"]

    with WhopInProcess(partial(create_app, state={"chats": chats})) as restarted:
        others: dict[str, list[Any]] = {"files": [], "webhooks": [], "oauth": [], "requests": []}
        assert restarted.state() == {"chats": chats, "clock_ahead": 0.0} | others
