"""The webhooks of the mock of Whop: who may manage them, what they show, and what they deliver."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from aichats.whop.webhooks import verify
from tests.support.mock_servers import NEW, OLD, Json, WhopInProcess, running, whop_options

WEBHOOKS = "/api/v1/webhooks"
URL = "http://127.0.0.1:9/webhooks/whop"
"""No server listens there."""
EVENTS = ["payment.failed", "payment.succeeded"]


@pytest.fixture
def whop() -> Iterator[WhopInProcess]:
    with WhopInProcess() as mock:
        yield mock


class Receiver:
    """A server that receives webhooks and answers with ``status``."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.status = 202

    async def receive(self, request: Request) -> JSONResponse:
        self.received.append((dict(request.headers), await request.body()))
        return JSONResponse({"run_ids": []}, self.status)

    @property
    def ids(self) -> list[str]:
        """The webhook-id of each delivery."""
        return [headers["webhook-id"] for headers, _ in self.received]


@contextmanager
def receiving() -> Iterator[tuple[Receiver, str]]:
    """Run a receiver. Yield it with its URL."""
    receiver = Receiver()
    with running(Starlette(routes=[Route("/webhooks/whop", receiver.receive, methods=["POST"])])) as origin:
        yield receiver, f"{origin}/webhooks/whop"


def call(whop: WhopInProcess, method: str, path: str = "", *, version: str = NEW, **options: Any) -> httpx.Response:
    return whop.request(method, WEBHOOKS + path, **whop_options(version=version, **options))


def register(whop: WhopInProcess, url: str = URL, **fields: object) -> Json:
    reply = call(whop, "POST", json={"url": url, "events": EVENTS, **fields})
    assert reply.status_code == 200, reply.text
    webhook: Json = reply.json()
    return webhook


def sent_since_the_beginning(**fields: object) -> Json:
    return {"sent_after": datetime.fromtimestamp(0, UTC).isoformat(), **fields}


def test_only_the_answer_to_the_create_has_the_secret(whop: WhopInProcess) -> None:
    webhook = register(whop)

    assert webhook["webhook_secret"].startswith("ws_")
    [listed] = call(whop, "GET").json()["data"]
    retrieved = call(whop, "GET", f"/{webhook['id']}").json()
    assert listed == retrieved == webhook | {"webhook_secret": None}
    assert (listed["url"], listed["events"], listed["enabled"]) == (URL, EVENTS, True)


def test_a_list_has_the_webhooks_of_one_account_in_pages(whop: WhopInProcess) -> None:
    ids = [register(whop)["id"] for _ in range(3)]
    of_company = register(whop, resource_id="biz_A")["id"]

    first = call(whop, "GET", params={"first": 2}).json()
    second = call(whop, "GET", params={"first": 2, "after": first["page_info"]["end_cursor"]}).json()

    assert [webhook["id"] for webhook in first["data"] + second["data"]] == ids[::-1]
    assert [page["page_info"]["has_next_page"] for page in (first, second)] == [True, False]
    assert [item["id"] for item in call(whop, "GET", params={"account_id": "biz_A"}).json()["data"]] == [of_company]


def test_an_update_changes_the_fields_that_it_names_and_a_delete_ends_the_webhook(whop: WhopInProcess) -> None:
    webhook = register(whop)
    path = f"/{webhook['id']}"

    changed = call(whop, "PATCH", path, json={"enabled": False, "events": ["payment.created"]}).json()

    expected = {"enabled": False, "events": ["payment.created"], "webhook_secret": None}
    assert changed == webhook | expected | {"testable_events": ["payment.created"]}
    assert call(whop, "DELETE", path).json() == {"id": webhook["id"], "deleted": True}
    assert [call(whop, method, path).status_code for method in ("GET", "PATCH", "DELETE")] == [404] * 3


@pytest.mark.parametrize("body", [{"events": EVENTS}, {"url": "no url"}, {"url": URL, "unknown": 1}])
def test_a_create_with_a_wrong_field_is_rejected(whop: WhopInProcess, body: Json) -> None:
    reply = call(whop, "POST", json=body)
    assert (reply.status_code, reply.json()["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize(
    ("version", "status"), [(OLD, 404), ("2026-08-21", 404), ("2026-08-21-1", 200), ("2031-01-01", 400)]
)
def test_webhooks_need_a_version_that_has_them(whop: WhopInProcess, version: str, status: int) -> None:
    assert call(whop, "GET", version=version).status_code == status


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", ""), ("POST", "/hook_1/replay")])
def test_a_users_token_may_not_manage_webhooks_and_keys_may_even_if_they_may_not_write_chats(
    whop: WhopInProcess, method: str, path: str
) -> None:
    whop.mode(api_keys="forbidden")
    assert call(whop, method, path, token="oauth_1").status_code == 403
    assert call(whop, method, path).status_code != 403


def test_a_test_delivers_a_signed_event_and_answers_with_its_result(whop: WhopInProcess) -> None:
    with receiving() as (receiver, url):
        webhook = register(whop, url, api_version_date=NEW)
        result = call(whop, "POST", f"/{webhook['id']}/test", json={"event": "payment.failed"}).json()

    [(headers, body)] = receiver.received
    assert result == {"success": True, "status": 202, "body": '{"run_ids":[]}'}
    assert verify(headers, body, [webhook["webhook_secret"]], now=datetime.now(UTC)) == headers["webhook-id"]
    assert b'"payment.failed"' in body
    assert f'"api_version_date": "{NEW}"'.encode() in body
    [delivery] = call(whop, "GET", f"/{webhook['id']}/deliveries").json()["data"]
    assert (delivery["event"], delivery["success"], delivery["response_code"]) == ("payment.failed", True, 202)


def test_a_replay_delivers_each_message_once_more_with_the_same_webhook_id(whop: WhopInProcess) -> None:
    with receiving() as (receiver, url):
        path = f"/{register(whop, url)['id']}"
        for event in EVENTS:
            call(whop, "POST", f"{path}/test", json={"event": event})
        whop.advance(60)
        answer = call(whop, "POST", f"{path}/replay", json=sent_since_the_beginning()).json()
        assert (answer, receiver.ids[2:]) == ({"queued": True}, receiver.ids[:2])
        assert [body for _, body in receiver.received[2:]] == [body for _, body in receiver.received[:2]]

        some = sent_since_the_beginning(events=["payment.failed"], regenerate_ids=True)
        call(whop, "POST", f"{path}/replay", json=some)
        assert len(set(receiver.ids)) == 3

        call(whop, "POST", f"{path}/replay", json=sent_since_the_beginning(failed_only=True))
        assert len(receiver.received) == 5


def test_a_disabled_webhook_can_not_be_replayed(whop: WhopInProcess) -> None:
    webhook = register(whop, enabled=False)
    assert call(whop, "POST", f"/{webhook['id']}/replay", json=sent_since_the_beginning()).status_code == 400


def test_failed_deliveries_show_until_one_succeeds_or_the_webhook_is_enabled_again(whop: WhopInProcess) -> None:
    with receiving() as (receiver, url):
        path = f"/{register(whop, url)['id']}"
        receiver.status = 500
        for _ in range(2):
            call(whop, "POST", f"{path}/test", json={"event": "payment.failed"})
        failing = call(whop, "GET", path).json()
        receiver.status = 202
        call(whop, "POST", f"{path}/test", json={"event": "payment.failed"})

    healthy = call(whop, "GET", path).json()
    unreachable = call(whop, "POST", f"{path}/test", json={"event": "payment.failed"}).json()
    call(whop, "PATCH", path, json={"enabled": False})
    enabled = call(whop, "PATCH", path, json={"enabled": True}).json()

    assert (failing["consecutive_failures"], failing["failing_since"]) == (2, "2027-01-15T08:00:00.000Z")
    assert (healthy["consecutive_failures"], healthy["failing_since"]) == (0, None)
    assert unreachable == {"success": False, "status": 0, "body": ""}
    assert (enabled["consecutive_failures"], enabled["failing_since"]) == (0, None)


def test_the_state_shows_webhooks_with_their_secrets_and_deliveries(whop: WhopInProcess) -> None:
    webhook = register(whop)
    call(whop, "POST", f"/{webhook['id']}/test", json={"event": "payment.failed"})

    [state] = whop.state()["webhooks"]
    assert state["webhook_secret"] == webhook["webhook_secret"]
    assert [delivery["success"] for delivery in state["deliveries"]] == [False]
