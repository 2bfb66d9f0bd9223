"""Tokens that end or are revoked, and answers that are lost: runs with a connection wait, and go on."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Literal

import httpx
import pytest

from aichats_cli.admin import connect
from local.ports import free_port
from local.system import System
from tests.support.admin import admin
from tests.support.connections import create_connection, ended, log_in, revoke, stored_grant
from tests.support.mock_servers import AI_CHATS, Json, MockServer
from tests.support.running_automations import Automations, company
from tests.support.waiting import until
from tests.support.whop_oauth import CLIENT_ID, allow

ACTION = {"type": "whop.create_chat", "title": "Weekly revenue", "message_text": "Summarize last week."}
LONGER_THAN_A_TOKEN = timedelta(minutes=61)


@pytest.fixture
def credential() -> Literal["connection"]:
    """The credential of the system."""
    return "connection"


@pytest.fixture
def strict_whop(whop: MockServer) -> MockServer:
    """The mock of Whop, which accepts only tokens that it issued."""
    whop.mode(oauth_tokens="issued")
    return whop


def start(api: httpx.Client, target: str) -> str:
    """Start a run that creates a chat. Return its id."""
    started = api.post("/runs", json={"action": ACTION, "targets": [target]})
    assert started.status_code == 202, started.text
    [run] = started.json()["run_ids"]
    return str(run)


def state_of(api: httpx.Client, run: str) -> Json:
    """Return a run."""
    found: Json = api.get(f"/runs/{run}").json()
    return found


def is_done(api: httpx.Client, run: str) -> bool:
    """Return whether a run has succeeded."""
    return bool(state_of(api, run)["status"] == "succeeded")


def test_a_run_that_meets_an_ended_token_has_it_renewed_and_then_creates_its_chat(
    system: System, api: httpx.Client, strict_whop: MockServer
) -> None:
    grant = log_in(system.whop_url)
    create_connection(system, "ended", ended(grant))
    strict_whop.advance(LONGER_THAN_A_TOKEN)

    run = start(api, "biz_Ended")
    until(lambda: is_done(api, run))

    renewed = stored_grant(system, "ended")
    assert renewed.access_token != grant.access_token
    assert renewed.refresh_token != grant.refresh_token
    assert renewed.expires_at > datetime.now(UTC)
    [chat] = strict_whop.state()["chats"]
    assert chat["company_id"] == "biz_Ended"
    assert [each["status"] for each in strict_whop.state()["requests"] if each["path"] == AI_CHATS] == [200]


def test_runs_wait_while_a_connection_is_broken_and_a_login_lets_them_go_on(
    account: System,
    api: httpx.Client,
    automations: Automations,
    strict_whop: MockServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = datetime.now(UTC)
    grant = log_in(account.whop_url)
    create_connection(account, "broken", ended(grant))
    revoke(account.whop_url, grant)

    run = start(api, "biz_Broken")
    until(lambda: automations.counted("ConnectionsBroken", begun, "RefreshTokensLogs"))
    waiting = until(lambda: found if (found := state_of(api, run))["error"] else {})
    assert waiting["status"] == "pending"
    assert "aichats admin connect --stack <stack> --connection broken" in waiting["error"]["message"]
    assert strict_whop.state()["chats"] == []

    own = ["--stack", account.stack.name, "--client-id", CLIENT_ID, "--port", str(free_port())]
    with ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(connect, "open_browser", lambda url: bool(pool.submit(allow, url)))
        assert admin("connect", *own, "--connection", "broken") == 0

    until(lambda: is_done(api, run))
    assert [chat["company_id"] for chat in strict_whop.state()["chats"]] == ["biz_Broken"]


def test_a_chat_whose_answer_was_lost_is_found_with_the_connection_that_created_it(
    api: httpx.Client, whop: MockServer
) -> None:
    whop.mode(idempotency="ignored")
    whop.faults({"method": "POST", "path": AI_CHATS, "fault": "drop_after"})

    run = start(api, target := company())
    until(lambda: is_done(api, run))

    [chat] = whop.state()["chats"]
    assert (chat["company_id"], chat["title"], chat["id"]) == (target, ACTION["title"], state_of(api, run)["chat_id"])
