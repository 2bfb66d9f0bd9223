"""`aichats auto show`, `list` and `next` on a stack in memory."""

from datetime import UTC, datetime

import httpx
import pytest

from tests.support.automations_cli import DUNNING, create, definition, sent, work_when_asked
from tests.support.cli import Cli


def test_an_automation_is_shown_in_words(cli: Cli) -> None:
    create(cli, "daily", "--title", "Numbers", "--for", "biz_A,biz_B", "--mute", "--label", "team=growth")

    assert cli("auto", "show", "daily").out.splitlines() == [
        "name     daily",
        "state    active",
        "when     every weekday at 08:30 (Europe/Berlin)",
        "next     Mon 23 Nov 08:30",
        "         Tue 24 Nov 08:30",
        "         Wed 25 Nov 08:30",
        "         Thu 26 Nov 08:30",
        "         Fri 27 Nov 08:30",
        "for      biz_A, biz_B",
        "action   creates a Whop chat, muted",
        "title    Numbers",
        "message  Sum up {{ slot.date }}",
        "labels   team=growth",
        "changed  Fri 20 Nov 13:00 by local",
    ]


def test_the_last_runs_are_shown_with_their_times(cli: Cli) -> None:
    cli.stack.clock.now = datetime.now(UTC)  # The list of runs ends at the time of this machine.
    create(cli, "daily", "--for", "biz_A,biz_B")
    cli("auto", "run", "daily")
    cli.stack.work()

    shown = cli("auto", "show", "daily").out

    assert ", 2 succeeded\n" in shown
    runs = shown.partition("Last runs\n")[2].splitlines()
    assert sorted(line.split()[4:6] for line in runs[1:]) == [["biz_A", "succeeded"], ["biz_B", "succeeded"]]


def test_json_is_the_automation_of_the_api_alone(cli: Cli) -> None:
    create(cli, "daily")

    assert cli("auto", "show", "daily", "-o", "json").json["name"] == "daily"
    assert cli("auto", "show", "daily", "-o", "name").out == "daily\n"
    assert sent(cli)[1:] == ["GET /automations/daily"] * 2


def test_everything_that_an_automation_can_have_is_shown(cli: Cli) -> None:
    cli.stack.put(
        {
            "trigger": {
                "type": "schedule",
                "expression": "rate(2 hours)",
                "start": "2026-12-01T00:00:00Z",
                "end": None,
            },
            "action": {
                "type": "whop.create_chat",
                "message_text": "Hi",
                "attachments": ["file_1", {"url": "https://a.example/b.pdf"}, {"s3": "s3://bucket/c.pdf"}],
            },
            "targets": [None, *(f"biz_{number}" for number in range(12))],
            "missed": "run",
            "overlap": "skip",
            "budget": {"runs": 10, "tokens": 5000, "per": "day"},
            "description": "For the growth team",
            "managed_by": "github.com/a/b",
        },
        "full",
    )

    shown = cli("auto", "show", "full").out

    for line in (
        "when        every 2 hours",
        "from        Tue 1 Dec 01:00",
        "for         no company, biz_0, biz_1, biz_2, biz_3, biz_4, biz_5, biz_6, biz_7, biz_8, and 3 more",
        "attaches    file_1, https://a.example/b.pdf, s3://bucket/c.pdf",
        "missed      runs late",
        "overlap     is skipped",
        "budget      10 runs and 5000 tokens per day",
        "about       For the growth team",
        "managed by  github.com/a/b",
    ):
        assert line in shown.splitlines()


def test_other_actions_are_shown_in_words(cli: Cli) -> None:
    trigger = {"type": "schedule", "expression": "rate(1 day)"}
    cli.stack.put(
        {"trigger": trigger, "action": {"type": "kodey.send_message", "content": "Hi"}, "targets": ["chat_1"]}, "sends"
    )
    cli.stack.put(
        {
            "trigger": trigger,
            "action": {"type": "whop.update_chat", "notification_preference": "all"},
            "targets": ["aich_1"],
        },
        "unmutes",
    )

    assert "action   sends a message to a Kodey chat\nmessage  Hi\n" in cli("auto", "show", "sends").out
    assert "action   changes a Whop chat, with notifications\n" in cli("auto", "show", "unmutes").out


def test_times_of_another_zone_are_shown_in_both(cli: Cli) -> None:
    create(cli, "daily", "--every", "day", "--at", "20:00", "--tz", "America/New_York")

    assert "next     Sat 21 Nov 02:00 (Fri 20:00 in its zone)\n" in cli("auto", "show", "daily").out
    cli.zone = "America/Toronto"
    assert "next     Fri 20 Nov 20:00\n" in cli("auto", "show", "daily").out


def test_an_unknown_automation_is_an_error(cli: Cli) -> None:
    shown = cli("auto", "show", "nope")

    assert (shown.code, shown.err) == (1, "Error: automation nope doesn't exist\n")


def test_the_list_shows_the_last_run_and_the_schedule_in_words(cli: Cli) -> None:
    create(cli, "daily")
    work_when_asked(cli)
    cli("auto", "run", "daily", "--wait")

    titles, row = cli("auto", "list").out.splitlines()

    assert " ".join(titles.split()) == "NAME STATE NEXT LAST RUN RESULT WHEN"
    assert " ".join(row.split()) == (
        "daily active Mon 23 Nov 08:30 Fri 20 Nov 13:00 succeeded every weekday at 08:30 (Europe/Berlin)"
    )


def test_the_last_run_of_a_schedule_has_the_time_of_its_slot(cli: Cli) -> None:
    create(cli, "daily")
    cli.stack.clock.now = datetime(2026, 11, 23, 7, 34, tzinfo=UTC)
    cli.stack.tick(datetime(2026, 11, 23, 7, 30, tzinfo=UTC), "daily")

    assert " Mon 23 Nov 08:30  " in cli("auto", "list").out
    assert "last run  Mon 23 Nov 08:30, " in cli("auto", "show", "daily").out


def test_the_list_is_filtered_by_state_and_label(cli: Cli) -> None:
    create(cli, "one", "--label", "team=growth")
    create(cli, "two", "--label", "team=growth")
    create(cli, "three")
    cli("auto", "pause", "two")

    def names(*options: str) -> list[str]:
        return cli("auto", "list", "-o", "name", *options).out.split()

    assert names("--label", "team=growth") == ["one", "two"]
    assert names("--label", "team:growth", "--state", "paused") == ["two"]
    assert names("--state", "active") == ["one", "three"]
    assert names("--state", "done") == []


def test_the_next_times_of_an_automation_are_as_many_as_asked_for(cli: Cli) -> None:
    create(cli, "daily")

    times = cli("auto", "next", "daily", "--count", "7").out.splitlines()

    assert len(times) == 8
    assert times[1].split("  ")[0] == "Mon 23 Nov 08:30"
    assert times[7].split("  ")[0] == "Tue 1 Dec 08:30"


def test_a_pause_that_leaves_out_times_is_noted(cli: Cli) -> None:
    create(cli, "daily")
    cli("auto", "pause", "daily", "--from", "mon", "--until", "wed")
    cli("auto", "pause", "daily", "--from", "27 nov")

    shown = cli("auto", "next", "daily", "-o", "json")

    assert [each["local"][:16] for each in shown.json] == ["2026-11-25T08:30", "2026-11-26T08:30"]
    assert shown.err == (
        "Times of daily are left out, because it is paused from Mon 23 Nov 00:00 until Wed 25 Nov 00:00"
        " and from Fri 27 Nov 00:00 until you resume\n"
    )


@pytest.mark.parametrize("count", [3, 5, 6, 12, 40])
def test_the_next_times_of_all_automations_are_in_their_order(cli: Cli, count: int) -> None:
    create(cli, "often", "--every", "10m")
    create(cli, "hourly", "--every", "hour")
    create(cli, "daily")
    create(cli, "dunning", *DUNNING)
    create(cli, "off", "--paused")

    shown = cli("auto", "next", "--count", str(count), "-o", "json").json

    each = [
        time
        for name in ("often", "hourly", "daily")
        for time in cli("auto", "next", name, "--count", str(count), "-o", "json").json
    ]
    assert shown == sorted(each, key=lambda time: (time["utc"], time["automation"]))[:count]
    assert set(shown[0]) == {"automation", "utc", "local"}


def test_no_next_time_is_lost_when_one_passes_between_two_requests(cli: Cli) -> None:
    create(cli, "often", "--schedule", "cron(* * * * ? *)")

    def pass_time(request: httpx.Request) -> None:
        if request.url.path.endswith("/preview"):
            cli.stack.clock.forward(minutes=1)

    cli.interfere = pass_time
    shown = [each["local"][14:16] for each in cli("auto", "next", "--count", "9", "-o", "json").json]

    assert [int(minute) for minute in shown] == list(range(int(shown[0]), int(shown[0]) + 9))


def test_an_automation_for_events_has_no_next_times(cli: Cli) -> None:
    create(cli, "dunning", *DUNNING)

    shown = cli("auto", "next", "dunning")

    assert shown.code == 1
    assert shown.err == ("Error: dunning listens for events, so it has no next times\n  → aichats auto show dunning\n")
    assert cli("auto", "next", "nope").err == "Error: automation nope doesn't exist\n"


def test_the_definition_is_what_was_typed(cli: Cli) -> None:
    create(cli, "dunning", *DUNNING)

    assert "when     on payment.failed\n" in cli("auto", "show", "dunning").out
    assert definition(cli, "dunning")["trigger"]["events"] == ["payment.failed"]
