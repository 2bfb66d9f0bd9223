"""The list of runs: its filters, and the replay or the cancellation of many runs."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Route, expect

from tests.support.console import ConsoleServer, failing
from tests.support.console_page import ConsolePage
from tests.support.console_runs import CLOSED, ended, succeeded, token_with, unknown, waiting

LIST, REPLAY, CANCEL = "/runs", "/runs/replay", "/runs/cancel"


def rows(console: ConsolePage) -> Locator:
    return console.page.locator(".runs-table tbody tr")


def query(console: ConsolePage) -> dict[str, list[str]]:
    """Return the query of the page's URL."""
    return parse_qs(urlsplit(console.page.url).query)


def read_again(console: ConsolePage) -> None:
    """Let the page read its data at once, as it does when the network is back."""
    console.page.evaluate("window.dispatchEvent(new Event('online'))")


def status_of(console: ConsolePage, run_id: str) -> str:
    row = console.stack.app.ledger.get(run_id)
    assert row is not None
    return row.status


def work(console: ConsolePage) -> None:
    with console.server.lock:
        console.stack.work()


def test_each_run_is_shown_with_its_target_its_times_and_why_it_failed(console: ConsolePage) -> None:
    ended(console.stack, "biz_Closed")
    succeeded(console.stack, "biz_Open")

    console.open("/runs")

    newest, oldest = rows(console).all_inner_texts()
    assert all(word in newest for word in ("succeeded", "biz_Open", "API client", "CET", "took 2.0 s", "aich_1"))
    assert all(word in oldest for word in ("failed", "biz_Closed", "This company is closed"))
    assert "created or ended from Fri 13 Nov, 13:00 CET until now" in console.text
    console.check_accessibility()
    console.page.set_viewport_size({"width": 400, "height": 900})
    assert not console.overflows


def test_a_stack_without_runs_says_what_creates_them(console: ConsolePage) -> None:
    console.open("/runs")

    assert "There are no runs in the last 7 days" in console.text


def test_filters_are_in_the_url_and_in_the_commands_as_the_api_names_them(console: ConsolePage) -> None:
    ended(console.stack, "biz_A", "biz_B")
    ended(console.stack, "biz_C", status="missed")
    console.open("/runs")

    console.button("failed").click()
    console.page.get_by_label("Target").fill("biz_B")
    expect(rows(console)).to_have_count(1)
    console.button("missed").click()
    console.page.get_by_label("Created or ended").select_option("Last 24 hours")
    expect(console.page.get_by_label("From (Europe/Berlin)")).to_have_value("2026-11-19T13:00")

    wanted = {"status": ["failed,missed"], "target": ["biz_B"], "since": ["2026-11-19T12:00:00Z"]}
    assert query(console) == wanted
    console.page.get_by_text("From a terminal").click()
    command = "aichats runs list --status failed,missed --for biz_B --since 2026-11-19T12:00:00Z"
    expect(console.page.locator("pre").first).to_have_text(command)
    assert "Failed and missed runs for biz_B" in console.text


def test_a_shared_list_shows_its_filters_and_can_be_reset(console: ConsolePage) -> None:
    ended(console.stack, "biz_A")
    console.open("/runs?status=failed&trigger=webhook&label=team%3Agrowth&slot_since=2026-11-20T09:00:00Z")

    expect(console.button("failed")).to_have_attribute("aria-pressed", "true")
    expect(console.page.get_by_label("Label")).to_have_value("team:growth")
    expect(console.page.get_by_label("Slots from (Europe/Berlin)")).to_have_value("2026-11-20T10:00")
    assert "No run matches the filters" in console.text
    console.check_accessibility()
    console.button("Reset the filters").click()

    expect(rows(console)).to_have_count(1)
    assert query(console) == {}
    expect(console.page.get_by_label("Label")).to_have_value("")


def test_a_filter_that_the_api_rejects_is_explained_at_its_field(console: ConsolePage) -> None:
    console.open("/runs")

    console.page.get_by_label("Automation").fill("no such name")

    expect(console.page.get_by_role("alert").first).to_contain_text("must be 1 to 64 characters")
    expect(console.page.get_by_label("Automation")).to_have_attribute("aria-invalid", "true")
    expect(console.page.get_by_label("Automation")).to_have_value("no such name")


def test_rows_stay_in_place_while_a_person_points_at_them(console: ConsolePage) -> None:
    (first,) = waiting(console.stack, "biz_A")
    console.open("/runs")
    rows(console).first.hover()
    console.stack.clock.forward(seconds=1)
    ended(console.stack, "biz_New")
    console.stack.app.ledger.steering.cancel(first, by="nora")

    read_again(console)

    expect(console.button("Show 1 new run")).to_be_visible()
    expect(rows(console)).to_have_count(1)
    expect(rows(console).first).to_contain_text("cancelled")
    console.button("Show 1 new run").click()
    expect(rows(console)).to_have_count(2)
    expect(rows(console).first).to_contain_text("biz_New")


def test_long_lists_are_read_page_by_page(console: ConsolePage) -> None:
    ended(console.stack, *(f"biz_{number}" for number in range(60)))
    console.open("/runs")

    expect(rows(console)).to_have_count(25)
    console.button("Show more").click()
    expect(rows(console)).to_have_count(50)
    console.button("Show more").click()

    expect(rows(console)).to_have_count(60)
    assert "60 runs shown. That is all" in console.text


def test_what_was_read_stays_when_the_api_fails(console: ConsolePage) -> None:
    ended(console.stack, "biz_A")
    console.open("/runs")
    console.server.interfere = failing(500, "The table is gone.", path=LIST)

    read_again(console)
    console.wait_for("The table is gone.")
    expect(rows(console)).to_have_count(1)
    console.server.interfere = lambda _: None
    console.button("Try again").click()

    expect(console.page.get_by_role("alert")).to_have_count(0)


def test_the_start_of_the_list_can_be_typed_again_part_by_part(console: ConsolePage) -> None:
    console.open("/runs?since=2026-11-19T12:00:00Z")
    start = console.page.get_by_label("From (Europe/Berlin)")
    start.focus()
    console.press("Delete")
    expect(console.page).not_to_have_url(re.compile("since"))
    console.press("1", "0")

    expect(start).to_have_value(re.compile(r"T13:00$"))
    expect(console.page).to_have_url(re.compile("since=2026-10-19"))


def test_all_that_match_are_counted_before_a_job_replays_them(console: ConsolePage) -> None:
    failed = ended(console.stack, "biz_A", "biz_B", "biz_C")
    lost = unknown(console.stack, "biz_D")
    succeeded(console.stack, "biz_E")
    console.open("/runs")

    console.button("Replay all that match…").click()
    console.wait_for("3 runs match and would be replayed.")
    dialog = console.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Left out: pending, performing, succeeded and cancelled runs.")
    expect(dialog).to_contain_text("Fix what the message names")
    console.check_accessibility()
    dialog.get_by_label("? unknown").check()
    console.button("Replay 4 runs").click()
    console.wait_for("0 of 4 runs replayed")
    work(console)
    console.wait_for("4 of 4 runs replayed")

    assert [status_of(console, run_id) for run_id in failed] == ["succeeded"] * 3
    assert status_of(console, lost) != "unknown"
    assert [body["dry_run"] for body in console.server.requests("POST", REPLAY)] == [True, True, False]
    console.check_accessibility()


def test_a_lost_answer_is_repeated_with_the_same_key_and_starts_one_job(console: ConsolePage) -> None:
    ended(console.stack, "biz_A")
    console.open("/runs?status=failed")
    console.button("Replay all that match…").click()
    console.wait_for("1 run matches and would be replayed.")

    console.page.route("**/runs/replay", lose_answer, times=1)
    console.button("Replay 1 run").click()
    console.wait_for("The job may have started.")
    console.button("Replay 1 run").click()
    console.wait_for("0 of 1 run replayed")

    sent = [event["headers"] for event in console.server.events if event["rawPath"] == REPLAY]
    keys = [headers["idempotency-key"] for headers in sent if "idempotency-key" in headers]
    assert len(keys) == 2
    assert len(set(keys)) == 1


def lose_answer(route: Route) -> None:
    """Let the API get a request, but not the page its answer."""
    route.fetch()
    route.abort()


def test_selected_runs_are_replayed_with_the_keyboard_alone(console: ConsolePage) -> None:
    done = succeeded(console.stack, "biz_A")
    failed = ended(console.stack, "biz_B", "biz_C")
    console.open("/runs")

    console.page.get_by_label("Select failed run for biz_B").focus()
    console.press("Space")
    console.page.get_by_label("Select succeeded run for biz_A").focus()
    console.press("Space")
    console.button("Replay 1 run…").focus()
    console.press("Enter")
    console.wait_for("1 of the 2 selected runs stay as they are: succeeded runs can't be replayed.")
    console.button("Replay 1 run").focus()
    console.press("Enter")
    console.wait_for("1 run replayed")
    console.press("Escape")

    expect(console.page.get_by_role("dialog")).to_have_count(0)
    assert [status_of(console, run_id) for run_id in (done, *failed)] == ["succeeded", "pending", "failed"]
    expect(console.page.get_by_label("Select all 3 shown")).to_be_visible()


def test_a_selected_run_that_cannot_be_replayed_is_left_and_says_why(console: ConsolePage) -> None:
    failed = ended(console.stack, "biz_A", "biz_B")
    console.server.interfere = failing(409, "its text is no longer stored", path=f"/runs/{failed[0]}/replay")
    console.open("/runs")

    console.page.get_by_label("Select all 2 shown").check()
    console.button("Replay 2 runs…").click()
    console.button("Replay 2 runs").click()

    console.wait_for("1 run left as before.")
    console.wait_for("its text is no longer stored")
    assert [status_of(console, run_id) for run_id in failed] == ["failed", "pending"]


def test_when_the_api_fails_in_the_middle_the_rest_can_be_replayed(console: ConsolePage) -> None:
    failed = ended(console.stack, "biz_A", "biz_B")
    console.server.interfere = failing(503, "the stack is paused", path=f"/runs/{failed[0]}/replay")
    console.open("/runs")
    console.page.get_by_label("Select all 2 shown").check()
    console.button("Replay 2 runs…").click()

    console.button("Replay 2 runs").click()
    console.wait_for("aichats stopped after 1 of 2 runs")
    console.server.interfere = lambda _: None
    console.button("Replay the other 1 run").click()
    console.wait_for("2 runs replayed")

    assert [status_of(console, run_id) for run_id in failed] == ["pending", "pending"]
    assert len(console.server.requests("POST", f"/runs/{failed[1]}/replay")) == 1


def test_selected_runs_are_cancelled_with_a_reason(console: ConsolePage) -> None:
    open_runs = waiting(console.stack, "biz_A", "biz_B")
    console.open("/runs?status=pending")

    console.page.get_by_label("Select all 2 shown").check()
    console.button("Cancel 2 runs…").click()
    console.page.get_by_label("Reason (optional)").fill("The client has left.")
    console.button("Cancel 2 runs").click()
    console.wait_for("2 runs cancelled")
    console.button("Close").click()
    console.wait_for("No run matches the filters")

    for run_id in open_runs:
        row = console.stack.app.ledger.get(run_id)
        assert row is not None
        assert (row.status, row.error) == (
            "cancelled",
            {"type": "Cancelled", "message": "cancelled by local: The client has left."},
        )


def test_all_open_runs_are_cancelled_as_a_job(console: ConsolePage) -> None:
    open_runs = waiting(console.stack, "biz_A", "biz_B")
    console.open("/runs?status=pending")

    console.button("Cancel all that match…").click()
    console.button("Cancel 2 runs").click()
    console.wait_for("of 2 runs cancelled")
    work(console)

    assert [status_of(console, run_id) for run_id in open_runs] == ["cancelled"] * 2
    console.wait_for("2 of 2 runs cancelled")


@pytest.mark.parametrize(("scopes", "offers"), [(["runs:read"], 0), (["runs:read", "runs:write"], 1)])
def test_a_client_is_offered_only_what_it_may_do(
    console: ConsolePage, server: ConsoleServer, scopes: list[str], offers: int
) -> None:
    ended(console.stack, "biz_A")
    server.local_token = token_with(console.stack, scopes)

    console.open("/runs")

    expect(rows(console)).to_have_count(1)
    assert console.button("Replay all that match…").count() == offers
    assert console.page.get_by_label("Select failed run for biz_A").count() == offers


def test_a_job_that_does_not_exist_is_an_error_with_its_reason(console: ConsolePage) -> None:
    console.open(f"/jobs/{'a' * 32}")

    assert f"job {'a' * 32} doesn't exist" in console.text


def test_hostile_texts_are_shown_as_they_are(console: ConsolePage) -> None:
    hostile: dict[str, Any] = CLOSED | {"message": "<img src=x onerror=alert(1)>\u202e"}
    ended(console.stack, "biz_A", error=hostile)

    console.open("/runs")

    assert "<img src=x onerror=alert(1)>⟨U+202E⟩" in console.text
