"""Secrets: caching, reading again, and the errors of secrets that cannot be used."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any, Unpack

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aichats.aws import secrets
from aichats.aws.errors import NoResponseError
from aichats.aws.secret_values import MAX_SECRET_BYTES, parse_secret, read_key, remedy
from aichats.aws.secrets import (
    FAILURE_SECONDS,
    FETCH_SECONDS,
    REFRESH_AFTER_SECONDS,
    REJECTED_REFRESH_SECONDS,
    GetSecretValue,
    SecretKind,
    SecretStore,
)
from aichats.errors import AuthenticationError, SecretError, SecretUnavailableError
from aichats.http.deadline import time_limit
from aichats.kodey.credentials import KodeySecret
from aichats.records import Field, Record, instance_of, read_each
from aichats.whop.client import WhopClient
from tests.support.fakes import (
    JSON,
    FakeClock,
    FakeSecretsManager,
    Json,
    ScriptedTransport,
    SecretValue,
    ai_chat,
    aws_error,
    error_response,
    ok,
)
from tests.support.providers import kodey_token, whop_token
from tests.support.waiting import PATIENCE, until

NAME = "aichats/dev/whop"
NO_KEY = "must have 1 to 4096 characters, without spaces"
FILL = "To store it, type: aichats admin secret set whop --stack <stack>"
ALLOW = "Allow the function's role secretsmanager:GetSecretValue on it."
CONFIDENTIAL = "sk_live_0123456789"


def read_keys(value: Any) -> dict[str, str]:
    """Return keys by their names."""
    return read_each(read_key, instance_of(dict, value, "must be an object").items())


class Keys(Record):
    """A secret with a key that it needs, and keys that it may have."""

    api_key = Field(read_key, hidden=True)
    companies: Field[dict[str, str]] = Field(read_keys, {}, hidden=True)


KEYS = SecretKind(partial(parse_secret, Keys))


class Vault:
    """A store, its clock and its Secrets Manager."""

    def __init__(self, value: SecretValue) -> None:
        self.clock = FakeClock()
        self.manager = FakeSecretsManager({NAME: value})
        self.store = SecretStore(self.manager, self.clock)

    def put(self, value: SecretValue) -> None:
        self.manager.values[NAME] = value

    @property
    def reads(self) -> int:
        return self.manager.reads.count(NAME)


# ---- how long a value is kept


def test_a_value_is_cached_for_a_while_and_then_read_again() -> None:
    vault = Vault({"api_key": "old"})
    assert vault.store.read(NAME, JSON) == {"api_key": "old"}
    vault.put({"api_key": "new"})
    vault.clock.now += REFRESH_AFTER_SECONDS - 1
    assert vault.store.read(NAME, JSON) == {"api_key": "old"}
    vault.clock.now += 1
    assert vault.store.read(NAME, JSON) == {"api_key": "new"}
    assert vault.reads == 2


def test_a_rejected_value_is_read_again_immediately() -> None:
    vault = Vault({"api_key": "old"})
    vault.store.read(NAME, JSON)
    vault.put({"api_key": "new"})
    assert vault.store.read_again(NAME, JSON) == {"api_key": "new"}
    assert vault.store.read(NAME, JSON) == {"api_key": "new"}
    assert vault.reads == 2


def test_however_many_are_rejected_it_is_read_again_only_now_and_then() -> None:
    vault = Vault({"api_key": "same"})
    vault.store.read(NAME, JSON)
    for _ in range(50):
        vault.store.read_again(NAME, JSON)
    assert vault.reads == 2
    vault.clock.now += REJECTED_REFRESH_SECONDS - 1
    vault.store.read_again(NAME, JSON)
    assert vault.reads == 2
    vault.clock.now += 1
    vault.store.read_again(NAME, JSON)
    assert vault.reads == 3


def test_each_secret_has_its_own_age() -> None:
    vault = Vault({"api_key": "k"})
    vault.manager.values["other"] = {"a": 1}
    vault.store.read(NAME, JSON)
    vault.store.read_again(NAME, JSON)
    vault.store.read("other", JSON)
    assert vault.store.read_again("other", JSON) == {"a": 1}
    assert vault.manager.reads == [NAME, NAME, "other", "other"]


PASSING: list[Exception] = [
    *map(aws_error, ("ThrottlingException", "InternalServiceError", "ServiceUnavailable", "ExpiredTokenException", "")),
    aws_error("DecryptionFailure", "Rate exceeded for KMS"),
    NoResponseError("can't connect to https://secretsmanager.invalid"),
    NoResponseError("no answer from https://secretsmanager.invalid in time"),
]
FINAL: list[SecretValue] = [
    *map(aws_error, ("ResourceNotFoundException", "AccessDeniedException", "DecryptionFailure")),
    *map(aws_error, ("InvalidRequestException", "ValidationException")),
    {},
    "not JSON",
]


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_a_temporary_failure_differs_from_a_final_one(error: Exception) -> None:
    with pytest.raises(SecretUnavailableError):
        Vault(error).store.read(NAME, JSON)


@pytest.mark.parametrize("value", FINAL, ids=repr)
def test_a_final_failure_differs_from_a_temporary_one(value: SecretValue) -> None:
    with pytest.raises(SecretError) as raised:
        Vault(value).store.read(NAME, KEYS)
    assert not isinstance(raised.value, SecretUnavailableError)


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_a_value_that_cannot_be_read_again_is_used_until_it_can(error: Exception) -> None:
    vault = Vault({"api_key": "old"})
    vault.store.read(NAME, JSON)
    vault.put(error)
    assert vault.store.read_again(NAME, JSON) == {"api_key": "old"}
    for _ in range(5):
        vault.clock.now += 24 * 3600
        assert vault.store.read(NAME, JSON) == {"api_key": "old"}
    vault.put({"api_key": "new"})
    vault.clock.now += FAILURE_SECONDS
    assert vault.store.read(NAME, JSON) == {"api_key": "new"}


def test_a_refresh_that_failed_is_tried_again_after_some_seconds(caplog: pytest.LogCaptureFixture) -> None:
    vault = Vault({"api_key": "old"})
    vault.store.read(NAME, JSON)
    vault.put(aws_error("ThrottlingException"))
    vault.clock.now += REFRESH_AFTER_SECONDS
    for _ in range(10):
        vault.store.read(NAME, JSON)
    assert (vault.reads, [record.levelname for record in caplog.records]) == (2, ["WARNING"])
    vault.clock.now += FAILURE_SECONDS
    vault.store.read(NAME, JSON)
    assert vault.reads == 3


def test_after_a_failed_read_again_the_next_rejection_may_read_it_before_30_seconds_are_over() -> None:
    vault = Vault({"api_key": "old"})
    vault.store.read(NAME, JSON)
    vault.put(aws_error("ThrottlingException"))
    vault.store.read_again(NAME, JSON)
    vault.put({"api_key": "new"})
    vault.clock.now += FAILURE_SECONDS
    assert vault.store.read_again(NAME, JSON) == {"api_key": "new"}


def test_what_is_final_is_not_remembered_so_a_repair_works_at_once() -> None:
    vault = Vault({"apikey": "k"})
    for _ in range(2):
        with pytest.raises(SecretError, match="is malformed"):
            vault.store.read(NAME, KEYS)
    vault.put({"api_key": "k"})
    assert vault.store.read(NAME, KEYS).api_key == "k"


def test_a_malformed_value_never_takes_the_place_of_a_good_one() -> None:
    vault = Vault({"api_key": "good"})
    vault.store.read(NAME, KEYS)
    vault.put({"apikey": "k"})
    with pytest.raises(SecretError, match="is malformed"):
        vault.store.read_again(NAME, KEYS)
    assert vault.store.read(NAME, KEYS).api_key == "good"


@pytest.mark.parametrize("step", [REFRESH_AFTER_SECONDS, -1.0])
def test_ages_are_those_of_the_wall_clock_and_one_that_was_set_back_expires_all(
    step: float, wall_clock: FakeClock
) -> None:
    manager = FakeSecretsManager({NAME: {"api_key": "old"}})
    store = SecretStore(manager)
    token = whop_token(store, NAME, None)
    transport = ScriptedTransport(ok(ai_chat()), ok(ai_chat()))
    whop = WhopClient(token=token, transport=transport)
    whop.retrieve_ai_chat("aich_1")
    manager.values[NAME] = {"api_key": "new"}
    wall_clock.now += step
    whop.retrieve_ai_chat("aich_1")
    assert tokens(transport) == ["old", "new"]


# ---- values with an end


ENDING: SecretKind[Json] = SecretKind(lambda _, value: value, fresh_until=lambda value: float(value["ends_at"]))
MAY_BE_MISSING: SecretKind[Json] = SecretKind(lambda _, value: value, absent=True)


def test_a_value_is_read_again_before_its_end_although_it_is_not_old() -> None:
    vault = Vault({"ends_at": 1100})
    vault.store.read(NAME, ENDING)
    vault.put({"ends_at": 9999})

    vault.clock.now = 1099.0
    assert vault.store.read(NAME, ENDING) == {"ends_at": 1100}
    vault.clock.now = 1100.0
    assert vault.store.read(NAME, ENDING) == {"ends_at": 9999}


def test_a_value_after_its_end_is_not_used_if_it_cannot_be_read_again() -> None:
    vault = Vault({"ends_at": 1100})
    vault.store.read(NAME, ENDING)
    vault.put(aws_error("ThrottlingException"))

    vault.clock.now = 1100.0
    with pytest.raises(SecretUnavailableError):
        vault.store.read(NAME, ENDING)


def test_a_value_that_nobody_replaced_at_its_end_is_not_read_for_every_call() -> None:
    vault = Vault({"ends_at": 900})
    for _ in range(10):
        vault.store.read(NAME, ENDING)
    assert vault.reads == 1

    vault.clock.now += FAILURE_SECONDS
    vault.store.read(NAME, ENDING)
    assert vault.reads == 2


def test_a_value_with_an_end_counts_as_unchanged_because_it_is_replaced_all_the_time() -> None:
    vault = Vault({"ends_at": 9999})
    vault.manager.changed_at[NAME] = datetime.fromtimestamp(vault.clock.now, UTC)
    vault.manager.previous[NAME] = {"ends_at": 5000}

    vault.store.read(NAME, ENDING)

    assert (vault.store.in_rotation(NAME, ENDING), vault.reads) == (False, 1)


def test_a_secret_that_may_be_missing_is_empty_then_and_that_is_cached() -> None:
    vault = Vault(aws_error("ResourceNotFoundException"))
    assert [vault.store.read(NAME, MAY_BE_MISSING) for _ in range(3)] == [{}, {}, {}]
    assert vault.reads == 1

    vault.put({"x": 1})
    vault.clock.now += REFRESH_AFTER_SECONDS
    assert vault.store.read(NAME, MAY_BE_MISSING) == {"x": 1}


def test_a_secret_that_may_be_missing_may_not_be_forbidden() -> None:
    with pytest.raises(SecretError, match="may not be read"):
        Vault(aws_error("AccessDeniedException")).store.read(NAME, MAY_BE_MISSING)


# ---- when Secrets Manager does not answer


class Silent(FakeSecretsManager):
    """Secrets Manager that responds only when the test lets it."""

    def __init__(self, values: Mapping[str, SecretValue]) -> None:
        super().__init__(values)
        self.silent = True
        self.speak = threading.Event()

    def get_secret_value(self, **request: Unpack[GetSecretValue]) -> Mapping[str, Any]:
        answer = super().get_secret_value(**request)
        if self.silent:
            self.speak.wait(60)
        return answer


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Silent]:
    monkeypatch.setattr(secrets, "MIN_FETCH_SECONDS", 0.05)
    manager = Silent({NAME: {"api_key": "k"}, "other": {"a": 1}})
    yield manager
    manager.speak.set()


def test_no_thread_waits_longer_than_the_invocation_has(silent: Silent) -> None:
    with time_limit(0.05), pytest.raises(SecretUnavailableError, match="could not be read in time"):
        SecretStore(silent, FakeClock()).read(NAME, JSON)


def test_ten_threads_wait_for_one_timeout_and_not_for_ten(silent: Silent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "FETCH_SECONDS", 0.2)
    store = SecretStore(silent, FakeClock())

    def read(name: str, kind: SecretKind[Json]) -> Json:
        with pytest.raises(SecretUnavailableError, match="could not be read in time"):
            store.read(name, kind)
        return {}

    read_by_many(read, threads=10)
    read(NAME, JSON)
    assert silent.reads == [NAME]


def test_a_secret_that_is_waited_for_delays_no_other_one_and_no_cached_value(silent: Silent) -> None:
    silent.silent = False
    clock = FakeClock()
    store = SecretStore(silent, clock)
    store.read(NAME, JSON)
    silent.silent = True
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(store.read_again, NAME, JSON)
        until(lambda: len(silent.reads) == 2)
        assert store.read(NAME, JSON) == {"api_key": "k"}
        silent.silent = False
        assert store.read("other", JSON) == {"a": 1}
        assert not waits.done()
        silent.speak.set()
        assert waits.result() == {"api_key": "k"}


def test_a_value_that_is_known_is_used_after_a_second_without_an_answer(
    silent: Silent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "FETCH_SECONDS_WITH_VALUE", 0.05)
    silent.silent = False
    clock = FakeClock()
    store = SecretStore(silent, clock)
    store.read(NAME, JSON)
    silent.silent, silent.values[NAME] = True, {"api_key": "new"}
    clock.now += REFRESH_AFTER_SECONDS
    assert [store.read(NAME, JSON) for _ in range(3)] == [{"api_key": "k"}] * 3
    silent.speak.set()
    assert until(lambda: store.read(NAME, JSON)["api_key"] == "new")
    assert silent.reads == [NAME, NAME]


def test_an_answer_that_comes_late_is_taken_all_the_same(silent: Silent) -> None:
    store = SecretStore(silent, FakeClock())
    with time_limit(0.01), pytest.raises(SecretUnavailableError):
        store.read(NAME, JSON)
    silent.speak.set()
    assert store.read(NAME, JSON) == {"api_key": "k"}
    assert silent.reads == [NAME]


class InTurn(Silent):
    """Secrets Manager that answers each silent call when the test lets this call."""

    def __init__(self, values: Mapping[str, SecretValue]) -> None:
        super().__init__(values)
        self.waiting: list[threading.Event] = []

    def get_secret_value(self, **request: Unpack[GetSecretValue]) -> Mapping[str, Any]:
        self.speak = threading.Event()
        self.waiting.append(self.speak)
        return super().get_secret_value(**request)


def test_a_late_answer_that_is_dropped_does_not_count_as_the_check_of_a_rejected_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(secrets, "MIN_FETCH_SECONDS", 0.05)
    manager, clock = InTurn({NAME: {"api_key": "k"}}), FakeClock()
    store = SecretStore(manager, clock)
    manager.silent = False
    store.read(NAME, JSON)
    manager.silent = True
    with time_limit(0.01):
        store.read_again(NAME, JSON)
        clock.now += FETCH_SECONDS
        store.read_again(NAME, JSON)
    _, late, current = manager.waiting
    late.set()
    for thread in threading.enumerate():
        if thread.name.startswith("ThreadPoolExecutor"):
            thread.join(0.2)
    assert store.in_rotation(NAME, JSON)
    current.set()


def test_an_attempt_that_was_frozen_with_the_process_is_not_waited_for(silent: Silent) -> None:
    clock = FakeClock()
    store = SecretStore(silent, clock)
    with time_limit(0.01), pytest.raises(SecretUnavailableError):
        store.read(NAME, JSON)
    clock.now += FETCH_SECONDS
    silent.silent = False
    assert store.read(NAME, JSON) == {"api_key": "k"}


def test_when_no_time_is_left_a_secret_is_read_all_the_same() -> None:
    with time_limit(0.0):
        assert Vault({"api_key": "k"}).store.read(NAME, JSON) == {"api_key": "k"}


def test_a_crash_is_raised_in_the_waiting_threads() -> None:
    with pytest.raises(ZeroDivisionError):
        Vault(ZeroDivisionError()).store.read(NAME, JSON)


def test_each_thread_gets_an_error_of_its_own() -> None:
    vault = Vault(aws_error("ThrottlingException"))
    errors = []
    for _ in range(2):
        with pytest.raises(SecretUnavailableError) as raised:
            vault.store.read(NAME, JSON)
        errors.append(raised.value)
    assert errors[0] is not errors[1]


# ---- whether a rejected value may be taken later


def rotated(minutes: float, previous: SecretValue) -> Vault:
    """Return a store whose secret was changed some minutes ago."""
    vault = Vault({"api_key": "new"})
    vault.manager.changed_at[NAME] = datetime.fromtimestamp(vault.clock.now - minutes * 60, UTC)
    vault.manager.previous[NAME] = previous
    vault.store.read(NAME, KEYS)
    return vault


@pytest.mark.parametrize(
    ("minutes", "previous", "expected"),
    [
        (1, {"api_key": "old"}, True),
        (-1, {"api_key": "old"}, True),
        (16, {"api_key": "old"}, False),
        (1, {}, False),
        (1, aws_error("ResourceNotFoundException"), False),
        (1, aws_error("ThrottlingException"), True),
    ],
)
def test_a_value_that_was_changed_minutes_ago_may_be_taken_later(
    minutes: float, previous: SecretValue, *, expected: bool
) -> None:
    assert rotated(minutes, previous).store.in_rotation(NAME, KEYS) is expected


def test_a_rotation_is_over_after_a_quarter_of_an_hour() -> None:
    vault = rotated(1, {"api_key": "old"})
    vault.clock.now += 14 * 60
    assert not vault.store.in_rotation(NAME, KEYS)


def test_a_value_that_could_not_be_read_again_may_have_been_changed() -> None:
    vault = Vault({"api_key": "k"})
    vault.store.read(NAME, KEYS)
    vault.manager.values[NAME] = aws_error("ThrottlingException")
    vault.store.read_again(NAME, KEYS)
    assert vault.store.in_rotation(NAME, KEYS)
    vault.clock.now += REJECTED_REFRESH_SECONDS
    vault.manager.values[NAME] = {"api_key": "k"}
    vault.store.read_again(NAME, KEYS)
    assert not vault.store.in_rotation(NAME, KEYS)


def test_a_value_that_was_read_again_seconds_ago_counts_as_unchanged_so_each_caller_gets_the_same_answer() -> None:
    vault = Vault({"api_key": "k"})
    for _ in range(2):
        vault.store.read_again(NAME, KEYS)
        assert not vault.store.in_rotation(NAME, KEYS)


# ---- many threads


def read_by_many(read: Callable[[str, SecretKind[Json]], Json], threads: int = 20) -> list[Json]:
    """Return the results of threads that read at the same time."""
    together = threading.Barrier(threads, timeout=PATIENCE)

    def one() -> Json:
        together.wait()
        return read(NAME, JSON)

    with ThreadPoolExecutor(threads) as pool:
        return [job.result() for job in [pool.submit(one) for _ in range(threads)]]


def test_many_threads_at_once_read_it_once() -> None:
    vault = Vault({"api_key": "k"})
    assert read_by_many(vault.store.read) == [{"api_key": "k"}] * 20
    assert vault.reads == 1


def test_many_threads_that_are_rejected_at_once_read_it_again_once() -> None:
    vault = Vault({"api_key": "old"})
    vault.store.read(NAME, JSON)
    vault.put({"api_key": "new"})
    assert read_by_many(vault.store.read_again) == [{"api_key": "new"}] * 20
    assert vault.reads == 2


# ---- what is said of one that cannot be used


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (aws_error("ResourceNotFoundException"), f"does not exist. Deploy the stack, which creates it. {FILL}"),
        (aws_error("AccessDeniedException"), f"may not be read (AccessDeniedException). {ALLOW}"),
        (aws_error("DecryptionFailure"), f"may not be read (DecryptionFailure). {ALLOW}"),
        (
            aws_error("InvalidRequestException"),
            "is marked for deletion. To restore it, use: aws secretsmanager restore-secret.",
        ),
        (aws_error("ThrottlingException"), "could not be read (ThrottlingException). Try again later."),
        (aws_error(""), "could not be read (no reason given). Try again later."),
        (
            NoResponseError("can't connect to https://x.invalid"),
            "could not be read (can't connect to https://x.invalid). Try again later.",
        ),
        (CONFIDENTIAL.encode(), f"contains binary data. {FILL}"),
        ("", f"is not JSON. {FILL}"),
        (CONFIDENTIAL, f"is not JSON. {FILL}"),
        ("[" * 60_000, f"is not JSON. {FILL}"),
        (f'["{CONFIDENTIAL}"]', f"is not a JSON object. {FILL}"),
        (f'"{CONFIDENTIAL}"', f"is not a JSON object. {FILL}"),
        ("null", f"is not a JSON object. {FILL}"),
        (json.dumps({"api_key": CONFIDENTIAL * MAX_SECRET_BYTES}), f"is larger than 65536 bytes. {FILL}"),
        (
            json.dumps({"api_key": "ü" * (MAX_SECRET_BYTES // 2)}, ensure_ascii=False),
            f"is larger than 65536 bytes. {FILL}",
        ),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_secret_that_cannot_be_used_says_why_and_what_to_type(value: SecretValue, message: str) -> None:
    with pytest.raises(SecretError) as raised:
        Vault(value).store.read(NAME, JSON)
    assert str(raised.value) == f"secret {NAME} {message}"
    assert raised.value.name == NAME


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({}, "is empty"),
        ({"companies": {}}, r"is malformed \(api_key: is missing\)"),
        ({"api_key": ""}, rf"is malformed \(api_key: {NO_KEY}\)"),
        ({"api_key": f"{CONFIDENTIAL}\n"}, rf"is malformed \(api_key: {NO_KEY}\)"),
        (
            {"api_key": f"Bearer {CONFIDENTIAL}"},
            rf"is malformed \(api_key: {NO_KEY}\)",
        ),
        ({"api_key": "k" * 4097}, rf"is malformed \(api_key: {NO_KEY}\)"),
        ({"api_key": 5}, r"is malformed \(api_key: must be a text\)"),
        ({"api_key": None, "companies": []}, r"is malformed \(api_key: must be a text; companies: must be an object\)"),
        ({"api_key": "k", "companies": {CONFIDENTIAL: 5}}, r"is malformed \(companies: must be a text\)"),
    ],
)
def test_a_secret_of_the_wrong_shape_names_the_fields_and_shows_nothing(value: Json, problem: str) -> None:
    with pytest.raises(SecretError, match=problem) as raised:
        parse_secret(Keys, NAME, value)
    assert CONFIDENTIAL not in str(raised.value)
    assert raised.value.__cause__ is None
    assert str(raised.value).endswith(FILL)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({}, r"is empty\."),
        ({"key": CONFIDENTIAL}, r"is malformed \(api_key: is missing\)"),
        ({"api_key": f"{CONFIDENTIAL} "}, rf"is malformed \(api_key: {NO_KEY}\)"),
        ({"api_key": [CONFIDENTIAL]}, r"is malformed \(api_key: must be a text\)"),
    ],
)
def test_kodey_s_secret_of_the_wrong_shape_shows_nothing_either(value: Json, problem: str) -> None:
    token = kodey_token(SecretStore(FakeSecretsManager({"aichats/dev/kodey": value})), "aichats/dev/kodey")
    assert callable(token)

    with pytest.raises(SecretError, match=problem) as raised:
        token(None)
    assert CONFIDENTIAL not in str(raised.value)
    assert str(raised.value).endswith("To store it, type: aichats admin secret set kodey --stack <stack>")


def test_kodey_s_key_is_read_again_when_it_is_rejected() -> None:
    manager = FakeSecretsManager({"aichats/dev/kodey": {"api_key": "sk_live_old"}})
    token = kodey_token(SecretStore(manager), "aichats/dev/kodey")
    assert callable(token)
    assert token(None) == "sk_live_old"
    manager.values["aichats/dev/kodey"] = {"api_key": "sk_live_new"}

    assert token(None) == "sk_live_old"
    assert token("sk_live_old") == "sk_live_new"
    assert "sk_live" not in repr(KodeySecret(api_key="sk_live_new"))


@given(value=st.dictionaries(st.sampled_from(["api_key", "companies", "x"]), st.none() | st.integers() | st.text()))
def test_any_object_is_a_secret_or_rejected_as_one(value: Json) -> None:
    try:
        key = parse_secret(Keys, NAME, value).api_key
    except SecretError:
        return
    assert key == value["api_key"]


def test_no_object_with_a_value_shows_it() -> None:
    vault = Vault({"api_key": CONFIDENTIAL, "companies": {"biz_A": CONFIDENTIAL}})
    value = vault.store.read(NAME, JSON)
    assert CONFIDENTIAL not in repr(vault.store) + repr(parse_secret(Keys, NAME, value))


def test_what_to_type_depends_on_the_secret() -> None:
    assert remedy("aichats/prod/kodey") == "To store it, type: aichats admin secret set kodey --stack <stack>"
    connect = "aichats admin connect --stack <stack> --connection agency --client-id <app_...>"
    assert remedy("aichats/prod/whop/agency") == f"To connect a Whop account, type: {connect}"
    assert remedy("aichats/prod/callers").startswith(
        "To create a caller, type: aichats admin callers add <name> --scopes "
    )


# ---- as a client uses it


def client(vault: Vault, transport: ScriptedTransport, company_id: str | None = None) -> WhopClient:
    return WhopClient(token=whop_token(vault.store, NAME, company_id), transport=transport)


def tokens(transport: ScriptedTransport) -> list[str]:
    return [request.headers["authorization"].removeprefix("Bearer ") for request in transport.requests]


@pytest.mark.parametrize(("company_id", "token"), [("biz_A", "own"), ("biz_B", "common"), (None, "common")])
def test_a_company_with_a_key_of_its_own_is_called_for_with_it(company_id: str | None, token: str) -> None:
    vault = Vault({"api_key": "common", "companies": {"biz_A": "own"}})
    transport = ScriptedTransport(ok(ai_chat()))
    client(vault, transport, company_id).retrieve_ai_chat("aich_1")
    assert tokens(transport) == [token]


def test_a_rotation_in_the_middle_is_seen_by_no_thread() -> None:
    vault = Vault({"api_key": "old"})
    transport = ScriptedTransport(ok(ai_chat()), error_response(401), ok(ai_chat()), ok(ai_chat()))
    whop = client(vault, transport)
    whop.retrieve_ai_chat("aich_1")
    vault.put({"api_key": "new"})
    whop.retrieve_ai_chat("aich_1")
    whop.retrieve_ai_chat("aich_1")
    assert tokens(transport) == ["old", "old", "new", "new"]
    assert vault.reads == 2


def test_a_key_that_stays_wrong_is_not_read_again_for_every_call() -> None:
    vault = Vault({"api_key": "wrong"})
    transport = ScriptedTransport(*[error_response(401) for _ in range(5)])
    whop = client(vault, transport)
    for _ in range(5):
        with pytest.raises(AuthenticationError):
            whop.retrieve_ai_chat("aich_1")
    assert vault.reads == 2


def test_a_secret_that_cannot_be_read_stops_a_call_before_it_goes_out() -> None:
    transport = ScriptedTransport(httpx.Response(500))
    with pytest.raises(SecretError, match="is empty"):
        client(Vault({}), transport).delete_ai_chat("aich_1")
    assert transport.requests == []
