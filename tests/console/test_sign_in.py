"""Signing in: the token, what it allows, and what happens when it ends."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, get_args

import pytest
from playwright.sync_api import Browser, expect

from aichats.api.callers import Scope
from tests.support.console import ConsoleServer, failing
from tests.support.console_page import ConsolePage, console_page
from tests.support.lambda_calls import CALLERS_SECRET, LOCAL, stored_caller
from tests.support.ledgers import NOON
from tests.support.stack_in_memory import StackInMemory, hourly

SCOPES = get_args(Scope.__value__)
EXPIRED = "expired at 2026-11-20T12:00:00Z"


@pytest.fixture
def remote(browser: Browser) -> Iterator[ConsolePage]:
    """A console whose stack isn't on this machine, so that a person must sign in."""
    server = ConsoleServer(StackInMemory(), local_token=None)
    with console_page(browser, server) as console:
        yield console


def sign_in(console: ConsolePage, token: str = LOCAL, *, keep: bool = False) -> None:
    """Type a token, and press Enter."""
    console.page.get_by_label("Token of an API client").fill(token)
    if keep:
        console.page.get_by_label("Stay signed in until this tab is closed").check()
    console.page.get_by_label("Token of an API client").press("Enter")


def stored(console: ConsolePage) -> Any:
    """Return everything that the browser stores."""
    return console.page.evaluate(
        "async () => [{...localStorage}, {...sessionStorage}, document.cookie, (await indexedDB.databases()).length]"
    )


def test_a_wrong_token_says_so_and_stays_in_its_field(remote: ConsolePage) -> None:
    remote.open("/usage")
    remote.check_accessibility()

    sign_in(remote, "wrong")

    remote.wait_for("You can't sign in with this token")
    assert "the token is unknown" in remote.text
    assert remote.page.get_by_label("Token of an API client").input_value() == "wrong"
    remote.check_accessibility()


def test_signing_in_leads_to_the_page_of_the_url_and_the_token_is_nowhere_else(remote: ConsolePage) -> None:
    remote.open("/usage?days=7")

    sign_in(remote)

    remote.wait_for("No run ended in these days")
    assert remote.page.url == f"{remote.url}/console/usage?days=7"
    assert stored(remote) == [{}, {}, "", 0]
    remote.page.reload()
    remote.wait_for("Sign in to aichats")


def test_a_tab_keeps_the_token_if_the_person_wants_that_and_signing_out_removes_it(remote: ConsolePage) -> None:
    remote.open("/usage")
    sign_in(remote, keep=True)
    remote.wait_for("No run ended in these days")
    assert stored(remote) == [{}, {"aichats.token": LOCAL}, "", 0]

    remote.page.reload()
    remote.wait_for("No run ended in these days")
    remote.button("Sign out").click()

    remote.wait_for("Sign in to aichats")
    assert stored(remote) == [{}, {}, "", 0]
    remote.page.reload()
    remote.wait_for("Sign in to aichats")


def test_the_token_can_be_shown(remote: ConsolePage) -> None:
    remote.open()
    field = remote.page.get_by_label("Token of an API client")
    expect(field).to_have_attribute("type", "password")

    remote.button("Show token").click()
    expect(field).to_have_attribute("type", "text")
    remote.button("Hide token").click()
    expect(field).to_have_attribute("type", "password")


def test_the_page_says_how_to_get_a_token(remote: ConsolePage) -> None:
    remote.open()
    remote.page.get_by_text("How to get a token").click()

    assert "aichats admin callers add console --scopes automations:read,chats:read,runs:read" in remote.text
    remote.check_accessibility()


def test_what_was_typed_survives_an_expired_token(console: ConsolePage) -> None:
    console.open("/usage")
    console.page.get_by_label("First day").fill("2026-11-02")
    console.page.get_by_label("Last day").fill("2026-11-03")
    console.server.interfere = failing(401, EXPIRED, path="/usage")
    console.button("Show these days").click()

    dialog = console.page.get_by_role("dialog", name="Sign in again")
    dialog.wait_for()
    assert EXPIRED in dialog.inner_text()
    console.check_accessibility()
    console.press("Escape", "Escape")
    dialog.wait_for()
    console.server.interfere = lambda _: None
    sign_in(console)
    dialog.wait_for(state="detached")

    console.wait_for("No run ended in these days")
    assert console.page.get_by_label("First day").input_value() == "2026-11-02"
    assert "can't be read" not in console.text


def test_a_write_that_was_rejected_with_the_token_is_not_repeated_without_the_person(console: ConsolePage) -> None:
    console.stack.put(hourly("biz_A"), "report")
    console.open("/automations/report")
    console.server.interfere = failing(401, EXPIRED, method="POST")
    press_run_now(console)
    console.page.get_by_role("dialog", name="Sign in again").wait_for()
    console.server.interfere = lambda _: None

    sign_in(console)

    console.page.get_by_role("dialog", name="Sign in again").wait_for(state="detached")
    expect(console.page.get_by_text(EXPIRED).first).to_be_visible()
    assert console.stack.runs == []
    assert len(console.server.requests("POST", "/automations/report/run")) == 1


def press_run_now(console: ConsolePage) -> None:
    """Run the automation now, with the dialog that asks first."""
    console.page.get_by_role("button", name="Run").first.click()
    console.page.get_by_role("dialog").get_by_role("button", name="Run").last.click()


def test_signing_out_instead_forgets_the_page(console: ConsolePage) -> None:
    console.open("/usage")
    console.server.interfere = failing(401, EXPIRED, path="/usage")
    console.page.get_by_role("link", name="7 days").click()
    console.page.get_by_role("dialog").wait_for()

    console.button("Sign out and discard what I typed").click()

    console.wait_for("Sign in to aichats")
    assert console.page.get_by_role("dialog").count() == 0


def test_without_an_answer_a_kept_token_is_not_forgotten(remote: ConsolePage) -> None:
    remote.open("/usage")
    sign_in(remote, keep=True)
    remote.wait_for("No run ended in these days")
    remote.server.interfere = failing(500, "The table is busy.")
    remote.page.reload()

    remote.wait_for("The stack can't be reached")
    remote.check_accessibility()
    remote.server.interfere = lambda _: None
    remote.button("Try again").click()
    remote.wait_for("No run ended in these days")


def test_an_expired_kept_token_is_explained(remote: ConsolePage) -> None:
    remote.open("/usage")
    sign_in(remote, keep=True)
    remote.wait_for("No run ended in these days")
    remote.page.goto("about:blank")  # The page that is open must not ask with the expired token.
    remote.server.interfere = failing(401, EXPIRED)
    remote.page.goto(f"{remote.url}/console/usage")

    remote.wait_for("You are signed out")
    assert EXPIRED in remote.text
    assert stored(remote) == [{}, {}, "", 0]


@pytest.mark.parametrize(
    ("path", "scopes"),
    [
        ("", "automations:read and runs:read"),
        ("/usage", "runs:read"),
        ("/runs", "runs:read"),
        ("/automations", "automations:read"),
        ("/subscriptions", "subscriptions:read"),
        ("/create", "automations:write and chats:write"),
    ],
)
def test_a_page_says_which_scope_the_client_lacks_and_asks_for_nothing(
    browser: Browser, path: str, scopes: str
) -> None:
    server = ConsoleServer(StackInMemory())
    server.stack.secrets.values[CALLERS_SECRET] = {"nobody": stored_caller(LOCAL)}
    with console_page(browser, server) as console:
        console.open(path)

        assert f"This page needs the scope {scopes}" in console.text
        assert "can't be" not in console.text
        assert console.page.get_by_role("navigation", name="Pages").get_by_role("link").all_inner_texts() in (
            [],
            ["Now"],
        )
        console.check_accessibility()


def test_a_limited_client_sees_its_companies_and_when_its_token_ends(browser: Browser) -> None:
    server = ConsoleServer(StackInMemory())
    end = NOON + timedelta(days=3, hours=1)
    limited = stored_caller(LOCAL, *SCOPES) | {"companies": ["biz_A"], "expires_at": int(end.timestamp())}
    server.stack.secrets.values[CALLERS_SECRET] = {"agency": limited}
    with console_page(browser, server) as console:
        console.open("/usage")
        assert "You see only runs for biz_A" in console.text
        account = console.page.locator(".account").inner_text()
        assert "Signed in as agency, only for biz_A. The token ends in 3 days" in account

        console.open("/connections")
        assert "This page is closed to clients that are limited to companies" in console.text
