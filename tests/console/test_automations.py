"""The page that lists the automations."""

from tests.support.console_page import ConsolePage
from tests.support.stack_in_memory import hourly


def test_a_stack_without_automations_offers_to_create_one(console: ConsolePage) -> None:
    console.open("/automations")

    assert "There are no automations yet" in console.text
    assert console.page.get_by_role("link", name="Create an automation").count() > 0


def test_each_automation_is_shown_with_its_next_time_in_the_zone_of_the_viewer(console: ConsolePage) -> None:
    console.stack.put(hourly("biz_A"), "report")

    console.open("/automations")

    assert "Fri 20 Nov, 14:00 CET" in console.text
    console.check_accessibility()
