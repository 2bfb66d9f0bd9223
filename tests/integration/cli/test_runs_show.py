"""`aichats runs show` and `explain`: one run as people read it."""

from copy import replace

import pytest

from aichats.runs.ledger.rows import EndStatus
from tests.support.bulk import BulkBench
from tests.support.cli import Cli
from tests.support.fakes import error_response
from tests.support.ledgers import ERROR, GONE, LEASE, NOON, make_run
from tests.support.stack_in_memory import hourly, slot_run


@pytest.fixture
def bench() -> BulkBench:
    return BulkBench()


@pytest.fixture
def cli(bench: BulkBench) -> Cli:
    return Cli(bench)


def ended(bench: BulkBench, status: EndStatus) -> str:
    """Store a run that ends so. Return its id."""
    run = make_run(status)
    row = bench.app.ledger.claim(run, LEASE)
    bench.app.ledger.finish(row, status, **({"chat_id": "aich_1"} if status == "succeeded" else {"error": ERROR}))
    return run.run_id


def test_a_run_is_shown_with_its_error_and_the_next_step(bench: BulkBench, cli: Cli) -> None:
    run_id = ended(bench, "failed")

    shown = cli("runs", "show", run_id)

    lines = dict(line.split(maxsplit=1) for line in shown.out.splitlines())
    assert (lines["run"], lines["status"], lines["work"]) == (run_id, "failed", "create a Whop chat for biz_A")
    assert (lines["title"], lines["message"]) == ("Week", "How was the week?")
    assert lines["error"] == "RateLimitError: whop: 429"
    assert lines["next"].startswith("step  Whop limited the stack for 24 hours.")
    assert f"→ aichats runs replay {run_id}" in shown.err


def test_json_is_the_run_of_the_api(bench: BulkBench, cli: Cli) -> None:
    run_id = ended(bench, "succeeded")

    assert cli("runs", "show", run_id, "-o", "json").json == bench.api("GET", f"/runs/{run_id}").json
    assert cli("runs", "show", run_id, "-o", "name").out == f"{run_id}\n"


def test_a_run_that_does_not_exist_is_an_error(cli: Cli) -> None:
    shown = cli("runs", "show", GONE)

    assert (shown.code, shown.out) == (1, "")
    assert shown.err.startswith(f"Error: run {GONE} doesn't exist")


def test_the_story_of_a_slot_that_waits_for_the_provider_and_then_succeeds(bench: BulkBench, cli: Cli) -> None:
    bench.put(hourly())
    answers = iter([error_response(503, "down")])
    bench.whop.interfere = lambda request: next(answers, None) if request.method == "POST" else None
    bench.tick(NOON)
    run_id = slot_run(NOON)

    waiting = cli("runs", "explain", run_id).out

    assert f"Run {run_id} of weekly waits." in waiting
    assert (
        "The schedule fired for the slot Fri 20 Nov 13:00, and aichats stored this run: create a Whop chat" in waiting
    )
    assert "Whop answered 503 Service Unavailable" in waiting
    assert "It waits: whop: POST /api/v1/ai_chats: 503" in waiting
    assert "1 of at most 8 attempts reached Whop. aichats continues at Fri 20 Nov 13:01." in waiting
    assert waiting.count("You don't need to do anything.") == 1
    assert f"aichats runs watch {run_id}" in waiting

    bench.run_until_idle()
    done = cli("runs", "explain", run_id).out
    assert f"Run {run_id} of weekly succeeded." in done
    assert done.index("The schedule fired") < done.index("503 Service Unavailable") < done.index("200 OK")
    assert done.index("200 OK") < done.index("It succeeded. The chat is aich_1.")


@pytest.mark.parametrize(
    ("status", "outlook", "commands"),
    [
        ("failed", "aichats does nothing more with it.", ["replay"]),
        ("unknown", "does nothing more until you decide.", ["resolve", "resolve", "replay"]),
        ("missed", "aichats performs it only if you replay it.", ["replay"]),
        ("skipped", "aichats performs it only if you replay it.", ["replay"]),
        ("cancelled", "aichats does nothing more with it.", []),
    ],
)
def test_the_story_says_what_comes_next_and_what_you_can_type(
    bench: BulkBench, cli: Cli, status: EndStatus, outlook: str, commands: list[str]
) -> None:
    run_id = ended(bench, status)

    out = cli("runs", "explain", run_id).out

    assert outlook in out
    typed = [line.split()[2] for line in out.splitlines() if line.startswith("  aichats runs")]
    assert typed == commands


def test_the_story_of_a_missed_slot_says_that_the_schedule_did_not_fire(bench: BulkBench, cli: Cli) -> None:
    run = replace(make_run(), trigger="schedule", slot="2026-11-20T11:00:00Z", automation="weekly")
    bench.app.ledger.add_ended([(run, {"type": "Missed", "message": "the schedule did not fire"})], "missed")

    out = cli("runs", "explain", run.run_id).out

    assert "The schedule did not fire for the slot Fri 20 Nov 12:00, so aichats stored this run" in out
    assert "It was missed" not in out


def test_the_story_is_data_too(bench: BulkBench, cli: Cli) -> None:
    run_id = ended(bench, "failed")

    told = cli("runs", "explain", run_id, "-o", "json").json

    assert told["run"]["run_id"] == run_id
    assert [moment["text"] for moment in told["story"]][-1] == "It failed: whop: 429."
    assert told["commands"] == [f"aichats runs replay {run_id}"]


@pytest.mark.parametrize("width", [50, 80])
def test_on_a_terminal_no_line_of_the_story_is_wider_than_it(bench: BulkBench, cli: Cli, width: int) -> None:
    cli.variables |= {"COLUMNS": str(width), "NO_COLOR": "1"}
    error = {"type": "APIStatusError", "message": "whop: " + "long " * 60}
    bench.app.ledger.add_ended([(make_run(), error)], "failed")

    out = cli("runs", "explain", make_run().run_id, terminal=True).out

    assert [line for line in out.splitlines() if len(line) > width and "  aichats" not in line] == []
