"""The page that lists the automations."""

from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect

from tests.support.automations import listening, scheduled
from tests.support.console import ConsoleServer, failing
from tests.support.console_page import ConsolePage, console_page
from tests.support.lambda_calls import CALLERS_SECRET, stored_caller
from tests.support.ledgers import NOON
from tests.support.stack_in_memory import StackInMemory, hourly

VIEWER = "token-of-viewer"


@pytest.fixture
def viewed(server: ConsoleServer) -> ConsoleServer:
    """The stack, signed in as a client that may only read."""
    callers = {"viewer": stored_caller(VIEWER, "automations:read", "runs:read")}
    server.stack.secrets.values[CALLERS_SECRET] = callers
    server.local_token = VIEWER
    return server


def put_many(stack: StackInMemory, number: int) -> None:
    for index in range(number):
        stack.put(scheduled(), f"report-{index:03}")


def rows(console: ConsolePage) -> int:
    return console.page.locator("tbody tr").count()


def test_a_stack_without_automations_offers_to_create_one(console: ConsolePage) -> None:
    console.open("/automations")

    assert "There are no automations yet" in console.text
    assert console.page.get_by_role("link", name="Create an automation").count() > 0
    console.check_accessibility()


def test_each_automation_is_shown_with_its_trigger_its_next_time_in_both_zones_and_its_last_result(
    console: ConsolePage,
) -> None:
    console.stack.put(hourly("biz_A", "biz_B", timezone="America/New_York"), "report")
    console.stack.put(listening("payment.failed"), "dunning")
    console.stack.tick(NOON, "report")
    console.stack.work()
    console.stack.clock.now = NOON + timedelta(minutes=30)

    console.open("/automations")

    assert "Creates a Whop chat for each of 2 companies" in console.text
    assert "Fri 20 Nov, 14:00 CET" in console.text
    assert "Fri 20 Nov, 08:00 America/New_York" in console.text
    assert "When Whop sends payment.failed" in console.text
    assert console.page.get_by_role("img", name="2 succeeded").count() == 1
    runs = console.page.get_by_role("link", name="runs of report")
    assert runs.get_attribute("href") == "/console/runs?automation=report"
    console.check_accessibility()


def test_a_long_list_is_read_in_pages_of_25(console: ConsolePage) -> None:
    put_many(console.stack, 60)

    console.open("/automations")

    assert rows(console) == 25
    console.button("Show more").click()
    console.wait_for("50 automations shown")
    console.button("Show more").click()
    console.wait_for("60 automations shown. That is all")


def test_automations_are_found_by_a_part_of_their_name_and_the_page_says_how_many_it_searched(
    console: ConsolePage,
) -> None:
    put_many(console.stack, 60)
    console.stack.put(scheduled(enabled=False), "the-last-one")

    console.open("/automations")
    console.page.get_by_label("Name contains").fill("LAST")
    console.wait_for("1 of the first 61 automations shown")

    assert rows(console) == 1
    assert console.page.url.endswith("?name=LAST")
    console.page.get_by_label("State", exact=True).select_option("active")
    console.wait_for("No automation matches these filters")
    console.button("Show all automations").click()
    console.wait_for("25 automations shown")


def test_the_filter_for_a_label_is_in_the_url_and_explained_if_it_is_wrong(console: ConsolePage) -> None:
    console.stack.put(scheduled() | {"labels": {"team": "growth"}}, "labeled")
    console.stack.put(scheduled(), "other")

    console.open("/automations?label=team:growth")

    assert rows(console) == 1
    console.page.get_by_label("Label (key:value)").fill("growth")
    expect(console.page.get_by_role("alert")).to_contain_text("such as team:sales")
    assert console.page.get_by_label("Label (key:value)").get_attribute("aria-invalid") == "true"


def test_an_automation_is_paused_and_resumed_in_its_row_with_the_keyboard_alone(console: ConsolePage) -> None:
    console.stack.put(hourly(), "report")
    console.open("/automations")

    console.button("Pause: report").focus()
    console.press("Enter")
    console.button("Pause report").focus()
    console.press("Enter")
    expect(console.button("Resume: report")).to_be_visible()

    assert console.stack.row("report").pauses.at(NOON) is not None
    console.button("Resume: report").focus()
    console.press("Enter")
    console.button("Resume report").focus()
    console.press("Enter")
    expect(console.button("Pause: report")).to_be_visible()
    assert console.stack.row("report").pauses.at(NOON) is None


def test_what_a_client_may_not_do_is_not_offered(browser: Browser, viewed: ConsoleServer) -> None:
    viewed.stack.put(hourly(), "report")

    with console_page(browser, viewed) as console:
        console.open("/automations")

        assert "report" in console.text
        assert console.page.get_by_role("link", name="Create an automation").count() == 0
        assert console.page.get_by_role("button").all_inner_texts() == ["Sign out"]


def test_an_error_says_why_and_the_list_is_read_again_on_demand(console: ConsolePage) -> None:
    console.stack.put(hourly(), "report")
    console.server.interfere = failing(500, "DynamoDB failed", path="/automations")
    console.open("/automations")

    assert "The automations can't be read" in console.text
    assert "DynamoDB failed" in console.text
    console.server.interfere = lambda _: None
    console.button("Try again").click()
    console.wait_for("Every hour")


def test_what_was_read_stays_if_no_more_is_answered(console: ConsolePage) -> None:
    put_many(console.stack, 30)
    console.open("/automations")
    console.page.route("**/automations?*", lambda route: route.abort())

    console.button("Show more").click()
    console.wait_for("The API doesn't answer")

    assert rows(console) == 25


def test_the_list_fits_a_narrow_screen(browser: Browser, server: ConsoleServer) -> None:
    server.stack.put(hourly("biz_A", timezone="America/Argentina/ComodRivadavia"), "a" * 64)
    server.stack.put(listening(*(f"payment.{'x' * 40}{number}" for number in range(3))), "events")

    with console_page(browser, server, viewport={"width": 400, "height": 800}) as console:
        console.open("/automations")

        assert not console.overflows
        console.check_accessibility()
