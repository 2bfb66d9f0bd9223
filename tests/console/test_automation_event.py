"""The page on which people try an automation with an event, before Whop sends one."""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.support.automations import listening
from tests.support.console import ConsoleServer, failing
from tests.support.console_page import ConsolePage, console_page
from tests.support.fakes import Json
from tests.support.stack_in_memory import payment

PATH = "/automations/dunning?show=try"
FILTER = "data.id != 'pay_0'"


@pytest.fixture
def server(server: ConsoleServer) -> ConsoleServer:
    """A stack with three automations: two listen for a failed payment, and one of them is paused."""
    definition = listening("payment.failed", "payment.canceled", targets=("{{ event.account_id }}",), filter=FILTER)
    action = definition["action"] | {"title": "Payment {{ event.data.id }}", "message_text": "Why?"}
    server.stack.put(definition | {"action": action}, "dunning")
    server.stack.put(listening("payment.failed"), "watching")
    server.stack.put(listening("payment.failed", enabled=False), "disabled")
    return server


def event_field(console: ConsolePage) -> Locator:
    return console.page.get_by_label("Event", exact=True)


def write(console: ConsolePage, event: Json | str) -> None:
    event_field(console).fill(event if isinstance(event, str) else json.dumps(event))


def delivering(server: ConsoleServer) -> Callable[[Json], Json | None]:
    """Return an interference that delivers test events to the stack, as its webhook does."""

    def interfere(event: Json) -> Json | None:
        if event["rawPath"] != "/events/test":
            return None
        body = json.loads(event["body"])
        run_ids = server.stack.handle(payment(type=body["type"], data=body["data"]), "msg_test_1")
        answer = {"run_ids": run_ids, "webhook_id": "msg_test_1", "event_id": "evt_test_1", "status": 202}
        headers = {"content-type": "application/json"}
        return {"statusCode": 200, "headers": headers, "body": json.dumps(answer), "isBase64Encoded": False}

    return interfere


def test_the_preview_begins_with_an_example_and_sends_nothing(console: ConsolePage) -> None:
    console.open(PATH)
    example = json.loads(event_field(console).input_value())

    assert example["type"] == "payment.failed"
    console.button("Preview what it sends").click()
    console.wait_for("1 run would start.")
    assert f"Payment {example['data']['id']}" in console.text
    assert example["account_id"] in console.text
    console.check_accessibility()
    assert console.stack.runs == []


def test_an_edited_event_is_previewed_and_the_filter_explained_if_it_rejects_it(console: ConsolePage) -> None:
    console.open(PATH)
    write(console, payment(data={"id": "pay_0"}))
    console.button("Preview what it sends").click()
    console.wait_for("The filter rejects this event, so nothing starts")

    assert FILTER in console.text
    write(console, payment(data={"id": "<b>pay</b>"}))
    console.button("Preview what it sends").click()
    console.wait_for("Payment <b>pay</b>")
    console.page.get_by_label("Event type").select_option("payment.canceled")
    expect(event_field(console)).to_have_value(re.compile("payment.canceled"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"type": "payment.failed",\n "data": }', "line 2"),
        ("[]", "must be an object in braces"),
        ('{"data": {}}', "type is missing"),
        ('{"type": "payment.failed", "data": []}', "data must be an object in braces"),
        ('{"type": "refund.created", "data": {}}', "type"),
    ],
)
def test_a_mistake_in_the_event_is_explained_at_the_field(console: ConsolePage, text: str, problem: str) -> None:
    console.open(PATH)
    write(console, text)
    console.button("Preview what it sends").click()

    expect(console.page.get_by_role("alert")).to_contain_text(problem)
    assert event_field(console).get_attribute("aria-invalid") == "true"
    assert event_field(console).input_value() == text


def test_only_this_automation_runs_with_the_event(console: ConsolePage) -> None:
    console.open(PATH)
    write(console, {"type": "payment.failed", "account_id": "biz_Z", "data": {"id": "pay_9"}})
    console.button("Run dunning with this event").click()
    console.button("Run dunning").click()
    console.wait_for("Started 1 run. 0 of 1 ended.")
    with console.server.lock:
        console.stack.work()
    console.wait_for("The run has ended: 1 succeeded.")

    assert console.stack.titles == ["Payment pay_9"]
    assert [row.run.automation for row in console.stack.runs] == ["dunning"]


def test_a_test_event_names_all_automations_that_it_starts_before_it_is_sent(console: ConsolePage) -> None:
    console.server.interfere = delivering(console.server)
    console.open(PATH)
    event = payment(data={"id": "pay_9"}, account_id="biz_Z")
    write(console, event)
    console.button("Send as a test event").click()
    question = console.page.get_by_role("dialog")
    expect(question).to_contain_text("2 enabled automations listen for payment.failed")

    assert question.get_by_role("listitem").all_inner_texts() == ["dunning", "watching"]
    assert "It keeps these fields of the example" in question.inner_text()
    assert console.server.requests("POST", "/events/test") == []
    console.check_accessibility()
    console.button("Send the test event").click()
    console.wait_for("Started 2 runs. 0 of 2 ended.")
    with console.server.lock:
        console.stack.work()
    console.wait_for("All 2 runs have ended: 2 succeeded.")
    sent = {"type": "payment.failed", "data": event["data"], "account_id": "biz_Z"}
    assert console.server.requests("POST", "/events/test") == [sent]


def test_a_test_event_that_fails_keeps_the_event_and_is_repeated_with_the_same_key(console: ConsolePage) -> None:
    console.server.interfere = failing(409, "no webhook secret", path="/events/test")
    console.open(PATH)
    write(console, payment())
    console.button("Send as a test event").click()
    for times in (1, 2):
        console.button("Send the test event").click()
        console.wait_for("no webhook secret")
        expect(console.button("Send the test event")).to_be_enabled()
        assert len(console.server.requests("POST", "/events/test")) == times
    console.press("Escape")

    assert json.loads(event_field(console).input_value()) == payment()
    sent = [event for event in console.server.events if event["rawPath"] == "/events/test"]
    assert len({event["headers"]["idempotency-key"] for event in sent}) == 1


def test_the_page_fits_a_narrow_screen(browser: Browser, server: ConsoleServer) -> None:
    with console_page(browser, server, viewport={"width": 400, "height": 800}) as console:
        console.open(PATH)
        console.button("Preview what it sends").click()
        console.wait_for("1 run would start.")

        assert not console.overflows
