"""`aichats apply` on a stack in memory: exactly the plan, or a report of what was done."""

import json
from collections.abc import Callable

import httpx
import pytest

from aichats_cli.code.show import NO_CHANGES
from tests.support.automation_folder import MANAGED_BY, AutomationFolder, etags, markdown, stored
from tests.support.automations import automation
from tests.support.cli import Cli
from tests.support.stack_in_memory import hourly


@pytest.fixture
def two(cli: Cli, folder: AutomationFolder) -> AutomationFolder:
    """Return a folder with the new files `a` and `c`, a changed file `b` and no file for `d`."""
    for name in ("b", "d"):
        folder.write(f"{name}.md", markdown("old"))
    assert cli("apply", str(folder), "--yes").code == 0
    folder.delete("d")
    for name in ("a", "b", "c"):
        folder.write(f"{name}.md", markdown("new"))
    cli.requests.clear()
    return folder


def test_all_changes_are_made_and_the_next_plan_is_empty(cli: Cli, two: AutomationFolder) -> None:
    applied = cli("apply", str(two), "--prune", "--yes")

    assert applied.code == 0
    assert applied.out.splitlines()[-1] == "2 to create, 1 to change, 1 to delete"
    assert applied.err.splitlines() == ["created a", "changed b", "created c", "deleted d"]
    assert messages(cli) == {"a": "new", "b": "new", "c": "new"}
    assert {each["managed_by"] for each in stored(cli).values()} == {MANAGED_BY}
    assert cli("plan", str(two), "--prune").code == 0


def test_each_request_has_the_condition_of_the_plan(cli: Cli, two: AutomationFolder) -> None:
    before = etags(cli)

    cli("apply", str(two), "--prune", "--yes")

    sent = [request for request in cli.requests if request.method != "GET" and not request.url.query]
    conditions = [(each.headers.get("if-match"), each.headers.get("if-none-match")) for each in sent]
    assert conditions == [(None, "*"), (before["b"], None), (None, "*"), (before["d"], None)]


def test_without_changes_there_is_no_question(cli: Cli, folder: AutomationFolder) -> None:
    applied = cli("apply", str(folder), terminal=True)

    assert (applied.code, applied.out, applied.err) == (0, f"{NO_CHANGES}\n", "")


def test_a_terminal_asks_first(cli: Cli, two: AutomationFolder) -> None:
    before = etags(cli)

    applied = cli("apply", str(two), stdin="n\n", terminal=True)

    assert applied.code == 1
    assert "Apply this to https://api.example (2 to create, 1 to change, 0 to delete)? [y/N]" in applied.err
    assert etags(cli) == before
    assert cli("apply", str(two), stdin="y\n", terminal=True).code == 0
    assert messages(cli)["b"] == "new"


def test_a_pipe_needs_yes(cli: Cli, two: AutomationFolder) -> None:
    applied = cli("apply", str(two))

    assert applied.code == 2
    assert "add --yes to the command" in applied.err


def test_json_lists_what_was_done(cli: Cli, two: AutomationFolder) -> None:
    applied = cli("apply", str(two), "--yes", "-o", "json")

    assert applied.code == 0, applied.err
    assert [(each["name"], each["action"], each["etag"]) for each in applied.json] == [
        ("a", "create", etags(cli)["a"]),
        ("b", "change", etags(cli)["b"]),
        ("c", "create", etags(cli)["c"]),
    ]
    assert "~ b" in applied.err
    assert cli("apply", str(two), "--prune", "--yes", "-o", "name").out == "d\n"


def test_a_plan_with_a_problem_changes_nothing(cli: Cli, two: AutomationFolder) -> None:
    before = etags(cli)
    two.write("z.md", markdown(expression="cron(0 9)"))

    assert cli("apply", str(two), "--yes").code == 1
    assert etags(cli) == before


def test_it_stops_at_the_first_automation_that_was_changed_meanwhile(
    cli: Cli, two: AutomationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_put(cli, monkeypatch, "b", lambda: put_as_other(cli, "b", "theirs"))

    applied = cli("apply", str(two), "--prune", "--yes")

    assert applied.code == 1
    assert applied.err.splitlines() == [
        "created a",
        "Error: stopped at b: b was changed by local after the plan was made. It was not overwritten",
        "  done:     created a",
        "  not done: change b, create c, delete d",
        f"  → aichats plan {two} --prune",
    ]
    assert messages(cli) == {"a": "new", "b": "theirs", "d": "old"}


def test_it_stops_at_an_automation_that_was_created_meanwhile(
    cli: Cli, two: AutomationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_put(cli, monkeypatch, "c", lambda: put_as_other(cli, "c", "theirs"))

    applied = cli("apply", str(two), "--yes")

    assert "Error: stopped at c: c was created by local after the plan was made" in applied.err
    assert messages(cli)["c"] == "theirs"


def test_it_stops_at_an_automation_that_was_deleted_meanwhile(
    cli: Cli, two: AutomationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_put(cli, monkeypatch, "b", lambda: delete_as_other(cli, "b"))

    applied = cli("apply", str(two), "--yes")

    assert "Error: stopped at b: b was deleted after the plan was made" in applied.err
    assert "b" not in messages(cli)


def test_it_does_not_delete_an_automation_that_was_changed_meanwhile(
    cli: Cli, two: AutomationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_put(cli, monkeypatch, "d", lambda: put_as_other(cli, "d", "theirs"), method="DELETE")

    applied = cli("apply", str(two), "--prune", "--yes")

    assert applied.code == 1
    assert "  done:     created a, changed b, created c\n  not done: delete d\n" in applied.err
    assert messages(cli)["d"] == "theirs"


@pytest.mark.parametrize(("method", "name"), [("PUT", "a"), ("PUT", "b"), ("DELETE", "d")])
def test_a_lost_response_is_tried_again_and_counts_as_done(
    cli: Cli, two: AutomationFolder, monkeypatch: pytest.MonkeyPatch, method: str, name: str
) -> None:
    lose_answers(cli, monkeypatch, method, name, times=2)

    applied = cli("apply", str(two), "--prune", "--yes")

    assert (applied.code, applied.err.splitlines()) == (0, ["created a", "changed b", "created c", "deleted d"])
    assert cli("plan", str(two), "--prune").code == 0


def test_the_planned_version_after_412_counts_as_done(
    cli: Cli, two: AutomationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = cli.answer
    seen: list[httpx.Request] = []

    def once(request: httpx.Request) -> httpx.Response:
        response = answer(request)
        if is_real(request, "PUT", "b"):
            seen.append(request)
            return httpx.Response(412, json={"type": "x#precondition-failed"})
        return response

    monkeypatch.setattr(cli, "answer", once)

    assert cli("apply", str(two), "--yes").err.splitlines() == ["created a", "changed b", "created c"]
    assert len(seen) == 1


def test_a_cut_network_says_what_is_not_known(cli: Cli, two: AutomationFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    lose_answers(cli, monkeypatch, "PUT", "b", times=99)

    applied = cli("apply", str(two), "--prune", "--yes")

    assert applied.code == 1
    assert applied.err.splitlines()[1:] == [
        "Error: stopped at b: can't reach https://api.example: lost",
        "  done:     created a",
        "  unknown:  change b",
        "  not done: create c, delete d",
        f"  → aichats apply {two} --prune",
    ]


def test_ctrl_c_says_what_was_done(cli: Cli, two: AutomationFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def press() -> None:
        raise KeyboardInterrupt

    before_put(cli, monkeypatch, "b", press)

    applied = cli("apply", str(two), "--yes")

    assert applied.code == 1
    assert "stopped at b: you pressed Ctrl-C\n  done:     created a\n  unknown:  change b\n" in applied.err


def test_a_killed_command_typed_again_does_the_rest(
    cli: Cli, two: AutomationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill() -> None:
        raise Killed

    with monkeypatch.context() as patch:
        before_put(cli, patch, "c", kill)
        with pytest.raises(Killed):
            cli("apply", str(two), "--prune", "--yes")

    applied = cli("apply", str(two), "--prune", "--yes")

    assert applied.err.splitlines() == ["created c", "deleted d"]
    assert cli("plan", str(two), "--prune").code == 0


# ---------------------------------------------------------------------- a pinned plan


def test_a_pinned_plan_is_applied(cli: Cli, two: AutomationFolder) -> None:
    file = pin(cli, two)

    assert cli.variables["AICHATS_TOKEN"] not in two.read("../plan.json")
    applied = cli("apply", str(two), "--plan", file, "--yes")

    assert applied.err.splitlines() == ["created a", "changed b", "created c", "deleted d"]
    assert cli("apply", str(two), "--plan", file, "--yes").out == f"{NO_CHANGES}\n"


def test_a_pinned_plan_that_was_killed_does_the_rest(
    cli: Cli, two: AutomationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = pin(cli, two)
    with monkeypatch.context() as patch:
        lose_answers(cli, patch, "PUT", "c", times=99)
        assert f"  → aichats apply {two} --plan {file}" in cli("apply", str(two), "--plan", file, "--yes").err

    assert cli("apply", str(two), "--plan", file, "--yes").err.splitlines() == ["deleted d"]


def test_a_pinned_plan_fails_if_a_file_was_changed(cli: Cli, two: AutomationFolder) -> None:
    file = pin(cli, two)
    two.write("c.md", markdown("newer"))

    applied = cli("apply", str(two), "--plan", file, "--yes")

    assert applied.code == 1
    assert "the folder was changed after the plan was made" in applied.err
    assert messages(cli)["b"] == "old"


def test_a_comment_does_not_change_the_folder(cli: Cli, two: AutomationFolder) -> None:
    file = pin(cli, two)
    two.write("c.md", markdown("new").replace("targets:", "# A comment\ntargets:"))

    assert cli("apply", str(two), "--plan", file, "--yes").code == 0


@pytest.mark.parametrize("name", ["b", "c", "d", "e"])
def test_a_pinned_plan_fails_if_the_stack_was_changed(cli: Cli, two: AutomationFolder, name: str) -> None:
    two.write("e.md", markdown("old"))
    cli("apply", str(two), "--yes")
    for each in ("b", "c", "d"):
        two.write(f"{each}.md", markdown("newer"))
    two.delete("d")
    file = pin(cli, two)
    put_as_other(cli, name, "theirs")

    applied = cli("apply", str(two), "--plan", file, "--yes")

    assert applied.code == 1
    assert f"the stack was changed after the plan was made: {name}\n" in applied.err
    assert messages(cli)[name] == "theirs"


def test_a_pinned_plan_is_for_one_stack(cli: Cli, two: AutomationFolder) -> None:
    file = pin(cli, two)
    cli.variables["AICHATS_URL"] = "https://other.example"

    assert "the plan is for https://api.example" in cli("apply", str(two), "--plan", file, "--yes").err


def test_a_pinned_plan_has_its_own_options(cli: Cli, two: AutomationFolder) -> None:
    assert cli("apply", str(two), "--plan", pin(cli, two), "--prune", "--yes").code == 2


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 1}', '{"version": 1, "changes": [{"x": 1}]}'])
def test_a_file_that_is_no_plan_is_an_error(cli: Cli, two: AutomationFolder, content: str) -> None:
    file = str(two.write("../plan.json", content))

    assert "is not a plan" in cli("apply", str(two), "--plan", file, "--yes").err


def test_a_plan_of_another_version_is_an_error(cli: Cli, two: AutomationFolder) -> None:
    file = pin(cli, two)
    two.write("../plan.json", json.dumps(json.loads(two.read("../plan.json")) | {"version": 2}))

    assert (
        "is a plan of version 2, but this command reads version 1"
        in cli("apply", str(two), "--plan", file, "--yes").err
    )


# ---------------------------------------------------------------------- helpers


def pin(cli: Cli, folder: AutomationFolder) -> str:
    """Return the path of a plan."""
    file = str(folder.path.parent / "plan.json")
    assert cli("plan", str(folder), "--prune", "--out", file).code == 3
    return file


def messages(cli: Cli) -> dict[str, str]:
    return {name: fields["action"]["message_text"] for name, fields in stored(cli).items()}


def put_as_other(cli: Cli, name: str, message: str) -> None:
    fields = hourly("biz_A") | {"managed_by": MANAGED_BY}
    row = cli.stack.app.automations.put(
        name, automation(fields | {"action": {"type": "whop.create_chat", "message_text": message}}), by="local"
    ).row
    assert row.name == name


def delete_as_other(cli: Cli, name: str) -> None:
    assert cli.stack.app.automations.delete(name)


def is_real(request: httpx.Request, method: str, name: str) -> bool:
    """Return whether a request changes an automation."""
    return (request.method, request.url.path, request.url.query) == (method, f"/automations/{name}", b"")


def before_put(cli: Cli, patch: pytest.MonkeyPatch, name: str, act: Callable[[], None], *, method: str = "PUT") -> None:
    """Do something before a change is sent."""
    answer = cli.answer

    def act_first(request: httpx.Request) -> httpx.Response:
        if is_real(request, method, name):
            act()
        return answer(request)

    patch.setattr(cli, "answer", act_first)


def lose_answers(cli: Cli, patch: pytest.MonkeyPatch, method: str, name: str, *, times: int) -> None:
    """Let the first responses to a change get lost, after the change was made."""
    answer = cli.answer
    lost: list[httpx.Request] = []

    def lose(request: httpx.Request) -> httpx.Response:
        response = answer(request)
        if is_real(request, method, name) and len(lost) < times:
            lost.append(request)
            raise httpx.ReadError("lost")
        return response

    patch.setattr(cli, "answer", lose)
