"""`aichats admin secret set whop --companies`: the keys of many companies in one write."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from aichats.whop.credentials import WhopSecret
from aichats_cli.admin.companies import read_companies
from aichats_cli.admin.deployed import DeployedError
from tests.support.admin import admin
from tests.support.stored_secret import StoredSecret


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> StoredSecret:
    """The secret `whop` of the stack, with the key for all and those of two companies."""
    stored = StoredSecret("whop", monkeypatch)
    stored.value = {"api_key": "apik_common", "companies": {"biz_A": "apik_a", "biz_B": "apik_b"}}
    return stored


def file(folder: Path, content: str) -> str:
    path = folder / "companies"
    path.write_text(content)
    return str(path)


LINES = "biz_B,apik_new\n\n biz_C , apik_c\n"
OBJECT = '{"biz_B": "apik_new", "biz_C": "apik_c"}'


@pytest.mark.parametrize(
    "content", [LINES, OBJECT, "\ufeff" + LINES, LINES.replace("\n", "\r\n"), '"biz_B","apik_new"\nbiz_C,apik_c']
)
def test_many_companies_are_added_in_one_write_and_the_others_stay(
    stored: StoredSecret, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    assert stored.fill("", "--companies", file(tmp_path, content)) == 0

    companies = WhopSecret.of(stored.value).companies
    assert companies == {"biz_A": "apik_a", "biz_B": "apik_new", "biz_C": "apik_c"}
    printed = "".join(capsys.readouterr())
    assert "3 companies: 1 added, 1 changed, 0 removed" in printed
    assert "apik" not in printed


def test_the_list_may_take_the_place_of_the_one_that_there_is(
    stored: StoredSecret, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stored.fill("", "--companies", file(tmp_path, LINES), "--replace") == 0
    assert stored.value["companies"] == {"biz_B": "apik_new", "biz_C": "apik_c"}
    assert stored.value["api_key"] == "apik_common"
    assert "2 companies: 1 added, 1 changed, 1 removed" in capsys.readouterr().err


def test_standard_input_will_do(stored: StoredSecret) -> None:
    assert stored.fill("biz_C,apik_c", "--companies", "-") == 0
    assert stored.value["companies"]["biz_C"] == "apik_c"


def test_companies_may_have_keys_without_a_key_for_all(stored: StoredSecret, tmp_path: Path) -> None:
    stored.value = {}
    assert stored.fill("", "--companies", file(tmp_path, LINES)) == 0
    assert WhopSecret.of(stored.value).companies == {"biz_B": "apik_new", "biz_C": "apik_c"}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "has no companies. Write a JSON object, or lines of biz_...,key"),
        ("{}", "has no companies"),
        ("biz_A apik_secret", "line 1: write biz_...,key"),
        ("company,key\nbiz_A,apik_secret", "line 1: the company ID must look like biz_XXXXX"),
        ("biz_A,apik_secret\nbiz_B,", "line 2: the key of biz_B must be 1 to 4096 printable characters without spaces"),
        ("biz_A,apik_secret apik_other", "line 1: the key of biz_A must be"),
        ("biz_A,apik_secret\nbiz_A,apik_other", "line 2: biz_A occurs twice, with different keys"),
        ('{"biz_A": "apik_secret", "biz_A": "apik_other"}', "entry 2: biz_A occurs twice"),
        ('{"biz_A": {"key": "apik_secret"}}', "entry 1: the key of biz_A must be"),
        ('{"biz_A": 5}', "entry 1: the key of biz_A must be"),
        ("biz_A,connection:apik secret", "line 1: the key of biz_A names a connection. Its name must be 1 to 64"),
        ('{"biz_A": {"connection": 5}}', "entry 1: the key of biz_A names a connection"),
        ('{"biz_A": {"connection": "a", "key": "apik_secret"}}', "entry 1: the key of biz_A must be"),
        ('{"apik_secret": "biz_A"}', "entry 1: the company ID must look like biz_XXXXX"),
        ('{"biz_A": "apik_secret"', "the file starts with { but is not valid JSON"),
    ],
)
def test_a_list_that_is_wrong_is_rejected_whole_and_shows_no_key(tmp_path: Path, content: str, problem: str) -> None:
    with pytest.raises(DeployedError) as raised:
        read_companies(file(tmp_path, content), io.StringIO())
    assert problem in str(raised.value)
    assert "apik" not in str(raised.value)


def test_a_file_that_is_not_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DeployedError, match="No such file or directory"):
        read_companies(str(tmp_path / "none"), io.StringIO())


@pytest.mark.parametrize("options", [["kodey", "--companies", "-"], ["whop", "--replace"]])
def test_options_that_do_not_fit_are_rejected(options: list[str]) -> None:
    assert admin("secret", "set", *options, "--stack", "aichats-dev") == 2


def test_a_secret_has_space_for_the_keys_of_600_companies() -> None:
    """Check the number in the documentation. A key of Whop's has about 74 characters."""
    value: dict[str, Any] = {"api_key": "k" * 74, "companies": {f"biz_{number:014}": "k" * 74 for number in range(600)}}
    assert len(json.dumps(value, separators=(",", ":"))) < 65_536


def test_standard_input_is_read_to_its_end() -> None:
    assert read_companies("-", io.StringIO(OBJECT)) == {"biz_B": "apik_new", "biz_C": "apik_c"}
