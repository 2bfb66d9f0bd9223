"""`aichats admin secret set events`: a key is generated, and one that is in use is only replaced on request."""

from typing import Any

import pytest

from aichats.subscriptions.signing import SIGNING_KEY
from tests.support.stored_secret import StoredSecret


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> StoredSecret:
    """The secret `events` of the stack, empty."""
    return StoredSecret("events", monkeypatch)


def key_of(stored: StoredSecret) -> str:
    """Return the key as functions read it."""
    return SIGNING_KEY.parse(stored.name, stored.value).signing_key


@pytest.mark.parametrize("value", [{}, {"signing_key": ""}, {"signing_key": 5}])
def test_a_missing_or_malformed_key_is_generated_and_never_printed(
    stored: StoredSecret, capsys: pytest.CaptureFixture[str], value: dict[str, Any]
) -> None:
    stored.value = value

    assert stored.fill("") == 0

    assert len(key_of(stored)) == 64
    shown = "".join(capsys.readouterr())
    assert key_of(stored) not in shown
    assert "rotate each subscription" in shown


def test_a_key_in_use_stays_unless_it_is_to_be_replaced(
    stored: StoredSecret, capsys: pytest.CaptureFixture[str]
) -> None:
    stored.fill("")
    key = key_of(stored)

    assert stored.fill("") == 1

    assert key_of(stored) == key
    assert "to replace it anyway, add --replace" in capsys.readouterr().err
    assert stored.fill("", "--replace") == 0
    assert key_of(stored) != key


def test_the_key_belongs_to_no_company(stored: StoredSecret, capsys: pytest.CaptureFixture[str]) -> None:
    assert stored.fill("", "--company", "biz_A") == 2

    assert "Leave --company and --companies out" in capsys.readouterr().err
