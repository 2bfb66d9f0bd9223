"""The page of a subscription: its receiver, its deliveries, and what a person can do with them."""

from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.support.console import ConsoleServer, failing
from tests.support.console_life import LivingStack
from tests.support.console_page import ConsolePage
from tests.support.console_receivers import (
    NAME,
    PATH,
    URL,
    happen,
    keys_of,
    limit_client,
    losing,
    run_ids,
    secret_of,
)
from tests.support.delivery_bench import accept, fail
from tests.support.ledgers import NOON
from tests.support.subscriptions import subscription

PAGE = f"/subscriptions/{NAME}"


@pytest.fixture
def stack() -> LivingStack:
    """A stack with a subscription to failed runs."""
    stack = LivingStack(NOON)
    stack.subscribe(NAME, url=URL, events=["run.failed"])
    return stack


@pytest.fixture
def server(stack: LivingStack) -> ConsoleServer:
    """Serves that stack."""
    return ConsoleServer(stack)


def dialog(console: ConsolePage) -> Locator:
    return console.page.get_by_role("dialog")


def received(stack: LivingStack) -> list[str]:
    """Return the first letters of the runs whose events the receiver accepted, in order."""
    return [got.event["data"]["run_id"][:1] for got in stack.receivers.accepted]


def let_work(console: ConsolePage, stack: LivingStack) -> None:
    with console.server.lock:
        stack.live(stack.clock() + timedelta(seconds=2))


def change(stack: LivingStack, by: str, **fields: Any) -> None:
    """Change the subscription as another API client does."""
    stack.clock.forward(minutes=1)
    stack.app.subscriptions.put(NAME, subscription("run.failed", url=URL, **fields), by=by)


def test_a_receiver_that_fails_says_since_when_why_and_what_happens_next(
    console: ConsolePage, stack: LivingStack
) -> None:
    stack.receivers.answers[URL] = fail(401)
    happen(stack, *run_ids(3))
    console.open(PAGE)

    assert "The receiver has failed since Fri 20 Nov, 13:00 CET" in console.text
    assert "receiver.example answered 401. The receiver doesn't accept the request." in console.text
    assert "If the receiver accepts it, everything that waits is sent at once." in console.text
    assert console.page.get_by_text("until the receiver works").count() == 2
    console.check_accessibility()
    console.page.set_viewport_size({"width": 400, "height": 800})
    assert not console.overflows


def test_deliveries_are_filtered_in_the_url_and_lead_to_their_runs(console: ConsolePage, stack: LivingStack) -> None:
    happen(stack, "a" * 32)
    stack.receivers.answers[URL] = fail(503)
    happen(stack, "b" * 32)
    console.open(f"{PAGE}?status=waiting")
    console.wait_for("1 delivery shown")
    assert "receiver.example answered 503" in console.text

    console.page.get_by_label("Status").select_option("delivered")
    console.wait_for("200 in 0.1 s")
    console.page.get_by_label("About the run").fill("bbb")
    console.wait_for("The ID of a run has 32 characters")
    console.page.get_by_label("About the run").fill("b" * 32)
    console.wait_for("No delivery matches")
    assert console.page.url.endswith(f"?status=delivered&run_id={'b' * 32}")

    console.button("Show all deliveries").click()
    console.page.get_by_role("link", name="bbbbbbbb…").click()
    assert console.page.url.endswith(f"/console/runs/{'b' * 32}")


def test_pages_of_deliveries_follow_and_rows_stay_where_a_person_points(
    console: ConsolePage, stack: LivingStack
) -> None:
    happen(stack, *(letter * 32 for letter in "abcdefghijklmnopqrstuvwxyz2345"))
    console.page.clock.install(time=stack.clock())
    console.open(PAGE)
    console.wait_for("25 deliveries shown")
    console.button("Show more").click()
    console.wait_for("30 deliveries shown. That is all")

    first = console.page.locator("tbody tr").first
    first.hover()
    with console.server.lock:
        happen(stack, "7" * 32)
    console.page.clock.run_for(15_000)
    console.button("Show 1 new delivery").wait_for()
    assert "55555555" in first.inner_text()
    console.button("Show 1 new delivery").click()
    expect(first).to_contain_text("77777777")


def test_a_test_event_is_sent_with_the_keyboard_alone_and_says_what_came_back(
    console: ConsolePage, stack: LivingStack
) -> None:
    stack.receivers.answers[URL] = fail(404)
    console.open(PAGE)
    console.press("Tab")
    assert console.focus == "Send a test event"
    console.press("Enter")
    dialog(console).wait_for()
    console.button("Send the test event").focus()
    console.press("Enter")
    console.wait_for("The receiver did not accept the test event")
    assert "receiver.example answered 404. The receiver doesn't know this address. Check the URL." in console.text
    console.check_accessibility()

    stack.receivers.answers[URL] = accept(0.25)
    console.press("Enter")
    console.wait_for("The receiver accepted the test event")
    assert "0.25 s" in dialog(console).inner_text()
    console.press("Escape")
    assert console.focus == "Send a test event"
    assert [got.event["type"] for got in stack.receivers.received] == ["subscription.test"] * 2


def test_a_delivery_shows_what_was_sent_and_is_sent_again(console: ConsolePage, stack: LivingStack) -> None:
    happen(stack, *run_ids(3))
    console.open(PAGE)
    console.page.get_by_role("row").filter(has_text="bbbbbbbb").get_by_role("button").click()
    console.wait_for('"run_id": "bbbb')
    console.check_accessibility()
    console.server.interfere = losing(console.server, "POST", f"{PATH}/redeliver")
    console.button("Deliver this event again").click()
    console.wait_for("aichats may have started to deliver the events.")
    console.button("Deliver this event again").click()
    console.wait_for("aichats delivers the events again")
    let_work(console, stack)

    assert received(stack) == ["a", "b", "c", "b"]
    first, second = keys_of(console.server, f"{PATH}/redeliver")
    assert first == second


def test_events_that_were_given_up_are_delivered_again(console: ConsolePage, stack: LivingStack) -> None:
    stack.receivers.answers[URL] = fail(500)
    happen(stack, "a" * 32)
    stack.live(stack.clock() + timedelta(hours=77))
    stack.app.outgoing.waiting.check()
    stack.live(stack.clock() + timedelta(hours=1))
    stack.receivers.answers[URL] = accept()
    happen(stack, "b" * 32)
    console.page.clock.set_system_time(stack.clock())
    console.open(f"{PAGE}?status=failed")
    console.wait_for("1 delivery shown")
    console.button("Deliver events again…").click()
    console.page.get_by_label("Events of").select_option("the last 7 days")
    console.button("Deliver these events again").click()
    console.wait_for("aichats delivers the events again")
    let_work(console, stack)

    assert received(stack)[-1] == "a"
    [body] = console.server.requests("POST", f"{PATH}/redeliver")
    assert body["failed_only"] is True
    console.button("Show the deliveries").click()
    expect(dialog(console)).to_have_count(0)


def test_times_to_deliver_again_are_of_the_zone_and_a_wrong_one_is_marked(
    console: ConsolePage,
) -> None:
    console.open(PAGE)
    console.button("Deliver events again…").click()
    console.page.get_by_label("Which events").select_option("all")
    console.page.get_by_label("Events of").select_option("times")
    console.page.get_by_label("From (Europe/Berlin)").fill("2026-11-20T12:30")
    console.page.get_by_label("To (Europe/Berlin)").fill("2026-11-20T12:00")
    console.button("Deliver these events again").click()
    console.wait_for("must be before `until`")
    console.check_accessibility()
    console.page.get_by_label("To (Europe/Berlin)").fill("2026-11-20T12:45")
    console.button("Deliver these events again").click()
    console.wait_for("aichats delivers the events again")

    sent = console.server.requests("POST", f"{PATH}/redeliver")[-1]
    assert (sent["since"], sent["until"]) == ("2026-11-20T11:30:00Z", "2026-11-20T11:45:00Z")


def test_a_secret_is_rotated_after_a_question_and_a_lost_answer_gives_the_same_one(
    console: ConsolePage, stack: LivingStack
) -> None:
    before = secret_of(stack)
    console.open(PAGE)
    console.server.interfere = losing(console.server, "POST", f"{PATH}/rotate")
    console.button("Rotate the secret…").click()
    console.button("Create a new secret").click()
    console.wait_for("aichats may have rotated the secret. Try again: you get the same new secret")
    console.button("Create a new secret").click()
    console.wait_for("It isn't shown again")

    assert secret_of(stack) != before
    assert secret_of(stack) in console.text
    assert "Until Sat 21 Nov, 13:00 CET" in console.text
    console.check_accessibility()
    console.button("Rotate the secret…").click()
    assert "There was a rotation less than 24 hours ago." in dialog(console).inner_text()


def test_a_subscription_that_someone_else_changed_is_not_disabled_unseen(
    console: ConsolePage, stack: LivingStack
) -> None:
    console.open(PAGE)
    with console.server.lock:
        change(stack, "nora", description="Ask Nora first")
    console.button("Disable…").click()
    console.button(f"Disable {NAME}").click()
    console.wait_for(f"nora changed {NAME} on Fri, 20 Nov 2026, 13:01:00 CET")
    expect(console.page.get_by_text("Ask Nora first", exact=True)).to_be_visible()

    console.button(f"Disable {NAME}").click()
    console.wait_for(f"{NAME} is disabled, so nothing is sent")
    row = stack.app.subscriptions.get(NAME)
    assert row is not None
    assert (row.subscription.enabled, row.subscription.description) == (False, "Ask Nora first")


def test_a_subscription_is_deleted_after_a_question(console: ConsolePage, stack: LivingStack) -> None:
    console.open(PAGE)
    console.server.interfere = failing(500, "DynamoDB did not answer.", method="DELETE")
    console.button("Delete…").click()
    console.button(f"Delete {NAME}").click()
    console.wait_for(f"{NAME} was not deleted")
    console.server.interfere = lambda _: None
    console.button(f"Delete {NAME}").click()
    console.wait_for("There are no subscriptions yet")

    assert stack.app.subscriptions.list() == []
    console.open(PAGE)
    assert f"There is no subscription {NAME}" in console.text


def test_a_client_that_may_only_read_is_offered_no_action(console: ConsolePage, stack: LivingStack) -> None:
    limit_client(console.server, "subscriptions:read")
    happen(stack, "a" * 32)
    console.open(PAGE)
    console.wait_for("1 delivery shown")

    names = console.page.locator("main").get_by_role("button").all_inner_texts()
    assert [name for name in names if not name.startswith("Copy")] == ["run.failed"]
    assert console.page.locator("main").get_by_role("link", name="Edit").count() == 0


def test_the_secret_url_of_slack_and_hostile_errors_are_not_shown_as_they_are(
    console: ConsolePage, stack: LivingStack
) -> None:
    url = "https://hooks.slack.com/services/T0/B0/canary"
    stack.app.subscriptions.put(NAME, subscription("run.failed", url=url, format="slack"))
    stack.receivers.answers[url] = fail(500)
    happen(stack, "a" * 32)
    console.open(PAGE)
    assert "canary" not in console.page.content()

    console.button("Show the secret URL").click()
    console.wait_for("canary")
