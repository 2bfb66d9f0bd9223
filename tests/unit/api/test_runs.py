"""``/runs``: many at once, the history, replay and resolve."""

import base64
import json
from datetime import timedelta

import pytest

from aichats.api.app import create_api
from aichats.bootstrap import Application
from aichats.http.deadline import time_limit
from aichats.runs.model import Run
from aichats.runs.rows import EndStatus
from tests.fakes import FakeSqs, Json, ScriptedTransport, ai_chat, ok, page, refused
from tests.lambda_calls import READER, WRITER, HttpCaller, make_application
from tests.ledgers import LEASE, Clock, dynamodb, make_run

CREATE = {"type": "whop.create_chat", "message_text": "How was the week?", "title": "Week"}
MUTE = {"type": "whop.update_chat", "notification_preference": "none"}
ERROR = {"type": "PermissionDeniedError", "message": "whop: 403: No."}
GONE = "a" * 32


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sqs() -> FakeSqs:
    return FakeSqs()


@pytest.fixture
def whop() -> ScriptedTransport:
    return ScriptedTransport()


@pytest.fixture
def app(whop: ScriptedTransport, sqs: FakeSqs, clock: Clock) -> Application:
    return make_application(whop, clock=clock, sqs=sqs)


@pytest.fixture
def api(app: Application) -> HttpCaller:
    return HttpCaller(create_api(app).resolve)


def end(app: Application, status: EndStatus, run: Run | None = None) -> str:
    """A run that came to this end. Gives its id."""
    run = run or make_run()
    row = app.ledger.claim(run, LEASE)
    if status == "succeeded":
        app.ledger.finish(row, status, chat_id="aich_1", result={"chat": ai_chat(id="aich_1")})
    else:
        app.ledger.finish(row, status, error=ERROR)
    return run.run_id


def items(app: Application) -> list[Json]:
    """All that the ledger's table holds."""
    return [dict(item) for item in dynamodb().scan(TableName=app.ledger.table)["Items"]]


# ---------------------------------------------------------------------------------------------- start


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


def test_a_key_that_was_used_with_other_targets_is_refused(api: HttpCaller) -> None:
    key = {"idempotency-key": "k"}
    api("POST", "/runs", {"action": MUTE, "targets": ["aich_1"]}, headers=key)

    answer = api("POST", "/runs", {"action": MUTE, "targets": ["aich_2"]}, headers=key)

    assert (answer.status, answer.fields) == (422, ["Idempotency-Key"])


@pytest.mark.parametrize("key", ["", "x" * 256, "ü"])
def test_a_key_that_is_empty_or_too_long_is_refused(api: HttpCaller, sqs: FakeSqs, key: str) -> None:
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
def test_runs_that_cannot_be_are_refused_whole(
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

    assert len(answer.json["run_ids"]) == len(sqs.sent) == 1000


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


# ---------------------------------------------------------------------------------------------- one run


def test_a_run_is_shown_with_its_chat_and_without_its_texts(api: HttpCaller, app: Application) -> None:
    run_id = end(app, "succeeded")

    answer = api("GET", f"/runs/{run_id}")

    shown = answer.json
    assert (shown["run_id"], shown["status"], shown["chat_id"]) == (run_id, "succeeded", "aich_1")
    assert shown["chat"]["id"] == "aich_1"
    assert (shown["action"], shown["target"], shown["attempts"]) == ("whop.create_chat", "biz_A", 1)
    assert (shown["error"], shown["due_at"]) == (None, None)
    assert "How was the week?" not in answer.body


def test_a_chat_and_a_reply_are_shown_as_their_provider_gave_them_whatever_their_shape(
    api: HttpCaller, app: Application
) -> None:
    result = {"chat": {"conversation": 7, "of": ["a", None]}, "reply": {"text": "Seven.", "score": 0.5}}
    run = make_run()
    app.ledger.finish(app.ledger.claim(run, LEASE), "succeeded", chat_id="aich_1", result=result)

    shown = api("GET", f"/runs/{run.run_id}").json

    assert {name: shown[name] for name in result} == result


def test_a_run_that_failed_is_shown_with_the_reason(api: HttpCaller, app: Application) -> None:
    shown = api("GET", f"/runs/{end(app, 'failed')}").json

    assert (shown["status"], shown["error"], shown["chat"]) == ("failed", ERROR, None)


@pytest.mark.parametrize("rest", ["", "/replay", "/resolve"])
def test_a_run_that_does_not_exist_is_404(api: HttpCaller, rest: str) -> None:
    method = "POST" if rest else "GET"
    body = {"outcome": "failed"} if rest == "/resolve" else None

    answer = api(method, f"/runs/{GONE}{rest}", body)

    assert answer.status == 404


@pytest.mark.parametrize("run_id", ["short", "A" * 32, "1" * 32, "key:" + "a" * 28])
def test_an_id_that_no_run_can_have_is_422(api: HttpCaller, run_id: str) -> None:
    answer = api("GET", f"/runs/{run_id}")

    assert (answer.status, answer.fields) == (422, ["run_id"])


# ---------------------------------------------------------------------------------------------- replay and resolve


@pytest.mark.parametrize("status", ["failed", "missed"])
def test_what_ended_without_success_is_replayed_at_once(
    api: HttpCaller, app: Application, sqs: FakeSqs, status: EndStatus
) -> None:
    run_id = end(app, status)

    answer = api("POST", f"/runs/{run_id}/replay")

    assert (answer.status, answer.json, answer.headers["location"]) == (202, {"run_ids": [run_id]}, f"/runs/{run_id}")
    assert [(sent.run_id, sent.delay) for sent in sqs.sent] == [(run_id, 0)]
    assert api("GET", f"/runs/{run_id}").json["status"] == "pending"


def test_an_unknown_outcome_is_replayed_when_it_can_be_settled(
    api: HttpCaller, app: Application, sqs: FakeSqs, clock: Clock
) -> None:
    run_id = end(app, "unknown")
    clock.forward(seconds=15)

    assert api("POST", f"/runs/{run_id}/replay").status == 202

    assert [(sent.run_id, sent.delay) for sent in sqs.sent] == [(run_id, 45)]


@pytest.mark.parametrize("state", ["pending", "performing", "succeeded"])
def test_a_replay_of_what_is_open_or_succeeded_names_state_and_chat(
    api: HttpCaller, app: Application, sqs: FakeSqs, state: str
) -> None:
    run = make_run()
    if state == "succeeded":
        end(app, "succeeded", run)
    else:
        app.ledger.record(app.ledger.claim(run, timedelta(0)), "aich_1", {})
        if state == "pending":
            row = app.ledger.get(run.run_id)
            assert row is not None
            app.ledger.put_back(row, app.ledger.clock(), unsettled_at=None, error=None)

    answer = api("POST", f"/runs/{run.run_id}/replay")

    assert answer.status == 409
    assert f"run {run.run_id} is {state}, its chat is aich_1: it cannot be replayed" in answer.json["detail"]
    assert sqs.sent == []


def test_a_replay_of_a_run_whose_text_could_not_be_made_says_what_to_mend(
    api: HttpCaller, app: Application, sqs: FakeSqs
) -> None:
    run = make_run()
    app.ledger.note([run], "failed", {"type": "RenderError", "message": "is null"}, unrendered=True)

    replay = api("POST", f"/runs/{run.run_id}/replay")
    resolve = api("POST", f"/runs/{run.run_id}/resolve", {"outcome": "failed"})

    assert (replay.status, resolve.status) == (409, 409)
    assert replay.json["detail"] == (
        f"run {run.run_id} is failed: its text could not be made, and events are not kept: "
        "mend the automation, its next event or slot uses it"
    )
    assert resolve.json["detail"] == f"run {run.run_id} is failed: it cannot be resolved"
    assert sqs.sent == []


def test_a_person_resolves_an_unknown_outcome_with_the_chat(api: HttpCaller, app: Application) -> None:
    run_id = end(app, "unknown")

    answer = api("POST", f"/runs/{run_id}/resolve", {"outcome": "succeeded", "chat_id": "aich_7"})

    assert (answer.status, answer.json["status"], answer.json["chat_id"]) == (200, "succeeded", "aich_7")


def test_a_person_resolves_an_unknown_outcome_as_failed(api: HttpCaller, app: Application) -> None:
    answer = api("POST", f"/runs/{end(app, 'unknown')}/resolve", {"outcome": "failed"})

    assert (answer.json["status"], answer.json["error"]["message"]) == ("failed", "resolved as failed by local")


def test_only_an_unknown_outcome_is_resolved(api: HttpCaller, app: Application) -> None:
    run_id = end(app, "failed")

    answer = api("POST", f"/runs/{run_id}/resolve", {"outcome": "failed"})

    assert answer.status == 409
    assert f"run {run_id} is failed: it cannot be resolved" in answer.json["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {"outcome": "succeeded"},
        {"outcome": "failed", "chat_id": "aich_1"},
        {"outcome": "succeeded", "chat_id": "biz_1"},
    ],
)
def test_a_success_names_its_chat_and_a_failure_none(api: HttpCaller, app: Application, body: object) -> None:
    answer = api("POST", f"/runs/{end(app, 'unknown')}/resolve", body)

    assert (answer.status, answer.fields) == (422, ["chat_id"])


# ---------------------------------------------------------------------------------------------- a chat's run, later


def test_a_create_whose_outcome_stays_unknown_is_202_again_and_again(
    api: HttpCaller, clock: Clock, whop: ScriptedTransport
) -> None:
    key = {"idempotency-key": "k"}
    whop.script = [refused(409)]
    first = api("POST", "/chats", {"message_text": "hello"}, headers=key)
    mark = f" · {first.headers['x-run-id'][:8]}"
    clock.forward(minutes=2)
    whop.script = [page(ai_chat(id="aich_1", title=mark), ai_chat(id="aich_2", title=mark))]

    second, third = (api("POST", "/chats", {"message_text": "hello"}, headers=key) for _ in range(2))

    assert [answer.status for answer in (first, second, third)] == [202, 202, 202]
    assert [answer.json["status"] for answer in (first, second, third)] == ["pending", "unknown", "unknown"]


def test_a_create_that_a_person_resolved_answers_the_chat(
    api: HttpCaller, app: Application, clock: Clock, whop: ScriptedTransport
) -> None:
    key = {"idempotency-key": "k"}
    whop.script = [refused(409)]
    run_id = api("POST", "/chats", {"message_text": "hello"}, headers=key).headers["x-run-id"]
    clock.forward(minutes=2)
    app.ledger.finish(app.ledger.claim(run_id, LEASE), "unknown", error=ERROR)
    api("POST", f"/runs/{run_id}/resolve", {"outcome": "succeeded", "chat_id": "aich_7"})
    whop.script = [ok(ai_chat(id="aich_7"))]

    answer = api("POST", "/chats", {"message_text": "hello"}, headers=key)

    assert (answer.status, answer.json["id"], answer.headers["idempotent-replayed"]) == (200, "aich_7", "true")


def test_a_create_that_is_given_up_is_502_with_the_reason(api: HttpCaller, clock: Clock) -> None:
    key = {"idempotency-key": "k"}
    with time_limit(1.0):
        first = api("POST", "/chats", {"message_text": "hello"}, headers=key)
        clock.forward(hours=25)
        answer = api("POST", "/chats", {"message_text": "hello"}, headers=key)

    assert (first.status, answer.status) == (202, 502)
    assert answer.json["run_id"] == first.headers["x-run-id"]
    assert "given up after 0 attempts; the last error: no attempt reached the provider" in answer.json["detail"]


def test_a_create_in_progress_is_409_and_names_its_run(api: HttpCaller, whop: ScriptedTransport) -> None:
    key = {"idempotency-key": "k"}
    whop.script = [ZeroDivisionError()]
    assert api("POST", "/chats", {"message_text": "hello"}, headers=key).status == 500

    answer = api("POST", "/chats", {"message_text": "hello"}, headers=key)

    assert answer.status == 409
    assert answer.json["run_id"] == answer.headers["x-run-id"]
    assert f"GET /runs/{answer.json['run_id']}" in answer.json["detail"]


# ---------------------------------------------------------------------------------------------- the history


@pytest.fixture
def now_api(whop: ScriptedTransport, sqs: FakeSqs) -> tuple[HttpCaller, Application]:
    """The API with a ledger on the real clock, which the history's default span counts from."""
    app = make_application(whop, sqs=sqs)
    return HttpCaller(create_api(app).resolve), app


def test_the_runs_of_the_last_day_are_listed_newest_first(now_api: tuple[HttpCaller, Application]) -> None:
    api, app = now_api
    first, second = end(app, "failed", make_run("1")), end(app, "succeeded", make_run("2"))

    answer = api("GET", "/runs")

    assert answer.status == 200
    assert {run["run_id"] for run in answer.json["data"]} == {first, second}
    assert answer.json["data"][0]["created_at"] >= answer.json["data"][1]["created_at"]
    assert answer.json["next_cursor"] is None


def test_runs_are_filtered_by_status_and_automation(now_api: tuple[HttpCaller, Application]) -> None:
    api, app = now_api
    failed = end(app, "failed", make_run("1"))
    end(app, "succeeded", make_run("2"))
    of_schedule = Run("b" * 32, "schedule", make_run().action, None, "2026-07-08-1", "Prod_Stack-schedule", "2026")
    end(app, "succeeded", of_schedule)

    assert [run["run_id"] for run in api("GET", "/runs", query="status=failed").json["data"]] == [failed]
    shown = api("GET", "/runs", query="automation=Prod_Stack-schedule").json["data"]
    assert [(run["automation"], run["slot"]) for run in shown] == [("Prod_Stack-schedule", "2026")]


def test_pages_follow_their_cursor_also_when_the_default_span_has_moved_on(api: HttpCaller, app: Application) -> None:
    for number in range(5):
        end(app, "failed", make_run(str(number)))
    span = "since=2026-11-20T00:00:00Z&until=2026-11-20T23:00:00Z&limit=2"
    found, query = [], span
    for _ in range(10):
        answer = api("GET", "/runs", query=query)
        found += [run["run_id"] for run in answer.json["data"]]
        if answer.json["next_cursor"] is None:
            break
        # Without the span: the cursor knows it.
        query = f"limit=2&cursor={answer.json['next_cursor']}"

    assert len(found) == len(set(found)) == 5


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("status=done", "status"),
        ("automation=a%20b", "automation"),
        ("since=yesterday", "since"),
        ("since=2026-11-20T00:00:00", "since"),
        ("since=2026-11-20T00:00:00Z&until=2026-11-19T00:00:00Z", "since"),
        ("since=2026-10-01T00:00:00Z&until=2026-11-19T00:00:00Z", "since"),
        ("until=0001-01-01T00:00:00Z", "until"),
        ("until=9999-12-31T23:59:59-23:59", "until"),
        ("cursor=", "cursor"),
        ("cursor=nonsense", "cursor"),
        ("cursor=%C3%BC", "cursor"),
        ("cursor=W10", "cursor"),
        ("page=2", "page"),
    ],
)
def test_a_question_that_is_wrong_is_refused_naming_the_parameter(api: HttpCaller, query: str, field: str) -> None:
    answer = api("GET", "/runs", query=query)

    assert (answer.status, answer.fields) == (422, [field])


@pytest.mark.parametrize("time", ["2026-11-20T00:00:00+00:00", "2026-11-20T00:00:00 01:00", "2026-11-20T00:00+01"])
def test_a_plus_that_is_not_escaped_is_told_from_other_times_that_are_wrong(api: HttpCaller, time: str) -> None:
    [problem] = api("GET", "/runs", query=f"since={time}").json["errors"]

    assert problem["message"] == (
        "must be a time with an offset, such as 2026-11-20T09:00:00Z; in a query write + as %2B, or use Z"
    )


@pytest.mark.parametrize("time", ["2026-11-20T00:00:00", "yesterday", "last monday", "2026-11-20 09:00", ""])
def test_a_time_that_is_none_is_told_what_one_is(api: HttpCaller, time: str) -> None:
    [problem] = api("GET", "/runs", query=f"since={time}").json["errors"]

    assert problem["message"] == "must be a time with an offset, such as 2026-11-20T09:00:00Z"


@pytest.mark.parametrize(
    "position",
    [{"day": "2026-11-18"}, {"day": "2026-11-20", "run_id": "x"}, {"run_id": "key:1"}, {"day": 7}, [], None],
)
def test_a_cursor_that_somebody_made_up_is_refused(api: HttpCaller, position: object) -> None:
    cursor = {"since": "2026-11-20T00:00:00Z", "until": "2026-11-20T23:00:00Z", "position": position}
    encoded = base64.urlsafe_b64encode(json.dumps(cursor).encode()).decode().rstrip("=")

    answer = api("GET", "/runs", query=f"cursor={encoded}")

    assert (answer.status, answer.fields) == (422, ["cursor"])
