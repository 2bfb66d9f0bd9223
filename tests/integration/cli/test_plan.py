"""`aichats plan` on a stack in memory."""

import json
from pathlib import Path

import httpx
import pytest

from aichats_cli.code.show import NO_CHANGES
from tests.support.automation_folder import MANAGED_BY, AutomationFolder, etags, markdown, stored
from tests.support.cli import Cli
from tests.support.stack_in_memory import hourly


def test_a_new_file_is_an_automation_to_create(cli: Cli, folder: AutomationFolder) -> None:
    folder.write("weekly.md", markdown(labels={"team": "growth"}))

    planned = cli("plan", str(folder))

    assert planned.code == 3
    assert planned.out.splitlines() == [
        "+ weekly",
        f"    managed_by: {MANAGED_BY}",
        "    trigger.type: schedule",
        "    trigger.expression: rate(1 hour)",
        "    targets",
        "      + biz_A",
        "    labels.team: growth",
        "    action.type: whop.create_chat",
        "    action.message_text: How was the week?",
        *[line for line in planned.out.splitlines() if line.startswith("    next: ")],
        "",
        "1 to create, 0 to change, 0 to delete",
    ]
    assert "    next: Fri 20 Nov 13:01, Fri 20 Nov 14:01, Fri 20 Nov 15:01" in planned.out
    assert stored(cli) == {}


def test_a_changed_file_is_shown_property_by_property(cli: Cli, folder: AutomationFolder) -> None:
    applied(cli, folder, markdown("A\nB\nC\nD", "cron(0 9 * * ? *)", targets=["biz_A", "biz_B"], labels={"a": "1"}))
    text = markdown("A\nB\nc\nD", "cron(0 8 * * ? *)", targets=["biz_B", "biz_C"], description="All")
    folder.write("weekly.md", text)

    planned = cli("plan", str(folder))

    assert planned.code == 3
    assert planned.out.splitlines() == [
        "~ weekly",
        "    trigger.expression: cron(0 9 * * ? *) → cron(0 8 * * ? *)",
        "    action.message_text",
        "        A",
        "        B",
        "      - C",
        "      + c",
        "        D",
        "    targets",
        "      - biz_A",
        "      + biz_C",
        "    labels.a: 1 → (removed)",
        "    description: All",
        "    next before: Sat 21 Nov 10:00, Sun 22 Nov 10:00, Mon 23 Nov 10:00",
        "    next after:  Sat 21 Nov 09:00, Sun 22 Nov 09:00, Mon 23 Nov 09:00",
        "",
        "0 to create, 1 to change, 0 to delete",
    ]


def test_a_terminal_shows_the_colors_of_a_diff(cli: Cli, folder: AutomationFolder) -> None:
    applied(cli, folder, markdown("A"))
    folder.write("weekly.md", markdown("B"))

    planned = cli("plan", str(folder), terminal=True)

    assert "\033[33m~ weekly\033[0m" in planned.out
    assert "    action.message_text: \033[31mA\033[0m → \033[32mB\033[0m" in planned.out


def test_a_terminal_wraps_long_lines_below_their_sign(cli: Cli, folder: AutomationFolder) -> None:
    folder.write("weekly.md", markdown("word " * 30))
    cli.variables |= {"COLUMNS": "60", "NO_COLOR": "1"}

    lines = cli("plan", str(folder), terminal=True).out.splitlines()

    first = lines.index("      + word word word word word word word word word word")
    assert lines[first + 1] == "        word word word word word word word word word word"


def test_an_automation_that_listens_for_events_has_no_times(cli: Cli, folder: AutomationFolder) -> None:
    folder.write("weekly.md", markdown(trigger={"type": "webhook", "events": ["payment.failed"]}))

    assert "next" not in cli("plan", str(folder)).out


def test_a_text_cannot_control_the_terminal(cli: Cli, folder: AutomationFolder) -> None:
    folder.write("weekly.yaml", json.dumps(hourly("biz_A") | {"description": "a\033[2Jb\u202ec"}))

    assert r"    description: a\x1b[2Jb\u202ec" in cli("plan", str(folder)).out


def test_nothing_to_do_is_exit_code_0(cli: Cli, folder: AutomationFolder) -> None:
    applied(cli, folder, markdown())

    planned = cli("plan", str(folder))

    assert (planned.code, planned.out) == (0, f"{NO_CHANGES}\n")


@pytest.mark.parametrize(
    "text",
    [
        markdown(missed="skip", labels={}, description=None, budget=None),
        markdown().replace("\n", "\r\n"),
        markdown().replace("---\n\n", "---\n# A comment of YAML is not here\n\n", 0),
        markdown().replace("targets:", "# A comment\ntargets:"),
    ],
    ids=["defaults", "windows", "same", "comment"],
)
def test_a_file_that_means_the_same_is_no_change(cli: Cli, folder: AutomationFolder, text: str) -> None:
    applied(cli, folder, markdown())
    folder.write("weekly.md", text)

    assert cli("plan", str(folder)).code == 0


def test_json_has_the_versions_the_bodies_and_no_token(cli: Cli, folder: AutomationFolder) -> None:
    applied(cli, folder, markdown("A"))
    folder.write("weekly.md", markdown("B"))
    folder.write("daily.md", markdown("C"))

    planned = cli("plan", str(folder), "-o", "json")

    assert planned.code == 3
    assert cli.variables["AICHATS_TOKEN"] not in planned.out
    daily, weekly = planned.json["changes"]
    assert planned.json["version"] == 1
    assert planned.json["managed_by"] == MANAGED_BY
    assert (daily["name"], daily["action"], daily["etag"], daily["before"]) == ("daily", "create", None, None)
    assert (weekly["name"], weekly["action"], weekly["etag"]) == ("weekly", "change", etags(cli)["weekly"])
    assert weekly["body"]["managed_by"] == MANAGED_BY
    assert weekly["before"]["action"]["message_text"] == "A"
    assert weekly["after"]["action"]["message_text"] == "B"
    assert weekly["after"]["missed"] == "skip"
    assert len(weekly["next_before"]) == len(weekly["next_after"]) == 3
    cli("apply", str(folder), "--yes")
    assert etags(cli) == {each["name"]: each["new_etag"] for each in planned.json["changes"]}


def test_names_are_those_of_the_changes(cli: Cli, folder: AutomationFolder) -> None:
    folder.write("weekly.md", markdown())
    folder.write("daily.md", markdown())

    assert cli("plan", str(folder), "-o", "name").out == "daily\nweekly\n"


def test_a_warning_is_shown(cli: Cli, folder: AutomationFolder) -> None:
    trigger = {"type": "webhook", "events": ["payment.exploded"]}
    folder.write("weekly.md", markdown(trigger=trigger))

    assert "    ! trigger.events: payment.exploded is not a known event of Whop" in cli("plan", str(folder)).out


def test_an_automation_of_others_needs_to_be_adopted(cli: Cli, folder: AutomationFolder) -> None:
    cli.stack.put(hourly("biz_A"), "weekly")
    cli.stack.put(hourly("biz_A") | {"managed_by": "github.com/example/shop"}, "daily")
    folder.write("weekly.md", markdown())
    folder.write("daily.md", markdown())

    planned = cli("plan", str(folder))

    assert planned.code == 1
    assert "daily.md" in planned.err
    assert planned.out == ""
    assert "is managed by github.com/example/shop. To take it over, add --adopt daily\n" in planned.err
    assert "is managed by no folder. To take it over, add --adopt weekly\n" in planned.err
    assert cli("plan", str(folder), "--adopt", "weekly", "--adopt", "dai*").code == 3


def test_a_file_that_states_another_manager_is_only_a_copy(cli: Cli, folder: AutomationFolder) -> None:
    other = hourly("biz_A") | {"managed_by": "github.com/example/shop"}
    cli.stack.put(other, "daily")
    folder.write("daily.json", json.dumps(other))
    assert cli("plan", str(folder)).code == 0

    cli.stack.put(other | {"description": "changed"}, "daily")

    planned = cli("plan", str(folder))
    assert planned.code == 1
    assert "daily.json: managed_by: is managed by github.com/example/shop, and differs from the stack" in planned.err


def test_a_copy_of_a_deleted_automation_is_not_created(cli: Cli, folder: AutomationFolder) -> None:
    folder.write("daily.md", markdown(managed_by=None))

    planned = cli("plan", str(folder))

    assert planned.code == 1
    assert "daily.md, line 4: managed_by: is managed by no folder, and is not on the stack" in planned.err
    assert cli("plan", str(folder), "--adopt", "daily").code == 3


def test_prune_deletes_only_what_this_folder_manages(cli: Cli, folder: AutomationFolder) -> None:
    for name, managed_by in {"own": MANAGED_BY, "below": f"{MANAGED_BY}/x", "other": "x", "none": None}.items():
        cli.stack.put(hourly("biz_A") | {"managed_by": managed_by}, name)

    assert cli("plan", str(folder)).code == 0
    planned = cli("plan", str(folder), "--prune")

    assert planned.code == 3
    assert planned.out.splitlines()[:2] == ["- own", "    managed by this folder, which has no file for it"]
    assert planned.out.splitlines()[-1] == "0 to create, 0 to change, 1 to delete"


def test_an_error_of_the_api_names_the_file_the_line_and_the_field(cli: Cli, folder: AutomationFolder) -> None:
    folder.write("daily.md", markdown())
    folder.write("weekly.md", markdown(expression="cron(0 9)"))
    folder.write("yearly.md", markdown("{{ slot.dat }}"))

    planned = cli("plan", str(folder))

    assert planned.code == 1
    assert "+ daily" in planned.out
    assert f"{folder.path / 'weekly.md'}, line 2: trigger.expression: " in planned.err
    assert f"{folder.path / 'yearly.md'}, line 6: action.message_text: " in planned.err


def test_all_files_that_cannot_be_read_are_named_at_once(cli: Cli, folder: AutomationFolder) -> None:
    folder.write("a.md", "Hi")
    folder.write("B.md", markdown())
    folder.write("c.md", markdown())
    folder.write("c.yml", "{}")
    folder.write("c.json", "{}")

    planned = cli("plan", str(folder))

    assert planned.code == 1
    assert len([line for line in planned.err.splitlines() if str(folder) in line]) == 5
    assert "c.md: has the same name as c.json. Keep one of them" in planned.err
    assert cli.requests == []


def test_other_files_are_left_out(cli: Cli, folder: AutomationFolder) -> None:
    for name in ("README.md", ".hidden.md", "report.pdf", "notes.txt"):
        folder.write(name, "Hi")
    (folder.path / "folder.md").mkdir()

    assert cli("plan", str(folder)).code == 0


def test_a_one_off_whose_time_has_passed_is_not_created_again(cli: Cli, folder: AutomationFolder) -> None:
    folder.write("once.md", markdown(expression="at(2026-01-05T09:00:00)"))

    planned = cli("plan", str(folder))

    assert planned.code == 0
    assert planned.out.splitlines()[0] == "! once: its time has passed, so it is not created. Delete its file"


def test_a_change_during_the_plan_is_noticed(
    cli: Cli, folder: AutomationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    applied(cli, folder, markdown("A"))
    folder.write("weekly.md", markdown("B"))
    answer = cli.answer

    def change_first(request: httpx.Request) -> httpx.Response:
        if "dry_run" in str(request.url):
            cli.stack.put(hourly("biz_B"), "weekly")
        return answer(request)

    monkeypatch.setattr(cli, "answer", change_first)
    planned = cli("plan", str(folder))

    assert planned.code == 1
    assert "the automation was changed while the plan was made. Type the command again" in planned.err


def test_null_in_an_action_clears_a_field_and_is_shown(cli: Cli, folder: AutomationFolder) -> None:
    fields = {"trigger": {"type": "schedule", "expression": "rate(1 hour)"}, "targets": ["aich_1"]}
    action = {"type": "whop.update_chat", "notification_preference": "none"}
    folder.write("weekly.yaml", json.dumps(fields | {"action": action}))
    cli("apply", str(folder), "--yes")
    folder.write("weekly.yaml", json.dumps(fields | {"action": action | {"title": None}}))

    planned = cli("plan", str(folder))

    assert planned.out.splitlines()[:2] == ["~ weekly", "    action.title: null"]


def test_a_token_that_may_not_write_is_no_error_of_a_file(cli: Cli, folder: AutomationFolder) -> None:
    folder.write("weekly.md", markdown())
    cli.variables["AICHATS_TOKEN"] = "wrong"

    planned = cli("plan", str(folder))

    assert planned.code == 1
    assert "weekly.md" not in planned.err


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (None, "is not a folder of automations: it has no aichats.toml"),
        ("managed_by = ", "aichats.toml: not valid TOML"),
        ("", "aichats.toml: managed_by: must be a text of 1 to 200 characters"),
        ('managed_by = ""', "aichats.toml: managed_by: must be a text of 1 to 200 characters"),
        ('managed_by = "a"\nprune = true', "aichats.toml: prune: is not a setting. The only setting is managed_by"),
    ],
)
def test_a_folder_needs_its_settings(cli: Cli, tmp_path: Path, settings: str | None, problem: str) -> None:
    if settings is not None:
        (tmp_path / "aichats.toml").write_text(settings)

    planned = cli("plan", str(tmp_path))

    assert planned.code == 1
    assert problem in planned.err


def test_a_plan_reads_all_pages_of_the_list(cli: Cli, folder: AutomationFolder) -> None:
    for number in range(101):
        cli.stack.put(hourly("biz_A") | {"managed_by": MANAGED_BY}, f"a{number:03}")

    assert cli("plan", str(folder), "--prune", "-o", "name").out.split() == [f"a{number:03}" for number in range(101)]


def applied(cli: Cli, folder: AutomationFolder, text: str) -> None:
    folder.write("weekly.md", text)
    assert cli("apply", str(folder), "--yes").code == 0
