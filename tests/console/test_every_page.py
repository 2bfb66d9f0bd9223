"""The rules for each page of the console."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.support.console import ConsoleServer, failing
from tests.support.console_page import ConsolePage, console_page
from tests.support.console_world import lively_stack
from tests.support.fakes import Json
from tests.support.lambda_calls import CALLERS_SECRET, LOCAL, stored_caller
from tests.support.ledgers import NOON
from tests.support.stack_in_memory import StackInMemory

RUN = "RUN"
"""In a path: the id of a run that failed."""
READING = (
    "",
    "/automations",
    "/automations/weekly-revenue",
    "/automations/weekly-revenue/edit",
    f"/runs/{RUN}",
    "/runs",
    "/chats",
    "/usage",
    "/subscriptions",
    "/subscriptions/crm",
    "/subscriptions/crm/edit",
    "/connections",
)
"""The pages that show something of the stack."""
PAGES = (*READING, "/create", "/subscribe", "/nothing")
WIDTHS = (400, 760, 1280, 2560)
MOVING = """() => [...document.querySelectorAll("*")].filter((element) => {
  const style = getComputedStyle(element);
  return style.transitionDuration.split(", ").some((each) => each !== "0s") || style.animationName !== "none";
}).map((element) => element.outerHTML)"""


@pytest.fixture(scope="module")
def lively() -> ConsoleServer:
    """A stack with something of every kind."""
    return ConsoleServer(lively_stack(NOON))


@pytest.fixture
def console(browser: Browser, lively: ConsoleServer) -> Iterator[ConsolePage]:
    """The console of that stack, for a person who wants no motion."""
    lively.interfere = lambda _: None
    with console_page(browser, lively, reduced_motion="reduce") as console:
        yield console


def path_of(console: ConsolePage, page: str) -> str:
    """Return the path of a page."""
    if RUN not in page:
        return page
    return page.replace(RUN, next(row.run.run_id for row in console.stack.runs if row.status == "failed"))


def broken() -> Callable[[Json], Json | None]:
    """Return an interference that lets each call fail but that which says who is signed in."""
    fail = failing(500, "The table is on fire.")
    return lambda event: None if event["rawPath"] == "/me" else fail(event)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_accessible_has_one_title_fits_every_screen_and_does_not_move(
    console: ConsolePage, page: str
) -> None:
    console.open(path_of(console, page))

    assert console.page.get_by_role("heading", level=1).count() == 1
    heading = console.page.get_by_role("heading", level=1).inner_text()
    title = console.page.title().removesuffix(" · aichats")
    assert heading.startswith(title)
    assert title
    assert console.page.evaluate(MOVING) == []
    for width in WIDTHS:
        console.page.set_viewport_size({"width": width, "height": 900})
        assert not console.overflows, width
        if width in WIDTHS[:3:2]:
            console.check_accessibility()


@pytest.mark.parametrize("page", READING)
def test_a_page_explains_a_failing_api_and_recovers(console: ConsolePage, lively: ConsoleServer, page: str) -> None:
    lively.interfere = broken()
    console.open(path_of(console, page))
    again = console.button("Try again")
    again.first.wait_for()
    assert "The table is on fire." in console.text
    console.check_accessibility()

    lively.interfere = lambda _: None
    # A part that is read again meanwhile needs no click, and its button is gone.
    again.evaluate_all("buttons => buttons.forEach((button) => button.click())")

    expect(again).to_have_count(0)
    console.settle()
    assert "The table is on fire." not in console.text


def test_a_client_without_scopes_is_told_what_each_page_needs(browser: Browser) -> None:
    server = ConsoleServer(StackInMemory())
    server.stack.secrets.values[CALLERS_SECRET] = {"newcomer": stored_caller(LOCAL)}
    with console_page(browser, server) as console:
        for page in (page for page in PAGES if page != "/nothing"):
            console.open(page)
            assert "This page needs the scope" in console.text, page
            assert "aichats admin callers add" in console.text, page
    calls = {event["rawPath"] for event in server.events if not event["rawPath"].startswith("/console")}
    assert calls == {"/me"}


def test_a_page_says_that_it_is_offline_and_goes_on_when_it_is_online(console: ConsolePage) -> None:
    console.open("/automations")
    banner = console.page.get_by_text("You are offline")

    console.page.context.set_offline(offline=True)
    banner.wait_for()
    assert "weekly-revenue" in console.text
    console.check_accessibility()
    console.page.context.set_offline(offline=False)

    banner.wait_for(state="detached")


def test_a_slow_answer_does_not_keep_a_person_on_a_page(console: ConsolePage) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    console.open("/automations")
    console.page.route(lambda url: "/runs" in url and "/console" not in url, hold)

    console.page.get_by_role("link", name="Runs", exact=True).click()
    expect(console.page.get_by_role("heading", level=1)).to_have_text("Runs")
    console.page.get_by_role("link", name="Connections", exact=True).click()

    expect(console.page.get_by_role("heading", level=1)).to_have_text("Connections")
    console.settle()
    assert held
    for each in held:
        each.abort()
    expect(console.page.get_by_role("heading", level=1)).to_have_text("Connections")


def test_each_page_of_the_menu_opens_with_the_keys(console: ConsolePage) -> None:
    console.open("/automations")
    menu: Any = console.page.get_by_role("navigation", name="Pages").get_by_role("link")
    names = [text.split()[0] for text in menu.all_inner_texts()]

    for index, name in enumerate(names):
        menu.nth(index).focus()
        console.press("Enter")
        expect(console.page.get_by_role("heading", level=1)).to_contain_text(name)
        assert console.focus.startswith(name)


def test_an_answer_that_the_console_does_not_understand_leaves_no_dead_page(console: ConsolePage) -> None:
    def misunderstand(event: Json) -> Json | None:
        body = {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": '{"data": 1}'}
        return body | {"isBase64Encoded": False} if event["rawPath"] == "/usage" else None

    console.server.interfere = misunderstand
    console.open("/usage")
    console.wait_for("The console made a mistake")
    console.page.get_by_role("link", name="Runs", exact=True).click()
    expect(console.page.get_by_role("heading", level=1)).to_have_text("Runs")
    console.page.go_back()
    console.wait_for("The console made a mistake")
    console.server.interfere = lambda _: None
    console.button("Try again").click()

    expect(console.page.get_by_role("heading", level=1)).to_have_text("Usage")
