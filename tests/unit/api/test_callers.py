"""Callers by their tokens, and the form of the secret with callers."""

import hashlib
import hmac
import re
from copy import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from aichats.api.callers import Caller, find_caller
from aichats.aws.secrets import REFRESH_AFTER_SECONDS, REJECTED_REFRESH_SECONDS, SecretStore
from aichats.errors import SecretError
from tests.support.fakes import FakeClock, FakeSecretsManager, Json, SecretValue, aws_error

NAME = "aichats/dev/callers"


def stored(token: str, *scopes: str) -> Json:
    return {"sha256": hashlib.sha256(token.encode()).hexdigest(), "scopes": list(scopes)}


CRM, OPS = stored("crm-token", "chats:write", "chats:read"), stored("ops-token", "runs:read")
OLD = {"sha256": stored("old-token")["sha256"]}
ROTATED = CRM | {"expires_at": "2027-01-31T01:00:00+01:00", "previous": OLD | {"expires_at": "2026-12-01T00:00:00Z"}}


def store(callers: Json, clock: FakeClock | None = None) -> tuple[SecretStore, FakeSecretsManager]:
    manager = FakeSecretsManager({NAME: callers})
    return SecretStore(manager, clock or FakeClock()), manager


def test_a_token_belongs_to_its_caller() -> None:
    secrets, manager = store({"crm": CRM, "ops": OPS})
    assert find_caller(secrets, NAME, "crm-token") == Caller("crm", frozenset({"chats:read", "chats:write"}))
    assert find_caller(secrets, NAME, "ops-token") == Caller("ops", frozenset({"runs:read"}))
    assert manager.reads == [NAME]


@pytest.mark.parametrize("token", ["", "crm-token ", "CRM-TOKEN", "crm", CRM["sha256"], "schlüssel", "\ud800"])
def test_any_other_token_belongs_to_no_caller(token: str) -> None:
    secrets, _ = store({"crm": CRM})
    assert find_caller(secrets, NAME, token) is None


def test_without_callers_no_token_is_accepted() -> None:
    secrets, _ = store({})
    assert find_caller(secrets, NAME, "crm-token") is None


def test_a_caller_without_scopes_is_known_and_may_nothing() -> None:
    secrets, _ = store({"crm": stored("crm-token")})
    assert find_caller(secrets, NAME, "crm-token") == Caller("crm", frozenset())


def test_a_new_caller_is_known_at_once() -> None:
    secrets, manager = store({"crm": CRM})
    find_caller(secrets, NAME, "crm-token")
    manager.values[NAME] = {"crm": CRM, "ops": OPS}
    assert find_caller(secrets, NAME, "ops-token") == Caller("ops", frozenset({"runs:read"}))


def test_unknown_tokens_make_the_secret_be_read_again_only_now_and_then() -> None:
    clock = FakeClock()
    secrets, manager = store({"crm": CRM}, clock)
    for _ in range(50):
        find_caller(secrets, NAME, "guess")
    assert len(manager.reads) == 2
    clock.now += REJECTED_REFRESH_SECONDS
    find_caller(secrets, NAME, "guess")
    assert len(manager.reads) == 3


def test_a_revoked_caller_is_unknown_once_the_secret_was_read_again() -> None:
    secrets, manager = store({"crm": CRM, "ops": OPS})
    find_caller(secrets, NAME, "crm-token")
    manager.values[NAME] = {"ops": OPS}
    find_caller(secrets, NAME, "guess")
    assert find_caller(secrets, NAME, "crm-token") is None


def test_every_stored_hash_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []

    def compare(stored_hash: str, digest: str) -> bool:
        compared.append(stored_hash)
        return stored_hash == digest

    monkeypatch.setattr(hmac, "compare_digest", compare)
    secrets, _ = store({"crm": ROTATED, "ops": OPS})
    find_caller(secrets, NAME, "crm-token")
    assert compared == [CRM["sha256"], OLD["sha256"], OPS["sha256"]]


def test_both_tokens_of_a_rotation_are_the_same_caller_each_with_its_own_end() -> None:
    secrets, _ = store({"crm": ROTATED | {"companies": ["biz_A"], "lineage": "a" * 26}})
    new, old = find_caller(secrets, NAME, "crm-token"), find_caller(secrets, NAME, "old-token")

    assert new is not None
    assert old is not None
    assert replace(old, expires_at=None) == replace(new, expires_at=None)
    assert new.companies == frozenset({"biz_A"})
    assert (new.expires_at, old.expires_at) == (datetime(2027, 1, 31, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))


def test_a_caller_has_no_limit_unless_the_secret_has_one() -> None:
    secrets, _ = store({"crm": CRM, "ops": OPS | {"companies": []}, "all": stored("all-token") | {"companies": None}})
    found = [find_caller(secrets, NAME, token) for token in ("crm-token", "ops-token", "all-token")]
    assert [caller.companies for caller in found if caller] == [None, frozenset(), None]


def test_fields_of_later_versions_are_ignored() -> None:
    secrets, _ = store({"crm": CRM | {"later": {"x": 1}}})
    assert find_caller(secrets, NAME, "crm-token") == Caller("crm", frozenset({"chats:read", "chats:write"}))


@pytest.mark.parametrize(
    ("entry", "where"),
    [
        ("crm-token", "crm"),
        (None, "crm"),
        ({}, r"crm\.sha256; crm\.scopes"),
        (CRM | {"sha256": "crm-token"}, r"crm\.sha256"),
        (CRM | {"sha256": str(CRM["sha256"]).upper()}, r"crm\.sha256"),
        (CRM | {"sha256": None}, r"crm\.sha256"),
        (CRM | {"scopes": "chats:write"}, r"crm\.scopes"),
        (CRM | {"scopes": ["chats:write", "admin"]}, r"crm\.scopes\.1"),
        (CRM | {"companies": "biz_A"}, r"crm\.companies"),
        (CRM | {"companies": ["biz_A", "acme"]}, r"crm\.companies\.1"),
        (CRM | {"expires_at": "soon"}, r"crm\.expires_at"),
        (CRM | {"expires_at": "2027-01-31T00:00:00"}, r"crm\.expires_at"),
        (CRM | {"previous": OLD}, r"crm\.previous\.expires_at"),
        (CRM | {"previous": {"sha256": "x", "expires_at": "2026-12-01T00:00:00Z"}}, r"crm\.previous\.sha256"),
    ],
)
def test_a_malformed_entry_is_named_in_the_log_and_rejects_no_other_caller(
    entry: Any, where: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets, _ = store({"ops": OPS, "crm": entry})
    assert find_caller(secrets, NAME, "ops-token") == Caller("ops", frozenset({"runs:read"}))
    assert find_caller(secrets, NAME, "crm-token") is None

    records = [vars(record) for record in caplog.records]
    assert [re.fullmatch(where, "; ".join(record["fields"])) is not None for record in records] == [True, True]
    assert "crm-token" not in str(records)
    assert capsys.readouterr().out.count('"CallersUnreadable": [1.0]') == 2


def test_a_malformed_entry_is_counted_once_for_each_time_that_the_secret_is_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    secrets, _ = store({"ops": OPS, "crm": None})
    for _ in range(20):
        find_caller(secrets, NAME, "ops-token")
    assert capsys.readouterr().out.count('"CallersUnreadable": [1.0]') == 1


BROKEN: list[SecretValue] = [
    "",
    "{",
    "null",
    "[]",
    '"text"',
    {"crm": None},
    b"binary",
    aws_error("ThrottlingException"),
]


@pytest.mark.parametrize("broken", BROKEN, ids=repr)
def test_a_secret_that_cannot_be_used_changes_nothing_for_five_minutes(broken: SecretValue) -> None:
    clock = FakeClock()
    secrets, manager = store({"crm": CRM}, clock)
    assert find_caller(secrets, NAME, "crm-token") is not None
    manager.values[NAME] = broken

    for seconds in (0.0, 60.0, 60.0, 60.0, 60.0, 59.0):
        clock.now += seconds
        assert find_caller(secrets, NAME, "crm-token") is not None
        assert find_caller(secrets, NAME, "guess") is None
    clock.now += 1.0
    with pytest.raises(SecretError):
        find_caller(secrets, NAME, "crm-token")


@pytest.mark.parametrize("broken", BROKEN[:-1], ids=repr)
def test_after_the_repair_of_a_secret_callers_are_let_in_at_once(broken: SecretValue) -> None:
    secrets, manager = store({})
    manager.values[NAME] = broken
    with pytest.raises(SecretError):
        find_caller(secrets, NAME, "crm-token")
    manager.values[NAME] = {"crm": CRM}
    assert find_caller(secrets, NAME, "crm-token") is not None


@pytest.mark.parametrize("step", [REFRESH_AFTER_SECONDS, -3600.0])
def test_a_revoked_caller_is_rejected_after_five_minutes_even_if_the_process_was_frozen_or_the_clock_set_back(
    step: float, wall_clock: FakeClock
) -> None:
    manager = FakeSecretsManager({NAME: {"crm": CRM}})
    secrets = SecretStore(manager)
    assert find_caller(secrets, NAME, "crm-token") is not None
    manager.values[NAME] = {}

    wall_clock.now += step
    assert find_caller(secrets, NAME, "crm-token") is None


def test_a_new_caller_under_a_revoked_name_has_another_identity() -> None:
    first, second = CRM | {"lineage": "a" * 26}, stored("other-token", "chats:read") | {"lineage": "b" * 26}
    secrets, manager = store({"crm": first})
    old = find_caller(secrets, NAME, "crm-token")
    manager.values[NAME] = {"crm": second}
    new = find_caller(secrets, NAME, "other-token")

    assert old is not None
    assert new is not None
    assert (old.name, new.name) == ("crm", "crm")
    assert old.identity != new.identity


def test_a_caller_without_a_lineage_keeps_the_identity_that_it_has() -> None:
    secrets, _ = store({"crm": CRM})
    caller = find_caller(secrets, NAME, "crm-token")
    assert caller is not None
    assert caller.identity == "crm"


def test_a_secret_that_cannot_be_read_says_so() -> None:
    secrets, manager = store({})
    manager.values[NAME] = aws_error("AccessDeniedException")
    with pytest.raises(SecretError, match="may not be read"):
        find_caller(secrets, NAME, "crm-token")
