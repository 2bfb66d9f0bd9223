"""The first page: what needs a person, the next 24 hours, the open runs, and "Stop everything"."""

from collections.abc import Iterator
from copy import replace
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Locator, expect

from aichats.runs.ledger.rows import EndStatus
from aichats.schedules.pauses import PauseWindow
from tests.support.console import ConsoleServer, failing
from tests.support.console_page import ConsolePage, console_page
from tests.support.console_world import lively_stack
from tests.support.lambda_calls import CALLERS_SECRET, stored_caller
from tests.support.ledgers import NOON, end, make_run
from tests.support.stack_in_memory import StackInMemory, hourly

HOSTILE = "<script>alert(1)</script> \u202egnp.exe"
WORST_FIRST = ["unknown", "broken", "disconnected", "failed", "missed", "used up", "failing"]


def ended(stack: StackInMemory, status: EndStatus, name: str | None, number: int = 1) -> None:
    """Store runs of an automation that ended."""
    for index in range(number):
        end(stack.app.ledger, status, replace(make_run(f"{status} {name} {index}"), automation=name))


def needs(console: ConsolePage) -> list[str]:
    """Return the titles of what needs a person, in order."""
    return console.page.locator(".needs .title bdi").all_inner_texts()


def lanes(console: ConsolePage) -> Locator:
    return console.page.get_by_role("slider")


def again(console: ConsolePage) -> None:
    """Let the page read everything again, as it does from time to time."""
    console.page.evaluate("() => window.dispatchEvent(new Event('online'))")


@pytest.fixture(scope="module")
def whole(browser: Browser) -> Iterator[ConsolePage]:
    """The console of a stack with everything in it."""
    with console_page(browser, ConsoleServer(lively_stack(NOON))) as console:
        yield console


def test_everything_that_needs_a_person_is_shown_worst_first(whole: ConsolePage) -> None:
    whole.open()
    whole.page.get_by_role("button", name="Show ").filter(has_text="more").click()

    states = [text.split(maxsplit=1)[1] for text in whole.page.locator(".needs .badge").all_inner_texts()]
    assert list(dict.fromkeys(states)) == WORST_FIRST
    assert f"Needs you ({len(states)})" in whole.text
    menu = whole.page.get_by_role("link", name=f"Now {len(states)} things need you")
    expect(menu).to_be_visible()
    whole.check_accessibility()


def test_the_next_action_is_one_press_away(console: ConsolePage) -> None:
    ended(console.stack, "unknown", "weekly")
    ended(console.stack, "failed", "weekly", 2)
    ended(console.stack, "failed", None)

    console.open()

    assert sorted(needs(console)) == [
        "1 run of API clients failed",
        "1 run of weekly may have created a chat, or not",
        "2 runs of weekly failed",
    ]
    console.page.get_by_role("link", name="Show the runs: 2 runs of weekly failed").click()
    expect(console.page).to_have_url(f"{console.url}/console/runs?status=failed&automation=weekly")
    console.page.go_back()
    console.page.get_by_role("link", name="Resolve the run").click()
    expect(console.page.get_by_role("heading", level=1)).to_be_focused()
    assert "/console/runs/" in console.page.url


def test_failed_runs_are_replayed_with_the_keyboard_alone(console: ConsolePage) -> None:
    ended(console.stack, "failed", "weekly", 2)
    console.open()

    console.button("Replay: 2 runs of weekly failed").focus()
    console.press("Enter")
    replay = console.page.get_by_role("dialog").get_by_role("button", name="Replay 2 runs", exact=True)
    expect(replay).to_be_enabled()
    expect(console.page.get_by_role("dialog")).to_have_accessible_name("Replay all failed runs of weekly")
    replay.focus()
    console.press("Enter")

    expect(console.page.get_by_role("dialog")).to_have_count(0)
    counted, started = console.server.requests("POST", "/runs/replay")
    assert (counted["dry_run"], started["dry_run"]) == (True, False)
    assert (started["filter"]["automation"], started["filter"]["status"]) == ("weekly", ["failed"])


def test_a_source_that_fails_does_not_hide_the_others_and_can_be_read_again(console: ConsolePage) -> None:
    ended(console.stack, "failed", "weekly")
    console.server.interfere = failing(500, "The connections are broken", path="/connections")

    console.open()

    console.wait_for("aichats can't check the connections now")
    assert "The connections are broken" in console.text
    assert needs(console) == ["1 run of weekly failed"]
    console.server.interfere = lambda _: None
    console.button("Try again").click()
    expect(console.page.get_by_text("aichats can't check")).to_have_count(0)


def test_nothing_is_called_fine_that_was_not_checked(console: ConsolePage) -> None:
    console.stack.put(hourly(), "weekly")
    console.server.interfere = failing(500, "No budget can be read", path="/budgets")
    console.open()
    console.wait_for("aichats can't check the budgets now")
    assert "Nothing needs you" not in console.text

    console.server.interfere = lambda _: None
    console.button("Try again").click()

    console.wait_for("Nothing needs you")
    assert "Checked at 13:00 CET: the runs of the last 7 days, the connections" in console.text
    assert console.page.get_by_role("link", name="Now").inner_text() == "Now"


def test_a_new_stack_is_welcomed_with_the_first_step(console: ConsolePage) -> None:
    console.open()

    console.wait_for("Welcome to aichats")
    console.check_accessibility()
    console.page.get_by_role("link", name="Create the first automation").click()
    expect(console.page).to_have_url(f"{console.url}/console/create")


def test_the_times_of_each_automation_are_read_in_both_zones_with_the_keys(console: ConsolePage) -> None:
    console.stack.put(hourly("biz_A", "biz_B"), "hours")
    console.stack.put(
        hourly() | {"trigger": {"type": "schedule", "expression": "cron(0 9 * * ? *)", "timezone": "America/New_York"}},
        "mornings",
    )
    console.open()

    assert [lane.get_attribute("aria-label") for lane in lanes(console).all()] == [
        "Times of hours, 24 times",
        "Times of mornings, 1 time",
    ]
    expect(lanes(console).last).to_have_attribute(
        "aria-valuetext", "Fri 20 Nov, 15:00 CET = Fri 20 Nov, 09:00 America/New_York"
    )
    assert "09:00 America/New_York · 1 target" in console.text
    lanes(console).first.focus()
    console.press("ArrowRight", "ArrowRight")
    expect(lanes(console).first).to_have_attribute("aria-valuetext", "Fri 20 Nov, 16:00 CET = Fri 20 Nov, 15:00 UTC")
    assert "Fri 20 Nov, 16:00 CET" in console.text
    console.press("End")
    expect(lanes(console).first).to_have_attribute("aria-valuenow", "24")
    console.check_accessibility()


def test_times_that_come_often_are_a_band_that_says_how_often(console: ConsolePage) -> None:
    console.stack.put(hourly() | {"trigger": {"type": "schedule", "expression": "rate(5 minutes)"}}, "often")

    console.open()

    expect(lanes(console)).to_have_attribute("aria-label", "Times of often, 50 times or more")
    assert "every 5 min" in console.text
    assert console.page.locator(".next-mark").count() == 0


def test_many_automations_come_page_by_page_and_as_a_table_that_can_be_shared(console: ConsolePage) -> None:
    for number in range(30):
        console.stack.put(hourly(), f"report-{number:02}")
    console.open()
    assert lanes(console).count() == 25

    console.button("Show more").click()
    expect(lanes(console)).to_have_count(30)
    console.button("Show as a table").click()

    expect(console.page).to_have_url(f"{console.url}/console?view=table")
    expect(console.page.get_by_role("rowheader")).to_have_count(30)
    console.check_accessibility()


def test_everything_is_stopped_and_resumed_with_the_keyboard_alone(console: ConsolePage) -> None:
    console.stack.put(hourly(), "weekly")
    console.open()
    console.button("Stop everything").focus()
    console.press("Enter")
    expect(console.page.get_by_label("Until I resume")).to_be_focused()
    console.press("ArrowRight")
    console.page.get_by_label("Until (Europe/Berlin)").fill("2026-11-23T09:00")
    console.page.get_by_label("Reason (optional)").focus()
    console.page.keyboard.type("Wrong texts")
    console.check_accessibility()
    console.press("Enter")
    banner = console.page.get_by_text("Everything is stopped until Mon 23 Nov, 09:00 CET")
    banner.wait_for()

    assert console.server.requests("POST", "/pause") == [
        {"from": None, "until": "2026-11-23T08:00:00Z", "reason": "Wrong texts"}
    ]
    (window,) = console.stack.app.stack_pause.read().windows
    assert (window.by, window.reason, window.until) == ("local", "Wrong texts", NOON + timedelta(days=2, hours=20))
    assert "Wrong texts" in console.focus
    console.wait_for("The stack is paused: no automation starts")
    console.check_accessibility()

    console.page.get_by_role("link", name="Automations", exact=True).click()
    expect(banner).to_be_visible()
    console.button("Resume everything").focus()
    console.press("Enter")
    console.page.get_by_role("dialog").get_by_role("button", name="Resume everything").focus()
    console.press("Enter")
    expect(banner).to_have_count(0)

    assert console.stack.app.stack_pause.read().at(console.stack.clock()) is None
    expect(console.page.get_by_role("heading", level=1)).to_be_focused()


def test_a_pause_that_fails_is_not_shown_as_one_and_nothing_typed_is_lost(console: ConsolePage) -> None:
    console.stack.put(hourly(), "weekly")
    console.open()
    console.server.interfere = failing(503, "Try again in a minute", path="/pause", method="POST")
    console.button("Stop everything").click()
    console.page.get_by_label("Reason (optional)").fill("Wrong texts")
    stop = console.page.get_by_role("dialog").get_by_role("button", name="Stop everything")
    stop.click()

    console.wait_for("Nothing is stopped")
    assert console.page.get_by_text("Everything is stopped").count() == 0
    console.server.interfere = lambda _: None
    stop.click()

    console.wait_for("Everything is stopped until you resume")
    (window,) = console.stack.app.stack_pause.read().windows
    assert (window.reason, window.until) == ("Wrong texts", None)


def test_a_planned_pause_is_announced_and_can_be_removed(console: ConsolePage) -> None:
    begin = NOON + timedelta(hours=3)
    pause = PauseWindow(begin, None, "ops", NOON, HOSTILE)
    console.stack.app.stack_pause.change(lambda pauses: pauses.add(pause, NOON), NOON)
    console.open()
    console.wait_for("Everything stops from Fri 20 Nov, 16:00 CET until you resume")
    assert "<script>alert(1)</script> ⟨U+202E⟩gnp.exe" in console.text

    console.button("Remove this pause").click()
    console.button("Remove the pause").click()
    console.wait_for("Removed the planned pause")

    assert console.stack.app.stack_pause.read().after(NOON) == ()


def test_texts_by_others_are_shown_as_they_are(console: ConsolePage) -> None:
    run = replace(make_run(), automation="weekly")
    ledger = console.stack.app.ledger
    ledger.finish(ledger.claim(run, timedelta(minutes=1)), "failed", error={"message": HOSTILE * 800})

    console.open()

    assert "<script>alert(1)</script> ⟨U+202E⟩gnp.exe" in console.text
    assert not console.overflows


def test_a_client_is_offered_only_what_it_may_use(browser: Browser, server: ConsoleServer) -> None:
    reader = stored_caller("reader-2", "automations:read") | {"expires_at": (NOON + timedelta(days=2)).isoformat()}
    callers = server.stack.secrets.values[CALLERS_SECRET]
    assert isinstance(callers, dict)
    server.stack.secrets.values[CALLERS_SECRET] = callers | {"reader-2": reader}
    server.stack.put(hourly(), "weekly")
    server.local_token = "reader-2"
    with console_page(browser, server) as console:
        console.open()

        assert needs(console) == ["The token of reader-2, with which you are signed in, ends soon"]
        assert "aichats admin callers rotate reader-2" in console.text
        assert lanes(console).count() == 1
        assert console.button("Stop everything").count() == 0
        assert "Open runs" not in console.text
        assert server.requests("GET", "/runs") == []


def test_open_runs_are_shown_and_read_again(console: ConsolePage) -> None:
    console.stack.put(hourly(), "weekly")
    console.open()
    console.wait_for("No run waits or is being performed")

    console.stack.app.ledger.claim(replace(make_run(), automation="weekly"), timedelta(minutes=5))
    again(console)

    expect(console.page.get_by_role("region", name="Open runs, newest first")).to_contain_text("performing")


def test_a_narrow_screen_has_a_menu_and_a_list_by_time(whole: ConsolePage) -> None:
    whole.page.set_viewport_size({"width": 400, "height": 800})
    whole.open()

    assert not whole.overflows
    assert lanes(whole).count() == 0
    expect(whole.page.get_by_role("listitem").filter(has_text="inbox-check").first).to_contain_text(":")
    menu = whole.page.get_by_role("button", name="Menu")
    menu.click()
    expect(menu).to_have_attribute("aria-expanded", "true")
    whole.check_accessibility()
    whole.page.get_by_role("link", name="Usage").click()
    expect(whole.page.get_by_role("heading", level=1)).to_have_text("Usage")
    expect(menu).to_have_attribute("aria-expanded", "false")
