"""``POST /runs``: many runs at once, the key of the request, and invalid requests."""

import pytest

from aichats.api.app import create_api
from aichats.bootstrap import Application
from tests.support.fakes import FakeSqs, ScriptedTransport
from tests.support.lambda_calls import READER, WRITER, HttpCaller, make_application
from tests.support.ledgers import GONE
from tests.support.runs_api import CREATE, MUTE, items


def test_each_target_becomes_a_run_that_waits_with_a_message(api: HttpCaller, app: Application, sqs: FakeSqs) -> None:
    answer = api("POST", "/runs", {"action": CREATE, "targets": ["biz_A", None, "biz_B", "biz_A"]})

    assert answer.status == 202
    run_ids = answer.json["run_ids"]
    assert [sent.run_id for sent in sqs.sent] == run_ids
    rows = [app.ledger.get(run_id) for run_id in run_ids]
    assert [(row.run.target, row.status) for row in rows if row] == [
        ("biz_A", "pending"),
        (None, "pending"),
        ("biz_B", "pending"),
    ]


def test_the_same_key_starts_the_same_runs(api: HttpCaller) -> None:
    body = {"action": MUTE, "targets": ["aich_1", "aich_2"]}
    key = {"idempotency-key": "k"}

    first, again, other_key, no_key = (
        api("POST", "/runs", body, headers=headers) for headers in (key, key, {"idempotency-key": "l"}, {})
    )

    assert first.json == again.json
    assert len({answer.json["run_ids"][0] for answer in (first, other_key, no_key)}) == 3


def test_a_key_that_was_used_with_other_targets_is_rejected(api: HttpCaller) -> None:
    key = {"idempotency-key": "k"}
    api("POST", "/runs", {"action": MUTE, "targets": ["aich_1"]}, headers=key)

    answer = api("POST", "/runs", {"action": MUTE, "targets": ["aich_2"]}, headers=key)

    assert (answer.status, answer.fields) == (422, ["Idempotency-Key"])


@pytest.mark.parametrize("key", ["", "x" * 256, "ü"])
def test_a_key_that_is_empty_or_too_long_is_rejected(api: HttpCaller, sqs: FakeSqs, key: str) -> None:
    answer = api("POST", "/runs", {"action": MUTE, "targets": ["aich_1"]}, headers={"idempotency-key": key})

    assert (answer.status, answer.fields) == (422, ["Idempotency-Key"])
    assert sqs.sent == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": MUTE, "targets": []}, "targets"),
        ({"action": MUTE, "targets": [f"aich_{number}" for number in range(1001)]}, "targets"),
        ({"action": MUTE, "targets": ["biz_A"]}, "targets"),
        ({"action": MUTE, "targets": [None]}, "targets"),
        ({"action": CREATE, "targets": ["aich_1"]}, "targets"),
        ({"action": {"type": "whop.burn_chat"}, "targets": ["aich_1"]}, "action.type"),
        ({"action": {"message_text": "hello"}, "targets": ["aich_1"]}, "action.type"),
        ({"action": CREATE | {"agent_identifier": "support"}, "targets": ["biz_A"]}, "action.agent_identifier"),
        ({"action": CREATE | {"message_text": ""}, "targets": ["biz_A"]}, "action.message_text"),
        ({"targets": ["biz_A"]}, "action"),
    ],
)
def test_runs_that_cannot_be_are_rejected_whole(
    api: HttpCaller, app: Application, sqs: FakeSqs, body: object, field: str
) -> None:
    answer = api("POST", "/runs", body, headers={"idempotency-key": "k"})

    assert (answer.status, answer.fields) == (422, [field])
    assert sqs.sent == []
    assert items(app) == []


def test_an_agent_is_taken_since_the_version_that_knows_it(sqs: FakeSqs) -> None:
    app = make_application(ScriptedTransport(), sqs=sqs, whop_api_version="2026-09-15")

    answer = HttpCaller(create_api(app).resolve)(
        "POST", "/runs", {"action": CREATE | {"agent_identifier": "support"}, "targets": ["biz_A"]}
    )

    assert answer.status == 202
    assert [sent.run_id for sent in sqs.sent] == answer.json["run_ids"]


def test_a_thousand_targets_are_taken(api: HttpCaller, sqs: FakeSqs) -> None:
    answer = api("POST", "/runs", {"action": MUTE, "targets": [f"aich_{number}" for number in range(1000)]})

    assert len(answer.json["run_ids"]) == len(sqs.runs) == 1000


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "/runs", "runs:write"),
        ("GET", "/runs", "runs:read"),
        ("GET", f"/runs/{GONE}", "runs:read"),
        ("POST", f"/runs/{GONE}/replay", "runs:write"),
        ("POST", f"/runs/{GONE}/resolve", "runs:write"),
    ],
)
def test_a_caller_of_chats_alone_sees_and_starts_no_runs(api: HttpCaller, method: str, path: str, scope: str) -> None:
    for token in (READER, WRITER):
        answer = api(method, path, token=f"Bearer {token}")
        assert answer.status == 403
        assert scope in answer.json["detail"]
