"""``POST /runs/replay``, ``POST /runs/cancel`` and ``GET /jobs/{job_id}``: the runs of a job, and its answers."""

import json
from copy import replace
from typing import Any

import pytest

from aichats.api.routes import bulk
from aichats.http.deadline import time_limit
from aichats.runs.ledger.jobs import JOB_RUNS
from aichats.runs.ledger.reads import Reads
from aichats.runs.ledger.rows import LANES
from aichats.runs.queue_messages import JobMessage, read_message
from tests.support.bulk import FAILED, BulkBench
from tests.support.crashing import Crash
from tests.support.fakes import Json, aws_error
from tests.support.lambda_calls import CALLERS_SECRET, SECRETS, stored_caller
from tests.support.ledgers import LEASE, make_run

GONE_JOB = "a" * 32


@pytest.fixture
def bench() -> BulkBench:
    return BulkBench()


def parts(bench: BulkBench) -> list[int]:
    """Return the parts that the messages in the queue name."""
    messages = [read_message(sent.body) for sent in bench.sqs.sent]
    return [message.part for message in messages if isinstance(message, JobMessage)]


def replay(bench: BulkBench, **changes: Any) -> dict[str, Any]:
    """Request a replay of failed runs. Return the answer."""
    answer = bench.request(body=FAILED | changes)
    assert answer.status in (200, 202), answer.body
    found: dict[str, Any] = answer.json
    return found


def test_a_dry_run_counts_the_runs_names_ten_of_them_and_changes_nothing(bench: BulkBench) -> None:
    run_ids = bench.failed(12)
    before = bench.runs

    answer = bench.request(body=FAILED | {"dry_run": True}, key="k")

    assert answer.status == 200
    assert answer.json == {"dry_run": True, "count": 12, "has_more": False, "sample": run_ids[:10]}
    assert (bench.sqs.sent, bench.runs) == ([], before)
    # The key is still free for the real request.
    assert bench.request(key="k").status == 202


def test_a_job_replays_the_runs_that_match_and_no_other(bench: BulkBench) -> None:
    failed = bench.failed(2)
    other = make_run("done")
    bench.app.ledger.finish(bench.app.ledger.claim(other, LEASE), "succeeded", chat_id="aich_1", result={})

    answer = bench.request()
    assert (answer.status, answer.json["count"], answer.json["has_more"]) == (202, 2, False)
    assert answer.headers["location"] == f"/jobs/{answer.json['job_id']}"
    assert bench.statuses(failed) == ["failed", "failed"]

    assert bench.deliver(bench.take()) == []
    assert bench.statuses([*failed, other.run_id]) == ["pending", "pending", "succeeded"]


def test_a_job_cancels_the_runs_that_match(bench: BulkBench) -> None:
    waiting, other = make_run("1"), make_run("2", target="biz_B")
    bench.app.ledger.add([waiting, other], lambda _: bench.clock.now)
    bench.clock.forward(seconds=1)

    answer = bench.request("cancel", {"filter": {"status": ["pending"], "target": "biz_A"}})
    assert (answer.status, answer.json["count"]) == (202, 1)
    assert bench.deliver(bench.take()) == []

    assert bench.statuses([waiting.run_id, other.run_id]) == ["cancelled", "pending"]
    error = bench.row_of(waiting.run_id).error or {}
    assert error["message"] == f"cancelled by local: job {answer.json['job_id']}"


@pytest.mark.parametrize(
    ("verb", "body", "field"),
    [
        ("replay", {"filter": {"status": ["failed", "succeeded"]}}, "filter.status.1"),
        ("replay", {"filter": {"status": ["pending"]}}, "filter.status.0"),
        ("replay", {"filter": {"status": ["cancelled"]}}, "filter.status.0"),
        ("cancel", {"filter": {"status": ["failed"]}}, "filter.status.0"),
        ("cancel", {"filter": {"status": ["succeeded"]}}, "filter.status.0"),
        ("replay", {"filter": {}}, "filter.status"),
        ("replay", {"filter": {"status": []}}, "filter.status"),
        ("replay", {"filter": {"status": "failed"}}, "filter.status"),
        ("replay", FAILED | {"limit": 0}, "limit"),
        ("replay", FAILED | {"limit": JOB_RUNS + 1}, "limit"),
        ("replay", FAILED | {"dry_run": "yes"}, "dry_run"),
        ("replay", {"filter": {"status": ["failed"], "label": "sales"}}, "filter.label"),
        ("replay", {"filter": {"status": ["failed"], "slot_since": 1795165200}}, "filter.slot_since"),
        ("replay", {"filter": {"status": ["failed"], "since": "2026-01-01T00:00:00Z"}}, "since"),
    ],
)
def test_an_invalid_request_is_rejected_naming_the_field(
    bench: BulkBench, verb: str, body: dict[str, Any], field: str
) -> None:
    answer = bench.request(verb, body)

    assert (answer.status, answer.fields) == (422, [field])


def test_a_limit_takes_the_newest_runs_the_oldest_of_them_first(bench: BulkBench) -> None:
    run_ids = bench.failed(5)

    answer = replay(bench, limit=3, dry_run=True)

    assert (answer["count"], answer["has_more"], answer["sample"]) == (3, True, run_ids[2:])
    assert replay(bench, limit=5)["has_more"] is False


def test_the_search_reads_each_run_of_the_history_once(bench: BulkBench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.many_failed(350)
    queried: list[str] = []

    def created(reads: Reads, lane: str, **conditions: Any) -> Any:
        queried.append(lane)
        return read(reads, lane, **conditions)

    read = Reads.created
    monkeypatch.setattr(Reads, "created", created)

    assert replay(bench, dry_run=True)["count"] == 350
    assert sorted(queried) == sorted(LANES)


def test_a_request_without_time_to_search_further_says_that_more_runs_may_match(
    bench: BulkBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.many_failed(150)
    monkeypatch.setattr(bulk, "SEARCHED_RUNS", 100)

    with time_limit(9.0):
        answer = replay(bench)

    assert (answer["count"], answer["has_more"]) == (100, True)


def test_a_job_has_all_filters_of_the_list(bench: BulkBench) -> None:
    fields: Json = {"automation": "weekly", "trigger": "schedule", "labels": {"team": "sales"}}
    wanted = replace(make_run("0"), slot="2026-11-20T09:00:00Z", **fields)
    changes: Json = {"automation": "x", "trigger": "http", "labels": {}, "slot": None, "target": "biz_B"}
    others = [replace(wanted, run_id=make_run(name).run_id, **{name: changes[name]}) for name in changes]
    for run in (wanted, *others):
        bench.store(run)
    bench.clock.forward(seconds=1)

    slots = {"slot_since": "2026-11-20T09:00:00Z", "slot_until": "2026-11-20T10:00:00+01:00"}
    conditions = {"automation": "weekly", "trigger": "schedule", "label": "team:sales", "target": "biz_A"}
    before = bench.request(body={"filter": {"status": ["failed"], **conditions, **slots}, "dry_run": True}).json
    slots["slot_until"] = "2026-11-20T09:00:01Z"
    found = bench.request(body={"filter": {"status": ["failed"], **conditions, **slots}, "dry_run": True}).json

    assert (before["count"], found["sample"]) == (0, [wanted.run_id])


def test_a_job_without_runs_is_done_at_once(bench: BulkBench) -> None:
    answer = bench.request()

    job = bench.job(answer)
    assert (answer.status, job["count"], job["is_done"], bench.sqs.sent) == (202, 0, True, [])


# ---------------------------------------------------------------------------------------------- the same key again


def test_a_retry_with_the_key_answers_the_same_and_starts_nothing_new(bench: BulkBench) -> None:
    first = bench.failed(2)
    answer = bench.request(key="k")
    bench.deliver(bench.take())
    later = bench.failed(1, first=7)

    again = bench.request(key="k")

    assert (again.status, again.json, again.headers["location"]) == (202, answer.json, answer.headers["location"])
    assert bench.take() == []
    assert bench.statuses([*first, *later]) == ["pending", "pending", "failed"]


def test_a_retry_sends_the_messages_of_parts_without_a_result(bench: BulkBench) -> None:
    bench.many_failed(250)
    bench.request(key="k")
    messages = bench.take()
    bench.deliver(messages[1:2])
    bench.sqs.sent.clear()

    bench.request(key="k")

    assert (len(messages), parts(bench)) == (3, [0, 2])


def test_two_requests_without_a_key_are_two_jobs_but_replay_each_run_once(bench: BulkBench) -> None:
    run_ids = bench.failed(3)
    jobs = [bench.request(), bench.request()]

    assert bench.deliver(bench.take()) == []

    assert jobs[0].json["job_id"] != jobs[1].json["job_id"]
    assert sorted(run_id for run_id, _ in bench.sqs.runs) == sorted([*run_ids, *run_ids])
    bench.run_until_idle()
    assert len(bench.created) == 3


def test_a_key_with_another_body_is_rejected(bench: BulkBench) -> None:
    bench.failed(1)
    bench.request(key="k")

    assert bench.request(body=FAILED | {"limit": 5}, key="k").fields == ["Idempotency-Key"]
    assert bench.request("cancel", {"filter": {"status": ["pending"]}}, key="k").status == 202


# ---------------------------------------------------------------------------------------------- a paused stack


@pytest.mark.parametrize("key", [None, "k"])
def test_while_the_stack_is_paused_runs_can_be_cancelled_and_counted_but_not_replayed(
    bench: BulkBench, key: str | None
) -> None:
    [failed], waiting = bench.failed(1), make_run("waiting")
    bench.app.ledger.add([waiting], lambda _: bench.clock.now)
    bench.clock.forward(seconds=1)
    assert bench.api("POST", "/pause").status == 200

    replayed = bench.request(key=key)
    counted = bench.request(body=FAILED | {"dry_run": True}, key=key)
    cancelled = bench.request("cancel", {"filter": {"status": ["pending"]}}, key=key)
    bench.deliver(bench.take())

    assert (replayed.status, replayed.json["type"]) == (503, "/docs/problems#stack-paused")
    assert (counted.json["count"], cancelled.status) == (1, 202)
    assert bench.statuses([failed, waiting.run_id]) == ["failed", "cancelled"]


def test_a_pause_lets_the_retry_of_a_replay_answer_the_same(bench: BulkBench) -> None:
    bench.failed(1)
    answer = bench.request(key="k")
    bench.api("POST", "/pause")

    assert bench.request(key="k").json == answer.json


# ---------------------------------------------------------------------------------------------- AWS fails


@pytest.mark.parametrize("down", [False, True])
def test_without_sqs_the_answer_has_the_key_and_a_retry_sends_the_messages(
    bench: BulkBench, caplog: pytest.LogCaptureFixture, *, down: bool
) -> None:
    bench.many_failed(150)
    bench.sqs.rejects = lambda _: not down
    bench.sqs.down = aws_error("ServiceUnavailable") if down else None
    answer = bench.request()
    bench.sqs.rejects, bench.sqs.down = (lambda _: False), None

    assert (answer.status, "retry-after" in answer.headers) == (503, True)
    assert answer.json["detail"].startswith("aichats doesn't know whether it started the whole job. Retry the request ")
    assert "call failed" in caplog.messages, "no alarm goes off"
    key = answer.json["detail"].partition("Idempotency-Key: ")[2].partition(". ")[0]
    again = bench.request(key=key)
    assert (again.status, again.json["count"], parts(bench)) == (202, 150, [0, 1])


def test_a_process_that_dies_between_the_job_and_its_messages_is_continued_by_a_retry(bench: BulkBench) -> None:
    run_ids = bench.failed(2)
    bench.sqs.rejects = crash
    with pytest.raises(Crash):
        bench.request(key="k")
    bench.sqs.rejects = lambda _: False
    later = bench.failed(1, first=7)

    assert bench.request(key="k").json["count"] == 2
    assert bench.deliver(bench.take()) == []

    assert bench.statuses([*run_ids, *later]) == ["pending", "pending", "failed"]


def crash(_: object) -> bool:
    raise Crash


# ---------------------------------------------------------------------------------------------- the job


def test_a_job_shows_how_far_it_is(bench: BulkBench) -> None:
    bench.many_failed(150)
    answer = bench.request()
    messages = bench.take()
    begun = bench.job(answer)

    bench.deliver(messages[:1])
    half = bench.job(answer)
    bench.deliver(messages[1:])
    whole = bench.job(answer)

    expected = {"job_id": answer.json["job_id"], "verb": "replay", "by": "local", "count": 150, "has_more": False}
    assert begun.items() >= (expected | {"done": 0, "left": 0, "is_done": False}).items()
    assert begun["filter"]["status"] == ["failed"]
    assert (half["done"], half["left"], half["is_done"]) == (100, 0, False)
    assert (whole["done"], whole["left"], whole["is_done"]) == (150, 0, True)


def test_a_job_that_does_not_exist_is_not_found(bench: BulkBench) -> None:
    assert bench.api("GET", f"/jobs/{GONE_JOB}").status == 404
    assert bench.api("GET", "/jobs/x").fields == ["job_id"]


def test_a_limited_client_gets_only_its_runs_and_its_own_jobs(bench: BulkBench) -> None:
    scopes = ("runs:read", "runs:write")
    limited = {name: stored_caller(name, *scopes) | {"companies": ["biz_1"]} for name in ("agency", "partner")}
    stored = SECRETS[CALLERS_SECRET]
    assert isinstance(stored, dict)
    bench.secrets.values[CALLERS_SECRET] = stored | limited
    run_ids = bench.failed(3)

    dry = bench.request(body=FAILED | {"dry_run": True}, token="Bearer agency").json
    answer = bench.request(token="Bearer agency")
    foreign = bench.request()
    path = answer.headers["location"]
    seen = [bench.api("GET", path, token=f"Bearer {name}").status for name in ("agency", "partner", "local-token")]

    assert (dry["sample"], answer.json["count"], foreign.json["count"]) == ([run_ids[1]], 1, 3)
    assert seen == [200, 404, 200]
    assert bench.api("GET", foreign.headers["location"], token="Bearer agency").status == 404
    bench.deliver([body for body in bench.take() if json.loads(body)["job_id"] == answer.json["job_id"]])
    assert bench.statuses(run_ids) == ["failed", "pending", "failed"]
