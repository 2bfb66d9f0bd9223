"""The page of the mock receiver."""

import json
import re

from tests.support.mock_servers import Json, ReceiverInProcess


def event(run_id: str = "run_1", status: str = "succeeded", **data: object) -> Json:
    """Return an event of a run."""
    return {"id": "evt_1", "type": f"run.{status}", "data": {"run_id": run_id, "status": status, **data}}


def test_the_newest_delivery_comes_first_with_its_type_id_run_and_status(receiver: ReceiverInProcess) -> None:
    receiver.deliver(event("run_1"), "evt_1")
    receiver.deliver(event("run_2", "failed", automation="daily", target="biz_A"), "evt_2")

    newest, oldest = re.findall(r"<summary>(.*?)</summary>", receiver.page(), re.DOTALL)
    assert "run_1" in oldest
    for text in ("run.failed", "evt_2", "daily · biz_A · run_2", '<span class="badge bad">failed</span>', "08:00:00"):
        assert text in newest


def test_an_entry_opens_to_its_json_and_its_headers(receiver: ReceiverInProcess) -> None:
    receiver.deliver(event(), webhook_timestamp="1800000000")

    (details,) = re.findall(r"</summary>(.*?)</details>", receiver.page(), re.DOTALL)
    assert json.dumps(event(), indent=2).replace('"', "&quot;") in details
    assert "webhook_timestamp: 1800000000" in details


def test_duplicates_rejections_and_signatures_are_marked(receiver: ReceiverInProcess) -> None:
    receiver.deliver(event())
    receiver.mode(status=500)
    receiver.deliver(event())

    newest, oldest = re.findall(r"<summary>(.*?)</summary>", receiver.page(), re.DOTALL)
    assert "2 deliveries, 1 duplicate<" in receiver.page()
    assert [mark in newest for mark in ("duplicate", "answered with 500", "no signature")] == [True, True, True]
    assert [mark in oldest for mark in ("duplicate", "answered with", "no signature")] == [False, False, True]


def test_a_message_for_slack_shows_its_text(receiver: ReceiverInProcess) -> None:
    receiver.deliver({"text": "A run of daily failed"})

    assert "<strong>A run of daily failed</strong>" in receiver.page()


def test_without_a_delivery_the_page_has_the_command_that_subscribes_it(receiver: ReceiverInProcess) -> None:
    page = receiver.page()

    assert "No event has arrived yet" in page
    assert "curl -X PUT &quot;$API/subscriptions/local&quot;" in page
    assert "{&quot;url&quot;: &quot;http://mock/&quot;, &quot;events&quot;: [&quot;run.succeeded&quot;" in page


def test_what_arrives_is_escaped_and_no_script_of_it_could_run(receiver: ReceiverInProcess) -> None:
    evil = '"><script>alert(1)</script>'
    receiver.deliver({"type": evil, "data": {"run_id": evil, "status": evil}}, evil, other=evil)
    receiver.call("POST", "/<script>", content=evil.encode())
    page = receiver.request("GET", "/")

    assert re.findall(r"<script.*?>", page.text) == re.findall(r'<script nonce="[\w-]{20,}">', page.text)
    (nonce,) = re.findall(r'<script nonce="(.*?)">', page.text)
    policy = page.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", f"script-src 'nonce-{nonce}'", "connect-src 'self'"} <= set(policy)
    assert nonce not in receiver.page()


def test_the_page_loads_nothing_from_elsewhere(receiver: ReceiverInProcess) -> None:
    receiver.deliver(event())

    assert not re.search(r"<link|<img|\ssrc=|\son\w+=|url\(|@import", receiver.page())


def test_looking_at_the_page_meets_no_fault_and_is_not_logged(receiver: ReceiverInProcess) -> None:
    receiver.mode(latency=60)
    receiver.faults({"method": "POST", "path": "/*", "fault": "drop_before"})

    assert "Events that arrived" in receiver.page()
    assert receiver.state()["requests"] == []
