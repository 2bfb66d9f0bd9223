"""The form for subscriptions: what is stored, and what stays typed when nothing is."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.console import ConsoleServer, failing
from tests.support.console_life import LivingStack
from tests.support.console_page import ConsolePage
from tests.support.console_receivers import NAME, PATH, URL, losing, secret_of
from tests.support.fakes import Json
from tests.support.ledgers import NOON
from tests.support.subscriptions import subscription

EDIT = f"/subscriptions/{NAME}/edit"
NEEDS_A_PERSON = ["run.failed", "run.unknown", "run.missed", "connection.broken"]


@pytest.fixture
def stack() -> LivingStack:
    """A stack without subscriptions."""
    return LivingStack(NOON)


@pytest.fixture
def server(stack: LivingStack) -> ConsoleServer:
    """Serves that stack."""
    return ConsoleServer(stack)


def type_in(console: ConsolePage, **fields: str) -> None:
    for label, value in fields.items():
        console.page.get_by_label(label, exact=True).fill(value)


def stored(stack: LivingStack, name: str = NAME) -> Json:
    """Return the definition that is stored."""
    row = stack.app.subscriptions.get(name)
    assert row is not None
    return row.subscription.model_dump()


def store(stack: LivingStack, by: str = "ops", **fields: Any) -> None:
    stack.clock.forward(minutes=1)
    definition = {"url": URL} | fields
    stack.app.subscriptions.put(NAME, subscription(*definition.pop("events", ["run.failed"]), **definition), by=by)


def test_a_webhook_is_created_with_the_keyboard_alone_and_its_secret_is_shown_once(
    console: ConsolePage, stack: LivingStack
) -> None:
    console.open("/subscribe")
    console.check_accessibility()
    console.press("Tab")
    console.page.keyboard.type(NAME)
    console.press("Tab", "Tab")
    console.page.keyboard.type(URL)
    console.press("Enter")
    console.wait_for("Store this secret where your receiver can read it. It isn't shown again")

    assert secret_of(stack) in console.text
    assert stored(stack)["events"] == NEEDS_A_PERSON
    console.check_accessibility()
    console.page.get_by_role("link", name=f"Open {NAME}").click()
    console.wait_for("Nothing was sent yet")
    assert secret_of(stack) not in console.text


def test_a_channel_of_slack_gets_chosen_events_of_an_automation(console: ConsolePage, stack: LivingStack) -> None:
    console.open("/subscribe")
    console.page.get_by_label("Slack message").check()
    console.page.get_by_label("All: run.*").check()
    console.page.get_by_label("run.replied").uncheck()
    console.page.get_by_label("connection.broken").uncheck()
    fields = {"Name": NAME, "URL of the incoming webhook": URL, "Filter (optional)": "data.automation == 'weekly'"}
    type_in(console, **fields)
    console.button(f"Create {NAME}").click()
    console.wait_for("What it sends")

    definition = stored(stack)
    assert (definition["format"], definition["filter"]) == ("slack", "data.automation == 'weekly'")
    assert len(definition["events"]) == 7
    assert "run.replied" not in definition["events"]


def test_what_the_api_rejects_is_said_at_the_field_and_nothing_typed_is_lost(
    console: ConsolePage, stack: LivingStack
) -> None:
    console.open("/subscribe")
    console.page.get_by_label("All events").check()
    type_in(console, Name=NAME, URL="http://receiver.example", **{"Filter (optional)": "data.amount >"})
    console.button(f"Create {NAME}").click()
    console.wait_for("not valid JMESPath")
    assert console.page.evaluate("() => document.activeElement.value") == "data.amount >"
    console.check_accessibility()

    type_in(console, **{"Filter (optional)": "data.amount > `5`"})
    console.button(f"Create {NAME}").click()
    console.wait_for("a URL must begin with https://")
    type_in(console, URL=URL)
    console.button(f"Create {NAME}").click()
    console.wait_for("It isn't shown again")
    assert (stored(stack)["events"], stored(stack)["filter"]) == (["*"], "data.amount > `5`")


def test_a_name_that_is_taken_leads_to_its_subscription_and_changes_nothing(
    console: ConsolePage, stack: LivingStack
) -> None:
    store(stack, description="The first one")
    console.open("/subscribe")
    type_in(console, Name=NAME, URL="https://other.example")
    console.button(f"Create {NAME}").click()
    console.wait_for(f"There is a subscription {NAME} already. Choose another name.")
    assert console.page.get_by_role("link", name=f"Open {NAME}").count() == 1
    assert stored(stack)["description"] == "The first one"

    type_in(console, Name="alerts-2")
    console.button("Create alerts-2").click()
    console.wait_for("It isn't shown again")
    assert stored(stack, "alerts-2")["url"] == "https://other.example"


def test_a_lost_answer_says_that_the_secret_is_lost_too(console: ConsolePage, stack: LivingStack) -> None:
    console.open("/subscribe")
    type_in(console, Name=NAME, URL=URL)
    console.server.interfere = losing(console.server, "PUT", PATH)
    console.button(f"Create {NAME}").click()
    console.wait_for(f"{NAME} may be saved. Try again: that changes nothing if it is")
    console.button(f"Create {NAME}").click()
    console.wait_for("The secret can't be shown")

    assert "rotate the secret to get a new one" in console.text
    assert stored(stack)["url"] == URL


def test_a_change_by_someone_else_is_kept_beside_the_own_one(console: ConsolePage, stack: LivingStack) -> None:
    store(stack)
    console.open(EDIT)
    type_in(console, **{"Description (optional)": "Mine"})
    with console.server.lock:
        store(stack, "nora", events=["run.*"], filter="`true`")
    console.button(f"Save {NAME}").click()
    console.wait_for("Nothing was saved, because the subscription has changed since you opened it")
    assert "nora changed Events, Filter on Fri 20 Nov, 13:02 CET" in console.text
    console.check_accessibility()

    console.button("Load the new version, keep my changes").click()
    expect(console.page.get_by_label("All: run.*")).to_be_checked()
    expect(console.page.get_by_label("Description (optional)")).to_have_value("Mine")
    console.button(f"Save {NAME}").click()
    console.wait_for("What it sends")
    definition = stored(stack)
    assert (definition["events"], definition["filter"], definition["description"]) == (["run.*"], "`true`", "Mine")


def test_a_form_that_got_no_answer_keeps_what_was_typed(console: ConsolePage, stack: LivingStack) -> None:
    store(stack)
    console.open(EDIT)
    type_in(console, **{"Description (optional)": "Still here"})
    console.page.context.set_offline(True)
    console.button(f"Save {NAME}").click()
    console.wait_for("You are offline.")
    expect(console.page.get_by_label("Description (optional)")).to_have_value("Still here")
    console.page.context.set_offline(False)
    console.button(f"Save {NAME}").click()
    console.wait_for("What it sends")
    assert stored(stack)["description"] == "Still here"


def test_a_subscription_that_cannot_be_read_is_not_edited(console: ConsolePage, stack: LivingStack) -> None:
    store(stack)
    console.server.interfere = failing(500, "DynamoDB did not answer.", path=PATH)
    console.open(EDIT)
    assert f"{NAME} can't be read" in console.text
    console.server.interfere = lambda _: None
    console.button("Try again").click()
    expect(console.page.get_by_label("URL", exact=True)).to_have_value(URL)
    console.page.set_viewport_size({"width": 400, "height": 800})
    assert not console.overflows
