"""The calls about webhooks, and what is wrong with a registered webhook."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from aichats.errors import NotFoundError, OutcomeUnknownError, ProtocolError
from aichats.whop.client import WhopClient
from aichats.whop.webhook_registration import (
    FAILING_AFTER,
    MAX_WEBHOOK_PAGES,
    Webhook,
    WebhooksClient,
    webhook_problems,
)
from tests.support.fakes import Json, ScriptedTransport, Step, error_response, ok

URL = "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/webhooks/whop"
EVENTS = ["payment.failed", "payment.succeeded"]
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
VERSION = "2026-10-15-1"


def registered(**changes: Any) -> Json:
    """Return a webhook as Whop shows it."""
    return {"id": "hook_1", "url": URL, "enabled": True, "events": EVENTS, "failing_since": None} | changes


def page(*webhooks: Json, end_cursor: str | None = None) -> httpx.Response:
    return ok(
        {"data": list(webhooks), "page_info": {"end_cursor": end_cursor, "has_next_page": end_cursor is not None}}
    )


def client(*script: Step) -> tuple[WebhooksClient, ScriptedTransport]:
    transport = ScriptedTransport(*script)
    return WhopClient(token="a-token", api_version="2026-07-08-1", transport=transport).webhooks, transport


def problems(*webhooks: Json, events: list[str] = EVENTS) -> list[str]:
    return webhook_problems([Webhook.model_validate(webhook) for webhook in webhooks], URL, events, NOW)


def test_a_webhook_has_no_text_of_whop_that_controls_a_terminal() -> None:
    events = ["payment.failed", "\x1b[2J", "payment\nfailed", "", "x" * 101, 7]
    webhook = Webhook.model_validate(
        registered(
            id="hook_\x1b]0;title\x07", enabled=False, disabled_reason="a\x1b[31mb\nc" + "d" * 500, events=events
        )
    )

    assert (webhook.id, webhook.events) == ("hook_ ]0;title", ["payment.failed"])
    [problem] = webhook_problems([webhook], URL, EVENTS, NOW)
    assert "(a [31mb c" in problem
    assert problem.isprintable()
    assert len(problem) < len(URL) + 150


# ---- calls


def test_each_call_carries_the_version_of_webhooks_whatever_the_version_of_chats() -> None:
    webhooks, transport = client(page(), ok(registered()), ok(registered()), ok({}), ok({"queued": True}))
    list(webhooks.list())
    webhooks.create(URL, EVENTS)
    webhooks.update("hook_1", events=EVENTS, enabled=True)
    webhooks.delete("hook_1")
    webhooks.replay("hook_1", NOW)

    assert transport.calls == [
        ("GET", "/api/v1/webhooks"),
        ("POST", "/api/v1/webhooks"),
        ("PATCH", "/api/v1/webhooks/hook_1"),
        ("DELETE", "/api/v1/webhooks/hook_1"),
        ("POST", "/api/v1/webhooks/hook_1/replay"),
    ]
    assert {request.headers["api-version-date"] for request in transport.requests} == {VERSION}
    assert {request.headers["authorization"] for request in transport.requests} == {"Bearer a-token"}


def test_a_create_is_disabled_pins_the_version_of_the_events_and_names_the_company_if_there_is_one() -> None:
    webhooks, transport = client(ok(registered(webhook_secret="ws_1")), ok(registered()))
    assert webhooks.create(URL, EVENTS).webhook_secret == "ws_1"
    webhooks.create(URL, EVENTS, "biz_A")
    body = {"url": URL, "events": EVENTS, "enabled": False, "api_version_date": VERSION}
    assert transport.bodies == [body, body | {"resource_id": "biz_A"}]


def test_a_create_whose_answer_is_lost_is_not_repeated() -> None:
    webhooks, transport = client(httpx.ReadTimeout("slow"))
    with pytest.raises(OutcomeUnknownError):
        webhooks.create(URL, EVENTS)
    assert len(transport.requests) == 1


def test_a_replay_keeps_the_webhook_ids_so_that_runs_that_were_performed_are_not_performed_again() -> None:
    webhooks, transport = client(ok({"queued": True}))
    webhooks.replay("hook_1", NOW - timedelta(hours=2))
    assert transport.bodies == [{"sent_after": "2026-11-20T10:00:00+00:00", "regenerate_ids": False}]


def test_a_list_follows_all_pages_and_names_the_company_if_there_is_one() -> None:
    webhooks, transport = client(page(registered(id="hook_1"), end_cursor="c1"), page(registered(id="hook_2")), page())
    assert [webhook.id for webhook in webhooks.list()] == ["hook_1", "hook_2"]
    assert list(webhooks.list("biz_A")) == []
    assert [dict(request.url.params) for request in transport.requests] == [
        {"first": "100"},
        {"first": "100", "after": "c1"},
        {"first": "100", "account_id": "biz_A"},
    ]


def test_a_list_that_does_not_end_is_an_error() -> None:
    webhooks, transport = client(*[page(registered(), end_cursor="same")] * (MAX_WEBHOOK_PAGES + 1))
    with pytest.raises(ProtocolError, match="more than 50 pages"):
        list(webhooks.list())
    assert len(transport.requests) == MAX_WEBHOOK_PAGES


def test_a_webhook_with_few_fields_or_unknown_ones_is_read() -> None:
    webhooks, _ = client(
        page({"id": "hook_1", "url": URL, "enabled": True, "new": {}}, registered(events=[None, "a.b"]))
    )
    assert [webhook.events for webhook in webhooks.list()] == [[], ["a.b"]]


def test_no_text_of_a_webhook_shows_its_secret() -> None:
    assert "ws_" not in repr(Webhook.model_validate(registered(webhook_secret="ws_1")))


def test_a_change_of_a_webhook_that_is_gone_is_an_error() -> None:
    webhooks, _ = client(error_response(404, type="not_found"))
    with pytest.raises(NotFoundError):
        webhooks.update("hook_1", events=EVENTS, enabled=True)


# ---- problems


def test_an_enabled_webhook_with_all_events_and_others_has_no_problem() -> None:
    assert problems(registered(events=[*EVENTS, "refund.created"]), registered(url=URL + "/other", enabled=False)) == []
    assert problems(registered(events=EVENTS[:1]), registered(events=EVENTS[1:])) == []


@pytest.mark.parametrize("others", [[], [registered(url="https://example.com/webhooks/whop")]])
def test_a_url_without_a_webhook_is_a_problem(others: list[Json]) -> None:
    assert problems(*others) == [f"Whop has no webhook for {URL}"]


@pytest.mark.parametrize(("reason", "shown"), [("delivery_failures", "delivery_failures"), (None, "by a person")])
def test_a_disabled_webhook_is_a_problem_with_its_reason(reason: str | None, shown: str) -> None:
    disabled = registered(enabled=False, disabled_reason=reason)
    assert problems(disabled) == [f"the webhook for {URL} is disabled ({shown})"]
    assert problems(disabled, registered()) == []


def test_missing_events_are_a_problem_that_names_them() -> None:
    assert problems(registered(events=["payment.failed"])) == ["Whop does not send payment.succeeded"]
    assert problems(registered(events=[])) == ["Whop does not send payment.failed, payment.succeeded"]


def test_deliveries_that_fail_for_a_while_are_a_problem_and_a_single_retry_is_not() -> None:
    since, recent = NOW - FAILING_AFTER, NOW - FAILING_AFTER + timedelta(seconds=1)
    assert problems(registered(failing_since=since.isoformat())) == [
        "deliveries have failed since 2026-11-20 11:45 UTC"
    ]
    assert problems(registered(failing_since=recent.isoformat())) == []
    assert problems(registered(failing_since=since.isoformat()), registered(events=[])) == []


def test_an_event_that_two_webhooks_send_is_a_problem_because_it_comes_twice() -> None:
    twice = "2 webhooks send payment.failed, so each event comes several times"
    assert problems(registered(), registered(events=EVENTS[:1])) == [twice]
    assert problems(registered(), registered(events=["refund.created"]), registered(enabled=False)) == []


def test_the_url_counts_with_and_without_tls() -> None:
    assert problems(registered(url=URL.replace("https", "http"))) == []


def test_all_problems_are_named_at_once() -> None:
    failing = registered(failing_since="2026-11-19T12:00:00Z", events=[])
    assert len(problems(failing)) == 2
