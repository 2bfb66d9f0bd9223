"""`aichats admin secret set kodey`: what it asks for and what it stores."""

import pytest

from tests.support.stored_secret import StoredSecret


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> StoredSecret:
    """The secret `kodey` of the stack, empty."""
    return StoredSecret("kodey", monkeypatch)


def test_the_key_is_stored_and_never_printed(stored: StoredSecret, capsys: pytest.CaptureFixture[str]) -> None:
    assert stored.fill("sk_live_a") == 0

    assert stored.value == {"api_key": "sk_live_a"}
    assert "sk_live_a" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("typed", ["sk live", "é"])
def test_an_invalid_key_is_rejected(stored: StoredSecret, capsys: pytest.CaptureFixture[str], typed: str) -> None:
    assert stored.fill(typed) == 1

    assert "a key must be 1 to 4096 printable characters" in capsys.readouterr().err
    assert stored.value == {}


def test_a_company_has_no_key_of_its_own(stored: StoredSecret, capsys: pytest.CaptureFixture[str]) -> None:
    assert stored.fill("sk_live_a", "--company", "biz_A") == 2

    assert "kodey has one key for all companies. Leave --company and --companies out" in capsys.readouterr().err
    assert stored.value == {}
