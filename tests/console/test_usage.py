"""The page Usage: runs, replies and tokens of days, and budgets."""

import re
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from aichats.runs.ledger.budget_counters import STACK_OWNER, BudgetCounter
from aichats.schedules.periods import Period
from tests.support.budgets import TEN_A_DAY
from tests.support.console import ConsoleServer, failing
from tests.support.console_page import ConsolePage, console_page
from tests.support.ledgers import NOON
from tests.support.stack_in_memory import StackInMemory, hourly
from tests.support.usage import count_month, count_usage

TODAY = NOON.date()
YESTERDAY = TODAY - timedelta(days=1)


def busy(stack: StackInMemory) -> None:
    """Store the usage of two days, of two automations and two companies."""
    count_usage(stack.app, TODAY, "weekly", "biz_A", succeeded=1200, failed=3, replies=900, tokens=123456)
    count_usage(stack.app, YESTERDAY, "weekly", "biz_B", succeeded=10, unknown=1)
    count_usage(stack.app, YESTERDAY, "welcome", "biz_B", succeeded=5, missed=8)
    count_usage(stack.app, YESTERDAY, None, "biz_A", succeeded=2)


def limit(stack: StackInMemory, name: str, budget: dict[str, Any], **used: int) -> None:
    """Create an automation with a budget, of which something is used."""
    stack.put(hourly() | {"budget": budget}, name)
    use(stack, name, budget["per"], **used)


def use(stack: StackInMemory, owner: str, per: Any, **used: int) -> None:
    counter = BudgetCounter(stack.app.ledger.items, owner, Period.at(NOON, per))
    stack.app.ledger.items.put({"run_id": counter.key, **used})


def rows(console: ConsolePage, table: str) -> list[str]:
    """Return the first words of the rows of a table."""
    headers = console.page.get_by_role("region", name=table, exact=True).get_by_role("rowheader")
    return [text.split("\n")[0] for text in headers.all_inner_texts()]


def test_the_totals_the_plot_and_the_groups_of_thirty_days_are_shown(console: ConsolePage) -> None:
    busy(console.stack)

    console.open("/usage")

    assert re.search(r"Runs\s+1,229\s", console.text)
    assert re.search(r"Succeeded\s+99\s?%", console.text)
    assert re.search(r"Tokens\s+123,456", console.text)
    assert "8 missed" in console.text
    assert rows(console, "Usage by automation") == ["weekly", "welcome", "Started by API clients"]
    console.check_accessibility()


def test_a_list_of_runs_opens_with_the_status_and_the_days(console: ConsolePage) -> None:
    busy(console.stack)

    console.open("/usage?days=7")

    link = console.page.get_by_role("link", name="failed", exact=True)
    assert link.get_attribute("href") == (
        "/console/runs?status=failed&since=2026-11-14T00%3A00%3A00Z&until=2026-11-21T00%3A00%3A00Z"
    )


def test_the_numbers_of_a_day_are_read_with_the_keys(console: ConsolePage) -> None:
    busy(console.stack)
    console.open("/usage")
    plot = console.page.get_by_role("slider", name="Day of the plot")

    plot.focus()
    console.press("End", "ArrowLeft")

    words = "26 runs: 17 succeeded, 8 missed, 1 unknown"
    assert words in console.text
    expect(plot).to_have_attribute("aria-valuetext", f"Thu, 19 Nov 2026: {words}; 0 replies, 0 tokens")
    link = console.page.get_by_role("link", name="Show the runs of this day")
    assert "since=2026-11-19T00%3A00%3A00Z&until=2026-11-20T00%3A00%3A00Z" in str(link.get_attribute("href"))
    console.press("Home", "ArrowLeft")
    assert re.search(r"Thu, 22 Oct 2026 \(UTC\)\s+No runs", console.text)
    console.press("Escape")
    assert "Point at a day to see its numbers" in console.text
    console.check_accessibility()


def test_a_pointer_reads_a_day_and_the_plot_stays_where_it_is(console: ConsolePage) -> None:
    busy(console.stack)
    console.open("/usage?days=7")
    plot = console.page.get_by_role("slider")
    box = plot.bounding_box()
    assert box

    console.page.mouse.move(box["x"] + box["width"] - 20, box["y"] + 100)

    console.wait_for("1,203 runs: 1,200 succeeded, 3 failed · 900 replies · 123,456 tokens")
    assert plot.bounding_box() == box


def test_each_status_has_a_pattern_and_the_smallest_number_is_visible(console: ConsolePage) -> None:
    busy(console.stack)

    console.open("/usage?days=7")

    bars = console.page.locator(".plots .plot-bar:not(.tokens)")
    expect(bars).to_have_count(5)
    fills = bars.evaluate_all("bars => bars.map(bar => [bar.getAttribute('fill'), bar.getBoundingClientRect().height])")
    assert len({fill for fill, _ in fills}) == 4
    assert min(height for _, height in fills) >= 3


def test_the_plot_has_a_table_with_the_same_numbers(console: ConsolePage) -> None:
    busy(console.stack)
    console.open("/usage?days=92")

    console.page.get_by_text("Show the numbers of the plot as a table").click()

    assert rows(console, "Usage by day")[:2] == ["Fri, 20 Nov 2026", "Thu, 19 Nov 2026"]
    assert "31 of 92 days shown" in console.text
    console.button("Show more").click()
    console.wait_for("62 of 92 days shown")
    assert len(rows(console, "Usage by day")) == 62


def test_groups_are_chosen_and_sorted_in_the_url(console: ConsolePage) -> None:
    busy(console.stack)
    console.open("/usage")

    console.page.get_by_label("Sort by").select_option("Most problems")
    assert rows(console, "Usage by automation")[0] == "welcome"
    console.page.get_by_role("link", name="By target").click()
    console.settle()

    assert rows(console, "Usage by target") == ["biz_B", "biz_A"]
    assert console.page.url.endswith("/usage?sort=problems&by=target")
    console.page.get_by_text("From a terminal").first.click()
    assert "aichats usage --since 2026-10-22 --until 2026-11-20 --by target" in console.text


def test_one_automation_is_shown_alone(console: ConsolePage) -> None:
    busy(console.stack)
    console.open("/usage")

    console.page.get_by_role("link", name="welcome: show only its usage").click()
    console.settle()

    assert "Only the automation welcome" in console.text
    assert re.search(r"Runs\s+13\s", console.text)
    console.page.get_by_role("link", name="Show all automations").click()
    console.settle()
    assert console.page.url.endswith("/usage")


def test_dates_are_typed_and_wrong_ones_are_explained_where_they_are(console: ConsolePage) -> None:
    busy(console.stack)
    console.open("/usage")

    console.page.get_by_label("First day").fill("2026-01-01")
    console.button("Show these days").click()
    console.wait_for("These are 324 days. Choose at most 92")
    console.check_accessibility()
    console.page.get_by_label("First day").fill("2026-11-19")
    console.page.get_by_label("Last day").fill("2026-11-19")
    console.press("Enter")

    console.settle()
    assert re.search(r"Runs\s+26\s", console.text)
    assert console.page.url.endswith("/usage?since=2026-11-19&until=2026-11-19")


def test_a_shared_link_with_a_wrong_date_shows_the_reason_of_the_api(console: ConsolePage) -> None:
    console.open("/usage?since=yesterday")

    assert "must be a date such as 2026-11-30" in console.text


def test_days_without_runs_offer_more_days(console: ConsolePage) -> None:
    count_usage(console.stack.app, TODAY - timedelta(days=60), succeeded=4)
    console.open("/usage")

    assert "No run ended in these days" in console.text
    console.check_accessibility()
    console.page.get_by_role("link", name="Show 92 days").click()
    console.settle()

    assert re.search(r"Runs\s+4\s", console.text)


def test_too_many_groups_have_a_way_out(console: ConsolePage) -> None:
    busy(console.stack)

    def too_much(event: dict[str, Any]) -> dict[str, Any] | None:
        if "by=automation" not in event["rawQueryString"] or "since=2026-11-14" in event["rawQueryString"]:
            return None
        message = "there are more than 10000 groups; ask for fewer days, for one automation, or with by=day"
        return failing(422, message, path="/usage", errors=[{"field": "since", "message": message}])(event)

    console.server.interfere = too_much
    console.open("/usage")

    assert "There is too much usage for one answer" in console.text
    assert re.search(r"Runs\s+1,229\s", console.text)
    console.page.get_by_role("link", name="Show 7 days").click()
    console.settle()
    assert rows(console, "Usage by automation")[0] == "weekly"


def test_a_failure_of_one_part_leaves_the_others_and_can_be_tried_again(console: ConsolePage) -> None:
    busy(console.stack)
    console.server.interfere = failing(500, "The table is busy.", path="/budgets")
    console.open("/usage")

    assert "The budgets can't be read" in console.text
    assert re.search(r"Runs\s+1,229\s", console.text)
    console.server.interfere = lambda _: None
    console.button("Try again").click()
    console.wait_for("There are no budgets")


def test_budgets_show_what_is_used_and_what_happens_then(console: ConsolePage) -> None:
    stack = console.stack
    stack.app.environment = {**stack.app.environment, "BUDGET_RUNS": "5000", "BUDGET_PER": "month"}
    use(stack, STACK_OWNER, "month", runs=100)
    limit(stack, "calm", {"tokens": 1000, "per": "month"}, tokens=10)
    limit(stack, "refunds", TEN_A_DAY, runs=12)

    console.open("/usage")

    budgets = console.page.get_by_role("region", name="Budgets").get_by_role("listitem")
    whole, full, calm = budgets.all_inner_texts()
    assert whole.startswith("The whole stack")
    assert "100 of 5,000 runs" in whole
    assert "12 of 10 runs" in full
    assert "used up" in full
    assert "until the budget renews, Sat 21 Nov, 01:00 CET" in full
    assert "Renews Tue 1 Dec, 01:00 CET." in calm
    assert console.page.get_by_role("meter", name="runs of refunds: 12 of 10 runs").count() == 1
    console.check_accessibility()


def test_three_months_fit_on_a_narrow_screen(browser: Browser) -> None:
    server = ConsoleServer(StackInMemory())
    count_month(server.stack.app, TODAY)
    with console_page(browser, server, viewport={"width": 400, "height": 800}) as console:
        console.open("/usage?days=92")

        assert not console.overflows
        console.check_accessibility()


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "biz_\u202egnissim"])
def test_a_hostile_target_is_shown_as_text(console: ConsolePage, name: str) -> None:
    count_usage(console.stack.app, TODAY, "weekly", name, succeeded=1)

    console.open("/usage?by=target")

    assert rows(console, "Usage by target") == [name.replace("\u202e", "⟨U+202E⟩")]
