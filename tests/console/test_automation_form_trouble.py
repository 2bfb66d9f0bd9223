"""The form of an automation when a save fails, someone else changes the automation, or the person leaves."""

from collections.abc import Callable

from playwright.sync_api import Route, expect

from tests.support.console import failing
from tests.support.console_form import NIGHTLY, PATH, definition, edited, field, fill, writes
from tests.support.console_page import ConsolePage
from tests.support.fakes import Json
from tests.support.lambda_calls import LOCAL


def unless_dry_run(answer: Callable[[Json], Json | None]) -> Callable[[Json], Json | None]:
    """Return an interference with everything but checks."""
    return lambda event: None if "dry_run" in event.get("rawQueryString", "") else answer(event)


def edit_while_a_colleague_edits(console: ConsolePage) -> None:
    """Write another message while a colleague changes the targets."""
    edited(console.stack)
    console.open(f"{PATH}/edit")
    with console.server.lock:
        edited(console.stack, targets=["biz_B"])
    field(console, "Message").fill("Mine")


def test_a_failed_save_loses_nothing_and_can_be_tried_again(console: ConsolePage) -> None:
    console.open("/create")
    fill(console)
    console.server.interfere = unless_dry_run(failing(503, "aichats is busy", path=PATH))
    console.button("Create weekly").click()
    console.wait_for("aichats is busy")
    console.check_accessibility()
    assert field(console, "Message").input_value() == "Sum it up."

    console.server.interfere = lambda _: None
    console.button("Create weekly").click()
    console.wait_for("Created weekly")
    assert len(writes(console)) == 2


def test_a_save_without_an_answer_is_repeated_safely_by_the_person(console: ConsolePage) -> None:
    console.open("/create")
    fill(console)
    expect(console.page.get_by_role("region", name="What it will send")).to_contain_text("To biz_A")

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    console.page.route("**/automations/weekly", lose)
    console.button("Create weekly").click()
    console.wait_for("The API doesn't answer")
    assert "may be saved" in console.text
    assert "is not saved" not in console.text
    assert "Everything that you typed is still here" in console.text
    console.page.unroute("**/automations/weekly")
    console.button("Create weekly").click()
    console.wait_for("Created weekly")

    assert len(writes(console)) == 2
    assert definition(console, "weekly")["targets"] == ["biz_A"]


def test_a_name_that_is_taken_is_said_at_the_name_and_nothing_is_overwritten(console: ConsolePage) -> None:
    edited(console.stack)
    console.open("/create")
    fill(console)

    console.wait_for("There is already an automation weekly. Choose another name")
    console.button("Create weekly").click()
    field(console, "Name").fill("weekly-2")
    console.button("Create weekly-2").click()
    console.wait_for("Created weekly-2")
    assert definition(console, "weekly") == NIGHTLY


def test_a_change_by_someone_else_is_shown_and_overwritten_only_on_purpose(console: ConsolePage) -> None:
    edit_while_a_colleague_edits(console)
    console.button("Save weekly").click()

    console.wait_for("colleague changed weekly while you edited it")
    expect(console.page.locator(":focus")).to_contain_text("colleague changed weekly while you edited it")
    differences = console.page.get_by_role("table", name="Differences between the versions")
    expect(differences.get_by_role("row", name="targets")).to_contain_text('["biz_B"] (changed)')
    expect(differences.get_by_role("row", name="action.message_text")).to_contain_text("Mine (changed)")
    console.check_accessibility()
    assert definition(console, "weekly")["targets"] == ["biz_B"]

    console.button("Save mine over it").click()
    console.wait_for("Saved weekly")
    assert definition(console, "weekly")["action"]["message_text"] == "Mine"
    assert definition(console, "weekly")["targets"] == ["biz_A", None]


def test_after_taking_the_version_of_someone_else_the_own_one_can_be_brought_back(console: ConsolePage) -> None:
    edit_while_a_colleague_edits(console)
    console.button("Take theirs").click()

    expect(field(console, "Targets: the companies, one a line")).to_have_value("biz_B")
    console.button("Bring back mine").click()
    expect(field(console, "Message")).to_have_value("Mine")
    console.button("Save weekly").click()
    console.wait_for("Saved weekly")
    assert definition(console, "weekly")["targets"] == ["biz_A", None]


def test_leaving_asks_first_and_the_draft_is_there_again(console: ConsolePage) -> None:
    console.open("/automations")
    console.page.get_by_role("link", name="Create an automation").first.click()
    fill(console)
    assert console.page.evaluate("!window.dispatchEvent(new Event('beforeunload', {cancelable: true}))")
    console.page.go_back()
    console.wait_for("Leave without saving?")
    console.check_accessibility()
    console.press("Escape")
    expect(console.page).to_have_url(f"{console.url}/console/create")

    console.page.get_by_role("link", name="Runs").click()
    console.button("Keep the draft and leave").click()
    expect(console.page).to_have_url(f"{console.url}/console/runs")
    console.open("/create")
    console.wait_for("This is what you typed before")
    assert field(console, "Message").input_value() == "Sum it up."

    console.button("Discard it").click()
    assert field(console, "Message").input_value() == ""


def test_a_token_that_ends_loses_nothing(console: ConsolePage) -> None:
    console.open("/create")
    console.server.interfere = failing(401, "The token has expired", path=PATH)
    fill(console)
    console.wait_for("The token has expired")
    console.server.interfere = lambda _: None
    console.page.get_by_label("Token of an API client").fill(LOCAL)
    console.press("Enter")

    console.button("Create weekly").click()
    console.wait_for("Created weekly")
    assert definition(console, "weekly")["action"]["message_text"] == "Sum it up."
