"""The last use of a caller is noted once an hour, and no call waits for it or fails because of it."""

import threading
from copy import replace
from datetime import timedelta
from typing import Any

import pytest

from aichats.api import last_use
from aichats.api.app import create_api
from aichats.api.last_use import last_use_key
from aichats.runs.ledger.times import to_text
from tests.support.fakes import FakeSecretsManager, Json, ScriptedTransport, aws_error
from tests.support.lambda_calls import CALLERS_SECRET, SECRETS, Answer, HttpCaller, make_application, stored_caller
from tests.support.ledgers import Clock, dynamodb, make_run
from tests.support.runs_api import end
from tests.support.waiting import PATIENCE, until
from tests.support.watched_dynamodb import CountingDynamoDB

CRM = stored_caller("crm", "runs:read") | {"lineage": "abcdefgh"}


@pytest.fixture(autouse=True)
def long_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each call wait for its note, even on a busy machine."""
    monkeypatch.setattr(last_use, "NOTE_SECONDS", PATIENCE)


class NotingApi:
    """The API of one or many containers, with a DynamoDB that counts calls."""

    def __init__(self, clock: Clock, client: CountingDynamoDB | None = None, **callers: Json) -> None:
        self.clock, self.client = clock, client or CountingDynamoDB()
        self.secrets = FakeSecretsManager({**SECRETS, CALLERS_SECRET: {"crm": CRM, **callers}})
        app = make_application(ScriptedTransport(), self.secrets, clock=clock)
        app.secrets.clock = lambda: clock().timestamp()
        self.run_id = end(app, "failed", make_run())
        watched: Any = self.client
        app.ledger = replace(app.ledger, client=watched)
        self.app = app
        self.start_container()

    def start_container(self) -> None:
        self._call = HttpCaller(create_api(self.app).resolve)

    def __call__(self, name: str = "crm", path: str | None = None, query: str = "") -> Answer:
        """Return the answer to the caller whose token is this name."""
        return self._call("GET", path or f"/runs/{self.run_id}", token=f"Bearer {name}", query=query)

    def used_at(self, identity: str = "crm#abcdefgh") -> str | None:
        """Return the time in the row of a caller; ``None`` if it has no row."""
        key = {"run_id": {"S": last_use_key(identity)}}
        item = dynamodb().get_item(TableName=self.app.ledger.table, Key=key).get("Item")
        return item["used_at"]["S"] if item else None


def test_a_call_notes_the_last_use_and_further_calls_of_the_hour_write_nothing(clock: Clock) -> None:
    api, first = NotingApi(clock), to_text(clock())
    api()
    assert api.used_at() == first

    clock.forward(minutes=59, seconds=59)
    for _ in range(5):
        api()
    assert (api.used_at(), api.client.calls["update_item"]) == (first, 1)

    clock.forward(seconds=1)
    api()
    assert (api.used_at(), api.client.calls["update_item"]) == (to_text(clock()), 2)


def test_the_containers_of_an_hour_write_one_note(clock: Clock) -> None:
    api, first = NotingApi(clock), to_text(clock())
    for _ in range(3):
        api.start_container()
        api()
        clock.forward(minutes=15)
    assert api.used_at() == first


def test_checking_a_caller_calls_aws_only_for_the_note(clock: Clock) -> None:
    limited = stored_caller("limited", "runs:read") | {
        "companies": ["biz_A"],
        "expires_at": to_text(clock() + timedelta(days=90)),
        "previous": stored_caller("before") | {"expires_at": to_text(clock() + timedelta(days=1))},
    }
    api = NotingApi(clock, limited=limited)
    assert api("limited").status == 200
    api.client.calls.clear()
    api.secrets.reads.clear()

    assert [api("limited").status for _ in range(5)] == [200] * 5
    assert (api.client.calls, api.secrets.reads) == ({"get_item": 5}, [])


def test_a_call_that_fails_counts_as_use_and_a_call_without_a_valid_token_does_not(clock: Clock) -> None:
    expired = stored_caller("old", "runs:read") | {"expires_at": to_text(clock())}
    api = NotingApi(clock, old=expired)

    assert [api("old").status, api("wrong").status, api("crm", "/health").status] == [401, 401, 200]
    assert (api.used_at("old"), api.used_at()) == (None, None)
    assert api("crm", "/automations").status == 403
    assert api.used_at() == to_text(clock())


def test_a_new_caller_under_a_revoked_name_was_never_used(clock: Clock) -> None:
    api = NotingApi(clock)
    api()
    assert api.used_at("crm#hgfedcba") is None


class BrokenDynamoDB(CountingDynamoDB):
    """DynamoDB that rejects each update."""

    def update_item(self, **_: Any) -> Any:
        raise aws_error("ProvisionedThroughputExceededException")


def test_if_the_note_fails_the_call_succeeds_and_the_log_has_the_reason(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    api = NotingApi(clock, BrokenDynamoDB())
    assert api().status == 200

    [record] = [vars(record) for record in caplog.records if record.message == "last use not stored"]
    assert (record["caller"], record["reason"]) == ("crm", "ResponseError")


class HangingDynamoDB(CountingDynamoDB):
    """DynamoDB whose updates wait."""

    def __init__(self) -> None:
        super().__init__()
        self.may_end = threading.Event()

    def update_item(self, **request: Any) -> Any:
        self.may_end.wait(60)
        return self.__getattr__("update_item")(**request)


def test_a_call_does_not_wait_for_a_note_that_hangs(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_use, "NOTE_SECONDS", 0.01)
    client = HangingDynamoDB()
    api = NotingApi(clock, client)
    try:
        assert api().status == 200
        assert api.used_at() is None
    finally:
        client.may_end.set()
    until(lambda: api.used_at() is not None)


@pytest.mark.parametrize(("days", "lines"), [(7.5, 0), (6.5, 1), (0.5, 1)])
def test_a_token_that_expires_soon_is_reported_once_an_hour(
    clock: Clock, caplog: pytest.LogCaptureFixture, days: float, lines: int
) -> None:
    end_of_token = to_text(clock() + timedelta(days=days))
    api = NotingApi(clock, ending=stored_caller("ending", "runs:read") | {"expires_at": end_of_token})
    for _ in range(3):
        assert api("ending").status == 200

    soon = [vars(record) for record in caplog.records if record.message == "token expires soon"]
    assert [(record["caller"], record["expires_at"]) for record in soon] == [("ending", end_of_token)] * lines


def test_the_last_use_disturbs_no_list_of_runs(clock: Clock) -> None:
    api = NotingApi(clock)
    api()
    other = make_run("2").run_id
    window = f"since={to_text(clock() - timedelta(days=1))}&until={to_text(clock())}"
    assert [run["run_id"] for run in api(path="/runs", query=window).json["data"]] == [api.run_id]
    assert api(path=f"/runs/{other}").status == 404
    assert [row for rows in api.app.ledger.reads.overdue(clock() + timedelta(days=1)) for row in rows] == []
