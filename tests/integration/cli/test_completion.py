"""`aichats completion`: what Tab adds, asked of the command and of real shells."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import typer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from aichats_cli.complete import SCRIPTS, automation_names, run_ids, subscription_names
from aichats_cli.groups import PARTS
from aichats_cli.help import LeanCommand
from aichats_cli.profiles import Profile, Profiles, change, path_of
from local.setup import VENV
from tests.support.cli import ADDRESS, Cli
from tests.support.mock_servers import running
from tests.support.shells import Shell, interactive
from tests.support.stack_in_memory import hourly

NOWHERE = "http://127.0.0.1:1"
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source script.sh"),
    "zsh": (["zsh", "-f", "-i"], "autoload -U compinit; compinit -u -D; source script.sh"),
    "fish": (["fish", "--no-config", "-i"], "source script.sh"),
}
"""The command of each shell without the person's own settings, and the line that loads the script."""


@pytest.fixture
def context(cli: Cli) -> typer.Context:
    """Return the context of a command that is being completed."""
    return typer.Context(LeanCommand("show"), obj=cli.system(io.StringIO(), io.StringIO(), io.StringIO()))


def automations(_: Request) -> JSONResponse:
    """Answer with one automation."""
    return JSONResponse({"data": [{"name": "daily-numbers"}], "next_cursor": None})


@contextmanager
def shell_with_script(name: str, url: str, folder: Path) -> Iterator[Shell]:
    """Run a shell that has loaded its script for the ``with`` block. The stack is at ``url``."""
    (folder / "script.sh").write_text(SCRIPTS[name])
    command, load = SHELLS[name]
    variables = {"HOME": str(folder), "TERM": "xterm", "PS1": "> ", "AICHATS_URL": url, "AICHATS_TOKEN": "token"}
    path = f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}"
    with interactive(command, os.environ | variables | {"PATH": path}, folder) as shell:
        shell.type(f"{load}; echo the script is\\ loaded\r")
        shell.wait_for("(?m)^the script is loaded")
        yield shell


def test_commands_are_completed_in_the_order_of_the_help_with_what_they_do(cli: Cli) -> None:
    lines = cli("__complete", "").out.splitlines()

    assert lines[:2] == [f"{name}\t{PARTS[name][1]}" for name in ("status", "auto")]
    assert len(lines) == len(PARTS)
    assert [line.split("\t")[0] for line in cli("__complete", "comp").out.splitlines()] == ["completion"]


def test_commands_of_a_group_and_their_options_are_completed(cli: Cli) -> None:
    assert words(cli, "auto", "li") == ["list"]
    assert "--label" in words(cli, "auto", "list", "--")
    assert words(cli, "auto", "list", "--la") == ["--label"]


def test_values_of_an_option_are_completed(cli: Cli) -> None:
    assert words(cli, "auto", "list", "-o", "") == ["table", "json", "yaml", "name"]
    assert words(cli, "auto", "list", "--output=j") == ["json"]
    assert words(cli, "completion", "") == ["bash", "zsh", "fish"]


def test_profiles_are_completed_with_their_addresses(cli: Cli, tmp_path: Path) -> None:
    cli.variables["XDG_CONFIG_HOME"] = str(tmp_path)
    change(path_of(cli.variables), lambda _: Profiles({"prod": Profile("prod", ADDRESS, "secret-token")}))

    shown = cli("__complete", "use", "p").out

    assert shown == f"prod\t{ADDRESS}\n"
    assert words(cli, "auto", "list", "--profile", "") == ["local", "prod"]


def test_a_whole_line_is_split_as_a_shell_does(cli: Cli) -> None:
    assert cli("__complete", "--line", "aichats auto li").out.startswith("list\t")
    assert "bash\n" in cli("__complete", "--line", "aichats completion ").out
    assert cli("__complete", "--line", "aichats auto list --label 'a b' -o j").out == "json\n"


def words(cli: Cli, *typed: str) -> list[str]:
    return [line.split("\t")[0] for line in cli("__complete", *typed).out.splitlines()]


def test_names_come_from_the_api(cli: Cli, context: typer.Context) -> None:
    for name in ("weekly", "daily-numbers", "daily-report"):
        cli.stack.put(hourly("biz_A"), name)

    assert automation_names(context, "daily") == ["daily-numbers", "daily-report"]
    assert subscription_names(context, "") == []
    assert run_ids(context, "") == []


def test_without_an_answer_there_are_no_names_after_one_attempt(cli: Cli, context: typer.Context) -> None:
    calls = []

    def cut(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        raise httpx.ConnectTimeout("too slow")

    cli.interfere = cut

    assert automation_names(context, "") == []
    assert len(calls) == 1


def test_a_token_that_is_rejected_gives_no_names(cli: Cli, context: typer.Context) -> None:
    cli.variables["AICHATS_TOKEN"] = "wrong"

    assert automation_names(context, "") == []


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_script_of_a_shell_is_printed(cli: Cli, shell: str) -> None:
    assert cli("completion", shell).out == SCRIPTS[shell].rstrip() + "\n"
    assert f"aichats completion {shell}" in cli("completion", "--help").out


@pytest.mark.parametrize("name", SHELLS)
def test_a_real_shell_completes_commands_options_and_profiles(name: str, tmp_path: Path) -> None:
    with shell_with_script(name, NOWHERE, tmp_path) as shell:
        for typed, completed in (
            ("aichats comp", "aichats completion "),
            ("aichats auto l", "aichats auto list "),
            ("aichats auto list --la", "aichats auto list --label "),
            ("aichats use loc", "aichats use local "),
        ):
            shell.type(f"{typed}\t")
            shell.wait_for(completed)
            shell.type("\x15")  # Ctrl-U removes the line.


@pytest.mark.parametrize("name", SHELLS)
def test_a_real_shell_completes_the_name_of_an_automation(name: str, tmp_path: Path) -> None:
    with (
        running(Starlette(routes=[Route("/automations", automations)])) as url,
        shell_with_script(name, url, tmp_path) as shell,
    ):
        shell.type("aichats auto show dai\t")
        shell.wait_for("aichats auto show daily-numbers ")


def test_bash_completes_a_value_after_an_equals_sign(tmp_path: Path) -> None:
    with shell_with_script("bash", NOWHERE, tmp_path) as shell:
        shell.type("aichats auto list --output=js\t")
        shell.wait_for("--output=json ")


@pytest.mark.parametrize("name", SHELLS)
def test_a_real_shell_shows_nothing_of_an_error(name: str, tmp_path: Path) -> None:
    with shell_with_script(name, NOWHERE, tmp_path) as shell:
        shell.type("aichats nonsense \t")
        shell.type(" echo it is back\x15echo it is\\ back\r")
        assert "rror" not in shell.wait_for("(?m)^it is back")
