"""The errors of the command `aichats`, its exit codes, and signals."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from aichats_cli import groups
from aichats_cli.main import main
from aichats_cli.output import CODES
from aichats_cli.system import System
from local.ports import listen
from tests.support.cli import Cli, Terminal
from tests.support.commands import run_command
from tests.support.waiting import PATIENCE

AICHATS = [sys.executable, "-m", "aichats_cli"]


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["aut"], "no such command aut. Did you mean auto?", "aichats --help"),
        (["auto", "lst"], "no such command lst. Did you mean list?", "aichats auto --help"),
        (
            ["auto", "list", "--labl", "x"],
            "no such option: --labl (Possible options: --label)",
            "aichats auto list --help",
        ),
        (
            ["auto", "list", "-o", "jsn"],
            "invalid value for --output / -o: jsn is not one of table, json, yaml, name",
            None,
        ),
        (["auto", "list", "x"], "got unexpected extra argument(s) (x)", "aichats auto list --help"),
        (["use"], "missing argument NAME", "aichats use --help"),
    ],
)
def test_wrong_usage_says_what_is_wrong_and_what_shows_more(
    cli: Cli, arguments: list[str], message: str, hint: str | None
) -> None:
    done = cli(*arguments)

    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[0] == f"Error: {message}"
    assert hint is None or done.err.splitlines()[1] == f"  → {hint}"


def test_the_word_error_is_red_on_a_terminal_alone(cli: Cli) -> None:
    red = f"\033[{CODES['red']}mError:\033[0m "

    assert cli("aut", terminal=True).err.startswith(red)
    cli.variables["NO_COLOR"] = "1"
    assert cli("aut", terminal=True).err.startswith("Error: ")
    cli.variables = {"TERM": "dumb"}
    assert cli("aut", terminal=True).err.startswith("Error: ")


def test_an_unexpected_error_is_one_line_that_says_how_to_see_more(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(groups.PARTS, "auto", ("aichats_cli.commands.gone", ""))

    short, long = cli("auto", "list"), cli("auto", "list", "--debug")

    assert (short.code, long.code) == (1, 1)
    assert short.err.splitlines()[0].startswith("Error: unexpected ModuleNotFoundError: ")
    assert "add --debug" in short.err.splitlines()[1]
    assert "Traceback" not in short.err
    assert long.err.startswith("Traceback")


def test_what_no_error_is_goes_on(cli: Cli) -> None:
    class KilledError(BaseException):
        pass

    def kill(_: httpx.Request) -> httpx.Response:
        raise KilledError

    cli.interfere = kill

    with pytest.raises(KilledError):
        cli("auto", "list")


def test_no_error_controls_the_terminal(cli: Cli) -> None:
    cli.interfere = lambda _: httpx.Response(409, json={"detail": "\x1b[2Jno"})

    assert cli("auto", "list").err == "Error: \\x1b[2Jno\n"


def test_ctrl_c_at_a_question_ends_the_command(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    stdin, err = Terminal(), io.StringIO()
    monkeypatch.setattr(stdin, "readline", interrupt)

    code = main(["login"], System(variables=cli.variables, stdin=stdin, stderr=err))

    assert code == 130
    assert err.getvalue() == "Address of the API (the stack's output ApiUrl): "


def test_input_that_is_not_text_is_an_error(cli: Cli) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(b"\xff\xfe\n"), "utf-8")
    err = io.StringIO()

    code = main(["login", "--url", "https://api.example"], System(variables=cli.variables, stdin=stdin, stderr=err))

    assert (code, err.getvalue().splitlines()[-1]) == (1, "Error: the input isn't UTF-8 text")


def test_an_argument_that_is_not_text_is_wrong_usage(cli: Cli) -> None:
    done = cli("auto", "list", "--label", os.fsdecode(b"team=\xff"))

    assert (done.code, done.err) == (2, "Error: 'team=\\udcff' isn't UTF-8 text\n")


def test_ctrl_c_while_the_api_is_waited_for_ends_the_command_in_silence(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as api:
        api.settimeout(PATIENCE)
        variables = {"AICHATS_URL": f"http://127.0.0.1:{api.getsockname()[1]}", "AICHATS_TOKEN": "x"}
        with subprocess.Popen(
            [*AICHATS, "auto", "list"],
            cwd=tmp_path,
            env=os.environ | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                connection, _ = api.accept()
                process.send_signal(signal.SIGINT)
                printed = process.communicate(timeout=PATIENCE)
            finally:
                process.kill()
        connection.close()
    assert (process.returncode, *printed) == (130, "", "")


def test_a_reader_that_ends_early_ends_the_command_in_silence(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*AICHATS, "--help"], cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE, check=False, timeout=PATIENCE
        )
    finally:
        os.close(writing)

    assert (done.returncode, done.stderr) == (141, b"")


def test_a_full_disk_is_an_error_in_one_line(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*AICHATS, "--help"], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, check=False, timeout=PATIENCE
        )

    assert (done.returncode, done.stderr) == (1, b"Error: No space left on device\n")


@pytest.mark.parametrize(
    "variables", [{"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}]
)
def test_a_terminal_without_unicode_is_no_error(tmp_path: Path, variables: dict[str, str]) -> None:
    done = run_command(*AICHATS, "login", "--help", cwd=tmp_path, env=os.environ | variables)

    assert (done.returncode, done.stderr) == (0, "")
    assert "https://\\u2026" in done.stdout or "https://…" in done.stdout
