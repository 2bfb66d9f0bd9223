"""Scopes: an action needs the scope of its effect, and the text of a chat needs ``chats:read``."""

import re

import pytest

from aichats.api.app import create_api
from aichats.api.callers import Scope
from aichats.api.every_operation import OPERATIONS
from aichats.bootstrap import Application
from local.setup import ROOT
from tests.support.automations import scheduled
from tests.support.fakes import FakeSecretsManager, FakeSqs, Json, ScriptedTransport
from tests.support.lambda_calls import (
    CALLERS_SECRET,
    SECRETS,
    Answer,
    HttpCaller,
    make_application,
    stored_caller,
)
from tests.support.ledgers import LEASE, make_run
from tests.support.runs_api import CREATE, ERROR, MUTE, end

ACTIONS = [
    ("POST", "/runs", {"action": CREATE, "targets": ["biz_A"]}, "runs:write"),
    ("POST", "/runs", {"action": MUTE, "targets": ["aich_1"]}, "runs:write"),
    (
        "POST",
        "/runs",
        {"action": {"type": "kodey.send_message", "content": "Hi"}, "targets": ["chat_1"]},
        "runs:write",
    ),
    ("PUT", "/automations/weekly", scheduled(), "automations:write"),
    ("POST", "/automations/weekly/run", None, "automations:write"),
]

TOKENS = [
    *("runs:read", "runs:write", "automations:write"),
    *("runs:read chats:read", "runs:read messages:read", "runs:write chats:write", "automations:write chats:write"),
]
"""The scopes of each token, which are also its name."""


class ApiWithScopes:
    """The API with tokens that have only some scopes."""

    def __init__(self) -> None:
        callers = {
            f"caller-{index}": stored_caller(_token(scopes), *scopes.split()) for index, scopes in enumerate(TOKENS)
        }
        secrets, self.sqs = FakeSecretsManager({**SECRETS, CALLERS_SECRET: callers}), FakeSqs()
        self.app: Application = make_application(ScriptedTransport(), secrets, sqs=self.sqs)
        self._call = HttpCaller(create_api(self.app).resolve)

    def call(self, scopes: str, method: str, path: str, body: object = None, **options: object) -> Answer:
        """Return the answer to a caller with these scopes, separated by spaces."""
        return self._call(method, path, body, token=f"Bearer {_token(scopes)}", **options)


def _token(scopes: str) -> str:
    return scopes.replace(" ", "+")


@pytest.fixture
def world() -> ApiWithScopes:
    return ApiWithScopes()


@pytest.mark.parametrize(("method", "path", "body", "scope"), ACTIONS)
def test_an_action_on_chats_needs_chats_write_too(
    world: ApiWithScopes, method: str, path: str, body: Json | None, scope: str
) -> None:
    world.call("automations:write chats:write", "PUT", "/automations/weekly", scheduled(enabled=False))

    rejected = world.call(scope, method, path, body)

    assert rejected.status == 403
    assert "the scope chats:write" in rejected.json["detail"]
    assert world.sqs.sent == []
    assert world.call(f"{scope} chats:write", method, path, body).status in (200, 202)


def test_a_caller_without_scopes_gets_the_names_of_all_missing_scopes(world: ApiWithScopes) -> None:
    rejected = world.call("runs:read", "POST", "/runs", {"action": MUTE, "targets": ["aich_1"]})

    assert "needs the scope runs:write and chats:write" in rejected.json["detail"]


def test_what_names_no_new_effect_needs_its_own_scope_alone(world: ApiWithScopes) -> None:
    world.call("automations:write chats:write", "PUT", "/automations/weekly", scheduled())
    failed, unknown = end(world.app, "failed", make_run("1")), end(world.app, "unknown", make_run("2"))

    assert world.call("automations:write", "DELETE", "/automations/weekly").status == 204
    assert world.call("runs:write", "POST", f"/runs/{failed}/replay").status == 202
    assert world.call("runs:write", "POST", f"/runs/{failed}/cancel").status == 200
    assert world.call("runs:write", "POST", f"/runs/{unknown}/resolve", {"outcome": "failed"}).status == 200


def test_runs_read_alone_shows_that_there_is_a_chat_and_nothing_of_it(world: ApiWithScopes) -> None:
    run_id = end(world.app, "succeeded")
    row = world.app.ledger.claim(other := make_run("2"), LEASE)
    world.app.ledger.finish(row, "succeeded", chat_id="c", result={"chat": {"id": "c"}, "reply": {"content": "secret"}})

    for scopes, sees in (("runs:read", False), ("runs:read chats:read", True)):
        one = world.call(scopes, "GET", f"/runs/{run_id}").json
        listed = {run["run_id"]: run for run in world.call(scopes, "GET", "/runs").json["data"]}

        assert one["chat_id"] == "aich_1"
        assert (one["chat"] is not None) is sees
        assert (listed[run_id]["chat"] is not None) is sees
        assert (listed[other.run_id]["reply"] is not None) is sees


def test_other_answers_with_a_run_show_no_more(world: ApiWithScopes) -> None:
    row = world.app.ledger.claim(make_run(), LEASE)
    row = world.app.ledger.record(row, "aich_1", {"chat": {"id": "aich_1", "title": "Week"}})
    world.app.ledger.finish(row, "unknown", error=ERROR)
    path, body = f"/runs/{row.run.run_id}/resolve", {"outcome": "succeeded", "chat_id": "aich_1"}

    answer = world.call("runs:write", "POST", path, body)

    assert (answer.status, answer.json["chat_id"], answer.json["chat"]) == (200, "aich_1", None)


def test_the_table_of_scopes_in_the_docs_is_that_of_the_operations() -> None:
    text = (ROOT / "docs/reference/scopes.md").read_text()
    rows = [re.findall(r"`([^`]+)`", line) for line in text.splitlines() if line.startswith("| `")]
    documented = {row[0]: tuple(row[1:]) for row in rows}

    assert documented == {f"{each.method} {each.path}": each.scopes for each in OPERATIONS}
    assert [scope for scope in Scope.__value__.__args__ if f"`{scope}`" not in text] == []


def test_runs_read_alone_shows_no_text(world: ApiWithScopes) -> None:
    run_id = end(world.app, "failed")

    for scopes, sees in (("runs:read chats:read", False), ("runs:read messages:read", True)):
        answer = world.call(scopes, "GET", f"/runs/{run_id}")

        assert (answer.json["sent"] is not None) is sees
        assert ("How was the week?" in answer.body) is sees
