"""The page of one automation: what it does and when, and all that a person can do with it."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Route, expect

from aichats.schedules.pauses import PauseWindow
from tests.support.automations import scheduled
from tests.support.console import ConsoleServer, failing
from tests.support.console_page import ConsolePage, console_page
from tests.support.lambda_calls import CALLERS_SECRET, stored_caller
from tests.support.ledgers import NOON
from tests.support.stack_in_memory import StackInMemory, hourly

WEEKDAYS = "cron(0 9 ? * MON-FRI *)"
HOSTILE = "<script>alert(1)</script>\u202egnp.exe"
MONDAY = NOON + timedelta(days=3)


def weekly(*targets: str, **more: Any) -> dict[str, Any]:
    """Return an automation with many fields."""
    definition = scheduled(WEEKDAYS, message="How was {{ target }}?", timezone="America/New_York")
    action = definition["action"] | {"title": "Numbers of {{ slot.date }}"}
    return definition | {"action": action, "targets": list(targets or ("biz_A", "biz_B")), **more}


@pytest.fixture
def weekly_console(console: ConsolePage) -> ConsolePage:
    console.stack.put(weekly(labels={"team": "growth"}, budget={"runs": 10, "per": "day"}), "weekly")
    return console


def dialog(console: ConsolePage) -> Locator:
    return console.page.get_by_role("dialog")


def pause(stack: StackInMemory, begins: datetime, until: datetime | None, reason: str | None = None) -> None:
    window = PauseWindow(begins, until, "ada", NOON, reason)
    stack.app.automation_table.change_pauses("weekly", lambda row: row.pauses.add(window, NOON), by="ada")


def windows(console: ConsolePage) -> list[tuple[datetime, datetime | None, str | None]]:
    found = console.stack.row("weekly").pauses.after(NOON)
    return [(window.begins, window.until, window.reason) for window in found]


def work(console: ConsolePage) -> None:
    with console.server.lock:
        console.stack.work()


def test_it_shows_when_it_runs_in_both_zones_what_it_does_and_its_rules(weekly_console: ConsolePage) -> None:
    console = weekly_console.open("/automations/weekly")
    console.wait_for("It has not run yet")

    for text in (
        "At 09:00, Monday through Friday (America/New_York)",
        WEEKDAYS,
        "Fri 20 Nov, 15:00 CET",
        "Fri 20 Nov, 09:00",
        "Creates a Whop chat for each of 2 companies",
        "Numbers of {{ slot.date }}",
        "At most 10 runs per day, in UTC",
    ):
        assert text in console.text
    label = console.page.get_by_role("link", name="team: growth")
    assert label.get_attribute("href") == "/console/automations?label=team%3Agrowth"
    console.check_accessibility()


def test_its_newest_runs_are_shown_with_their_result_and_links(weekly_console: ConsolePage) -> None:
    console = weekly_console
    console.stack.clock.now = NOON + timedelta(days=3)
    console.page.clock.set_system_time(console.stack.clock())
    console.stack.tick(NOON.replace(hour=14), "weekly")
    console.stack.work()

    console.open("/automations/weekly")

    assert console.page.get_by_role("img", name="2 succeeded").count() == 1
    (first, _) = console.stack.runs
    assert console.page.locator(f'a[href="/console/runs/{first.run.run_id}"]').count() == 1
    assert console.page.get_by_role("link", name="Show all runs").count() == 1


def test_it_is_paused_until_monday_with_a_reason_and_resumed(weekly_console: ConsolePage) -> None:
    console = weekly_console.open("/automations/weekly")
    console.button("Pause").click()
    console.page.get_by_label("Until Monday at 00:00").check()
    console.page.get_by_label("Reason, for your colleagues").fill("Holidays")
    expect(dialog(console)).to_contain_text("1 time left out.")
    console.button("Pause weekly").click()
    console.wait_for("weekly is paused until Mon 23 Nov, 06:00 CET")

    assert windows(console) == [(NOON, MONDAY.replace(hour=5), "Holidays")]
    assert "Reason: Holidays" in console.text
    console.check_accessibility()
    console.button("Resume").click()
    console.button("Resume weekly").click()
    expect(console.page.get_by_text("weekly is paused")).to_have_count(0)
    assert windows(console) == []


def test_a_pause_is_planned_for_dates_in_the_zone_of_the_automation_and_removed(weekly_console: ConsolePage) -> None:
    console = weekly_console.open("/automations/weekly")
    console.button("Pause").click()
    console.page.get_by_label("Choose the dates").check()
    console.page.get_by_label("From (America/New_York)").fill("2026-11-24T00:00")
    console.page.get_by_label("Until (America/New_York)").fill("2026-11-23T00:00")
    expect(dialog(console)).to_contain_text("must be later than the begin")
    console.page.get_by_label("Until (America/New_York)").fill("2026-11-26T00:00")
    expect(dialog(console)).to_contain_text("2 times left out.")
    console.button("Plan the pause of weekly").click()
    console.wait_for("A pause leaves out times")

    begin = NOON.replace(day=24, hour=5)
    assert windows(console) == [(begin, begin + timedelta(days=2), None)]
    assert "Tue 24 Nov, 09:00" not in console.text
    console.page.get_by_role("button", name="Remove the pause").click()
    console.button("Remove the planned pause").click()
    expect(console.page.get_by_text("A pause leaves out times")).to_have_count(0)
    assert windows(console) == []


def test_a_pause_that_fails_keeps_what_was_typed_and_can_be_repeated(weekly_console: ConsolePage) -> None:
    console = weekly_console.open("/automations/weekly")
    console.server.interfere = failing(503, "AWS is busy", path="/automations/weekly/pause")
    console.button("Pause").click()
    console.page.get_by_label("Reason, for your colleagues").fill("Wrong texts")
    console.button("Pause weekly").click()
    console.wait_for("AWS is busy")

    assert console.page.get_by_label("Reason, for your colleagues").input_value() == "Wrong texts"
    console.server.interfere = lambda _: None
    console.button("Pause weekly").click()
    console.wait_for("weekly is paused until you resume")
    assert windows(console) == [(NOON, None, "Wrong texts")]


def test_it_is_run_for_some_targets_and_the_runs_are_followed_until_they_end(weekly_console: ConsolePage) -> None:
    console = weekly_console.open("/automations/weekly")
    console.button("Run now").click()
    expect(dialog(console)).to_contain_text("This creates 2 real chats, one for each of its 2 companies.")
    console.page.get_by_label("Only some").check()
    expect(console.button("Start 0 runs")).to_be_disabled()
    console.page.get_by_label("biz_B").check()
    console.button("Start 1 run").click()
    console.wait_for("Started 1 run. 0 of 1 ended.")
    console.check_accessibility()
    work(console)
    console.wait_for("The run has ended: 1 succeeded.")

    assert console.server.requests("POST", "/automations/weekly/run") == [{"targets": ["biz_B"], "event": None}]
    assert [row.run.target for row in console.stack.runs] == ["biz_B"]


def test_a_run_without_an_answer_can_be_repeated_and_starts_nothing_twice(weekly_console: ConsolePage) -> None:
    console = weekly_console.open("/automations/weekly")

    def lose_answer(route: Route) -> None:
        route.fetch()
        route.abort()

    console.page.route("**/weekly/run", lose_answer, times=1)
    console.button("Run now").click()
    console.button("Start 2 runs").click()
    console.wait_for("If you try again, nothing starts twice.")
    console.button("Start 2 runs").click()
    console.wait_for("Started 2 runs. 0 of 2 ended.")

    assert len(console.server.requests("POST", "/automations/weekly/run")) == 2
    assert len(console.stack.runs) == 2


def test_it_is_disabled_and_enabled_without_another_change_of_what_was_written(weekly_console: ConsolePage) -> None:
    console = weekly_console.open("/automations/weekly")
    before = console.stack.row("weekly").written
    console.button("Disable weekly").click()
    dialog(console).get_by_role("button", name="Disable weekly").click()
    console.wait_for("weekly is disabled")
    console.wait_for("If you enable it, these are its next times:")

    trigger = {**before["trigger"], "enabled": False}
    assert console.stack.row("weekly").written == before | {"trigger": trigger}
    console.button("Enable").click()
    console.button("Enable weekly").click()
    expect(console.page.get_by_text("weekly is disabled")).to_have_count(0)
    assert console.stack.row("weekly").automation.trigger.enabled


def test_a_change_by_another_person_is_shown_before_it_is_disabled(weekly_console: ConsolePage) -> None:
    console = weekly_console.open("/automations/weekly")
    console.button("Disable weekly").click()
    console.stack.put(weekly("biz_C"), "weekly")
    disable = dialog(console).get_by_role("button", name="Disable weekly")
    disable.click()
    console.button("Show what has changed").click()
    expect(dialog(console)).to_contain_text("changed targets, labels, budget at Fri 20 Nov, 13:00 CET")

    assert console.stack.row("weekly").automation.trigger.enabled
    disable.click()
    console.wait_for("weekly is disabled")
    assert console.stack.row("weekly").automation.targets == ["biz_C"]


def test_it_is_deleted_and_the_list_is_shown(weekly_console: ConsolePage) -> None:
    console = weekly_console.open("/automations/weekly")
    console.button("Delete weekly").click()
    expect(dialog(console)).to_contain_text("the history keeps them")
    dialog(console).get_by_role("button", name="Delete weekly").click()
    console.wait_for("There are no automations yet")

    assert console.stack.app.automation_table.read("weekly") is None


def test_an_automation_that_does_not_exist_has_links_to_what_does(console: ConsolePage) -> None:
    console.open("/automations/gone")

    assert "There is no automation gone" in console.text
    runs = console.page.get_by_role("link", name="Show its runs")
    assert runs.get_attribute("href") == "/console/runs?automation=gone"
    console.check_accessibility()


def test_the_texts_of_each_target_are_shown_for_the_next_time_and_for_another_one(console: ConsolePage) -> None:
    companies = [f"biz_{number}" for number in range(12)]
    console.stack.put(weekly(*companies), "weekly")
    console.open("/automations/weekly?show=texts")

    assert "12 runs would start." in console.text
    assert "Numbers of 2026-11-20" in console.text
    assert "10 of 12 different texts shown" in console.text
    console.page.get_by_label("Find a target").fill("biz_11")
    console.wait_for("How was biz_11?")
    console.page.get_by_label("At", exact=True).select_option("other")
    console.page.get_by_label("Time (America/New_York)").fill("2026-12-24T09:00")
    console.wait_for("Thu 24 Dec, 15:00 CET")
    expect(console.page.get_by_text("Numbers of 2026-12-24").first).to_be_visible()
    console.check_accessibility()
    assert console.stack.runs == []


def test_targets_with_the_same_text_are_shown_together_and_failures_first(console: ConsolePage) -> None:
    definition = weekly("biz_A", "biz_B", "biz_C")
    failing_text = "{{ (target == 'biz_C' && sum(target)) || 'All the same' }}"
    definition["action"] |= {"title": "Same", "message_text": failing_text}
    console.stack.put(definition, "weekly")

    console.open("/automations/weekly?show=texts")

    cards = console.page.get_by_role("article")
    assert "1 of 3 texts can't be filled in" in console.text
    assert "biz_C" in cards.first.inner_text()
    assert "action.message_text" in cards.first.inner_text()
    assert cards.last.inner_text().split() == ["biz_A", "biz_B", "Same", "All", "the", "same", "All", "fields"]
    console.check_accessibility()


def test_the_definition_is_what_was_written_and_can_be_copied(browser: Browser, server: ConsoleServer) -> None:
    server.stack.put(weekly(), "weekly")
    options = {"permissions": ["clipboard-read", "clipboard-write"]}
    with console_page(browser, server, **options) as console:
        console.open("/automations/weekly?show=definition")
        console.button("Copy weekly.json").click()
        console.wait_for("Copied")

        copied = json.loads(console.page.evaluate("navigator.clipboard.readText()"))
        assert copied == server.stack.row("weekly").written
        assert "aichats apply FOLDER --adopt weekly" in console.text


def test_hostile_texts_are_shown_as_they_are_and_run_nothing(console: ConsolePage) -> None:
    definition = weekly(labels={"html": "<b>x</b>"}, description=HOSTILE, managed_by="javascript:alert(1)")
    definition["action"] |= {"title": HOSTILE, "message_text": f"{HOSTILE} {'x' * 32_000}"}
    console.stack.put(definition, "weekly")
    pause(console.stack, NOON, None, HOSTILE)

    for part in ("", "?show=texts", "?show=definition"):
        console.open(f"/automations/weekly{part}")

        assert "<script>alert(1)</script>⟨U+202E⟩gnp.exe" in console.text
        assert not console.overflows


def test_what_a_client_may_not_do_is_not_offered(browser: Browser, server: ConsoleServer) -> None:
    callers = {"viewer": stored_caller("token-of-viewer", "automations:read")}
    server.stack.secrets.values[CALLERS_SECRET] = callers
    server.local_token = "token-of-viewer"
    server.stack.put(weekly(), "weekly")

    with console_page(browser, server) as console:
        console.open("/automations/weekly")

        assert "At 09:00, Monday through Friday" in console.text
        assert "Newest runs" not in console.text
        assert console.page.get_by_role("main").get_by_role("button").all_inner_texts() == []


def test_the_last_answer_stays_if_the_api_fails_later(console: ConsolePage) -> None:
    console.stack.put(hourly(), "weekly")
    console.open("/automations/weekly")
    console.server.interfere = failing(500, "DynamoDB failed", path="/automations/weekly", method="GET")
    console.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    console.wait_for("The newest state can't be read")

    assert "Every hour" in console.text


@pytest.mark.parametrize("part", ["", "?show=texts", "?show=definition"])
def test_each_part_fits_a_narrow_screen(browser: Browser, server: ConsoleServer, part: str) -> None:
    name = "quarterly-business-review-preparation-for-all-enterprise-clients"
    server.stack.put(weekly(*(f"biz_Enterprise{number}" for number in range(30))), name)

    with console_page(browser, server, viewport={"width": 400, "height": 800}) as console:
        console.open(f"/automations/{name}{part}")

        assert not console.overflows
        console.check_accessibility()
