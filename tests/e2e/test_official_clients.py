"""Whop's own clients on the mock of Whop: both generations of the SDK work with it, unchanged."""

import hashlib
import json
from pathlib import Path

import pytest

from local.plain_http import plain_client
from local.setup import TOOLS
from tests.support.commands import run_command
from tests.support.mock_servers import Json, running_whop
from tests.support.whop_oauth import OAuthApp

SCRIPT = Path(__file__).with_name("official_client.py")


@pytest.fixture(params=["whop-sdk-0", "whop-sdk-2"])
def interpreter(request: pytest.FixtureRequest) -> Path:
    python = TOOLS / str(request.param) / "bin" / "python"
    if not python.exists():
        pytest.skip(f"{request.param} is not installed: run `make setup`")
    return python


def use_of(interpreter: Path, base_url: str, *subject: str, **environment: str) -> Json:
    # Without the environment of this process, no proxy and no credentials of this machine come in.
    result = run_command(interpreter, SCRIPT, base_url, *subject, env=environment)
    assert result.returncode == 0, result.stderr
    seen: Json = json.loads(result.stdout)
    return seen


def test_an_official_client_creates_lists_retrieves_updates_and_deletes(interpreter: Path) -> None:
    with running_whop() as whop:
        seen = use_of(interpreter, whop.base_url)
        state = whop.state()

    created = seen["created"]
    first = state["chats"][0]
    assert seen["listed"] == created[::-1]
    assert seen["retrieved"] == [created[0], "Chat 0", first["created_at"].replace("Z", "+00:00")]
    assert seen["muted"] == ["Chat 0", "none"]
    assert seen["untitled"] == [None, "none"]
    assert seen["deleted"] is True
    assert [chat["id"] for chat in state["chats"]] == created[:-1]
    assert [chat["company_id"] for chat in state["chats"]] == ["biz_B", "biz_A", "biz_A", "biz_A"]
    assert {request["status"] for request in state["requests"]} == {200}


def test_an_official_client_with_a_user_s_token_may_do_what_api_keys_may_not(interpreter: Path) -> None:
    with running_whop() as whop, plain_client(base_url=whop.origin) as http:
        whop.mode(api_keys="forbidden", oauth_tokens="issued")
        token = OAuthApp(http.request).log_in()["access_token"]
        seen = use_of(interpreter, whop.base_url, WHOP_TOKEN=token)

    assert (seen["muted"], seen["deleted"]) == (["Chat 0", "none"], True)


@pytest.mark.parametrize("interpreter", ["whop-sdk-2"], indirect=True)
def test_the_newest_official_client_registers_changes_replays_and_deletes_webhooks(interpreter: Path) -> None:
    with running_whop() as whop:
        seen = use_of(interpreter, whop.base_url, "webhooks")
        state = whop.state()

    created = seen["created"]
    assert seen["listed"] == created[::-1]
    assert seen["secrets"] == [True, False]
    assert seen["updated"] == ["payment.created"]
    assert (seen["tested"], seen["replayed"]) == ([False, 0], True)
    assert seen["deliveries"] == [["payment.created", False]] * 2
    assert seen["deleted"] == [created[-1], True]
    assert [webhook["id"] for webhook in state["webhooks"]] == created[:-1]


@pytest.mark.parametrize("interpreter", ["whop-sdk-2"], indirect=True)
def test_the_newest_official_client_uploads_a_file_and_attaches_it_to_a_chat(interpreter: Path) -> None:
    with running_whop() as whop:
        whop.mode(files="uploaded")
        seen = use_of(interpreter, whop.base_url, "files")
        state = whop.state()

    [file], [chat] = state["files"], state["chats"]
    assert (seen["states"], seen["uploaded"]) == (["pending", "ready"], 200)
    assert seen["ready"] == [file["id"], "report.pdf", "application/pdf", 15, None]
    assert file["sha256"] == hashlib.sha256(b"%PDF-1.7 report").hexdigest()
    assert (chat["id"], chat["message_attachments"]) == (seen["chat"], [file["id"]])
