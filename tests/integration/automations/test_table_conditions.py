"""Conditions of requests: an automation changes only if its version is the one in the request."""

import pytest

from aichats.automations.table import AutomationTable
from aichats.errors import InputError
from tests.support.automation_rows import NAME, conflict_of
from tests.support.automations import CRON, RATE, WEBHOOK, automation, scheduled
from tests.support.fakes import Json


@pytest.mark.parametrize("header", ["*", " * ", "{etag}", '"other", {etag}', '{etag},"other"'])
def test_a_change_of_the_version_that_is_named_is_made(store: AutomationTable, header: str) -> None:
    row, _ = store.put(NAME, CRON)

    assert store.put(NAME, RATE, if_match=header.format(etag=row.etag))[0].version == 2


@pytest.mark.parametrize("header", ['"other"', "W/{etag}", "other", '"a", "b"', "{bare}"])
def test_a_change_of_another_version_is_rejected(store: AutomationTable, header: str) -> None:
    row, _ = store.put(NAME, CRON)
    named = header.format(etag=row.etag, bare=row.etag.strip('"'))

    message = f"If-Match failed: automation {NAME} was changed. Get it, and repeat your change with its current ETag"
    assert conflict_of(lambda: store.put(NAME, RATE, if_match=named)) == f"{message}, {row.etag}"
    assert conflict_of(lambda: store.put(NAME, CRON, if_match=named)) == f"{message}, {row.etag}"
    assert conflict_of(lambda: store.begin_delete(NAME, if_match=named))
    assert store.get(NAME) == row


@pytest.mark.parametrize("header", ["*", '"other"'])
def test_a_change_of_what_does_not_exist_is_rejected(store: AutomationTable, header: str) -> None:
    message = f"If-Match failed: automation {NAME} doesn't exist"
    assert conflict_of(lambda: store.put(NAME, CRON, if_match=header)) == message
    assert conflict_of(lambda: store.begin_delete(NAME, if_match=header)) == message
    assert store.read(NAME) is None


def test_a_change_that_is_repeated_with_its_first_condition_is_done_already(store: AutomationTable) -> None:
    first, _ = store.put(NAME, CRON)
    changed, _ = store.put(NAME, RATE, if_match=first.etag)

    assert store.put(NAME, RATE, if_match=first.etag) == (changed, False)
    assert conflict_of(lambda: store.put(NAME, WEBHOOK, if_match=first.etag))


def test_a_request_that_only_creates_does_not_change(store: AutomationTable) -> None:
    row, created = store.put(NAME, CRON, if_none_match="*")

    assert created
    message = f"If-None-Match failed: automation {NAME} exists. Its ETag is {row.etag}"
    assert conflict_of(lambda: store.put(NAME, RATE, if_none_match="*")) == message
    assert store.get(NAME) == row
    assert store.put(NAME, RATE, if_none_match='"other"')[0].version == 2


def test_a_creation_that_is_repeated_with_its_condition_is_done_already(store: AutomationTable) -> None:
    first, _ = store.put(NAME, CRON, if_none_match="*")

    assert store.put(NAME, CRON, if_none_match="*") == (first, False)
    store.put(NAME, RATE)
    store.put(NAME, CRON)
    assert conflict_of(lambda: store.put(NAME, CRON, if_none_match="*"))
    store.begin_delete(NAME)
    again, created = store.put(NAME, CRON, if_none_match="*")
    assert (created, store.put(NAME, CRON, if_none_match="*")) == (True, (again, False))
    assert conflict_of(lambda: store.put(NAME, CRON, if_match=first.etag, if_none_match="*"))


@pytest.mark.parametrize(
    ("definition", "reason"),
    [
        (scheduled("at(2026-11-20T12:00:00)"), "is in the past"),
        (scheduled("cron(* * * * ? *)", end="2026-11-20T12:00:59Z"), "never fires from now on"),
    ],
)
def test_what_is_over_when_it_comes_to_be_written_is_rejected(
    store: AutomationTable, definition: Json, reason: str
) -> None:
    with pytest.raises(InputError, match=rf"trigger\.expression: .* {reason} \(now: 2026-11-20T12:00:00"):
        store.put(NAME, automation(definition))
    assert store.read(NAME) is None
