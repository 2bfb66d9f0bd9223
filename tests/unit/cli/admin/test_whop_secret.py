"""`aichats admin secret set whop`: the key for all, and those that companies have of their own."""

import io

import pytest

from aichats.whop.credentials import WhopSecret
from tests.support.admin import admin
from tests.support.stored_secret import StoredSecret


class Terminal(io.StringIO):
    """A terminal on which nothing was typed."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> StoredSecret:
    """The secret `whop` of the stack, empty."""
    return StoredSecret("whop", monkeypatch)


def test_a_companys_own_key_is_stored_beside_the_key_for_all_and_neither_is_printed(
    stored: StoredSecret, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stored.fill("apik_common") == 0
    assert stored.fill("apik_own", "--company", "biz_A") == 0

    assert WhopSecret.of(stored.value).companies == {"biz_A": "apik_own"}
    assert stored.value["api_key"] == "apik_common"
    assert "apik" not in "".join(capsys.readouterr())


def test_a_company_may_have_a_key_without_a_key_for_all(stored: StoredSecret) -> None:
    assert stored.fill("apik_own", "--company", "biz_A") == 0

    assert WhopSecret.of(stored.value).companies == {"biz_A": "apik_own"}


def test_entries_that_a_person_broke_are_named_and_repaired_one_by_one(
    stored: StoredSecret, capsys: pytest.CaptureFixture[str]
) -> None:
    stored.value = {"api_key": "apik_common", "companies": {"biz_A": None, "biz_B": None, "apik secret": None}}

    assert stored.fill("apik_own", "--company", "biz_A") == 1
    printed = capsys.readouterr().err
    assert "the key is stored, but functions can't use the secret yet" in printed
    assert "is malformed (companies.biz_B: is invalid; companies: is invalid)" in printed
    assert "type: aichats admin secret set whop --stack aichats-dev --company biz_..." in printed
    assert "apik" not in printed

    stored.value["companies"].pop("apik secret")
    assert stored.fill("apik_b", "--company", "biz_B") == 0
    assert WhopSecret.of(stored.value).companies == {"biz_A": "apik_own", "biz_B": "apik_b"}


@pytest.mark.parametrize("company", ["", "Biz_A", "biz-A", "biz_", "biz_A ", "biz_A\n", "A", "aich_1"])
def test_a_key_that_no_run_would_use_is_rejected(
    stored: StoredSecret, capsys: pytest.CaptureFixture[str], company: str
) -> None:
    stored.value = {"api_key": "apik_common"}

    assert stored.fill("apik_own", "--company", company) == 2

    printed = f"--company must be a company ID from Whop, such as biz_XXXXX, not {company!r}"
    assert printed in capsys.readouterr().err
    assert stored.value == {"api_key": "apik_common"}


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--company", "biz_A", "--connection", ""], "--connection must be 1 to 64 characters"),
        (["--connection", ""], "--connection needs --company"),
        (["--companies", ""], "--companies must be a file, or - for standard input"),
    ],
)
def test_an_empty_option_is_rejected_and_stores_no_key(
    stored: StoredSecret, capsys: pytest.CaptureFixture[str], options: list[str], error: str
) -> None:
    assert stored.fill("apik_own", *options) == 2

    assert error in capsys.readouterr().err
    assert stored.value == {}


def test_the_end_of_the_input_at_the_prompt_stores_no_key(
    stored: StoredSecret, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ctrl_d(_prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr("getpass.getpass", ctrl_d)
    monkeypatch.setattr("sys.stdin", Terminal())
    assert admin("secret", "set", "whop", "--stack", "aichats-dev") == 2

    assert "nothing was typed" in capsys.readouterr().err
    assert stored.value == {}


@pytest.mark.parametrize("name", ["", "whopp", "callers"])
def test_an_unknown_name_is_reported_before_any_call_to_aws(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert admin("secret", "set", name, "--stack", "aichats-dev") == 2

    printed = capsys.readouterr().err
    assert f"the secret must be one of whop, webhook, kodey, events, not {name!r}\n" in printed
    assert "for API clients, use: aichats admin callers add" in printed
