"""`aichats login`, `logout`, `profiles` and `use`, on a stack in memory."""

import getpass
import json
import stat
import sys
import threading
import tomllib
from pathlib import Path

import httpx
import pytest

from aichats_cli.admin.deployed import DeployedStack
from aichats_cli.profiles import Profile, Profiles, change
from aichats_cli.system import read_hidden
from tests.support.cli import ADDRESS, Cli
from tests.support.lambda_calls import LOCAL

TOKEN = f"{LOCAL}\n"
STACKS = "aichats_cli.admin.stack_outputs"

pytestmark = pytest.mark.usefixtures("file")


@pytest.fixture
def file(cli: Cli, tmp_path: Path) -> Path:
    """Return the path of the profiles, in a home without any. No variable names a stack."""
    cli.variables.clear()
    cli.variables["XDG_CONFIG_HOME"] = str(tmp_path)
    return tmp_path / "aichats" / "profiles.toml"


def test_a_login_stores_a_profile_that_commands_use_from_then_on(cli: Cli, file: Path) -> None:
    done = cli("login", "--url", f"{ADDRESS}/", stdin=TOKEN)

    assert (done.code, done.out) == (0, "")
    assert tomllib.loads(file.read_text()) == {
        "default": "default",
        "profiles": {"default": {"url": ADDRESS, "token": LOCAL}},
    }
    assert cli("auto", "list").code == 0
    assert cli.requests[-1].url.host == "api.example"


def test_only_the_owner_can_read_the_file(cli: Cli, file: Path) -> None:
    cli("login", "--url", ADDRESS, stdin=TOKEN)

    assert (mode(file), mode(file.parent)) == (0o600, 0o700)


def test_a_file_that_others_can_read_is_closed_when_it_is_read(cli: Cli, file: Path) -> None:
    cli("login", "--url", ADDRESS, stdin=TOKEN)
    file.chmod(0o644)

    cli("auto", "list")

    assert mode(file) == 0o600


def test_a_link_to_the_file_stays(cli: Cli, file: Path, tmp_path: Path) -> None:
    file.parent.mkdir()
    target = tmp_path / "elsewhere.toml"
    target.touch()
    file.symlink_to(target)

    cli("login", "--url", ADDRESS, stdin=TOKEN)

    assert file.is_symlink()
    assert (LOCAL in target.read_text(), mode(target)) == (True, 0o600)


def test_a_terminal_is_asked_for_the_address_and_the_token(cli: Cli, file: Path) -> None:
    done = cli("login", stdin=f"{ADDRESS}\n{TOKEN}", terminal=True)

    assert done.code == 0
    assert done.err.startswith("Address of the API (the stack's output ApiUrl): ")
    assert file.exists()


def test_ctrl_d_in_place_of_the_token_is_an_empty_token(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(_: str) -> str:
        raise EOFError

    monkeypatch.setattr(getpass, "getpass", end)

    assert read_hidden("Token: ") == ""


def test_the_token_is_never_printed(cli: Cli) -> None:
    for arguments in (["login", "--url", ADDRESS, "--debug"], ["profiles"], ["profiles", "-o", "json"]):
        done = cli(*arguments, stdin=TOKEN)
        assert done.code == 0
        assert LOCAL not in done.out + done.err


def test_a_wrong_token_is_not_stored(cli: Cli, file: Path) -> None:
    done = cli("login", "--url", ADDRESS, stdin="wrong\n")

    assert done.code == 1
    assert "doesn't accept the token. Nothing was stored" in done.err
    assert not file.exists()


def test_a_token_without_the_scope_to_list_automations_is_stored(cli: Cli) -> None:
    cli.interfere = lambda request: httpx.Response(
        200 if request.url.path == "/health" else 403, json={"status": "ok", "detail": "the scope is missing"}
    )

    assert cli("login", "--url", ADDRESS, stdin=TOKEN).code == 0


def test_another_service_does_not_get_the_token_and_is_not_stored(cli: Cli, file: Path) -> None:
    cli.interfere = lambda _: httpx.Response(200, json={"hello": "world"})

    done = cli("login", "--url", ADDRESS, stdin=TOKEN)

    assert done.err.splitlines()[-2:] == [
        f"Error: {ADDRESS} isn't the API of a stack of aichats",
        "  → use the stack's output ApiUrl",
    ]
    assert [request.headers.get("authorization") for request in cli.requests] == [None]
    assert not file.exists()


@pytest.mark.parametrize(
    "url", ["api.example", "ftp://api.example", "https://me:pw@api.example", "https://a.example:x", "https://a?b=c", ""]
)
def test_something_else_than_the_address_of_an_api_is_wrong_usage(cli: Cli, url: str) -> None:
    done = cli("login", "--url", url, stdin=TOKEN)

    assert (done.code, cli.requests) == (2, [])
    assert "isn't the address of an API" in done.err


@pytest.mark.parametrize("token", ["", "\n", "a b\n", "töken\n", "a\x07b\n"])
def test_something_else_than_a_token_is_wrong_usage(cli: Cli, token: str) -> None:
    done = cli("login", "--url", ADDRESS, stdin=token)

    assert (done.code, cli.requests) == (2, [])
    assert not token.strip() or token.strip() not in done.err


@pytest.mark.parametrize("name", ["local", "AICHATS_URL", "a b", "../x", ""])
def test_some_names_cannot_be_those_of_a_profile(cli: Cli, name: str) -> None:
    done = cli("login", "--profile", name, "--url", ADDRESS, stdin=TOKEN)

    assert done.code == (0 if name == "" else 2)


def test_a_pipe_without_an_address_is_wrong_usage(cli: Cli) -> None:
    done = cli("login", stdin=TOKEN)

    assert done.code == 2
    assert "aichats login --url https://…" in done.err


def test_a_new_token_of_a_known_profile_needs_no_address(cli: Cli, file: Path) -> None:
    change(file, lambda _: Profiles({"prod": Profile("prod", ADDRESS, "old", "aichats-prod", "eu-west-1")}))

    assert cli("login", "--profile", "prod", stdin=TOKEN).code == 0

    stored = tomllib.loads(file.read_text())["profiles"]["prod"]
    assert stored == {"url": ADDRESS, "token": LOCAL, "stack": "aichats-prod", "region": "eu-west-1"}


def test_plain_http_to_another_machine_is_warned_of(cli: Cli) -> None:
    assert cli("login", "--url", "http://api.example", stdin=TOKEN).err.count("not encrypted") == 1
    assert "not encrypted" in cli("auto", "list").err
    assert "not encrypted" not in cli("login", "--url", "http://127.0.0.1:3000", stdin=TOKEN).err


def test_a_redirect_is_not_followed(cli: Cli) -> None:
    cli("login", "--url", ADDRESS, stdin=TOKEN)
    hosts = []

    def leads_elsewhere(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return httpx.Response(307, headers={"location": "https://evil.example/automations"})

    cli.interfere = leads_elsewhere
    done = cli("auto", "list")

    assert (done.code, hosts) == (1, ["api.example"])
    assert "leads to https://evil.example/automations" in done.err


def test_two_logins_at_once_lose_nothing(file: Path) -> None:
    def log_in(number: int) -> None:
        added = Profile(f"p{number}", ADDRESS, "token")
        change(file, lambda profiles: Profiles(dict(profiles.stored) | {added.name: added}, added.name))

    threads = [threading.Thread(target=log_in, args=[number]) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(tomllib.loads(file.read_text())["profiles"]) == 20
    assert sorted(each.name for each in file.parent.iterdir()) == ["lock", "profiles.toml"]


def test_a_login_by_stack_reads_the_address_from_cloudformation(
    cli: Cli, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def describe(stack: DeployedStack) -> object:
        asked.append((stack.name, stack.aws.region_name))
        return {"Outputs": [{"OutputKey": "ApiUrl", "OutputValue": ADDRESS}]}

    monkeypatch.setattr(DeployedStack, "describe", describe)

    assert cli("login", "--stack", "aichats-prod", "--region", "eu-central-1", stdin=TOKEN).code == 0

    assert asked == [("aichats-prod", "eu-central-1")]
    assert tomllib.loads(file.read_text())["profiles"] == {
        "aichats-prod": {"url": ADDRESS, "token": LOCAL, "stack": "aichats-prod", "region": "eu-central-1"}
    }


def test_a_login_by_stack_without_the_packages_for_aws_says_what_to_install(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (STACKS, "aichats_cli.admin.aws", "aichats_cli.admin.deployed"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, "boto3", None)

    done = cli("login", "--stack", "aichats-prod", stdin=TOKEN)

    assert done.code == 1
    assert "--stack needs packages for AWS that are not installed: boto3" in done.err
    assert "aichats-cli[admin]" in done.err


def test_a_url_and_a_stack_exclude_each_other(cli: Cli) -> None:
    assert cli("login", "--url", ADDRESS, "--stack", "aichats-prod", stdin=TOKEN).code == 2


def test_a_logout_removes_the_profile_and_its_token(cli: Cli, file: Path) -> None:
    cli("login", "--url", ADDRESS, stdin=TOKEN)
    cli("login", "--profile", "staging", "--url", ADDRESS, stdin=TOKEN)

    done = cli("logout")

    assert done.err.splitlines() == ["Removed the profile staging", "Commands now use the profile local"]
    assert list(tomllib.loads(file.read_text())["profiles"]) == ["default"]
    assert cli("logout", "--profile", "default").code == 0
    assert LOCAL not in file.read_text().replace('"local"', "")


@pytest.mark.parametrize("name", ["local", "nope"])
def test_a_profile_that_is_not_stored_cannot_be_removed(cli: Cli, name: str) -> None:
    assert cli("logout", "--profile", name).code == 1


def test_another_profile_can_be_used_from_then_on(cli: Cli) -> None:
    cli("login", "--url", ADDRESS, stdin=TOKEN)

    assert cli("use", "local").err == "Commands now use the profile local\n"

    assert [each["name"] for each in cli("profiles", "-o", "json").json if each["used"]] == ["local"]
    assert cli("use", "nope").code == 1


def test_the_profiles_are_listed_with_the_one_that_is_used(cli: Cli) -> None:
    cli("login", "--url", ADDRESS, stdin=TOKEN)

    listed = cli("profiles")

    assert [line.split() for line in listed.out.splitlines()] == [
        ["NAME", "USED", "URL", "STACK", "REGION"],
        ["local", "http://127.0.0.1:3000"],
        ["default", "yes", ADDRESS],
    ]
    assert json.loads(cli("profiles", "-o", "json").out)[1] == {
        "name": "default",
        "url": ADDRESS,
        "stack": None,
        "region": None,
        "used": True,
    }


def test_variables_come_before_the_default_profile_and_after_the_option(cli: Cli) -> None:
    cli("login", "--url", ADDRESS, stdin=TOKEN)
    cli("login", "--profile", "staging", "--url", ADDRESS, stdin=TOKEN)

    cli.variables["AICHATS_PROFILE"] = "default"
    assert used(cli) == ["default"]
    assert used(cli, "--profile", "staging") == ["staging"]
    cli.variables |= {"AICHATS_URL": ADDRESS, "AICHATS_TOKEN": LOCAL}
    assert used(cli) == ["AICHATS_URL"]
    assert used(cli, "--profile", "staging") == ["staging"]
    assert "AICHATS_URL is set, and it comes before" in cli("use", "local").err
    assert (
        "AICHATS_URL is set, and it comes before" in cli("login", "--profile", "x", "--url", ADDRESS, stdin=TOKEN).err
    )


def test_a_url_without_a_token_names_the_variable(cli: Cli) -> None:
    cli.variables["AICHATS_URL"] = "http://127.0.0.1:3100"

    done = cli("auto", "list")

    assert done.code == 1
    assert done.err.splitlines() == [
        "Error: AICHATS_URL is set, but AICHATS_TOKEN isn't",
        "  → export AICHATS_TOKEN=… For the stack of aichats dev: AICHATS_TOKEN=local-token",
    ]


def test_a_token_with_a_line_break_in_a_variable_is_not_shown(cli: Cli) -> None:
    cli.variables |= {"AICHATS_URL": ADDRESS, "AICHATS_TOKEN": "first\nsecond"}

    done = cli("auto", "list")

    assert (done.code, "first" in done.err) == (2, False)


@pytest.mark.parametrize("content", ["nonsense", "profiles = 3", "[profiles.a]\nurl = 3\ntoken = 'x'", "[profiles.a]"])
def test_a_damaged_file_is_an_error_that_names_it(cli: Cli, file: Path, content: str) -> None:
    file.parent.mkdir()
    file.write_text(content)

    done = cli("auto", "list")

    assert done.code == 1
    assert done.err.startswith(f"Error: can't read {file}: ")


def test_a_field_of_a_later_version_is_left_out(cli: Cli, file: Path) -> None:
    file.parent.mkdir()
    file.write_text(f'default = "a"\n[profiles.a]\nurl = "{ADDRESS}"\ntoken = "{LOCAL}"\ncolor = "blue"\n')

    assert cli("auto", "list").code == 0


def test_a_folder_that_cannot_be_written_is_an_error(cli: Cli, tmp_path: Path) -> None:
    cli.variables = {"XDG_CONFIG_HOME": str(tmp_path / "file")}
    (tmp_path / "file").touch()

    done = cli("login", "--url", ADDRESS, stdin=TOKEN)

    assert done.code == 1
    assert "profiles.toml" in done.err


def used(cli: Cli, *options: str) -> list[str]:
    return [each["name"] for each in cli("profiles", "-o", "json", *options).json if each["used"]]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
