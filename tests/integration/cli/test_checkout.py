"""`aichats dev` and `aichats demo`: Make targets of the source code."""

import sys
from pathlib import Path

import pytest

from aichats_cli import checkout
from aichats_cli.checkout import find_checkout
from aichats_cli.errors import CommandError
from local.deploy import pairs
from tests.support.commands import run_command

COMMAND = [sys.executable, "-m", "aichats_cli"]
MAKEFILE = """
dev demo:
\t@echo $@ in $(notdir $(CURDIR)): port $(PORT), keep $(KEEP), keys $(KEYS), whop $(WHOP_PORT); exit $(or $(CODE),0)
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a checkout whose Make targets print their variables."""
    folder = tmp_path / "aichats"
    (folder / "local").mkdir(parents=True)
    (folder / "docs" / "how-to").mkdir(parents=True)
    (folder / "local" / "dev.py").touch()
    (folder / "template.yaml").touch()
    (folder / "Makefile").write_text(MAKEFILE)
    return folder


def test_dev_is_the_make_target_with_its_options(source: Path) -> None:
    options = ["--port", "3100", "--whop-port", "8101", "--keep", "--keys", "forbidden"]
    printed = run_command(*COMMAND, "dev", *options, cwd=source, check=True).stdout
    assert printed == "dev in aichats: port 3100, keep 1, keys forbidden, whop 8101\n"


def test_without_options_the_make_target_has_its_own_defaults(source: Path) -> None:
    assert run_command(*COMMAND, "dev", cwd=source, check=True).stdout == "dev in aichats: port , keep , keys , whop\n"


def test_demo_is_the_make_target(source: Path) -> None:
    assert run_command(*COMMAND, "demo", cwd=source, check=True).stdout.startswith("demo in aichats: ")


def test_the_source_code_is_found_from_a_folder_inside_it(source: Path) -> None:
    assert find_checkout(source / "docs" / "how-to") == source


def test_outside_of_it_the_folder_that_the_command_was_installed_from_is_used(tmp_path: Path) -> None:
    assert find_checkout(tmp_path) == Path(checkout.__file__).parents[2]


def test_without_source_code_the_error_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkout, "__file__", str(tmp_path / "site-packages" / "checkout.py"))

    with pytest.raises(CommandError, match="needs the source code of aichats") as error:
        find_checkout(tmp_path)

    assert error.value.hint is not None
    assert "git clone" in error.value.hint


def test_the_exit_code_is_that_of_make(source: Path) -> None:
    (source / "Makefile").write_text("dev:\n\t@exit 1\n")
    assert run_command(*COMMAND, "dev", cwd=source).returncode == 2


def test_without_make_the_error_says_so(source: Path) -> None:
    failed = run_command(*COMMAND, "dev", cwd=source, env={"PATH": str(source)})

    assert failed.returncode == 1
    assert failed.stderr.startswith("Error: make is not installed")


DEPLOY = """
deploy:
\t@printf '%s\\n' "$(ENV)" "$$PARAMETERS" "$(TABLES)"
"""


@pytest.mark.parametrize("value", ["What's new?", 'say "hi"', "$5 or $(HOME)", "a b\\c", "ü"])
def test_deploy_passes_parameters_on_as_they_were_typed(source: Path, value: str) -> None:
    (source / "Makefile").write_text(DEPLOY)
    typed = ["--env", "prod", "--parameter", f"Message={value}", "--parameter", "AlarmEmail=you@example.com"]

    printed = run_command(
        *COMMAND, "admin", "deploy", *typed, "--table", "RunsTable=old", cwd=source, check=True
    ).stdout

    env, parameters, tables = printed.splitlines()
    assert (env, tables) == ("prod", "RunsTable=old")
    assert pairs(parameters) == {"Message": value, "AlarmEmail": "you@example.com"}


@pytest.mark.parametrize("word", ["AlarmEmail", "=x", ""])
def test_a_parameter_without_a_value_is_wrong_usage(source: Path, word: str) -> None:
    done = run_command(*COMMAND, "admin", "deploy", "--parameter", word, cwd=source)
    assert (done.returncode, done.stderr) == (2, f"Error: --parameter must be NAME=VALUE, not {word!r}\n")
