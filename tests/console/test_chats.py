"""The page with the chats, on which people mute them."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.support.console import ConsoleServer, failing
from tests.support.console_page import ConsolePage
from tests.support.fakes import ai_chat
from tests.support.ledgers import NOON

PATH = "/chats/notification-preference"


@pytest.fixture
def server(server: ConsoleServer) -> ConsoleServer:
    """A stack whose credential sees three chats."""
    for number in (1, 2, 3):
        chat = ai_chat(id=f"aich_{number}", title=f"Numbers {number}")
        server.stack.whop.chats[chat["id"]] = chat | {"notification_preference": "all"}
    return server


def preferences(console: ConsolePage) -> list[str]:
    with console.server.lock:
        console.stack.work()
    return [chat["notification_preference"] for chat in console.stack.whop.chats.values()]


def test_selected_chats_are_muted_until_a_time_in_the_zone_of_the_viewer(console: ConsolePage) -> None:
    console.open("/chats")
    console.page.get_by_label("Select aich_1").check()
    console.page.get_by_label("Select aich_3").check()
    console.button("Change notifications of 2 chats").click()
    console.page.get_by_label("Until (Europe/Berlin)").fill("2026-11-23T09:00")
    console.button("Mute 2 chats").click()
    console.wait_for("2 chats are being changed")

    assert preferences(console) == ["none", "all", "none"]
    (undoing,) = console.stack.app.automation_table.list()
    assert undoing.automation.targets == ["aich_1", "aich_3"]
    assert next(undoing.unpaused_slots(NOON)) == (NOON + timedelta(days=3)).replace(hour=8)
    console.press("Escape")
    # The page reads the list again from time to time.
    console.page.evaluate("() => window.dispatchEvent(new Event('online'))")
    expect(console.page.get_by_role("row").filter(has_text="aich_1")).to_contain_text("muted")


def test_all_shown_chats_are_muted_with_the_keyboard_alone(console: ConsolePage) -> None:
    console.open("/chats")
    console.button("Select all shown").focus()
    console.press("Enter")
    console.button("Change notifications of 3 chats").focus()
    console.press("Enter")
    expect(console.page.get_by_role("dialog")).to_be_visible()
    console.button("Mute 3 chats").focus()
    console.press("Enter")
    console.wait_for("3 chats are being changed")
    console.press("Escape")

    expect(console.page.get_by_role("dialog")).to_have_count(0)
    assert preferences(console) == ["none", "none", "none"]


def test_ids_that_are_typed_stay_if_the_call_fails_and_the_second_try_changes_them_once(console: ConsolePage) -> None:
    console.open("/chats")
    console.button("Change notifications").click()
    console.page.get_by_role("textbox", name="Chats").fill("aich_2, aich_2\n")
    console.server.interfere = failing(503, "aichats is busy", path=PATH)
    console.button("Mute 1 chat").click()
    console.wait_for("aichats is busy")
    console.server.interfere = lambda _: None
    console.button("Mute 1 chat").click()
    console.wait_for("1 chat is being changed")

    assert preferences(console) == ["all", "none", "all"]
    keys = {event["headers"]["idempotency-key"] for event in console.server.events if event["rawPath"] == PATH}
    assert len(keys) == 1


def test_another_list_of_chats_after_a_failure_is_another_request(console: ConsolePage) -> None:
    console.open("/chats")
    console.button("Change notifications").click()
    chats = console.page.get_by_role("textbox", name="Chats")
    chats.fill("aich_2")
    console.server.interfere = failing(503, "aichats is busy", path=PATH)
    console.button("Mute 1 chat").click()
    console.wait_for("aichats is busy")
    console.server.interfere = lambda _: None
    chats.fill("aich_2 aich_3")
    console.button("Mute 2 chats").click()
    console.wait_for("2 chats are being changed")

    keys = [event["headers"]["idempotency-key"] for event in console.server.events if event["rawPath"] == PATH]
    assert len(keys) == len(set(keys)) == 2


def test_a_list_of_a_company_shows_the_chats_that_aichats_created_for_it(console: ConsolePage) -> None:
    console.open("/chats?for=biz_A")

    assert "There are no chats here" in console.text
    assert console.server.requests("GET", "/runs")


def test_the_page_is_accessible_and_fits_on_a_phone(console: ConsolePage) -> None:
    console.open("/chats").check_accessibility()
    console.button("Change notifications").click()
    console.check_accessibility()
    console.press("Escape")
    console.page.set_viewport_size({"width": 400, "height": 800})

    assert not console.overflows
