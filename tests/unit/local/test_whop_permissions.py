"""The permissions of a user's access token at the mock of Whop: its time, its scopes and its company."""

import pytest

from tests.support.mock_servers import NEW, Json, WhopInProcess
from tests.support.whop_oauth import HOUR, OAuthApp

HELLO = {"message_text": "hello"}
IN_A, IN_B = ({"message_text": "hello", "current_company_id": company} for company in ("biz_A", "biz_B"))


@pytest.fixture
def of_a(app: OAuthApp) -> str:
    """An access token for the company A alone."""
    token: str = app.log_in(company_id="biz_A")["access_token"]
    return token


def statuses(whop: WhopInProcess, chat: Json, token: str) -> dict[str, int]:
    """Return the status of each operation with the token."""
    path = f"/{chat['id']}"
    calls = {
        "list": whop.call("GET", token=token),
        "retrieve": whop.call("GET", path, token=token),
        "create": whop.call("POST", json=HELLO, token=token),
        "update": whop.call("PATCH", path, json={"title": "t"}, token=token),
        "delete": whop.call("DELETE", path, token=token),
    }
    return {name: reply.status_code for name, reply in calls.items()}


@pytest.mark.parametrize("mode", ["any", "issued"])
def test_an_access_token_lives_for_an_hour(whop: WhopInProcess, app: OAuthApp, mode: str) -> None:
    whop.mode(oauth_tokens=mode)
    token = app.log_in()["access_token"]
    whop.advance(HOUR - 0.1)
    before = whop.call("GET", token=token)
    whop.advance(0.1)
    after = whop.call("GET", token=token)

    assert (before.status_code, after.status_code) == (200, 401)
    assert after.json()["error"]["type"] == "unauthorized"


@pytest.mark.parametrize(("mode", "status"), [("any", 200), ("issued", 401)])
def test_the_mode_decides_about_a_users_token_that_was_never_issued(
    whop: WhopInProcess, mode: str, status: int
) -> None:
    whop.mode(oauth_tokens=mode)

    assert whop.call("POST", json=HELLO, token="oauth_unknown").status_code == status
    assert whop.call("POST", json=HELLO, token="a-key").status_code == 200


@pytest.mark.parametrize("scope", ["create", "update", "delete"])
def test_a_token_may_write_only_what_its_scopes_say(whop: WhopInProcess, app: OAuthApp, scope: str) -> None:
    chat = whop.create()
    token = app.log_in(scope=f"openid ai_chat:{scope}")["access_token"]

    writes = {"create", "update", "delete"}
    expected = dict.fromkeys(["list", "retrieve", scope], 200) | dict.fromkeys(writes - {scope}, 403)
    assert statuses(whop, chat, token) == expected


def test_a_users_token_with_its_scopes_may_write_where_api_keys_may_not(whop: WhopInProcess, app: OAuthApp) -> None:
    chat = whop.create()
    whop.mode(api_keys="forbidden", oauth_tokens="issued")

    assert set(statuses(whop, chat, app.log_in()["access_token"]).values()) == {200}


def test_a_path_that_does_not_exist_needs_no_scope(whop: WhopInProcess, app: OAuthApp) -> None:
    token = app.log_in(scope="openid")["access_token"]

    assert whop.call("POST", "/elsewhere", token=token).status_code == 404


def test_a_token_of_one_company_creates_chats_for_that_company_alone(whop: WhopInProcess, of_a: str) -> None:
    replies = [whop.call("POST", json=body, token=of_a) for body in (IN_A, IN_B, HELLO)]
    of_account = {"message_text": "hello", "current_account_id": "biz_B"}
    replies.append(whop.call("POST", json=of_account, token=of_a, version=NEW))

    assert [reply.status_code for reply in replies] == [200, 403, 403, 403]
    assert [chat["company_id"] for chat in whop.state()["chats"]] == ["biz_A"]


def test_a_token_of_one_company_sees_the_chats_of_that_company_alone(whop: WhopInProcess, of_a: str) -> None:
    own, other, without = (whop.call("POST", json=body).json() for body in (IN_A, IN_B, HELLO))

    assert whop.call("GET", token=of_a).json()["data"] == [own]
    assert whop.call("GET", f"/{own['id']}", token=of_a).json() == own
    for chat in (other, without):
        for method in ("GET", "PATCH", "DELETE"):
            assert whop.call(method, f"/{chat['id']}", token=of_a).status_code == 404
    assert len(whop.state()["chats"]) == 3


@pytest.mark.parametrize(("body", "status"), [
    ({"title": "t"}, 200),
    ({"current_company_id": "biz_A"}, 200),
    ({"current_company_id": "biz_B"}, 403),
    ({"current_company_id": None}, 403),
])  # fmt: skip
def test_a_token_of_one_company_moves_no_chat_out_of_it(
    whop: WhopInProcess, of_a: str, body: Json, status: int
) -> None:
    chat = whop.call("POST", json=IN_A).json()

    assert whop.call("PATCH", f"/{chat['id']}", json=body, token=of_a).status_code == status
    assert whop.state()["chats"][0]["company_id"] == "biz_A"


def test_a_token_without_a_company_serves_all_companies(whop: WhopInProcess, app: OAuthApp) -> None:
    token = app.log_in()["access_token"]

    assert [whop.call("POST", json=body, token=token).status_code for body in (IN_A, IN_B, HELLO)] == [200] * 3
    assert len(whop.call("GET", token=token).json()["data"]) == 3
