"""`aichats export` on a stack in memory: a plan after it is empty, and the form of the files stays."""

import json

import pytest

from tests.support.automation_folder import MANAGED_BY, AutomationFolder, markdown, stored
from tests.support.automations import automation
from tests.support.cli import Cli
from tests.support.fakes import Json

COMMENTED = """\
---
# Who reads it: the team.
trigger:
  type: "schedule"   # not a webhook
  expression: rate(1 hour)
labels: {b: "1", a: '2'}
targets:
- biz_A   # the first
- biz_B
---


How was the week?
"""
OWN = {
    "trigger": {"type": "schedule", "expression": "rate(1 hour)"},
    "action": {"type": "whop.create_chat", "message_text": "How was the week?"},
    "targets": ["biz_A"],
    "managed_by": MANAGED_BY,
}


def test_a_new_automation_becomes_markdown(cli: Cli, folder: AutomationFolder) -> None:
    put(cli, "weekly", action={"type": "whop.create_chat", "title": "Week", "message_text": "# Hi\n\nHow?"})

    exported = cli("export", str(folder))

    assert exported.code == 0
    assert folder.read("weekly.md") == (
        "---\n"
        "trigger:\n"
        "  type: schedule\n"
        "  expression: rate(1 hour)\n"
        "targets:\n"
        "  - biz_A\n"
        "action:\n"
        "  title: Week\n"
        "---\n"
        "\n"
        "# Hi\n"
        "\n"
        "How?\n"
    )
    assert cli("plan", str(folder), "--prune").code == 0


def test_a_changed_file_keeps_its_comments_and_its_order(cli: Cli, folder: AutomationFolder) -> None:
    folder.write("weekly.md", COMMENTED)
    cli("apply", str(folder), "--yes")
    put(
        cli,
        "weekly",
        trigger={"type": "schedule", "expression": "rate(2 hours)"},
        targets=["biz_A", "biz_C"],
        labels={"b": "1", "a": "3"},
        action={"type": "whop.create_chat", "message_text": "How was the day?"},
        missed="run",
    )

    exported = cli("export", str(folder))

    assert exported.out.splitlines()[1].split()[-1] == "changed"
    assert folder.read("weekly.md") == COMMENTED.replace("1 hour", "2 hours").replace("biz_B", "biz_C").replace(
        "'2'", "'3'"
    ).replace("the week?", "the day?").replace("biz_C\n", "biz_C\nmissed: run\n")
    assert cli("plan", str(folder)).code == 0


def test_only_files_that_differ_are_touched(cli: Cli, folder: AutomationFolder) -> None:
    folder.write("weekly.md", COMMENTED)
    folder.write("daily.json", json.dumps(OWN))
    cli("apply", str(folder), "--yes")
    times = {name: folder.file(name).stat().st_mtime_ns for name in folder.names}
    put(cli, "daily", description="New")

    exported = cli("export", str(folder), "-o", "json")

    assert [(each["name"], each["action"]) for each in exported.json] == [("daily", "change")]
    assert folder.file("weekly").stat().st_mtime_ns == times["weekly"]
    again = cli("export", str(folder))
    assert (again.code, again.err) == (0, "no changes: the files are equal to the stack\n")


def test_yaml_json_and_windows_lines_stay_what_they_are(cli: Cli, folder: AutomationFolder) -> None:
    folder.write("a.yaml", "# Hi\n" + "\n".join(f"{key}: {json.dumps(value)}" for key, value in OWN.items()))
    folder.write("b.json", json.dumps(dict(reversed(OWN.items()))))
    folder.write("c.md", COMMENTED.replace("\n", "\r\n"))
    cli("apply", str(folder), "--yes")
    for name in "abc":
        put(cli, name, action={"type": "whop.create_chat", "message_text": "A\nB"}, labels={"b": "1", "a": "2"})

    assert cli("export", str(folder)).code == 0

    assert folder.read("a.yaml").startswith("# Hi\ntrigger: {")
    assert list(json.loads(folder.read("b.json"))) == ["managed_by", "targets", "action", "trigger", "labels"]
    assert folder.read("c.md").endswith("\r\n---\r\n\r\n\r\nA\r\nB\r\n")
    assert folder.read("c.md").count("\n") == folder.read("c.md").count("\r\n")
    assert cli("plan", str(folder)).code == 0


@pytest.mark.parametrize(
    "message",
    [
        "  code\n  more",
        "A\r\nB",
        "A\rB",
        "A\n",
        "\n\nA",
        "---\nA\n---",
        "A \nB\t",
        "# {{ slot.date }}",
        "no",
        "\u2028A",
        "- a\n\tb",
    ],
)
def test_a_message_is_read_again_exactly(cli: Cli, folder: AutomationFolder, message: str) -> None:
    action = {"type": "whop.create_chat", "message_text": message}
    for name in ("new", "old", "front", "whole"):
        put(cli, name, action=action)
    folder.write("old.md", COMMENTED)
    folder.write("front.md", markdown("", action={"message_text": "Hi"}))
    folder.write("whole.yaml", json.dumps(OWN))

    assert cli("export", str(folder)).code == 0

    assert cli("plan", str(folder), "--prune").out.startswith("no changes")


@pytest.mark.parametrize(
    "action",
    [
        {"type": "kodey.send_message", "content": "Hi"},
        {"type": "whop.update_chat", "title": None},
        {
            "type": "kodey.create_chat",
            "message_text": "Hi",
            "metadata": {"on": "no", "1": [1.5, None, True, {}], "a.b": ""},
        },
    ],
)
def test_each_action_is_read_again(cli: Cli, folder: AutomationFolder, action: Json) -> None:
    targets = {"kodey.create_chat": "agent_1", "kodey.send_message": "chat_1"}.get(action["type"], "aich_1")
    put(cli, "new", action=action, targets=[targets])
    put(cli, "old", action=action, targets=[targets])
    folder.write("old.md", COMMENTED)

    assert cli("export", str(folder)).code == 0

    assert cli("plan", str(folder), "--prune").out.startswith("no changes")


def test_a_file_with_aliases_gets_a_new_content(cli: Cli, folder: AutomationFolder) -> None:
    front = "trigger: {type: schedule, expression: rate(1 hour)}\ntargets: &t [biz_A, biz_B]\n"
    folder.write("weekly.yaml", f"{front}action: {{type: kodey.create_chat, message_text: Hi, metadata: {{t: *t}}}}\n")
    action = {"type": "kodey.create_chat", "message_text": "Hi", "metadata": {"t": ["biz_A", "biz_C"]}}
    put(cli, "weekly", targets=["biz_A", "biz_B"], action=action)

    assert cli("export", str(folder)).code == 0

    assert cli("plan", str(folder)).code == 0


def test_automations_of_others_are_left_out(cli: Cli, folder: AutomationFolder) -> None:
    put(cli, "other", managed_by="x")
    put(cli, "none", managed_by=None)

    assert cli("export", str(folder)).code == 0

    assert folder.names == []


def test_all_writes_those_of_others_with_their_manager(cli: Cli, folder: AutomationFolder) -> None:
    put(cli, "other", managed_by="x")
    put(cli, "none", managed_by=None)
    before = stored(cli)

    assert cli("export", str(folder), "--all").code == 0

    assert "managed_by: x\n" in folder.read("other.md")
    assert "managed_by:\n" in folder.read("none.md") or "managed_by: null\n" in folder.read("none.md")
    assert cli("plan", str(folder), "--prune").code == 0
    assert cli("export", str(folder), "--all").err == "no changes: the files are equal to the stack\n"
    put(cli, "other", managed_by="x", description="New")
    assert cli("export", str(folder), "--all", "-o", "name").out == "other\n"
    assert before["none"] == stored(cli)["none"]


def test_files_are_deleted_only_with_prune(cli: Cli, folder: AutomationFolder) -> None:
    folder.write("weekly.md", markdown())
    put(cli, "daily")

    cli("export", str(folder))
    assert folder.names == ["daily", "weekly"]
    assert cli("export", str(folder), "--prune").code == 2
    assert folder.names == ["daily", "weekly"]
    assert cli("export", str(folder), "--prune", "--yes").code == 0

    assert folder.names == ["daily"]


def test_a_dry_run_writes_nothing(cli: Cli, folder: AutomationFolder) -> None:
    put(cli, "daily")

    assert cli("export", str(folder), "--dry-run", "-o", "name").out == "daily\n"
    assert folder.names == []


def test_a_file_that_cannot_be_written_is_an_error(cli: Cli, folder: AutomationFolder) -> None:
    put(cli, "weekly")
    (folder.path / "weekly.md").mkdir()

    exported = cli("export", str(folder))

    assert exported.code == 1
    assert "weekly.md: can't read the file: Is a directory" in exported.err
    assert sorted(file.name for file in folder.path.iterdir()) == ["aichats.toml", "weekly.md"]


def test_a_link_stays_a_link(cli: Cli, folder: AutomationFolder) -> None:
    shared = folder.write("../shared.md", markdown("old"))
    (folder.path / "weekly.md").symlink_to(shared)
    put(cli, "weekly")

    assert cli("export", str(folder)).code == 0

    assert (folder.path / "weekly.md").is_symlink()
    assert "How was the week?" in shared.read_text()


def put(cli: Cli, name: str, **fields: object) -> None:
    given = {key: value for key, value in (OWN | fields).items() if value is not None}
    cli.stack.app.automations.put(name, automation(given))
