"""`aichats auto run` and `render` on a stack in memory."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.support.automations_cli import DUNNING, create, sent, work_when_asked
from tests.support.cli import Cli
from tests.support.fakes import error_response

EVENT = {"type": "payment.failed", "account_id": "biz_A", "data": {"id": "pay_1"}}
FILE = """\
---
trigger:
  type: schedule
  expression: cron(30 8 ? * MON-FRI *)
  timezone: Europe/Berlin
targets: [biz_A]
---
Numbers of {{ slot.date }} for {{ automation }}
"""


def test_runs_are_started_and_their_ids_printed(cli: Cli) -> None:
    create(cli, "daily", "--for", "biz_A,biz_B")

    started = cli("auto", "run", "daily")

    assert started.code == 0
    assert len(started.out.split()) == 2
    assert started.err == "Started 2 runs. Follow: aichats runs watch --auto daily\n"
    assert len(cli.stack.runs) == 2


def test_json_of_started_runs_is_the_answer_of_the_api(cli: Cli) -> None:
    create(cli, "daily")

    assert list(cli("auto", "run", "daily", "-o", "json").json) == ["run_ids"]


def test_some_of_the_companies_can_be_run(cli: Cli) -> None:
    create(cli, "daily", "--for", "biz_A,biz_B,biz_C")

    cli("auto", "run", "daily", "--for", "biz_A,biz_C")

    assert [run.run.target for run in cli.stack.runs] == ["biz_A", "biz_C"]
    assert "is not a target of the automation" in cli("auto", "run", "daily", "--for", "biz_X").err


def test_waiting_shows_the_chats(cli: Cli) -> None:
    create(cli, "daily", "--for", "biz_A")
    work_when_asked(cli)

    ended = cli("auto", "run", "daily", "--wait")

    assert ended.code == 0
    assert " ".join(ended.out.splitlines()[1].split()[:3]) == "biz_A succeeded aich_1"
    assert cli("auto", "run", "daily", "--wait", "-o", "json").json[0]["status"] == "succeeded"


def test_waiting_for_a_run_that_fails_ends_with_1_and_the_next_step(cli: Cli) -> None:
    create(cli, "daily", "--for", "biz_A")
    cli.stack.whop.interfere = lambda _: error_response(422, "No such company", type="invalid")
    work_when_asked(cli)

    ended = cli("auto", "run", "daily", "--wait")

    run_id = cli.stack.runs[0].run.run_id
    assert ended.code == 1
    assert f"Error: run {run_id} failed: whop: 422 invalid: No such company" in ended.err
    assert ended.err.endswith(f"  → aichats runs explain {run_id}\n")
    assert "No such company" in ended.out


def test_a_wait_is_no_longer_when_the_clocks_go_back(cli: Cli) -> None:
    begun = datetime(2026, 10, 25, 0, 55, tzinfo=UTC)
    cli.stack.clock.now = begun
    create(cli, "daily")
    cli.while_asleep = lambda: cli.stack.clock.forward(minutes=1)

    ended = cli("auto", "run", "daily", "--wait")

    assert ended.code == 1
    assert "hasn't ended yet, it is pending" in ended.err
    assert cli.now() - begun < timedelta(minutes=17)


def test_a_lost_answer_starts_no_second_run(cli: Cli) -> None:
    create(cli, "daily", "--for", "biz_A")
    answer, cut = cli.answer, True

    def lose(request: httpx.Request) -> None:
        nonlocal cut
        if request.method == "POST" and cut:
            cut = False
            answer(request)
            raise httpx.ReadError("connection reset")

    cli.interfere = lose

    assert cli("auto", "run", "daily").code == 0
    assert len(cli.stack.runs) == 1


def test_an_event_comes_from_a_file_or_from_standard_input(cli: Cli, tmp_path: Path) -> None:
    create(cli, "dunning", *DUNNING)
    (tmp_path / "event.json").write_text(json.dumps(EVENT))

    assert cli("auto", "run", "dunning", "--event", str(tmp_path / "event.json")).code == 0
    assert cli("auto", "run", "dunning", "--event", "-", stdin=json.dumps(EVENT)).code == 0
    cli.stack.work()

    assert [chat["message_text"] for chat in cli.stack.whop.chats.values()] == ["pay_1 failed"] * 2


def test_what_events_types_has_printed_is_an_event_to_run_and_to_render(cli: Cli, tmp_path: Path) -> None:
    create(cli, "dunning", *DUNNING)
    path = tmp_path / "event.json"
    path.write_text(cli("events", "types", "payment.failed", "-o", "json").out)

    assert cli("auto", "run", "dunning", "--event", str(path)).code == 0
    assert "pay_xxxxxxxxxxxxx failed" in cli("auto", "render", "dunning", "--event", str(path)).out


def test_an_automation_for_events_needs_one(cli: Cli) -> None:
    create(cli, "dunning", *DUNNING)

    failed = cli("auto", "run", "dunning")

    assert failed.code == 1
    assert failed.err.splitlines()[-2:] == [
        "Error: dunning listens for events, so it needs one",
        "  → aichats auto run dunning --event FILE. For an example of an event: aichats events types",
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "No such file or directory"), ("{", "is not JSON"), ("[]", "is not an object")],
)
def test_a_file_without_an_event_is_an_error(cli: Cli, tmp_path: Path, content: str | None, problem: str) -> None:
    path = tmp_path / "event.json"
    if content is not None:
        path.write_text(content)

    failed = cli("auto", "run", "dunning", "--event", str(path))

    assert failed.code == 1
    assert str(path) in failed.err
    assert problem in failed.err
    assert sent(cli) == []


def test_texts_are_rendered_for_the_next_time(cli: Cli) -> None:
    create(cli, "daily", "--title", "Numbers", "--for", "biz_A,biz_B")

    rendered = cli("auto", "render", "daily")

    assert rendered.out.splitlines() == [
        "time  Mon 23 Nov 08:30",
        "",
        "for      biz_A, biz_B",
        "title    Numbers",
        "message  Sum up 2026-11-23",
    ]


def test_different_texts_are_shown_apart(cli: Cli) -> None:
    create(cli, "daily", "--for", "biz_A,biz_B", message="Hello {{ target }}")

    assert cli("auto", "render", "daily").out.count("message  Hello biz_") == 2


def test_texts_are_rendered_for_another_time(cli: Cli) -> None:
    create(cli, "daily")

    rendered = cli("auto", "render", "daily", "--at", "24 dec 8:30")

    assert "message  Sum up 2026-12-24" in rendered.out
    assert "time  Thu 24 Dec 08:30" in rendered.out


def test_texts_are_rendered_for_an_example_or_for_an_event(cli: Cli) -> None:
    create(cli, "dunning", *DUNNING)

    assert "event  payment.failed, an example" in cli("auto", "render", "dunning").out
    rendered = cli("auto", "render", "dunning", "--event", "-", stdin=json.dumps(EVENT)).out
    assert "event  payment.failed\n" in rendered
    assert "message  pay_1 failed" in rendered


def test_a_filter_that_rejects_the_event_is_noted(cli: Cli) -> None:
    create(cli, "dunning", *DUNNING, "--filter", "data.id == 'pay_2'")

    rendered = cli("auto", "render", "dunning", "--event", "-", stdin=json.dumps(EVENT))

    assert (rendered.code, rendered.out) == (0, "")
    assert rendered.err == "The filter of the automation rejects this event: nothing would be sent.\n"


def test_a_text_that_cannot_be_rendered_ends_with_1(cli: Cli) -> None:
    create(cli, "dunning", "--event", "payment.failed", "--message", "{{ event.data.nope }}", "--for", "biz_A")

    rendered = cli("auto", "render", "dunning")

    assert rendered.code == 1
    assert "error  action.message_text: " in rendered.out
    assert rendered.err == "Error: 1 of 1 texts can't be rendered\n"


def test_the_file_of_an_automation_is_rendered_without_being_stored(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "daily.md").write_text(FILE)

    rendered = cli("auto", "render", str(tmp_path / "daily.md"))

    assert "message  Numbers of 2026-11-23 for daily" in rendered.out
    assert cli("auto", "list", "-o", "name").out == ""


def test_json_is_the_preview_of_the_api(cli: Cli) -> None:
    create(cli, "daily")

    preview = cli("auto", "render", "daily", "-o", "json").json

    assert [each["message"] for each in preview["rendered"]] == ["Sum up 2026-11-23"]


def test_an_automation_that_never_runs_again_renders_nothing(cli: Cli) -> None:
    create(cli, "daily")
    cli("auto", "pause", "daily")

    rendered = cli("auto", "render", "daily")

    assert rendered.code == 0
    assert rendered.err == "There is no next time, so nothing would be sent. To choose a time: --at\n"
