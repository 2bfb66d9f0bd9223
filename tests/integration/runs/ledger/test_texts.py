"""The stored actions of runs, and the size of a row."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from aichats.aws.errors import ResponseError
from aichats.runs.action import Action, to_json
from aichats.runs.ledger import texts
from aichats.runs.ledger.filters import RunFilter
from aichats.runs.ledger.history import History
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.texts import TextExpiredError
from aichats.runs.model import Run
from tests.support.actions import whop_create_chat, with_fields
from tests.support.fakes import Json, aws_error
from tests.support.ledgers import (
    CREATE,
    ERROR,
    LEASE,
    NOON,
    RUN,
    Clock,
    dynamodb,
    item,
    make_ledger,
    make_run,
    overdue,
    stored,
)
from tests.support.watched_dynamodb import CountingDynamoDB

LONG = whop_create_chat(message_text="How was the week? " * 100, title="Week")


def long_runs(count: int, action: Action = LONG, name: str = "one") -> list[Run]:
    return [make_run(name, action, f"biz_{number}") for number in range(count)]


def items_of(ledger: Ledger) -> list[Json]:
    """Return all items that are not rows."""
    found = dynamodb().scan(TableName=ledger.table)["Items"]
    return [dict(each) for each in found if each["run_id"]["S"].startswith("action:")]


def size(attributes: Json) -> int:
    """Return the size of an item as DynamoDB counts it."""
    return sum(len(name) + len(str(*value.values()).encode()) for name, value in attributes.items())


def remove(ledger: Ledger, key: str) -> None:
    dynamodb().delete_item(TableName=ledger.table, Key={"run_id": {"S": key}})


# ---------------------------------------------------------------------------------------------- written


def test_the_runs_of_an_occurrence_share_one_item_with_their_text(ledger: Ledger) -> None:
    ledger.add(long_runs(5), lambda _: NOON)

    [text] = items_of(ledger)
    rows = [item(ledger, run) for run in long_runs(5)]
    assert {row["action_key"]["S"] for row in rows} == {text["run_id"]["S"]}
    assert all("action" not in row and size(row) < 1024 for row in rows)


def test_a_short_action_is_part_of_its_row(ledger: Ledger) -> None:
    ledger.add([RUN], lambda _: NOON)

    assert items_of(ledger) == []
    assert "action" in item(ledger)


def test_a_fan_out_that_is_repeated_writes_the_same_item_again(ledger: Ledger) -> None:
    ledger.add(long_runs(3), lambda _: NOON)
    ledger.add(long_runs(3), lambda _: NOON)

    assert len(items_of(ledger)) == 1


def test_two_occurrences_with_the_same_text_never_write_the_same_item(ledger: Ledger) -> None:
    ledger.add(long_runs(2), lambda _: NOON)
    ledger.add(long_runs(2, name="two"), lambda _: NOON)

    assert len(items_of(ledger)) == 2


def test_texts_that_differ_for_each_target_are_written_in_transactions_that_dynamodb_takes(clock: Clock) -> None:
    calls = CountingDynamoDB()
    ledger = make_ledger(clock, client=calls)
    many = [
        make_run(action=with_fields(LONG, message_text=f"{number} " + "ü" * 60_000), target=f"biz_{number}")
        for number in range(60)
    ]

    assert ledger.add(many, lambda _: NOON) == many

    # On the wire, an ü has six characters.
    assert max(calls.sizes[:-1]) * 360_000 < 4_000_000
    assert sum(calls.sizes) == 120
    assert [stored(ledger, run).run for run in many[::20]] == many[::20]


def test_a_single_run_is_written_by_no_transaction(clock: Clock) -> None:
    calls = CountingDynamoDB()
    ledger = make_ledger(clock, client=calls)

    ledger.add(long_runs(1), lambda _: NOON)

    assert calls.calls == {"put_item": 2}


def test_a_run_that_is_performed_at_once_keeps_its_text_apart_too(ledger: Ledger) -> None:
    [run] = long_runs(1)

    assert ledger.claim(run, LEASE).run == run

    assert size(item(ledger, run)) < 1024
    assert len(items_of(ledger)) == 1


def test_a_text_that_could_not_be_made_is_not_stored(ledger: Ledger) -> None:
    [run] = long_runs(1)

    ledger.add_ended([(run, ERROR)], "failed", unrendered=True)

    assert items_of(ledger) == []
    row = stored(ledger, run)
    assert (row.run.action.type, row.unrendered) == ("whop.create_chat", True)


# ---------------------------------------------------------------------------------------------- read


def test_the_claim_of_a_run_returns_its_whole_action(ledger: Ledger) -> None:
    [run] = long_runs(1)
    ledger.add([run], lambda _: NOON)

    assert ledger.claim(run.run_id, LEASE).run == run
    assert stored(ledger, run).run == run


def test_the_history_and_the_sweep_read_no_text(clock: Clock) -> None:
    calls = CountingDynamoDB()
    ledger = make_ledger(clock, client=calls)
    many = long_runs(3)
    ledger.add(many, lambda _: NOON)
    before = calls.calls["get_item"]

    swept = overdue(ledger, NOON + timedelta(minutes=5))
    listed, _ = History(ledger).page(NOON, NOON, only=RunFilter(), limit=10, start=None)

    assert {row.run.action.type for row in swept + listed} == {"whop.create_chat"}
    assert len(swept) == len(listed) == 3
    assert calls.calls["get_item"] == before


def test_a_container_reads_the_text_of_a_fan_out_once(clock: Clock) -> None:
    make_ledger(clock)
    calls = CountingDynamoDB()
    ledger = make_ledger(clock, client=calls)
    many = long_runs(10)
    ledger.add(many, lambda _: NOON)
    ledger.claim(many[0].run_id, LEASE)

    with ThreadPoolExecutor(9) as pool:
        claimed = list(pool.map(lambda run: ledger.claim(run.run_id, LEASE).run, many[1:]))

    assert claimed == many[1:]
    assert calls.calls["get_item"] == 1


def test_a_container_remembers_so_many_texts_and_no_more(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "CACHED_ACTIONS", 2)
    calls = CountingDynamoDB()
    ledger = make_ledger(clock, client=calls)
    many = [run for name in "abc" for run in long_runs(1, name=name)]
    for run in many:
        ledger.add([run], lambda _: NOON)
        ledger.claim(run.run_id, LEASE)

    ledger.get(many[2].run_id)
    assert calls.calls["get_item"] == 3 + 1
    ledger.get(many[0].run_id)
    assert calls.calls["get_item"] == 3 + 1 + 2


def test_a_text_that_is_gone_is_reported_and_names_no_text(ledger: Ledger) -> None:
    [run] = long_runs(1)
    ledger.add([run], lambda _: NOON)
    [text] = items_of(ledger)
    remove(ledger, text["run_id"]["S"])

    with pytest.raises(TextExpiredError, match=r"action:\w+ has expired"):
        ledger.claim(run.run_id, LEASE)


def test_a_claim_is_undone_if_the_text_cannot_be_read_then(clock: Clock) -> None:
    # No call was made, and a run without an action could not be settled: its outcome would stay unknown.
    [run] = long_runs(1)
    failing = FailingOnce()
    ledger = make_ledger(clock, client=failing)
    ledger.add([run], lambda _: NOON)
    before = item(ledger, run)
    failing.fails = True

    with pytest.raises(ResponseError):
        ledger.claim(run.run_id, LEASE)

    assert item(ledger, run) == before
    row = ledger.claim(run.run_id, LEASE)
    assert (row.attempts, row.unsettled, row.run.action) == (1, False, LONG)


def test_a_claim_that_is_undone_leaves_what_is_to_be_settled(clock: Clock) -> None:
    [run] = long_runs(1)
    failing = FailingOnce()
    ledger = make_ledger(clock, client=failing)
    ledger.add([run], lambda _: NOON)
    died = ledger.claim(run.run_id, LEASE).lease_until
    clock.now += LEASE + ledger.settle
    failing.fails = True

    with pytest.raises(ResponseError):
        Ledger(failing, ledger.table, ledger.settle, clock).claim(run.run_id, LEASE)

    assert ledger.claim(run.run_id, LEASE).unsettled_at == died


def test_a_run_whose_text_is_gone_is_open_until_it_is_given_up_as_failed(ledger: Ledger) -> None:
    [run] = long_runs(1)
    ledger.add([run], lambda _: NOON)
    remove(ledger, items_of(ledger)[0]["run_id"]["S"])

    with pytest.raises(TextExpiredError):
        ledger.claim(run.run_id, LEASE)

    [row] = overdue(ledger, NOON + timedelta(seconds=1))
    assert (row.status, row.in_doubt) == ("pending", False)


class FailingOnce:
    """DynamoDB that cannot read the next item."""

    fails = False

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            if name == "get_item" and self.fails:
                self.fails = False
                raise aws_error("ThrottlingException")
            return getattr(dynamodb(), name)(**request)

        return call


# ---------------------------------------------------------------------------------------------- of earlier versions


def put_old_row(ledger: Ledger, run: Run) -> None:
    """Write an open row as earlier versions did: with its text, one key for all open rows, and a key for each day."""
    texts = {
        "run_id": run.run_id,
        "status": "pending",
        "trigger": run.trigger,
        "provider": "whop",
        "action": to_json(run.action),
        "target": run.target or "",
        "api_version": "2026-07-08-1",
        "created_at": "2026-11-20T12:00:00.000Z",
        "opened_at": "2026-11-20T12:00:00.000Z",
        "updated_at": "2026-11-20T12:00:00.000Z",
        "day": "2026-11-20",
        "open_state": "open",
        "due_at": "2026-11-20T12:00:00.000Z",
    }
    attributes: Json = {name: {"S": value} for name, value in texts.items()}
    numbers = {"attempts": {"N": "0"}, "key_number": {"N": "1"}}
    dynamodb().put_item(TableName=ledger.table, Item=attributes | numbers)


@pytest.mark.parametrize("action", [CREATE, LONG])
def test_an_open_row_of_an_earlier_version_is_swept_claimed_and_ended(
    ledger: Ledger, clock: Clock, action: Action
) -> None:
    [run] = long_runs(1, action)
    put_old_row(ledger, run)

    assert [row.run for row in overdue(ledger, NOON + timedelta(minutes=5))] == [run]
    row = ledger.claim(run.run_id, LEASE)
    assert (row.run, row.attempts) == (run, 1)
    assert item(ledger, run)["open_state"]["S"].startswith("open.")
    clock.forward(minutes=9)
    assert [row.run for row in overdue(ledger, clock.now)] == [run]
    ledger.finish(row, "succeeded", chat_id="aich_1")
    assert overdue(ledger, clock.now) == []


def test_a_repeated_call_for_a_row_of_an_earlier_version_changes_nothing_of_what_it_depends_on(
    ledger: Ledger,
) -> None:
    [run] = long_runs(1)
    put_old_row(ledger, run)

    assert ledger.add([run], lambda _: NOON) == [run]
    assert ledger.claim(run, LEASE).run == run

    assert "action_key" not in item(ledger, run)
