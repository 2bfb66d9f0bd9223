"""An idempotency key belongs to the caller that used it, not to a later caller of the same name."""

import pytest

from aichats.api.app import create_api
from aichats.bootstrap import Application
from aichats.runs.model import run_id
from tests.support.automations import scheduled
from tests.support.fakes import FakeSecretsManager, FakeSqs, Json, ScriptedTransport, ai_chat, ok
from tests.support.lambda_calls import CALLERS_SECRET, SECRETS, Answer, HttpCaller, make_application, stored_caller
from tests.support.runs_api import MUTE

ALL = ("chats:write", "runs:read", "runs:write", "automations:write")


class ApiWithCallers:
    """The API with callers whose names are their tokens."""

    def __init__(self) -> None:
        callers = {name: stored_caller(name, *ALL) | more for name, more in NAMES.items()}
        self.secrets = FakeSecretsManager({**SECRETS, CALLERS_SECRET: callers})
        self.whop = ScriptedTransport()
        self.app: Application = make_application(self.whop, self.secrets, sqs=FakeSqs())
        self._call = HttpCaller(create_api(self.app).resolve)

    def __call__(self, token: str, method: str, path: str, body: object = None, key: str = "k") -> Answer:
        headers = {"idempotency-key": key}
        return self._call(method, path, body, token=f"Bearer {token}", headers=headers)


NAMES: dict[str, Json] = {"crm": {}, "a": {}, "a:b": {}, "shop": {"lineage": "abcdefgh"}}


@pytest.fixture
def world() -> ApiWithCallers:
    return ApiWithCallers()


def test_a_new_caller_under_a_revoked_name_does_not_meet_its_runs(world: ApiWithCallers) -> None:
    body = {"action": MUTE, "targets": ["aich_1"]}
    before = world("shop", "POST", "/runs", body)
    new = stored_caller("new-token", *ALL) | {"lineage": "hgfedcba"}
    world.secrets.values[CALLERS_SECRET] = {"shop": new}

    same, other = (world("new-token", "POST", "/runs", body | {"targets": [chat]}) for chat in ("aich_1", "aich_2"))

    assert (before.status, same.status) == (202, 202)
    assert not set(before.json["run_ids"]) & set(same.json["run_ids"])
    assert (other.status, other.fields) == (422, ["Idempotency-Key"]), "the new caller has used its key itself now"


def test_the_runs_of_a_caller_without_a_lineage_have_the_ids_that_they_always_had(world: ApiWithCallers) -> None:
    world.whop.script = [ok(ai_chat(id="aich_1"))] * 2
    world("crm", "PUT", "/automations/weekly", scheduled())

    created = world("crm", "POST", "/chats", {"message_text": "Hi", "company_id": "biz_A"})
    started = world("crm", "POST", "/runs", {"action": MUTE, "targets": ["aich_1"]})
    by_hand = world("crm", "POST", "/automations/weekly/run")

    assert created.headers["x-run-id"] == run_id("http", "crm", "POST /chats", "k", "biz_A")
    assert started.json["run_ids"] == [run_id("http", "crm", "POST /runs", "k", "aich_1")]
    [target] = scheduled()["targets"]
    assert by_hand.json["run_ids"] == [run_id("http", "weekly", "manual:crm:k", target)]


def test_both_tokens_of_a_rotation_meet_the_same_runs(world: ApiWithCallers) -> None:
    body = {"action": MUTE, "targets": ["aich_1"]}
    before = world("shop", "POST", "/runs", body)
    old = {"sha256": stored_caller("shop")["sha256"], "expires_at": "2999-01-01T00:00:00Z"}
    world.secrets.values[CALLERS_SECRET] = {
        "shop": stored_caller("new-token", *ALL) | NAMES["shop"] | {"previous": old}
    }

    answers = [world(token, "POST", "/runs", body) for token in ("new-token", "shop")]

    assert [answer.json for answer in answers] == [before.json] * 2


def test_a_colon_in_a_name_makes_no_two_calls_by_hand_the_same(world: ApiWithCallers) -> None:
    world("a", "PUT", "/automations/weekly", scheduled())

    one = world("a", "POST", "/automations/weekly/run", key="b:c").json["run_ids"]
    other = world("a:b", "POST", "/automations/weekly/run", key="c").json["run_ids"]

    assert not set(one) & set(other)
