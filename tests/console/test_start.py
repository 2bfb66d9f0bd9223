"""The start of the page: the token of this machine, and the answer that its first script asks for."""

from tests.support.console import failing
from tests.support.console_page import ConsolePage


def test_the_page_asks_only_once_what_the_client_may_use(console: ConsolePage) -> None:
    console.open("/automations")

    assert len(console.server.requests("GET", "/me")) == 1
    console.wait_for("Signed in as local")


def test_if_the_api_is_busy_at_first_the_page_asks_again(console: ConsolePage) -> None:
    busy = failing(503, "The stack is busy.", path="/me")
    answers = [busy, busy]
    console.server.interfere = lambda event: answers.pop()(event) if answers and event["rawPath"] == "/me" else None

    console.open("/automations")

    console.wait_for("Signed in as local")
    assert len(console.server.requests("GET", "/me")) == 3


def test_a_token_that_has_expired_leads_to_the_form_with_the_reason(console: ConsolePage) -> None:
    console.server.interfere = failing(401, "This token expired at 2026-11-20T11:00:00Z.", path="/me")

    console.open("/runs")

    console.wait_for("This token expired at 2026-11-20T11:00:00Z.")
    assert console.page.get_by_label("Token").count() == 1
    console.check_accessibility()


def test_without_a_token_the_page_asks_nothing_of_the_api(console: ConsolePage) -> None:
    console.server.local_token = None

    console.open()

    console.page.get_by_label("Token").wait_for()
    assert [event["rawPath"] for event in console.server.events if not event["rawPath"].startswith("/console")] == []
