"""`make secret NAME=kodey`: what it asks for and what it stores."""

import io
from typing import Any

import pytest

from local import secret
from local.deployed import StackSecret


class InMemory:
    """A secret of a stack."""

    name = "aichats/dev/kodey"

    def __init__(self) -> None:
        self.value: dict[str, Any] = {}

    def read(self) -> dict[str, Any]:
        return self.value

    def write(self, value: dict[str, Any]) -> None:
        self.value = value


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> InMemory:
    """The secret `kodey` of the stack, empty."""
    in_memory = InMemory()
    monkeypatch.setattr(StackSecret, "find", lambda *names: {("aichats-dev", "kodey"): in_memory}[names])
    return in_memory


def fill(monkeypatch: pytest.MonkeyPatch, typed: str, *options: str) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
    return secret.main(["--stack", "aichats-dev", "--name", "kodey", *options])


def test_the_key_is_stored_and_never_printed(
    stored: InMemory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fill(monkeypatch, "sk_live_a") == 0

    assert stored.value == {"api_key": "sk_live_a"}
    assert "sk_live_a" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("typed", ["", "sk live", "é"])
def test_what_is_no_key_is_refused(
    stored: InMemory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str
) -> None:
    assert fill(monkeypatch, typed) == 1

    assert "that is not a key" in capsys.readouterr().err
    assert stored.value == {}


def test_a_company_has_no_key_of_its_own(
    stored: InMemory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        fill(monkeypatch, "sk_live_a", "--company", "biz_A")

    assert "kodey has one key for all: leave COMPANY out" in capsys.readouterr().err
    assert stored.value == {}
