"""The thirteen things that people come for, each done with a mouse and with the keyboard alone.

Each task begins on the first page. Its steps say in words how a person goes.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.automations import scheduled
from tests.support.console import ConsoleServer
from tests.support.console_automations import listening
from tests.support.console_life import LivingStack
from tests.support.console_page import ConsolePage
from tests.support.console_people import (
    Person,
    WithKeyboard,
    WithMouse,
    attach,
    choose,
    follow,
    go,
    pick,
    press,
    see,
    set_time,
    tick,
    unfold,
    write,
)
from tests.support.console_receivers import URL, secret_of
from tests.support.console_runs import ended
from tests.support.fakes import Json, ai_chat
from tests.support.ledgers import NOON

YESTERDAY = NOON - timedelta(days=1)
MANY = 60
DAILY: Json = scheduled("cron(0 9 * * ? *)", message="What happened on {{ slot.date }}?", timezone="Europe/Berlin")
COPIED = "() => navigator.clipboard.readText()"


@pytest.fixture
def stack() -> LivingStack:
    """A stack on a Friday at noon: a report of each day that has run twice, failed runs, and many chats."""
    stack = LivingStack(NOON - timedelta(days=2))
    stack.put(DAILY | {"targets": ["biz_A", "biz_B"]}, "daily-report")
    action = {"type": "whop.create_chat", "message_text": "Ask {{ event.data.user.name }} for another card."}
    stack.put(listening("payment.failed", action, "biz_A"), "payment-follow-up")
    for number in range(1, MANY + 1):
        chat = ai_chat(id=f"aich_old{number}", title=f"Numbers {number}", created_at=stack.clock().isoformat())
        stack.whop.chats[chat["id"]] = chat | {"notification_preference": "all"}
    stack.live(NOON - timedelta(minutes=1))
    ended(stack, "biz_C", "biz_D", "biz_E")
    stack.live(NOON)
    return stack


@pytest.fixture
def server(stack: LivingStack) -> ConsoleServer:
    """Serves that stack."""
    return ConsoleServer(stack)


@pytest.fixture(params=[WithMouse, WithKeyboard], ids=["mouse", "keyboard"])
def person(request: pytest.FixtureRequest, console: ConsolePage) -> Person:
    """A person in front of the first page, who can paste what the page copies."""
    console.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    make: Callable[[ConsolePage], Person] = request.param
    return make(console.open())


def pass_time(console: ConsolePage, stack: LivingStack) -> None:
    """Let the stack perform what was started."""
    with console.server.lock:
        stack.live(stack.clock() + timedelta(minutes=1))


def written(console: ConsolePage, name: str) -> Any:
    """Return an automation as it was written."""
    with console.server.lock:
        return console.stack.row(name).written


def statuses(console: ConsolePage, *targets: str) -> dict[str, str]:
    """Return the status of the run for each of these targets."""
    return {str(row.run.target): row.status for row in console.stack.runs if row.run.target in targets}


NEW_NUMBERS = [
    follow("Automations"),
    follow("Create an automation"),
    choose("Monday to Friday"),
    set_time("Time", "08:30"),
    write("Time zone", "Europe/Berlin"),
    write("Title (optional)", "Daily numbers"),
    write("Message", "Show the numbers of {{ slot.date }}."),
]


def test_create_a_muted_chat_for_three_companies_every_weekday(person: Person) -> None:
    console = person.console
    go(
        person,
        [
            *NEW_NUMBERS,
            pick("Notifications", "Mute the chat"),
            write("Targets: the companies, one a line", "biz_A\nbiz_B\nbiz_C"),
            see("At 08:30, Monday through Friday (Europe/Berlin)"),
            press("Create daily-numbers"),
            see("Created daily-numbers"),
        ],
    )
    assert written(console, "daily-numbers") == {
        "trigger": {"type": "schedule", "expression": "cron(30 8 ? * MON-FRI *)", "timezone": "Europe/Berlin"},
        "action": {
            "type": "whop.create_chat",
            "title": "Daily numbers",
            "message_text": "Show the numbers of {{ slot.date }}.",
            "notification_preference": "none",
        },
        "targets": ["biz_A", "biz_B", "biz_C"],
    }


def test_plan_a_pause_over_the_holidays(person: Person) -> None:
    go(
        person,
        [
            follow("Automations"),
            follow("daily-report"),
            press("Pause"),
            choose("Choose the dates"),
            set_time("From (Europe/Berlin)", "2026-12-24T00:00"),
            set_time("Until (Europe/Berlin)", "2027-01-04T00:00"),
            write("Reason, for your colleagues (optional)", "Holidays"),
            see("11 times left out"),
            press("Plan the pause of daily-report"),
            see("Planned a pause of daily-report"),
        ],
    )
    (window,) = person.console.stack.row("daily-report").pauses.after(NOON)
    assert (window.begins, window.until, window.reason) == (
        datetime(2026, 12, 23, 23, tzinfo=UTC),
        datetime(2027, 1, 3, 23, tzinfo=UTC),
        "Holidays",
    )


def test_see_whether_the_run_of_yesterday_happened(person: Person) -> None:
    console = person.console
    go(
        person,
        [
            follow("Runs"),
            write("Automation", "daily-report"),
            press("More filters"),
            set_time("Slots from (Europe/Berlin)", "2026-11-19T00:00"),
            set_time("Slots before (Europe/Berlin)", "2026-11-20T00:00"),
            see("for slots from Thu 19 Nov, 00:00 CET before Fri 20 Nov, 00:00 CET"),
        ],
    )
    rows = console.page.locator(".runs-table tbody tr")
    expect(rows).to_have_count(2)
    assert all("succeeded" in row for row in rows.all_inner_texts())
    assert {target for slot, target, _ in console.stack.history if slot == "08:00"} == {"biz_A", "biz_B"}


def test_see_what_failed_last_week_and_why_and_replay_all_of_it(person: Person, stack: LivingStack) -> None:
    console = person.console
    go(
        person,
        [
            follow("Show the runs: 3 runs of API clients failed"),
            see("This company is closed"),
            press("Replay all that match…"),
            see("3 runs match and would be replayed"),
            press("Replay 3 runs"),
            see("A job changes many runs"),
        ],
    )
    pass_time(console, stack)
    console.wait_for("3 of 3 runs replayed")
    assert statuses(console, "biz_C", "biz_D", "biz_E") == dict.fromkeys(("biz_C", "biz_D", "biz_E"), "succeeded")


def test_mute_fifty_chats_until_monday_morning(person: Person, stack: LivingStack) -> None:
    console = person.console
    go(
        person,
        [
            follow("Chats"),
            press("Select all shown"),
            press("Change notifications of 50 chats"),
            press("Monday at 09:00"),
            press("Mute 50 chats"),
            see("50 chats are being changed"),
            press("Close"),
        ],
    )
    pass_time(console, stack)
    (undoing,) = [row for row in console.stack.app.automation_table.list() if len(row.automation.targets) == 50]
    assert next(undoing.unpaused_slots(NOON)) == datetime(2026, 11, 23, 8, tzinfo=UTC)
    muted = [chat for chat in console.stack.whop.chats.values() if chat.get("notification_preference") == "none"]
    assert len(muted) == 50


def test_run_an_automation_now(person: Person, stack: LivingStack) -> None:
    console = person.console
    go(
        person,
        [follow("Automations"), follow("daily-report"), press("Run now"), press("Start 2 runs"), see("2 runs")],
    )
    pass_time(console, stack)
    go(person, [press("Close")])
    extra = [row for row in console.stack.runs if row.run.automation == "daily-report" and row.run.trigger == "http"]
    assert [(row.run.target, row.status) for row in extra] == [("biz_A", "succeeded"), ("biz_B", "succeeded")]


def test_try_an_automation_with_an_event(person: Person, stack: LivingStack) -> None:
    console = person.console
    event = json.dumps({"type": "payment.failed", "data": {"user": {"name": "Zoë"}}})
    go(
        person,
        [
            follow("Automations"),
            follow("payment-follow-up"),
            follow("Try with an event", first=True),
            write("Event", event),
            press("Preview what it sends"),
            see("Ask Zoë for another card."),
            press("Run payment-follow-up with this event"),
            press("Run payment-follow-up"),
            see("payment-follow-up was started"),
        ],
    )
    pass_time(console, stack)
    (run,) = [row for row in console.stack.runs if row.run.automation == "payment-follow-up"]
    assert (run.status, run.run.target) == ("succeeded", "biz_A")


def test_keep_an_automation_in_git(person: Person) -> None:
    console = person.console
    go(
        person,
        [
            follow("Automations"),
            follow("daily-report"),
            follow("Definition"),
            see("aichats apply FOLDER --adopt daily-report"),
            press("Copy daily-report.json"),
            see("Copied"),
        ],
    )
    assert json.loads(console.page.evaluate(COPIED)) == written(console, "daily-report")


def test_rotate_the_api_key(person: Person) -> None:
    console = person.console
    go(person, [follow("Connections"), press("Copy this command"), see("Copied")])
    assert console.page.evaluate(COPIED).startswith("aichats admin secret set whop --stack ")


def test_let_another_system_know_when_a_run_ended(person: Person, stack: LivingStack) -> None:
    go(
        person,
        [
            follow("Subscriptions"),
            follow("Create a subscription", first=True),
            write("Name", "crm"),
            write("URL", URL),
            tick("run.succeeded"),
            press("Create crm"),
            see("Store this secret where your receiver can read it"),
            press("Copy the secret"),
            see("Copied"),
            follow("Open crm and send a test event"),
            press("Send a test event"),
            press("Send the test event"),
            see("The receiver accepted the test event"),
        ],
    )
    row = stack.app.subscriptions.get("crm")
    assert row is not None
    assert {"run.succeeded", "run.failed"} <= set(row.subscription.events)
    assert person.console.page.evaluate(COPIED) == secret_of(stack, "crm")
    assert [(received.url, received.event["type"]) for received in stack.receivers.received] == [
        (URL, "subscription.test")
    ]


def test_see_the_message_before_anything_is_stored(person: Person) -> None:
    console = person.console
    go(
        person,
        [
            *NEW_NUMBERS,
            write("Targets: the companies, one a line", "biz_A"),
            see("To biz_A"),
            see("Show the numbers of 2026-11-23."),
        ],
    )
    assert console.stack.app.automation_table.read("daily-numbers") is None


def test_attach_a_pdf_of_this_computer(person: Person, stack: LivingStack, tmp_path: Path) -> None:
    console = person.console
    report = tmp_path / "report.pdf"
    report.write_bytes(b"%PDF-" + bytes(2043))
    go(
        person,
        [
            *NEW_NUMBERS,
            see("To attach a file from this computer, first write the companies in step 3."),
            write("Targets: the companies, one a line", "biz_A"),
            attach("Attach a file from this computer", report),
            see("report.pdf (2.0 KiB) is uploaded and attached."),
            press("Create daily-numbers"),
            see("Created daily-numbers"),
        ],
    )
    assert stack.whop.uploads == [report.read_bytes()]
    assert written(console, "daily-numbers")["action"]["attachments"] == ["file_1"]


def test_connect_an_account_with_oauth(person: Person) -> None:
    console = person.console
    go(
        person,
        [
            follow("Connections"),
            press("default: show the connection"),
            see("Connect an account"),
            press("Copy the command"),
            see("Copied"),
        ],
    )
    assert console.page.evaluate(COPIED).startswith("aichats admin connect --stack ")


def test_see_everything_at_a_glance(person: Person) -> None:
    go(
        person,
        [
            see("Needs you (1)"),
            see("3 runs of API clients failed"),
            unfold("From a terminal"),
            see("aichats status"),
        ],
    )
    assert "daily-report" in person.console.text
