"""`aichats admin secret set` asks the mock servers of Whop and Kodey before it stores a key."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aichats.http import retry
from aichats_cli.admin.deployed import DeployedStack
from local.ports import free_port
from tests.support.mock_servers import AI_CHATS, MockServer, running_kodey, running_whop
from tests.support.stored_secret import StoredSecret

REJECTED = "401 unauthorized: Invalid or missing API key"
LOGIN = "Connect the account of a user instead: aichats admin connect --client-id app_... --stack aichats-dev"


@pytest.fixture
def mock() -> Iterator[MockServer]:
    with running_whop() as server:
        yield server


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Return a function that sets a parameter of the stack."""
    parameters = {
        "WhopBaseUrl": f"http://127.0.0.1:{free_port()}/api/v1",
        "WhopApiVersion": "2026-07-08-1",
        "KodeyBaseUrl": f"http://127.0.0.1:{free_port()}",
    }
    stack = {"Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]}
    monkeypatch.setattr(DeployedStack, "describe", lambda deployed: {"aichats-dev": stack}[deployed.name])

    def set_parameter(name: str, value: str) -> None:
        [parameter] = [each for each in stack["Parameters"] if each["ParameterKey"] == name]
        parameter["ParameterValue"] = value

    return set_parameter


@pytest.fixture
def whop_secret(mock: MockServer, use: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch) -> StoredSecret:
    """The secret of a stack that calls the mock of Whop."""
    use("WhopBaseUrl", mock.base_url)
    return StoredSecret("whop", monkeypatch)


def calls(mock: MockServer) -> list[str]:
    """Return the method and path of each call to a mock server."""
    return [f"{call['method']} {call['path']}" for call in mock.state()["requests"]]


def test_a_key_that_whop_accepts_is_stored_and_no_chat_is_created(
    whop_secret: StoredSecret, mock: MockServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert whop_secret.fill("apik_good", verify=True) == 0

    assert whop_secret.value == {"api_key": "apik_good"}
    assert capsys.readouterr().err.splitlines()[:-1] == ["Whop accepted the key."]
    assert calls(mock) == [f"GET {AI_CHATS}", f"PATCH {AI_CHATS}/aich_00000000000000"]
    assert mock.state()["chats"] == []


@pytest.mark.parametrize("options", [(), ("--company", "biz_A")])
def test_a_key_that_whop_rejects_is_not_stored(
    whop_secret: StoredSecret, mock: MockServer, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    whop_secret.value = {"api_key": "apik_old"}
    mock.faults({"method": "GET", "path": AI_CHATS, "fault": "status:401"})

    assert whop_secret.fill("apik_bad", *options, verify=True) == 1

    assert whop_secret.value == {"api_key": "apik_old"}
    printed = capsys.readouterr()
    assert printed.err == f"Error: Whop rejects the key, so nothing was stored: {REJECTED}\n"
    assert printed.out == ""


def test_a_key_that_may_only_read_is_stored_with_a_warning_that_says_what_to_type(
    whop_secret: StoredSecret, mock: MockServer, capsys: pytest.CaptureFixture[str]
) -> None:
    mock.mode(api_keys="forbidden")

    assert whop_secret.fill("apik_reader", verify=True) == 0

    assert whop_secret.value == {"api_key": "apik_reader"}
    assert capsys.readouterr().err.splitlines()[:-1] == [
        "Whop accepted the key.",
        "But it looks unable to create and change chats, because Whop answered 403.",
        LOGIN,
    ]


@pytest.mark.usefixtures("use", "one_attempt")
@pytest.mark.parametrize("name", ["whop", "kodey"])
def test_a_key_is_not_stored_if_the_provider_cannot_be_reached_unless_you_say_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    stored = StoredSecret(name, monkeypatch)

    assert stored.fill("apik_new", verify=True) == 1
    error = capsys.readouterr().err
    assert stored.value == {}
    assert error.startswith(f"Error: the key can't be verified, so nothing was stored. {name}: GET ")
    assert error.endswith("  → to store without verification, add --no-verify\n")

    assert stored.fill("apik_new") == 0
    assert stored.value == {"api_key": "apik_new"}


def test_a_failure_of_whop_says_nothing_about_the_key_so_it_is_not_stored(
    whop_secret: StoredSecret, mock: MockServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "MAX_ATTEMPTS", 1)
    mock.faults({"method": "GET", "path": AI_CHATS, "fault": "status:503"})

    assert whop_secret.fill("apik_new", verify=True) == 1

    assert whop_secret.value == {}
    assert "can't be verified" in capsys.readouterr().err


def test_a_malformed_key_is_not_sent(
    whop_secret: StoredSecret, mock: MockServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert whop_secret.fill("two words", verify=True) == 1

    assert "must be 1 to 4096 printable characters" in capsys.readouterr().err
    assert calls(mock) == []


def test_kodeys_key_is_verified_with_a_list_of_no_chats(
    use: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = StoredSecret("kodey", monkeypatch)
    with running_kodey() as mock:
        use("KodeyBaseUrl", mock.base_url)
        assert stored.fill("sk_live_good", verify=True) == 0
        assert calls(mock) == ["GET /chat"]
        mock.faults({"method": "GET", "path": "/chat", "fault": "status:401"})
        assert stored.fill("sk_live_bad", verify=True) == 1

    assert stored.value == {"api_key": "sk_live_good"}
    printed = capsys.readouterr()
    assert printed.err.startswith("Kodey accepted the key.\n")
    assert "Kodey rejects the key, so nothing was stored: 401: Unauthorized: Invalid API key" in printed.err


# ---- the keys of many companies


def companies_file(folder: Path, companies: dict[str, Any]) -> str:
    file = folder / "keys.json"
    file.write_text(json.dumps(companies))
    return str(file)


def test_the_keys_of_companies_are_verified_once_for_each_key(
    whop_secret: StoredSecret, mock: MockServer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    keys = {"biz_A": "apik_1", "biz_B": "apik_2", "biz_C": "apik_1"}

    assert whop_secret.fill("", "--companies", companies_file(tmp_path, keys), verify=True) == 0

    assert whop_secret.value == {"companies": keys}
    assert calls(mock).count(f"GET {AI_CHATS}") == 2
    printed = capsys.readouterr().err
    assert "Whop accepted the keys of 3 companies.\n" in printed
    assert "apik" not in printed


def test_one_rejected_key_of_many_keeps_all_from_being_stored(
    whop_secret: StoredSecret, mock: MockServer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    whop_secret.value = {"api_key": "apik_common"}
    mock.faults({"method": "GET", "path": AI_CHATS, "fault": "status:401"})
    keys = {"biz_A": "apik_1", "biz_B": "apik_1"}

    assert whop_secret.fill("", "--companies", companies_file(tmp_path, keys), verify=True) == 1

    assert whop_secret.value == {"api_key": "apik_common"}
    assert capsys.readouterr().err.splitlines() == [
        "Error: 2 of 2 keys are not accepted, so nothing was stored:",
        f"  biz_A: rejected: {REJECTED}",
        f"  biz_B: rejected: {REJECTED}",
        "  → to store without verification, add --no-verify",
    ]


def test_keys_of_companies_that_may_only_read_are_stored_and_named(
    whop_secret: StoredSecret, mock: MockServer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    mock.mode(api_keys="forbidden")
    keys = {f"biz_{number:02}": "apik_1" for number in range(12)}

    assert whop_secret.fill("", "--companies", companies_file(tmp_path, keys), verify=True) == 0

    printed = capsys.readouterr().err
    shown = ", ".join(list(keys)[:10])
    assert f"But 12 look unable to create and change chats, because Whop answered 403: {shown} and others.\n" in printed
    assert LOGIN in printed
