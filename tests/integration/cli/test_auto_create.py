"""`aichats auto create` on a stack in memory."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.support.automations_cli import DUNNING, WEEKDAYS, create, definition, sent
from tests.support.cli import Cli
from tests.support.fakes import Json

WHAT = ("--message", "Sum up yesterday")


def test_an_automation_for_several_companies_is_one_command(cli: Cli) -> None:
    created = cli(
        *("auto", "create", "daily-numbers", "--every", "weekday", "--at", "08:30", "--tz", "Europe/Berlin"),
        *("--title", "Daily numbers", "--message", "Sum up {{ slot.date }}", "--for", "biz_A,biz_B,biz_C", "--mute"),
    )

    assert (created.code, created.err) == (0, "Created daily-numbers.\n")
    assert definition(cli, "daily-numbers") == {
        "trigger": {"type": "schedule", "expression": "cron(30 8 ? * MON-FRI *)", "timezone": "Europe/Berlin"},
        "action": {
            "type": "whop.create_chat",
            "message_text": "Sum up {{ slot.date }}",
            "title": "Daily numbers",
            "notification_preference": "none",
        },
        "targets": ["biz_A", "biz_B", "biz_C"],
    }
    assert created.out.splitlines()[:5] == [
        "name     daily-numbers",
        "state    active",
        "when     every weekday at 08:30 (Europe/Berlin)",
        "next     Mon 23 Nov 08:30",
        "         Tue 24 Nov 08:30",
    ]


@pytest.mark.parametrize(
    ("typed", "budget", "words"),
    [
        ("2/day", {"runs": 2, "per": "day"}, "2 runs per day"),
        ("100 runs / month", {"runs": 100, "per": "month"}, "100 runs per month"),
        ("5000 tokens/month", {"tokens": 5000, "per": "month"}, "5000 tokens per month"),
    ],
)
def test_a_budget_is_typed_as_people_say_it(cli: Cli, typed: str, budget: Json, words: str) -> None:
    created = cli("auto", "create", "dunning", *DUNNING, *WHAT, "--budget", typed)

    assert definition(cli, "dunning")["budget"] == budget
    assert f"budget   {words}\n" in created.out


def test_an_automation_can_await_the_reply(cli: Cli) -> None:
    created = cli("auto", "create", "daily", *WEEKDAYS, *WHAT, "--await-reply")

    assert definition(cli, "daily")["action"]["await_reply"] is True
    assert "action   creates a Whop chat, and awaits the reply\n" in created.out


def test_a_template_of_an_address_is_attached_as_an_address(cli: Cli) -> None:
    cli("auto", "create", "dunning", *DUNNING, *WHAT, "--attach", "{{ event.data.download_url }}")

    assert definition(cli, "dunning")["action"]["attachments"] == [{"url": "{{ event.data.download_url }}"}]


def test_a_zone_that_was_not_typed_is_that_of_the_machine_and_is_shown(cli: Cli) -> None:
    cli.zone = "America/New_York"

    created = cli("auto", "create", "daily", "--every", "day", "--at", "9", *WHAT)

    assert definition(cli, "daily")["trigger"]["timezone"] == "America/New_York"
    assert "Times are in America/New_York, the zone of this machine. To use another one: --tz ZONE" in created.err


def test_a_machine_without_a_named_zone_uses_utc_and_says_so(cli: Cli) -> None:
    cli.zone, cli.variables["TZ"] = None, "CET-1CEST"

    created = cli("auto", "create", "daily", "--every", "day", "--at", "9", *WHAT)

    assert definition(cli, "daily")["trigger"]["timezone"] == "UTC"
    assert "Times are in UTC, because this machine doesn't name its zone" in created.err


def test_a_rate_has_no_note_about_the_zone(cli: Cli) -> None:
    assert cli("auto", "create", "often", "--every", "15m", *WHAT).err == "Created often.\n"


def test_a_date_is_read_in_the_zone_of_the_schedule(cli: Cli) -> None:
    cli.stack.clock.now = datetime.now(UTC)  # The API compares it with the time of this machine.
    day = (cli.now() + timedelta(days=9)).date()

    assert cli("auto", "create", "wish", "--on", f"{day} 9:00", "--tz", "Asia/Tokyo", *WHAT).code == 0

    trigger = definition(cli, "wish")["trigger"]
    assert (trigger["expression"], trigger["timezone"]) == (f"at({day}T09:00:00)", "Asia/Tokyo")


def test_an_automation_for_events_is_for_the_company_of_the_event(cli: Cli) -> None:
    created = cli(
        *("auto", "create", "dunning", "--event", "payment.failed", "--filter", "data.amount > `10`"),
        *("--message", "{{ event.data.id }} failed"),
    )

    assert (created.code, created.err) == (0, "Created dunning.\n")
    stored = definition(cli, "dunning")
    assert stored["trigger"] == {"type": "webhook", "events": ["payment.failed"], "filter": "data.amount > `10`"}
    assert stored["targets"] == ["{{ event.account_id }}"]


def test_a_warning_of_the_api_is_shown(cli: Cli) -> None:
    created = cli("auto", "create", "odd", "--event", "moon.full", *WHAT)

    assert created.code == 0
    assert "Warning: trigger.events: moon.full is not a known event of Whop" in created.err


def test_options_that_were_typed_are_stored(cli: Cli) -> None:
    create(cli, "daily", "--missed", "run", "--label", "team=growth", "--label", "tier:a", "--description", "Numbers")

    stored = definition(cli, "daily")
    assert (stored["missed"], stored["labels"], stored["description"]) == (
        "run",
        {"team": "growth", "tier": "a"},
        "Numbers",
    )


def test_a_chat_of_kodey_is_for_an_agent(cli: Cli) -> None:
    create(cli, "tickets", "--kodey", "--for", "agent_support", "--user", "user_1")

    stored = definition(cli, "tickets")
    assert stored["action"] == {
        "type": "kodey.create_chat",
        "message_text": "Sum up {{ slot.date }}",
        "user_id": "user_1",
    }
    assert stored["targets"] == ["agent_support"]


def test_the_message_comes_from_standard_input(cli: Cli) -> None:
    created = cli("auto", "create", "daily", *WEEKDAYS, "--message", "-", stdin="Two\n\nparagraphs\n")

    assert created.code == 0
    assert definition(cli, "daily")["action"]["message_text"] == "Two\n\nparagraphs"
    assert "message  Two\n\n         paragraphs\n" in created.out


def test_the_message_comes_from_a_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "wish.md").write_text("Größe\n", encoding="utf-8")

    assert cli("auto", "create", "daily", *WEEKDAYS, "--message-file", str(tmp_path / "wish.md")).code == 0

    assert definition(cli, "daily")["action"]["message_text"] == "Größe"


def test_a_file_that_is_no_text_is_an_error(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "wish.md").write_bytes(b"\xff")

    for name, problem in (("wish.md", "it is not a text in UTF-8"), ("none.md", "No such file or directory")):
        failed = cli("auto", "create", "daily", *WEEKDAYS, "--message-file", str(tmp_path / name))
        assert (failed.code, failed.err) == (1, f"Error: can't read {tmp_path / name}: {problem}\n")


def test_a_local_file_is_uploaded_for_the_first_company_and_attached(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(b"%PDF")

    create(cli, "daily", "--for", "biz_A,biz_B", "--attach", str(tmp_path / "report.pdf"), "--attach", "file_2")

    assert definition(cli, "daily")["action"]["attachments"] == ["file_1", "file_2"]
    assert cli.stack.whop.uploads == [b"%PDF"]
    assert b"biz_A" in next(each for each in cli.requests if each.url.path == "/files").content


def test_an_upload_that_another_company_cannot_attach_creates_nothing(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(b"%PDF")
    options = ("auto", "create", "daily", *WEEKDAYS, *WHAT, "--attach", str(path), "--for", "biz_A,biz_B,biz_C")
    is_hidden = True

    def hide(request: httpx.Request) -> httpx.Response | None:
        of_other = is_hidden and request.method == "GET" and request.url.params.get("company_id") == "biz_C"
        return httpx.Response(404, json={"detail": "no such file"}) if of_other else None

    cli.interfere = hide
    failed = cli(*options)

    assert failed.code == 1
    assert f"Error: biz_C can't attach {path}, because it was uploaded with the Whop credential of biz_A" in failed.err
    assert "attach its https:// or s3:// URL" in failed.err
    assert cli("auto", "list", "-o", "name").out == ""

    is_hidden = False
    assert cli(*options).err.splitlines()[0] == "Created daily."


def test_an_upload_for_companies_that_are_not_known_yet_has_a_warning(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(b"%PDF")

    created = cli("auto", "create", "dunning", "--event", "payment.failed", *WHAT, "--attach", str(path))

    assert created.code == 0
    assert f"Warning: {path} was uploaded with the Whop credential of the stack" in created.err


def test_the_companies_of_an_upload_are_checked_up_to_a_number(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(b"%PDF")

    many = ",".join(f"biz_{number}" for number in range(60))
    created = cli("auto", "create", "daily", *WEEKDAYS, *WHAT, "--attach", str(path), "--for", many)

    assert "not all were checked" in created.err
    assert sent(cli).count("GET /files/file_1") == 50


def test_nothing_is_uploaded_for_an_automation_that_the_api_rejects(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(b"%PDF")

    failed = cli("auto", "create", "daily", "--schedule", "cron(x)", *WHAT, "--attach", str(tmp_path / "report.pdf"))

    assert failed.code == 1
    assert sent(cli) == ["PUT /automations/daily"]


def test_a_dry_run_shows_the_next_three_times_and_stores_nothing(cli: Cli) -> None:
    shown = cli("auto", "create", "daily", *WEEKDAYS, *WHAT, "--attach", "report.pdf", "--dry-run")

    assert shown.code == 0
    next_lines = shown.out.partition("next ")[2].splitlines()[:4]
    assert [line.strip() for line in next_lines] == [
        "Mon 23 Nov 08:30",
        "Tue 24 Nov 08:30",
        "Wed 25 Nov 08:30",
        "for      no company",
    ]
    assert "Nothing was stored" in shown.err
    assert cli("auto", "list", "-o", "name").out == ""
    assert "POST /files" not in sent(cli)


def test_an_existing_automation_is_not_changed(cli: Cli) -> None:
    create(cli, "daily")

    for options in ((), ("--dry-run",), ("--attach", "report.pdf")):
        again = cli("auto", "create", "daily", *WEEKDAYS, "--message", "Another", *options)
        assert again.code == 1
        assert "an automation named daily exists already: nothing was changed" in again.err
        assert "aichats auto show daily" in again.err
        assert "aichats apply" in again.err
    assert definition(cli, "daily")["action"]["message_text"] == "Sum up {{ slot.date }}"


def test_the_same_automation_again_is_done_already(cli: Cli) -> None:
    create(cli, "daily")

    assert "daily exists already, and is the same: nothing was changed" in create(cli, "daily").err


def test_an_answer_that_is_lost_is_asked_for_again(cli: Cli) -> None:
    lose_first(cli, "PUT")

    create(cli, "daily")

    assert sent(cli) == ["PUT /automations/daily"] * 2
    assert cli("auto", "list", "-o", "name").out == "daily\n"


def test_an_automation_can_be_created_paused(cli: Cli) -> None:
    created = create(cli, "daily", "--paused")

    assert "state    paused\npaused   until you type: aichats auto resume daily\n" in created.out
    assert cli("auto", "list", "-o", "json").json[0]["next_at"] is None


def test_json_is_the_answer_of_the_api(cli: Cli) -> None:
    stored = cli("auto", "create", "daily", *WEEKDAYS, *WHAT, "-o", "json").json

    assert (stored["name"], stored["state"], stored["warnings"]) == ("daily", "active", [])


WRONG = [
    ((), "Say when it runs"),
    (("--every", "weekday", *WHAT), "--every weekday needs a time of the day: --at 08:30"),
    (WEEKDAYS, "write the message with --message TEXT"),
    ((*WEEKDAYS, *WHAT, "--message-file", "x"), "write the message with --message TEXT"),
    ((*WEEKDAYS[:4], *WHAT, "--tz", "Berlin"), "'Berlin' is not a time zone"),
    ((*DUNNING, "--tz", "Europe/Berlin"), "--tz goes with a schedule, not with --event"),
    ((*WEEKDAYS, *WHAT, "--label", "team"), "--label 'team' is not a key and a value"),
    ((*WEEKDAYS, *WHAT, "--kodey"), "--kodey needs an agent: --for AGENT_ID"),
    (
        (*WEEKDAYS, *WHAT, "--kodey", "--for", "agent_1", "--mute"),
        "--mute is for chats of Whop: write it without --kodey",
    ),
    (
        (*WEEKDAYS, *WHAT, "--kodey", "--for", "agent_1", "--await-reply"),
        "--await-reply is for chats of Whop: write it without --kodey",
    ),
    ((*WEEKDAYS, *WHAT, "--budget", "2/year"), "--budget '2/year' is not a budget"),
    ((*WEEKDAYS, *WHAT, "--user", "user_1"), "--user is for chats of Kodey: write it with --kodey"),
    (("--on", "2020-01-01", *WHAT), "--on '2020-01-01' is in the past"),
]


@pytest.mark.parametrize(("options", "problem"), WRONG, ids=[problem for _, problem in WRONG])
def test_wrong_usage_is_found_before_a_request(cli: Cli, options: tuple[str, ...], problem: str) -> None:
    failed = cli("auto", "create", "daily", *options)

    assert failed.code == 2
    assert problem in failed.err
    assert sent(cli) == []


def test_a_name_that_no_automation_can_have_is_wrong_usage(cli: Cli) -> None:
    for name in ("Daily", "a/b", "..", "x" * 65):
        failed = cli("auto", "create", name, *WEEKDAYS, *WHAT)
        assert failed.code == 2
        assert f"no automation can have the name '{name}'" in failed.err
    assert sent(cli) == []


def test_a_field_that_the_api_rejects_is_shown(cli: Cli) -> None:
    failed = cli("auto", "create", "daily", *WEEKDAYS, "--message", "{{ slot.nope }}")

    assert failed.code == 1
    assert "action.message_text" in failed.err
    assert "nope" in failed.err


def lose_first(cli: Cli, method: str) -> None:
    """Let the stack do what the first request with a method says, and cut the connection before its answer."""
    answer = cli.answer

    def lose(request: httpx.Request) -> None:
        if request.method == method:
            cli.interfere = lambda _: None
            cli.requests.pop()
            json.loads(answer(request).content)
            raise httpx.ReadError("connection reset")

    cli.interfere = lose
