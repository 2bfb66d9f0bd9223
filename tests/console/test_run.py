"""The page of one run: its story, its texts, and replay, cancel and resolve."""

import re
from copy import replace
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from aichats.runs.action import Action
from aichats.runs.ledger.rows import Row
from aichats.schedules.pauses import PauseWindow
from aichats_cli.runs.advice import ADVICE
from local.build_console import SOURCE
from tests.support.console import ConsoleServer, failing
from tests.support.console_page import ConsolePage
from tests.support.console_runs import CLOSED, ended, succeeded, token_with, unknown, waiting
from tests.support.fakes import ai_chat, error_response
from tests.support.ledgers import CREATE, GONE, LEASE, MUTE, NOON, make_run
from tests.support.stack_in_memory import ONE, StackInMemory, hourly

YES, NO = "Yes, it did", "No, it did not"
ANSWER = "Say what happened…"


def row(console: ConsolePage, run_id: str) -> Row:
    found = console.stack.app.ledger.get(run_id)
    assert found is not None
    return found


def rejected(stack: StackInMemory) -> str:
    """Let Whop reject the chat of a slot. Return the id of the run."""
    stack.whop.interfere = lambda _: error_response(422, "This company is closed", code="company_closed")
    stack.put(hourly("biz_A", timezone="America/New_York"), "report")
    stack.clock.now = ONE
    stack.tick(ONE, "report")
    stack.work()
    stack.whop.interfere = lambda _: None
    return stack.runs[0].run.run_id


def test_a_failed_run_says_what_happened_why_and_what_to_do(console: ConsolePage) -> None:
    run_id = rejected(console.stack)

    console.open(f"/runs/{run_id}")

    for sentence in (
        "Run of report",
        "Create a Whop chat for biz_A",
        "This run failed. aichats does nothing more with it.",
        "This company is closed",
        "company_closed",
        "What you can do: Fix what the message names: a field of the automation, or the account at Whop.",
        "The schedule fired for the slot Fri, 20 Nov 2026, 14:00:00 CET.",
        "Whop answered 422",
        "POST /ai_chats",
        "Of 08:00 for biz_A",
        "Nothing came back, because no chat is known.",
    ):
        assert sentence in console.text, sentence
    console.wait_for("08:00 GMT-5 (America/New_York)")
    link = console.page.get_by_role("link", name="All runs of this slot")
    assert "slot_since=2026-11-20T13%3A00%3A00Z&slot_until=2026-11-20T13%3A00%3A01Z" in str(link.get_attribute("href"))
    console.check_accessibility()
    console.page.set_viewport_size({"width": 400, "height": 900})
    assert not console.overflows


def test_a_replayed_run_is_followed_until_it_ends(console: ConsolePage) -> None:
    run_id = rejected(console.stack)
    console.open(f"/runs/{run_id}")

    console.button("Replay this run…").click()
    console.check_accessibility()
    console.button("Replay this run").click()
    console.wait_for("This run waits.")
    with console.server.lock:
        console.stack.work()
    console.wait_for("This run succeeded. It is done.")

    assert row(console, run_id).status == "succeeded"
    assert "What was sent" in console.text
    assert console.button("Replay this run…").count() == 0


def test_a_replay_without_an_answer_can_be_repeated(console: ConsolePage) -> None:
    (run_id,) = ended(console.stack, "biz_A")
    console.open(f"/runs/{run_id}")
    console.button("Replay this run…").click()

    console.page.route("**/replay", lambda route: (route.fetch(), route.abort()), times=1)
    console.button("Replay this run").click()
    console.wait_for("The run is not replayed")
    console.page.get_by_role("dialog").get_by_role("button", name="Replay this run").click()

    console.wait_for("It is performed already.")
    assert row(console, run_id).status == "pending"


def test_a_rejected_replay_says_why(console: ConsolePage) -> None:
    (run_id,) = ended(console.stack, "biz_A")
    reason = "the run failed and can't be replayed, because its text is no longer stored"
    console.server.interfere = failing(409, reason, method="POST")
    console.open(f"/runs/{run_id}")

    console.button("Replay this run…").click()
    console.button("Replay this run").click()

    expect(console.page.get_by_role("alert")).to_contain_text(reason)


def test_the_chat_of_an_unknown_run_is_recorded_after_its_form_was_checked(console: ConsolePage) -> None:
    run_id = unknown(console.stack)
    console.open(f"/runs/{run_id}")
    assert "does nothing more until you decide" in console.text

    console.button(ANSWER).click()
    dialog = console.page.get_by_role("dialog", name="Did Whop create the chat?")
    expect(dialog).to_contain_text("The title of the chat begins with")
    dialog.get_by_label(YES).check()
    dialog.get_by_label("Id of the chat").fill("biz_1")
    expect(dialog.get_by_role("alert")).to_have_text(
        "✕ The id of a Whop chat begins with aich_, followed by letters and digits."
    )
    expect(console.button("Record that it happened")).to_be_disabled()
    console.check_accessibility()
    dialog.get_by_label("Id of the chat").fill("aich_9")
    console.button("Record that it happened").click()
    console.wait_for("This run succeeded.")

    assert (row(console, run_id).status, row(console, run_id).chat_id) == ("succeeded", "aich_9")


def test_that_there_is_no_chat_is_recorded_with_the_keyboard_alone(console: ConsolePage) -> None:
    run_id = unknown(console.stack)
    console.open(f"/runs/{run_id}")

    console.button(ANSWER).focus()
    console.press("Enter")
    expect(console.page.get_by_label(YES)).to_be_visible()
    console.page.get_by_label(YES).focus()
    console.press("Space", "ArrowDown")
    expect(console.page.get_by_label(NO)).to_be_checked()
    console.press("Tab")
    console.page.keyboard.type("I looked at Whop.")
    console.press("Enter")
    console.wait_for("This run failed.")

    assert row(console, run_id).error == {
        "type": "Resolved",
        "message": "resolved as failed by local: I looked at Whop.",
    }
    assert "Replay the run to try again." in console.text


def test_nothing_typed_is_lost_when_the_answer_is_not_recorded(console: ConsolePage) -> None:
    run_id = unknown(console.stack)
    console.server.interfere = failing(500, "The table is gone.", method="POST")
    console.open(f"/runs/{run_id}")
    console.button(ANSWER).click()
    console.page.get_by_label(NO).check()
    console.page.get_by_label("Reason (optional)").fill("I looked.")

    console.button("Record that it didn't happen").click()
    console.wait_for("The table is gone.")
    expect(console.page.get_by_label("Reason (optional)")).to_have_value("I looked.")
    console.server.interfere = lambda _: None
    console.button("Record that it didn't happen").click()

    console.wait_for("This run failed.")
    assert row(console, run_id).status == "failed"


def test_the_chat_of_an_unknown_run_is_found_by_the_mark_in_its_title(console: ConsolePage) -> None:
    run_id = unknown(console.stack)
    title = row(console, run_id).title
    chats = [ai_chat(id="aich_7", title="Another"), ai_chat(id="aich_8", title=title)]
    console.stack.whop.chats |= {chat["id"]: chat for chat in chats}
    console.open(f"/runs/{run_id}")
    console.button(ANSWER).click()

    console.button("Look for it among the newest chats").click()
    console.button("Choose the chat aich_8").click()

    expect(console.page.get_by_label("Id of the chat")).to_have_value("aich_8")
    assert console.button("Choose the chat aich_7").count() == 0
    console.button("Record that it happened").click()
    console.wait_for("This run succeeded.")
    assert row(console, run_id).chat_id == "aich_8"


def test_a_waiting_run_says_when_it_continues_and_is_cancelled_with_a_reason(console: ConsolePage) -> None:
    (run_id,) = waiting(console.stack, "biz_A", due_at=NOON + timedelta(minutes=9))
    console.open(f"/runs/{run_id}")
    assert "on Fri, 20 Nov 2026, 13:09:00 CET. You don't need to do anything." in console.text

    console.button("Cancel this run…").click()
    console.page.get_by_label("Reason (optional)").fill("Not now.")
    console.button("Cancel this run").click()
    console.wait_for("This run was cancelled.")

    assert row(console, run_id).error == {"type": "Cancelled", "message": "cancelled by local: Not now."}
    assert "A cancelled run is final." in console.text


def test_while_the_stack_is_paused_no_page_says_that_a_waiting_run_continues(console: ConsolePage) -> None:
    (run_id,) = waiting(console.stack, "biz_A", due_at=NOON + timedelta(minutes=9))
    pause = PauseWindow(NOON, None, "ops", NOON, None)
    console.stack.app.stack_pause.change(lambda pauses: pauses.add(pause, NOON), NOON)

    console.open(f"/runs/{run_id}")
    console.wait_for("so this run waits for the end of the pause")
    assert "aichats continues in" not in console.text

    console.open()
    expect(console.page.get_by_role("region", name="Open runs, newest first")).to_contain_text("after the pause")


@pytest.mark.parametrize(
    ("url", "links"), [("https://whop.com/chats/1", 1), ("javascript:alert(1)", 0), ("http://whop.com", 0)]
)
def test_only_a_safe_address_of_a_chat_becomes_a_link(console: ConsolePage, url: str, links: int) -> None:
    console.open(f"/runs/{succeeded(console.stack, url=url)}")

    link = console.page.get_by_role("link", name="Open the chat at Whop (new tab)")
    assert link.count() == links
    assert "aich_1" in console.text


def test_the_answer_of_an_agent_is_shown_as_text(console: ConsolePage) -> None:
    console.stack.kodey.chat()
    definition = hourly() | {"targets": ["agent_1"], "action": {"type": "kodey.create_chat", "message_text": "Hi <b>"}}
    console.stack.put(definition, "triage")
    console.stack.tick(NOON, "triage")
    console.stack.work()

    console.open(f"/runs/{console.stack.runs[0].run.run_id}")

    assert "You said: Hi <b>" in console.text
    assert "The agent replied" in console.text


@pytest.mark.parametrize(
    ("scopes", "action", "reason"),
    [
        (["runs:read"], CREATE, "it lacks the scope messages:read"),
        (["runs:read", "messages:read"], MUTE, "it changes the settings of a chat"),
    ],
)
def test_a_text_that_cannot_be_shown_has_a_reason(
    console: ConsolePage, server: ConsoleServer, scopes: list[str], action: Action, reason: str
) -> None:
    run = replace(make_run(), action=action)
    console.stack.app.ledger.claim(run, LEASE)
    server.local_token = token_with(console.stack, scopes)

    console.open(f"/runs/{run.run_id}")

    assert reason in console.text
    assert console.button("Cancel this run…").count() == 0


def test_a_run_that_others_replaced_links_to_them_and_is_not_replayed(console: ConsolePage) -> None:
    (other,) = ended(console.stack, "biz_B")
    (run_id,) = ended(console.stack, "biz_A", error=CLOSED | {"replaced_by": [other]})

    console.open(f"/runs/{run_id}")

    assert console.button("Replay this run…").count() == 0
    console.page.get_by_role("link", name=other).click()
    console.wait_for("Create a Whop chat for biz_B")


def test_hostile_texts_run_nothing(console: ConsolePage) -> None:
    hostile = "<script>alert(1)</script>\u202eabc " + "long" * 5000
    (run_id,) = ended(console.stack, "biz_A", error={"type": "<b>", "message": hostile[:900]})
    console.page.set_viewport_size({"width": 400, "height": 900})

    console.open(f"/runs/{run_id}")

    assert "<script>alert(1)</script>⟨U+202E⟩abc" in console.text
    assert not console.overflows


def test_a_run_that_does_not_exist_is_an_error_with_its_reason(console: ConsolePage) -> None:
    console.open(f"/runs/{GONE}")

    assert f"run {GONE} doesn't exist" in console.text


def test_the_console_has_advice_for_the_same_errors_as_the_command_line() -> None:
    table = (SOURCE / "src" / "pages" / "run_advice.ts").read_text().split("const ADVICE")[1].split("\n};")[0]

    assert re.findall(r"^  (\w+):", table, re.MULTILINE) == list(ADVICE)
