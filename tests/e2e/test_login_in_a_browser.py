"""From a stack on which API keys may create no chats to a chat: a person allows access in a browser."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from playwright.sync_api import Browser, Page

from aichats_cli.admin.oauth_login.client import WANTED
from aichats_cli.admin.oauth_login.pages import CONNECTED, DENIED
from local.dev import CLIENT_ID
from local.plain_http import plain_client
from local.system import BEARER
from tests.support.browser import running_chromium
from tests.support.commands import Program
from tests.support.dev import emulator_of, running_dev, running_login, whop_of
from tests.support.mock_servers import Json
from tests.support.running_automations import company
from tests.support.waiting import PATIENCE, until

SOON = timedelta(seconds=10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page with a new profile."""
    page = browser.new_page()
    yield page
    page.context.close()


@pytest.fixture(scope="module")
def dev() -> Iterator[Program]:
    """A running `make dev` whose mock of Whop lets API keys create nothing."""
    with running_dev("--keys", "forbidden") as running:
        yield running


def test_a_person_allows_access_and_the_next_schedule_creates_a_muted_chat(page: Page, dev: Program) -> None:
    with running_login(dev) as (login, url):
        page.goto(url)
        heading, consent = page.inner_text("h1"), page.inner_text("body")
        page.click("button[value=allow]")
        code, printed = login.process.wait(PATIENCE), login.printed

    assert f"Allow {CLIENT_ID} to use your Whop account?" in heading
    assert "Local User (@local_user)" in consent
    assert [scope for scope in WANTED if scope not in consent] == []
    assert page.inner_text("h1") == CONNECTED.title
    assert page.url.startswith("http://localhost:")
    assert code == 0, printed
    assert "account    Local User (user_" in printed
    target = company()
    put_one_off(dev, target)
    until(lambda: [chat["notification_preference"] for chat in chats_of(dev, target)] == ["none"])


def test_a_person_denies_access_with_the_keyboard_and_nothing_is_stored(page: Page, dev: Program) -> None:
    whop_of(dev).reset()  # Otherwise Whop would not ask a user again who has allowed access.
    with running_login(dev, "--connection", "denied") as (login, url):
        page.goto(url)
        buttons = [press_tab(page), press_tab(page)]
        with page.expect_navigation():
            page.keyboard.press("Enter")
        code, printed = login.process.wait(PATIENCE), login.printed

    assert buttons == ["Allow", "Deny"]
    assert page.inner_text("h1") == DENIED.title
    assert code == 1
    assert "Error: you did not allow access at Whop. To allow it, type the command again. Nothing was stored" in printed
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        emulator_of(dev).clients.secrets.describe_secret(SecretId="aichats/dev/whop/denied")


def press_tab(page: Page) -> str:
    """Press the Tab key. Return the text of the element that has the focus now."""
    page.keyboard.press("Tab")
    return page.inner_text(":focus")


def put_one_off(dev: Program, target: str) -> None:
    """Put an automation that soon creates a muted chat."""
    with plain_client(base_url=dev.value("HTTP API")) as api:
        api.get("/health").raise_for_status()  # Else the start of the function would come off those seconds.
        slot = datetime.now(UTC) + SOON
        action: Json = {"type": "whop.create_chat", "message_text": "Hello", "notification_preference": "none"}
        trigger = {"type": "schedule", "expression": f"at({slot:%Y-%m-%dT%H:%M:%S})"}
        body = {"trigger": trigger, "action": action, "targets": [target]}
        headers = {"Authorization": f"Bearer {BEARER}"}
        api.put("/automations/once", json=body, headers=headers).raise_for_status()


def chats_of(dev: Program, target: str) -> list[Json]:
    """Return the chats of a company."""
    return [chat for chat in whop_of(dev).state()["chats"] if chat["company_id"] == target]
