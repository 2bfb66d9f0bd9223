"""The form that creates and edits automations, for people who know no cron."""

import json

import pytest
from playwright.sync_api import expect

from tests.support.automations import scheduled
from tests.support.console import ConsoleServer
from tests.support.console_automations import HOSTILE_TITLE
from tests.support.console_form import NIGHTLY, PATH, definition, edited, field, fill, writes
from tests.support.console_page import ConsolePage
from tests.support.console_runs import token_with
from tests.support.lambda_calls import CALLERS_SECRET, stored_caller


def press_until(console: ConsolePage, key: str, label: str) -> None:
    """Press a key until the element with this label, or with this text, has the focus."""
    script = "() => { const e = document.activeElement; return (e.labels?.[0] ?? e).innerText ?? '' }"
    for _ in range(80):
        console.press(key)
        if str(console.page.evaluate(script)).strip().startswith(label):
            return
    raise AssertionError(f"{label} doesn't get the focus")


def test_a_person_who_knows_no_cron_creates_an_automation_with_the_keyboard_alone(console: ConsolePage) -> None:
    console.open("/create")
    press_until(console, "Tab", "Every day")
    press_until(console, "ArrowDown", "Monday to Friday")
    press_until(console, "Tab", "Time")
    console.page.keyboard.type("0830AM")
    press_until(console, "Tab", "Title (optional)")
    console.page.keyboard.type("Daily numbers")
    press_until(console, "Tab", "Message")
    console.page.keyboard.type("Sum up yesterday.")
    press_until(console, "Tab", "Targets")
    console.page.keyboard.type("biz_A\nbiz_B")
    press_until(console, "Tab", "Create daily-numbers")
    console.press("Enter")
    console.wait_for("Created daily-numbers")

    assert console.page.url.endswith("/console/automations/daily-numbers")
    assert definition(console, "daily-numbers") == {
        "trigger": {"type": "schedule", "expression": "cron(30 8 ? * MON-FRI *)", "timezone": "Europe/Berlin"},
        "action": {"type": "whop.create_chat", "message_text": "Sum up yesterday.", "title": "Daily numbers"},
        "targets": ["biz_A", "biz_B"],
    }


def test_a_time_zone_can_be_typed_letter_by_letter(console: ConsolePage) -> None:
    console.open("/create")
    console.wait_for("Next in")
    zone = console.page.get_by_label("Time zone")
    zone.press("Control+A")
    zone.press_sequentially("Asia/Tokyo", delay=20)

    console.wait_for("(Asia/Tokyo)")
    assert "At 09:00, every day (Asia/Tokyo)" in console.text


def test_a_schedule_is_explained_with_its_next_times_in_both_zones_before_the_rest_is_typed(
    console: ConsolePage,
) -> None:
    console.open("/create")
    console.page.get_by_label("Days of the week").check()
    console.page.get_by_role("checkbox", name="Friday").check()
    console.page.get_by_label("Time zone").fill("America/New_York")

    console.wait_for("At 09:00, Monday and Friday (America/New_York)")
    times = console.page.get_by_role("list", name="The next times").get_by_role("listitem")
    expect(times).to_have_count(5)
    expect(times.first).to_have_text("Fri 20 Nov, 09:00 GMT-5Fri 20 Nov, 15:00 CET")
    console.check_accessibility()


@pytest.mark.parametrize(
    ("kind", "label", "value", "expression"),
    [
        ("At intervals", "Every", "3", "rate(3 hours)"),
        ("Once", "Date and time", "2030-12-24T18:00", "at(2030-12-24T18:00:00)"),
        ("Day of the month", "Day", "L", "cron(0 9 L * ? *)"),
    ],
)
def test_each_simple_kind_is_stored_as_an_expression(
    console: ConsolePage, kind: str, label: str, value: str, expression: str
) -> None:
    console.open("/create")
    console.page.get_by_role("radio", name=kind).check()
    control = console.page.get_by_label(label, exact=True)
    if label == "Day":
        control.select_option(value)
    else:
        control.fill(value)
    fill(console)
    console.button("Create weekly").click()
    console.wait_for("Created weekly")

    assert definition(console, "weekly")["trigger"]["expression"] == expression


def test_the_api_says_at_the_field_what_is_wrong_while_a_person_types(console: ConsolePage) -> None:
    console.open("/create")
    fill(console, title="{{ slot.month }}", targets="biz_A\nacme")
    field(console, "Name").fill("monthly")
    console.page.get_by_role("radio", name="Expression").check()
    expression = field(console, "Expression")
    expression.fill("cron(0 9 * * *)")

    console.wait_for("cron(0 9 * * *) has 5 fields. EventBridge cron expressions have 6: cron(0 9 * * ? *)")
    expect(expression).to_have_attribute("aria-invalid", "true")
    console.check_accessibility()

    expression.fill("cron(0 9 * * ? *)")
    console.wait_for("“acme”: whop.create_chat needs a company")
    field(console, "Targets: the companies, one a line").fill("biz_A")
    console.wait_for("`slot.month` is unknown")
    expect(expression).not_to_have_attribute("aria-invalid", "true")
    assert writes(console, "/automations/monthly") == []


def test_what_it_will_send_is_shown_for_each_target(console: ConsolePage) -> None:
    console.open("/create")
    fill(console, title="Of {{ slot.date }}", message="For <b>{{ target }}</b>", targets="biz_A\nbiz_B")

    preview = console.page.get_by_role("region", name="What it will send")
    expect(preview).to_contain_text("To biz_A")
    expect(preview).to_contain_text("For <b>biz_B</b>")
    expect(preview).to_contain_text("Of 2026-11-21")


def test_an_incomplete_form_names_each_gap_and_leads_to_its_field(console: ConsolePage) -> None:
    console.open("/create")
    console.button("Create the automation").click()

    summary = console.page.get_by_role("alert").filter(has_text="It isn't saved yet")
    expect(summary).to_be_focused()
    for text in ("Message: Write the message", "Targets: Write at least one company", "Name: Write a name"):
        expect(summary).to_contain_text(text)
    console.check_accessibility()
    summary.get_by_role("link", name="Targets").press("Enter")
    expect(field(console, "Targets: the companies, one a line")).to_be_focused()
    assert console.server.requests("PUT", PATH) == []


def test_an_edit_changes_one_field_and_keeps_what_the_form_does_not_know(console: ConsolePage) -> None:
    edited(console.stack, managed_by="github.com/agency/automations")
    console.open(f"{PATH}/edit")
    assert "Files manage this automation" in console.text
    expect(console.page.get_by_role("radio", name="Monday to Friday")).to_be_checked()

    field(console, "Message").fill("What happened last night?")
    console.button("Save weekly").click()
    console.wait_for("Saved weekly")

    changed = NIGHTLY["action"] | {"message_text": "What happened last night?"}
    assert definition(console, "weekly") == NIGHTLY | {
        "action": changed,
        "managed_by": "github.com/agency/automations",
    }
    (write,) = writes(console)
    assert write["headers"]["if-match"]


def test_an_automation_waits_for_an_event_and_its_values_are_inserted(console: ConsolePage) -> None:
    console.open("/create")
    console.page.get_by_role("radio", name="On a Whop event").check()
    event = console.page.get_by_role("combobox", name="Event")
    event.fill("payment.failed")
    event.press("Enter")
    event.fill("payment.new")
    console.button("Add payment.new").click()
    field(console, "Only if (optional)").fill("data.user")
    field(console, "Message").fill("Why did  fail?")
    field(console, "Message").evaluate("input => input.setSelectionRange(8, 8)")
    console.page.get_by_text("Insert a value").click()
    console.page.get_by_role("button", name="{{ event.data.id }}", exact=True).click()
    console.button("Add {{ event.account_id }}").click()
    field(console, "Name").fill("dunning")
    expect(console.page.get_by_role("region", name="What it will send")).to_contain_text("For an example of")
    console.wait_for("payment.new is not a known event of Whop")
    console.button("Create dunning").click()
    console.wait_for("Created dunning")

    assert definition(console, "dunning") == {
        "trigger": {"type": "webhook", "events": ["payment.failed", "payment.new"], "filter": "data.user"},
        "action": {"type": "whop.create_chat", "message_text": "Why did {{ event.data.id }} fail?"},
        "targets": ["{{ event.account_id }}"],
    }


def test_experts_edit_all_fields_as_json_and_the_form_follows(console: ConsolePage) -> None:
    console.open("/create?from=nobody")
    assert "nobody" in console.text
    edited(console.stack)
    console.open("/create?from=weekly")
    console.page.get_by_text("All fields (JSON)").click()
    text = field(console, "The automation in JSON")
    copied = json.loads(text.input_value())
    text.fill("{")
    console.wait_for("This is not JSON yet")
    text.fill(json.dumps(copied | {"overlap": "skip", "targets": ["biz_C"]}))

    expect(field(console, "Targets: the companies, one a line")).to_have_value("biz_C")
    console.button("Create weekly-copy").click()
    console.wait_for("Created weekly-copy")
    assert definition(console, "weekly-copy") == NIGHTLY | {"overlap": "skip", "targets": ["biz_C"]}


def test_the_command_of_the_terminal_creates_the_same(console: ConsolePage) -> None:
    console.open("/create")
    fill(console, message="What's new?")
    console.page.get_by_text("From a terminal").click()

    assert "--message 'What'\\''s new?'" in console.text
    assert "--schedule 'cron(0 9 * * ? *)' \\\n  --tz Europe/Berlin" in console.text
    assert f"curl -X PUT {console.url}/automations/weekly" in console.text


def test_hostile_texts_and_a_narrow_screen_break_nothing(console: ConsolePage) -> None:
    hostile = scheduled("rate(1 hour)", message=HOSTILE_TITLE * 20)
    console.stack.put(hostile | {"targets": ["biz_A"], "description": "x" * 400}, "weekly")
    console.page.set_viewport_size({"width": 400, "height": 800})
    console.open(f"{PATH}/edit")

    expect(console.page.get_by_role("region", name="What it will send")).to_contain_text("⟨U+202E⟩")
    console.page.get_by_text("All fields (JSON)").click()
    console.page.get_by_text("From a terminal").click()
    console.check_accessibility()
    assert not console.overflows


def test_a_client_with_a_limit_is_offered_its_companies_and_what_it_may_do(
    console: ConsolePage, server: ConsoleServer
) -> None:
    limited = stored_caller("limited", "automations:read", "automations:write", "chats:write")
    server.stack.secrets.values[CALLERS_SECRET] = {"agency": limited | {"companies": ["biz_A"]}}
    server.local_token = "limited"
    console.open("/create")

    assert console.page.get_by_role("radio", name="On a Whop event").count() == 0
    assert console.page.get_by_role("radio", name="Create a chat in Kodey").count() == 0
    console.button("Add biz_A").click()
    field(console, "Message").fill("Hello")
    console.button("Create hello").click()
    console.wait_for("Created hello")
    assert definition(console, "hello")["targets"] == ["biz_A"]


def test_a_client_without_the_scopes_learns_which_it_needs(console: ConsolePage, server: ConsoleServer) -> None:
    edited(console.stack)
    server.local_token = token_with(console.stack, ["automations:read"])
    console.open(f"{PATH}/edit")

    assert "automations:write" in console.text
    assert console.page.get_by_role("button", name="Save weekly").count() == 0
