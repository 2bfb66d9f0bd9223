"""The page with all subscriptions, and the events of the last days."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.support.console import ConsoleServer, failing
from tests.support.console_life import LivingStack
from tests.support.console_page import ConsolePage
from tests.support.console_receivers import announce, happen, limit_client, run_ids
from tests.support.delivery_bench import accept, fail
from tests.support.ledgers import NOON

GOOD, BAD = "https://good.example/hook", "https://bad.example/hook"
SLACK = "https://hooks.slack.com/services/T0/B0/canary"


@pytest.fixture
def stack() -> LivingStack:
    """A stack without automations."""
    return LivingStack(NOON)


@pytest.fixture
def server(stack: LivingStack) -> ConsoleServer:
    """Serves that stack."""
    return ConsoleServer(stack)


@pytest.fixture
def receivers(stack: LivingStack) -> LivingStack:
    """A stack with a receiver in each state."""
    stack.receivers.answers[BAD] = fail(503)
    stack.subscribe("good", url=GOOD, events=["run.*"], description="<b>The CRM</b>")
    stack.subscribe("bad", url=BAD, events=["run.failed", "run.missed", "run.unknown", "budget.*"], filter="`true`")
    stack.subscribe("team", url=SLACK, events=["*"], format="slack", enabled=False)
    stack.subscribe("quiet", url=GOOD, events=["budget.reached"])
    happen(stack, *run_ids(3))
    return stack


def cell(console: ConsolePage, row: str, column: str) -> str:
    """Return the text of a cell, in one line."""
    found = console.page.get_by_role("row").filter(has=console.page.get_by_role("link", name=row, exact=True))
    return " ".join(found.locator(f'[data-title="{column}"]').inner_text().split())


def test_a_stack_without_subscriptions_says_what_they_are_for(console: ConsolePage) -> None:
    console.open("/subscriptions")

    assert "There are no subscriptions yet" in console.text
    console.page.get_by_role("link", name="Create a subscription").click()
    console.wait_for("Your program gets each event as JSON")
    assert console.page.url.endswith("/console/subscribe")


@pytest.mark.usefixtures("receivers")
def test_each_subscription_says_what_it_sends_and_whether_its_receiver_works(console: ConsolePage) -> None:
    console.open("/subscriptions")
    console.wait_for("3 deliveries wait")

    assert cell(console, "good", "State") == "● works"
    assert cell(console, "good", "Events") == "run.*"
    failing = "✕ failing since Fri 20 Nov, 13:00 CET receiver.example answered 503 3 deliveries wait"
    assert cell(console, "bad", "State") == failing
    assert cell(console, "bad", "Events") == "run.failed, run.missed, run.unknown and 1 more · with a filter"
    assert cell(console, "team", "State") == "‖ disabled"
    assert cell(console, "team", "Sends to") == "hooks.slack.com messages for Slack"
    assert cell(console, "quiet", "State") == "○ not used yet"
    assert "<b>The CRM</b>" in console.text
    assert "canary" not in console.page.content()
    console.check_accessibility()
    console.page.set_viewport_size({"width": 400, "height": 800})
    assert not console.overflows


def test_a_receiver_that_works_again_is_shown_without_a_reload(console: ConsolePage, receivers: LivingStack) -> None:
    console.page.clock.install(time=receivers.clock())
    console.open("/subscriptions")
    console.wait_for("3 deliveries wait")
    with console.server.lock:
        receivers.receivers.answers[BAD] = accept()
        receivers.live(receivers.clock() + timedelta(minutes=10))
        happen(receivers, "z" * 32)
    console.page.clock.run_for(60_000)

    expect(console.page.get_by_text("✕ failing")).to_have_count(0)
    assert cell(console, "bad", "State") == "● works"


def test_what_was_read_stays_when_the_api_fails_and_is_read_again(console: ConsolePage, receivers: LivingStack) -> None:
    console.page.clock.install(time=receivers.clock())
    console.open("/subscriptions")
    console.server.interfere = failing(500, "DynamoDB did not answer.", path="/subscriptions")
    console.page.clock.run_for(15_000)
    console.wait_for("The subscriptions can't be read")
    assert "DynamoDB did not answer." in console.text
    assert cell(console, "good", "State") == "● works"

    console.server.interfere = lambda _: None
    console.button("Try again").click()
    expect(console.page.get_by_text("The subscriptions can't be read")).to_have_count(0)


@pytest.mark.usefixtures("receivers")
def test_a_client_that_may_only_read_is_offered_no_change(console: ConsolePage) -> None:
    limit_client(console.server, "subscriptions:read")
    console.open("/subscriptions")

    assert "good" in console.text
    assert console.page.get_by_role("link", name="Create a subscription").count() == 0
    assert "Recent events" not in console.text
    console.open("/subscribe")
    assert "This page needs the scope subscriptions:write" in console.text


def test_recent_events_say_what_happened_newest_first(console: ConsolePage, stack: LivingStack) -> None:
    happen(stack, "a" * 32, error={"type": "X", "message": "whop: 403: No. \u202e<script>alert(1)</script>"})
    announce(stack, "automation.paused", automation="weekly", by="ops", until="2026-11-27T00:00:00.000Z", reason="Rest")
    announce(stack, "budget.reached", scope="stack", kind="runs", percent=80, used=8, limit=10, per="day")
    announce(stack, "slot.finished", automation="weekly", runs=4, counts={"succeeded": 3, "failed": 1, "missed": 0})
    announce(stack, "connection.broken", connection="agency", reason="The grant was revoked.")
    console.open("/subscriptions")
    console.wait_for("5 events shown")

    assert happened(console) == [
        "A connection to a Whop account broke The grant was revoked. connection agency",
        "All runs of a slot ended 3 succeeded, 1 failed weekly",
        "A budget was reached 80% of 10 runs in a day are used up all automations",
        "An automation was paused until Fri 27 Nov, 01:00 CET · Rest · by ops weekly",
        "A run failed whop: 403: No. ⟨U+202E⟩<script>alert(1)</script> weekly for biz_A run aaaaaaaa…",
    ]
    console.check_accessibility()
    console.page.set_viewport_size({"width": 400, "height": 800})
    assert not console.overflows


def happened(console: ConsolePage) -> list[str]:
    """Return the events without their times, each in one line."""
    rows = console.page.get_by_role("region", name="Recent events", exact=True).locator("tbody tr").all()
    texts = (row.locator("th, [data-title=About]").all_inner_texts() for row in rows)
    return [" ".join(" ".join(cells).split()) for cells in texts]


def test_the_filter_of_events_is_in_the_url_and_an_event_is_shown_whole(
    console: ConsolePage, stack: LivingStack
) -> None:
    happen(stack, "a" * 32)
    announce(stack, "connection.broken", connection="agency", reason=None)
    console.open("/subscriptions?type=connection.*")
    console.wait_for("1 event shown")
    console.page.get_by_label("Events", exact=True).select_option("run.failed")
    console.wait_for("A run failed")
    assert console.page.url.endswith("/console/subscriptions?type=run.failed")

    console.page.get_by_role("button", name="A run failed: show").click()
    assert '"run_id": "aaaa' in console.page.get_by_role("dialog").inner_text()
    console.press("Escape")
    console.page.get_by_role("link", name="aaaaaaaa…").click()
    assert console.page.url.endswith(f"/console/runs/{'a' * 32}")


def test_older_events_follow_page_by_page_without_gaps(console: ConsolePage, stack: LivingStack) -> None:
    for number in range(60):
        announce(stack, "budget.reached", scope="stack", kind="runs", percent=80, used=number, limit=100, per="day")
    stack.clock.forward(hours=40)
    console.page.clock.set_system_time(stack.clock())
    console.open("/subscriptions")
    console.wait_for("25 events shown")
    console.button("Show more").click()
    console.wait_for("50 events shown")
    console.button("Show more").click()
    console.wait_for("60 events shown. That is all")

    assert len(console.page.locator("tbody tr").all()) == 60
