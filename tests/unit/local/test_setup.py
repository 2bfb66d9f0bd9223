"""Set-up: the parts that it makes, and those that it skips."""

import fcntl
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from local import docs, judges, setup
from tests.support.commands import run_command


def pins(name: str) -> set[str]:
    """Return the packages that a requirements file pins, with their versions."""
    return set(re.findall(r"^(\S+==\S+)", (setup.ROOT / "requirements" / f"{name}.txt").read_text(), re.MULTILINE))


@pytest.fixture
def environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Folders in place of the environments, with nothing but a Python."""
    places = {name: tmp_path / path.name for name, path in setup.ENVIRONMENTS.items()}
    (tmp_path / "wheelhouse").mkdir()
    for place in set(places.values()):
        (place / "bin").mkdir(parents=True)
        (place / "bin" / "python").symlink_to(sys.executable)
    monkeypatch.setattr(setup, "ENVIRONMENTS", places)
    monkeypatch.setattr(setup, "WHEELHOUSE", tmp_path / "wheelhouse")
    return places


@pytest.mark.usefixtures("environments")
def test_the_demo_needs_neither_sam_cli_nor_the_tools_of_developers() -> None:
    assert setup.pending(setup.DEMO) == ["local", "cloud", "runtime", "wheelhouse"]


def test_a_complete_development_environment_serves_the_demo_too(environments: dict[str, Path]) -> None:
    setup.stamp(environments["dev"], setup.requirements("dev"))
    assert "local" not in setup.pending(setup.DEMO)


def test_an_environment_of_the_demo_is_not_enough_for_developers(environments: dict[str, Path]) -> None:
    setup.stamp(environments["local"], setup.requirements("local"))
    assert "local" not in setup.pending(setup.DEMO)
    assert "dev" in setup.pending(setup.EVERYTHING)


def test_an_environment_whose_python_was_removed_is_made_again(environments: dict[str, Path], tmp_path: Path) -> None:
    setup.stamp(environments["cloud"], setup.requirements("cloud"))
    assert "cloud" not in setup.pending(setup.DEMO)
    python = environments["cloud"] / "bin" / "python"
    python.unlink()
    python.symlink_to(tmp_path / "removed")
    assert "cloud" in setup.pending(setup.DEMO)


SET_UP = """
import sys
from pathlib import Path
from local import setup

setup.TOOLS = Path(sys.argv[1])
setup.pending = lambda parts: setup.say("checked") or []
sys.exit(setup.main([]))
"""


def test_a_second_set_up_waits_for_the_first_and_then_checks_what_is_left(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SET_UP, str(tmp_path)]
    with (tmp_path / "lock").open("w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=setup.ROOT) as second:
            assert second.stdout is not None
            assert second.stdout.readline() == "waiting until another command has set up this folder\n"
            fcntl.flock(first, fcntl.LOCK_UN)
            assert second.stdout.read() == "checked\n"
    assert second.returncode == 0


def test_a_set_up_alone_says_nothing_of_others(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SET_UP, str(tmp_path / "tools")]
    assert run_command(*command, cwd=setup.ROOT).stdout == "checked\n"


@pytest.mark.parametrize(("module", "command"), [(judges, judges.main), (docs, docs.main)], ids=["judges", "docs"])
def test_a_command_whose_tools_cannot_be_installed_says_why(
    module: ModuleType,
    command: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def offline(_name: str, _python: Path) -> Path:
        raise setup.SetupError("can't install a tool\n  no network")

    monkeypatch.setattr(module, "tool_environment", offline)
    assert command() == 1
    assert capsys.readouterr().err == f"{module.__name__.removeprefix('local.')}: can't install a tool\n  no network\n"


def test_the_development_environment_contains_all_that_the_commands_need_in_the_same_versions() -> None:
    assert pins("local") < pins("dev")
