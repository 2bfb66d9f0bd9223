"""`aichats admin secret set webhook`: what it asks for, and which secrets stay during a rotation."""

import pytest

from aichats.whop.credentials import WebhookSecret
from aichats_cli.admin.secret import WEBHOOK_SECRETS
from tests.support.admin import admin
from tests.support.stored_secret import StoredSecret


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> StoredSecret:
    """The secret `webhook` of the stack, empty."""
    return StoredSecret("webhook", monkeypatch)


def test_the_secret_is_stored_as_the_function_reads_it_and_never_printed(
    stored: StoredSecret, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stored.fill("ws_confidential") == 0

    assert WebhookSecret.of(stored.value).secrets == ["ws_confidential"]
    assert "ws_confidential" not in "".join(capsys.readouterr())


def test_during_a_rotation_the_two_newest_stay(stored: StoredSecret) -> None:
    for typed in ("ws_a", "ws_b", "ws_c"):
        stored.fill(typed)

    assert stored.value == {"secrets": ["ws_c", "ws_b"]}


def test_one_that_is_there_already_becomes_the_newest(stored: StoredSecret) -> None:
    for typed in ("ws_a", "ws_b", "ws_a", "ws_a"):
        stored.fill(typed)

    assert stored.value == {"secrets": ["ws_a", "ws_b"]}


def test_what_is_malformed_is_replaced(stored: StoredSecret) -> None:
    stored.value = {"secrets": "ws_old"}

    assert stored.fill("ws_new") == 0

    assert stored.value == {"secrets": ["ws_new"]}


@pytest.mark.parametrize("typed", ["ws_", "whsec_a", "ws_a b", "ws_é", "ws_" + "a" * 4094])
def test_an_invalid_webhook_secret_is_rejected(
    stored: StoredSecret, capsys: pytest.CaptureFixture[str], typed: str
) -> None:
    assert stored.fill(typed) == 1

    assert "must start with ws_" in capsys.readouterr().err
    assert stored.value == {}


def test_a_company_has_no_webhook_of_its_own(stored: StoredSecret, capsys: pytest.CaptureFixture[str]) -> None:
    assert stored.fill("ws_a", "--company", "biz_A") == 2

    assert "Leave --company and --companies out" in capsys.readouterr().err
    assert stored.value == {}


def test_the_help_says_how_to_rotate(capsys: pytest.CaptureFixture[str]) -> None:
    assert admin("secret", "set", "--help") == 0

    shown = " ".join(capsys.readouterr().out.split())
    assert f"The secret webhook keeps the {WEBHOOK_SECRETS} newest values" in shown
    assert "the old one stays valid until you add the next" in shown
