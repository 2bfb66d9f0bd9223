"""Texts of others that attack: on each page they are only texts, whose hidden characters can be seen."""

import re

import pytest
from playwright.sync_api import Dialog, ViewportSize, expect

from tests.support.console import ConsoleServer
from tests.support.console_hostile import (
    AGENT,
    EVENT,
    HIDDEN,
    MUTED,
    SHOWN,
    STRANGE,
    SUBSCRIPTION,
    hostile_stack,
    runs_of,
)
from tests.support.console_life import LivingStack
from tests.support.console_page import PATIENCE_MS, ConsolePage

NARROW, WIDE = ViewportSize(width=400, height=900), ViewportSize(width=1280, height=900)
ACTIVE = """
() => [...document.querySelectorAll("#app script, #app img, #app iframe, #app object, #app embed, #app base")]
  .concat([...document.querySelectorAll("a, form")].filter((each) => /^javascript:/i.test(each.href || each.action)))
  .concat([...document.querySelectorAll("*")].filter((each) => [...each.attributes].some((a) => /^on/i.test(a.name))))
  .map((each) => each.outerHTML)
"""
"""The elements that would run something: none of them is part of the console."""
OPEN = "() => document.querySelectorAll('details').forEach((each) => { each.open = true; })"


@pytest.fixture(scope="module")
def stack() -> LivingStack:
    """The stack, which no test changes."""
    return hostile_stack()


@pytest.fixture
def server(stack: LivingStack) -> ConsoleServer:
    """The server of that stack."""
    return ConsoleServer(stack)


@pytest.fixture
def dialogs(console: ConsolePage) -> list[str]:
    """The messages of ``alert``, which only an attack calls."""
    messages: list[str] = []

    def note(dialog: Dialog) -> None:
        messages.append(dialog.message)
        dialog.dismiss()

    console.page.on("dialog", note)
    return messages


def check(console: ConsolePage, dialogs: list[str], *, shows: bool = True) -> None:
    """Check that the page shows the attacks as texts, that nothing runs, and that it isn't wider than the screen."""
    main = expect(console.page.locator("main"))
    if shows:
        main.to_contain_text(SHOWN, timeout=PATIENCE_MS)
    else:
        main.not_to_contain_text(SHOWN)
    console.page.evaluate(OPEN)
    assert [f"{ord(each):x}" for each in HIDDEN if each in console.text] == []
    assert console.page.evaluate(ACTIVE) == []
    assert dialogs == []
    console.page.set_viewport_size(NARROW)
    assert not console.overflows


PAGES = {
    "": True,
    "/automations": False,
    f"/automations/{STRANGE}": True,
    f"/automations/{EVENT}": True,
    f"/automations/{MUTED}": True,
    f"/automations/{AGENT}": True,
    "/runs": False,
    "/runs?status=failed": False,
    f"/runs?automation={STRANGE}&label=html:{SHOWN}": True,
    "/chats": True,
    "/usage": False,
    "/usage?by=target": False,
    "/subscriptions": True,
    f"/subscriptions/{SUBSCRIPTION}": True,
    "/connections": True,
}
"""The pages, and whether they show texts of others."""


@pytest.mark.parametrize(("path", "shows"), PAGES.items())
def test_a_page_shows_attacks_as_texts(console: ConsolePage, dialogs: list[str], path: str, *, shows: bool) -> None:
    console.open(path)

    check(console, dialogs, shows=shows)


@pytest.mark.parametrize("name", [STRANGE, EVENT, AGENT])
def test_each_run_shows_attacks_as_texts(
    console: ConsolePage, dialogs: list[str], stack: LivingStack, name: str
) -> None:
    for run_id in runs_of(stack, name)[-2:]:
        console.page.set_viewport_size(WIDE)
        console.open(f"/runs/{run_id}")

        check(console, dialogs)


@pytest.mark.parametrize("path", [f"/automations/{STRANGE}/edit", f"/subscriptions/{SUBSCRIPTION}/edit"])
def test_a_form_keeps_attacks_as_they_are_and_runs_nothing(console: ConsolePage, dialogs: list[str], path: str) -> None:
    console.open(path)

    typed = console.page.evaluate("() => [...document.querySelectorAll('input, textarea')].map((each) => each.value)")
    assert [value for value in typed if SHOWN in value]
    console.page.set_viewport_size(NARROW)
    assert console.page.evaluate(ACTIVE) == []
    assert not console.overflows
    assert dialogs == []


@pytest.mark.parametrize(
    "path",
    [
        f"/automations/{SHOWN}",
        f"/runs/{SHOWN}",
        f"/subscriptions/{SHOWN}",
        f"/runs?automation={SHOWN}&cursor={SHOWN}&status={SHOWN}&since={SHOWN}",
        f"/usage?since={SHOWN}&until={SHOWN}&by={SHOWN}",
        f"/automations?label={SHOWN}&state={SHOWN}",
        f"/{SHOWN}",
    ],
)
def test_an_address_that_attacks_leads_to_a_page_that_says_what_is_wrong(
    console: ConsolePage, dialogs: list[str], path: str
) -> None:
    console.open(path)

    assert re.search(r"\w+", console.text)
    assert console.page.get_by_role("heading", level=1).count() == 1
    assert console.page.evaluate(ACTIVE) == []
    console.page.set_viewport_size(NARROW)
    assert not console.overflows
    assert dialogs == []
