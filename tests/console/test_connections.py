"""The page with the connections to Whop: whose they are, what is broken, and which credential a company uses."""

from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from aichats.whop.connections import CONNECTION_ROWS, fingerprint
from tests.support.console import ConsoleServer, failing
from tests.support.console_life import LivingStack
from tests.support.console_page import ConsolePage
from tests.support.console_receivers import limit_client
from tests.support.fakes import Json, aws_error
from tests.support.lambda_calls import WHOP_SECRET
from tests.support.ledgers import NOON

COMPANIES: Json = {
    "biz_A": {"connection": "agency"},
    "biz_B": {"connection": "agency"},
    "biz_Left": {"connection": "former"},
    "biz_Own": "whop-key-of-own",
}


@pytest.fixture
def stack() -> LivingStack:
    """A stack with a connection for all companies, a broken one, and one without a user."""
    stack = LivingStack(NOON)
    stack.secrets.values[WHOP_SECRET] = {"api_key": "whop-key-of-all", "companies": COMPANIES}
    stack.secrets.values[f"{WHOP_SECRET}/default"] = connected("Nora", minutes=40)
    stack.secrets.values[f"{WHOP_SECRET}/agency"] = connected(
        "Zoë <b>\u202eÅngström</b>", minutes=-700, company_id="biz_A"
    )
    stack.secrets.values[f"{WHOP_SECRET}/former"] = {}
    row(stack, "default", renewed_at=NOON - timedelta(minutes=20))
    broken = {"broken": fingerprint("canary-refresh"), "reason": "whop: 400 invalid_grant: The grant was revoked."}
    row(stack, "agency", broken_at=NOON - timedelta(hours=12), **broken)
    return stack


@pytest.fixture
def server(stack: LivingStack) -> ConsoleServer:
    """Serves that stack."""
    return ConsoleServer(stack)


def connected(name: str, minutes: float, **grant: Any) -> Json:
    """Return the secret of a connection whose access ends in some minutes."""
    end = int((NOON + timedelta(minutes=minutes)).timestamp())
    tokens = {"access_token": "canary-access", "refresh_token": "canary-refresh", "expires_at": end}
    account = {"id": "user_1", "name": name, "username": "nora"}
    return {"oauth": {"client_id": "app_1", **tokens, **grant}, "account": account}


def row(stack: LivingStack, name: str, **fields: Any) -> None:
    """Store the row of a connection, as its renewal does."""
    stored = {key: value if isinstance(value, str) else int(value.timestamp()) for key, value in fields.items()}
    stack.app.ledger.items.put({"run_id": f"{CONNECTION_ROWS}{name}", **stored})


def line(console: ConsolePage, name: str) -> str:
    """Return a row of the list, in one line."""
    found = console.page.get_by_role("row").filter(has=console.page.get_by_role("button", name=f"{name}:"))
    return " ".join(found.inner_text().split())


def test_a_broken_connection_comes_first_with_the_command_that_repairs_it(console: ConsolePage) -> None:
    console.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    console.open("/connections")
    alert = console.page.get_by_role("alert")

    text = " ".join(alert.inner_text().split())
    assert "The connection agency is broken since Fri 20 Nov, 01:00 CET" in text
    assert "whop: 400 invalid_grant: The grant was revoked." in text
    assert "Runs for 2 companies wait up to 24 hours." in text
    alert.get_by_role("button", name="Copy the command").click()
    alert.get_by_text("Copied").wait_for()
    command = "aichats admin connect --stack aichats --client-id app_1 --connection agency --company biz_A"
    assert console.page.evaluate("() => navigator.clipboard.readText()") == command
    console.check_accessibility()


def test_each_connection_says_whose_it_is_who_uses_it_and_when_it_is_renewed(console: ConsolePage) -> None:
    console.open("/connections")

    assert "● connected Nora @nora · user_1 all other companies Fri 20 Nov, 12:40 CET" in line(console, "default")
    assert "Fri 20 Nov, 13:15 CET" in line(console, "default")
    assert "✕ broken the user must log in again Zoë <b>⟨U+202E⟩Ångström</b>" in line(console, "agency")
    assert line(console, "former").startswith("former ○ disconnected no user is logged in no user biz_Left")
    assert "stored, but the connection default comes first" in console.text
    assert "canary" not in console.page.content()
    console.page.set_viewport_size({"width": 400, "height": 800})
    assert not console.overflows


def test_a_connection_is_shown_with_its_command_by_the_keyboard_alone(console: ConsolePage) -> None:
    console.open("/connections")
    console.page.get_by_role("button", name="former:").focus()
    console.press("Enter")
    dialog = console.page.get_by_role("dialog")
    dialog.wait_for()

    assert "--client-id app_XXXXX --connection former" in dialog.inner_text()
    console.check_accessibility()
    console.press("Escape")
    expect(dialog).to_have_count(0)


@pytest.mark.parametrize(
    ("company", "answer"),
    [
        (
            "biz_B",
            "biz_B uses the connection agency of Zoë <b>⟨U+202E⟩Ångström</b>. ✕ broken the user must log in again",
        ),
        ("biz_Own", "biz_Own uses its own API key."),
        (
            "biz_New",
            "biz_New uses the connection default of Nora, because it has no credential of its own. ● connected",
        ),
    ],
)
def test_a_company_is_looked_up(console: ConsolePage, company: str, answer: str) -> None:
    console.open("/connections")
    console.page.get_by_label("Company", exact=True).fill(company)
    found = console.page.locator("p").filter(has_text=f"{company} uses")
    found.wait_for()

    assert " ".join(found.inner_text().split()) == answer
    assert console.page.url.endswith(f"?company={company}")
    covers_another = console.page.get_by_text("The access of this connection covers another company")
    assert covers_another.count() == (company == "biz_B")


def test_without_connections_the_keys_are_used(console: ConsolePage, stack: LivingStack) -> None:
    stack.secrets.values[WHOP_SECRET] = {"api_key": "whop-key-of-all"}
    stack.secrets.values[f"{WHOP_SECRET}/default"] = {}
    console.open("/connections?company=biz_A")
    console.wait_for("uses the API key for all companies")

    stack.secrets.values[WHOP_SECRET] = {}
    stack.clock.forward(minutes=6)
    console.open("/connections?company=biz_A")
    console.wait_for("None: aichats can't call Whop for this company")
    assert "uses the API key for all companies" not in console.text


def test_a_secret_that_cannot_be_read_says_why(console: ConsolePage, stack: LivingStack) -> None:
    stack.secrets.values[f"{WHOP_SECRET}/agency"] = aws_error("AccessDeniedException")
    console.open("/connections")

    assert "aichats can't read the secret of the connection agency" in console.text
    assert "may not be read (AccessDeniedException)" in console.text


def test_what_was_read_stays_when_the_api_fails(console: ConsolePage, stack: LivingStack) -> None:
    console.page.clock.install(time=stack.clock())
    console.open("/connections")
    console.server.interfere = failing(500, "The secret can't be read.", path="/connections")
    console.page.clock.run_for(20_000)
    console.wait_for("The connections can't be read")
    assert "Nora" in line(console, "default")

    console.server.interfere = lambda _: None
    console.button("Try again").click()
    expect(console.page.get_by_text("The connections can't be read")).to_have_count(0)


def test_a_client_that_is_limited_to_companies_is_offered_no_connections(console: ConsolePage) -> None:
    limit_client(console.server, "automations:read", companies=["biz_A"])
    console.open("")

    links = console.page.get_by_role("navigation").get_by_role("link").all_inner_texts()
    assert "Automations" in links
    assert "Connections" not in links
