"""Ledgers for tests: real ones, each with a table of its own, on the local cloud's DynamoDB."""

import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from aichats.aws.attributes import encode
from aichats.aws.table import DynamoDB
from aichats.runs.action import Action
from aichats.runs.ledger import reads as reader
from aichats.runs.ledger import rows
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.row_changes import LedgerConflictError
from aichats.runs.ledger.rows import EndStatus, Row
from aichats.runs.ledger.times import utc_now
from aichats.runs.model import Run, run_id
from tests.support.actions import whop_create_chat, whop_update_chat
from tests.support.dynamodb_in_process import DynamoDBInProcess
from tests.support.fakes import Json, ai_chat
from tests.support.template import load_template

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SETTLE = timedelta(seconds=60)
LEASE = timedelta(seconds=30)
CREATE = whop_create_chat(message_text="How was the week?", title="Week")
MUTE = whop_update_chat(notification_preference="none")


class Clock:
    """A clock that the test sets, in whole milliseconds, as the ledger stores times."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **step: float) -> datetime:
        """Let time pass, such as ``seconds=30``. Return the new time."""
        self.now += timedelta(**step)
        return self.now


@cache
def _database() -> DynamoDBInProcess:
    return DynamoDBInProcess()


@cache
def dynamodb() -> "DynamoDBClient":
    """Return the DynamoDB of this test process."""
    return _database().client()


def make_table(resource: str = "RunsTable") -> str:
    """Create an empty table as the template does. Return its name."""
    name = f"{resource}-{uuid.uuid4().hex}"
    _database().plan(name, _table(resource))
    return name


def load_items(table: str, items: Iterable[Json]) -> None:
    """Write many items into a table of this test process."""
    _database().load(table, map(encode, items))


def create_table(client: "DynamoDBClient", name: str, resource: str = "RunsTable") -> None:
    """Create a table as the template does, in another DynamoDB."""
    client.create_table(TableName=name, **_table(resource))


@cache
def _table(resource: str) -> dict[str, Any]:
    properties: dict[str, Any] = load_template()["Resources"][resource]["Properties"]
    return {
        name: properties[name]
        for name in ("BillingMode", "KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes")
        if name in properties
    }


def make_ledger(
    clock: Callable[[], datetime] = utc_now, settle: timedelta = SETTLE, client: DynamoDB | None = None
) -> Ledger:
    """Return a ledger with a table of its own. Its calls go through ``client``, if there is one."""
    return Ledger(client or dynamodb(), make_table(), settle, clock)


def make_run(name: str = "one", action: Action = CREATE, target: str | None = "biz_A") -> Run:
    """Return the run of an HTTP call with this key."""
    return Run(
        run_id=run_id("http", "caller", "POST /chats", name, target),
        trigger="http",
        action=action,
        target=target,
        api_version="2026-07-08-1",
    )


RUN = make_run()
GONE = "a" * 32
"""An id without a run."""
ERROR = {"type": "RateLimitError", "message": "whop: 429", "status": 429}


def item(ledger: Ledger, run: Run = RUN) -> Json:
    """Return the row's attributes in DynamoDB."""
    found = dynamodb().get_item(TableName=ledger.table, Key={"run_id": {"S": run.run_id}}, ConsistentRead=True)
    return dict(found.get("Item", {}))


def stored(ledger: Ledger, run: Run = RUN) -> Row:
    row = ledger.get(run.run_id)
    assert row is not None
    return row


def spread_open_rows_less(monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Let the index of open rows have few keys, so that a sweep is faster. Return the keys."""
    keys = ("open.00", "open.01", "open.02")
    for module in (rows, reader):
        monkeypatch.setattr(module, "OPEN_STATES", keys)
    return ("open", *keys)


def overdue(ledger: Ledger, before: datetime) -> list[Row]:
    """Return the open runs that the sweep would resume, the longest waiting first."""
    rows = [row for page in ledger.reads.overdue(before) for row in page]
    return sorted(rows, key=lambda row: row.due_at or NOON)


class Overtaken:
    """DynamoDB in which another writer acts before the first UpdateItem."""

    def __init__(self, act: Callable[[], object]) -> None:
        self._act: Callable[[], object] | None = act

    def update_item(self, **request: Any) -> Any:
        act, self._act = self._act, None
        if act is not None:
            act()
        return dynamodb().update_item(**request)

    def __getattr__(self, name: str) -> Any:
        return getattr(dynamodb(), name)


def conflict_of(act: Callable[[], object]) -> Row | None:
    """Return the row of the conflict that an action raises."""
    with pytest.raises(LedgerConflictError) as caught:
        act()
    return caught.value.row


def end(ledger: Ledger, status: EndStatus, run: Run = RUN) -> Row:
    """Bring a run to this end."""
    row = ledger.claim(run, LEASE)
    if status == "succeeded":
        ledger.finish(row, status, chat_id="aich_1", result={"chat": ai_chat()})
    else:
        ledger.finish(row, status, error=ERROR)
    return stored(ledger, run)


def replaced(row: Row, **changes: Any) -> Row:
    return Row(**{**vars(row), **changes})


def with_error(runs: Sequence[Run], error: Json) -> list[tuple[Run, Json]]:
    return [(run, error) for run in runs]


def runs(count: int) -> list[Run]:
    return [make_run(target=f"biz_{number}") for number in range(count)]
