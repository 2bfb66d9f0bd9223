"""`aichats init` and `aichats validate` on a stack in memory."""

import subprocess
import tomllib
from pathlib import Path

import httpx
import pytest

from aichats_cli.code.new_folder import managed_by_of, without_credentials
from tests.support.automation_folder import AutomationFolder, etags, markdown
from tests.support.cli import Cli
from tests.support.stack_in_memory import hourly


def test_the_samples_can_be_applied(cli: Cli, tmp_path: Path) -> None:
    begun = cli("init", str(tmp_path / "crm" / "automations"))

    assert begun.code == 0
    assert begun.err.endswith(f"Then type: aichats plan {tmp_path / 'crm' / 'automations'}\n")
    assert cli("validate", str(tmp_path / "crm" / "automations")).code == 0
    assert cli("apply", str(tmp_path / "crm" / "automations"), "--yes").code == 0
    assert list(etags(cli)) == ["failed-payment", "weekly-report"]


def test_existing_files_stay(cli: Cli, folder: AutomationFolder) -> None:
    folder.write("weekly-report.md", "mine")

    begun = cli("init", str(folder), "-o", "json")

    assert folder.read("weekly-report.md") == "mine"
    assert [each["created"] for each in begun.json] == [False, False, True]
    assert tomllib.loads(folder.read("aichats.toml")) == {"managed_by": folder.managed_by}


def test_a_folder_that_cannot_be_created_is_an_error(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")

    assert f"{file}: can't create the folder" in cli("init", str(file)).err
    assert f"{file / 'x'}: can't create the folder" in cli("init", str(file / "x")).err


def test_a_folder_is_managed_by_its_place_in_its_repository(tmp_path: Path) -> None:
    path = tmp_path / "repository" / "crm"
    path.mkdir(parents=True)
    assert managed_by_of(path) == "crm"

    git(tmp_path / "repository", "init", "-q")
    assert managed_by_of(path) == "crm"

    git(tmp_path / "repository", "remote", "add", "origin", "https://me:secret@github.com/example/shop.git")
    assert managed_by_of(path) == "github.com/example/shop/crm"
    assert managed_by_of(path.parent) == "github.com/example/shop"


@pytest.mark.parametrize(
    ("remote", "name"),
    [
        ("git@github.com:example/crm.git", "github.com/example/crm"),
        ("https://github.com/example/crm", "github.com/example/crm"),
        ("https://token@github.com/example/crm.git/", "github.com/example/crm"),
        ("ssh://git@git.example:2222/group/crm.git", "git.example/group/crm"),
        ("", ""),
        ("weird", ""),
    ],
)
def test_the_name_of_a_repository_has_no_credentials(remote: str, name: str) -> None:
    assert without_credentials(remote) == name


def test_validate_needs_no_stack_offline(cli: Cli, folder: AutomationFolder) -> None:
    folder.write("weekly.md", markdown(expression="cron(0 9)"))

    validated = cli("validate", str(folder), "--offline")

    assert validated.code == 0
    assert cli.requests == []
    assert cli("validate", str(folder)).code == 1


def test_validate_reports_errors_in_files(cli: Cli, folder: AutomationFolder) -> None:
    folder.write("weekly.md", "Hi")

    assert "weekly.md, line 1: must begin with front matter" in cli("validate", str(folder), "--offline").err


def test_validate_checks_what_others_manage(cli: Cli, folder: AutomationFolder) -> None:
    cli.stack.put(hourly("biz_A"), "weekly")
    folder.write("weekly.md", markdown())

    assert cli("validate", str(folder)).code == 0
    assert len(cli("validate", str(folder), "-o", "json").json) == 1


def test_validate_shows_warnings(cli: Cli, folder: AutomationFolder) -> None:
    folder.write("weekly.md", markdown(trigger={"type": "webhook", "events": ["payment.exploded"]}))

    assert "payment.exploded is not a known event of Whop" in cli("validate", str(folder)).out


def test_validate_without_a_network_checks_the_files(
    cli: Cli, folder: AutomationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("weekly.md", markdown())

    def cut(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route", request=request)

    monkeypatch.setattr(cli, "answer", cut)
    validated = cli("validate", str(folder))

    assert validated.code == 0
    assert validated.err == "Checked without a stack: can't reach https://api.example: no route\n"


def test_validate_with_a_wrong_token_is_an_error(cli: Cli, folder: AutomationFolder) -> None:
    cli.variables["AICHATS_TOKEN"] = "wrong"

    assert cli("validate", str(folder)).code == 1


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True)
