"""Jobs that replay runs whose texts could not be rendered, after their automation was fixed."""

from copy import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from aichats.runs.model import run_id
from aichats.runs.queue_messages import JobMessage
from tests.support.automations import listening
from tests.support.bulk import BulkBench
from tests.support.fakes import Json
from tests.support.ledgers import dynamodb
from tests.support.output import Output
from tests.support.stack_in_memory import NAME, payment

FILTER, FIXED_FILTER = "data.amount", "data.amount > `10`"
TEMPLATE, FIXED_TEMPLATE = "{{ event.data.company }}", "{{ event.data.company || 'biz_Z' }}"


@pytest.fixture
def bench() -> BulkBench:
    return BulkBench()


def deliver_events(bench: BulkBench, number: int) -> None:
    """Let events meet the automation."""
    event = payment()
    for index in range(number):
        bench.app.webhook_events.handle(f"msg_{index}", event, datetime.fromisoformat(event["timestamp"]))
    bench.clock.forward(seconds=1)


def saying(title: str, *targets: str, **trigger: str) -> Json:
    definition = listening(targets=targets or ("biz_A",), **trigger)
    return definition | {"action": {**definition["action"], "title": title}}


def result(bench: BulkBench, job_id: str) -> tuple[int, int, bool]:
    """Return how many runs a job changed and left, and whether it is done."""
    job = bench.api("GET", f"/jobs/{job_id}").json
    return job["done"], job["left"], job["is_done"]


def forget_result(bench: BulkBench, job_id: str) -> None:
    """Forget the results of a job, as if the process had died before it stored them."""
    dynamodb().delete_item(TableName=bench.app.ledger.table, Key={"run_id": {"S": f"job:{job_id}:results"}})


def test_a_job_sends_all_texts_of_a_fixed_automation_under_the_rate_limit(bench: BulkBench) -> None:
    bench.put(saying("{{ event.data.nickname }}"))
    deliver_events(bench, 20)
    bench.put(saying("For {{ event.data.nickname || 'you' }}"))

    job_id = bench.request().json["job_id"]
    bench.deliver(bench.take())
    due = sorted(row.due_at for row in bench.runs if row.due_at is not None)
    bench.work()

    assert result(bench, job_id) == (20, 0, True)
    assert bench.titles == ["For you"] * 20
    assert min(later - earlier for earlier, later in pairwise(due)) >= timedelta(seconds=0.1)


def test_a_duplicate_message_starts_no_replacement_again_and_counts_it_as_done(bench: BulkBench) -> None:
    bench.put(saying("Hello", TEMPLATE))
    deliver_events(bench, 2)
    bench.put(saying("Hello", FIXED_TEMPLATE))
    job_id = bench.request().json["job_id"]
    messages = bench.take()

    assert bench.deliver(messages) == []
    bench.clock.forward(seconds=1)
    forget_result(bench, job_id)
    assert bench.deliver(messages) == []
    bench.work()

    assert result(bench, job_id) == (2, 0, True)
    assert [company for _, company in bench.created] == ["biz_Z", "biz_Z"]
    failed = bench.row_of(run_id("webhook", "msg_0", NAME, TEMPLATE))
    assert failed.status == "failed"


def test_a_run_that_fails_again_is_left_with_the_reason_in_the_log(bench: BulkBench, output: Output) -> None:
    bench.put(saying("{{ event.data.nickname }}"))
    deliver_events(bench, 1)

    job_id = bench.request().json["job_id"]
    bench.work()

    assert result(bench, job_id) == (0, 1, True)
    [log] = [log for log in output.logs if log["message"] == "run left as it is"]
    assert "action.title" in log["reason"]


def test_the_job_of_a_limited_client_starts_no_runs_for_other_companies(bench: BulkBench) -> None:
    bench.put(saying("Hello", "biz_A", "biz_B", filter=FILTER))
    deliver_events(bench, 1)
    bench.put(saying("Hello", "biz_A", "biz_B", filter=FIXED_FILTER))
    job_id = bench.request().json["job_id"]
    job = bench.app.jobs.get(job_id)
    assert job is not None
    limited = replace(job, job_id="l" * 32, companies=frozenset({"biz_A"}))
    bench.app.jobs.add(limited)
    bench.take()

    bench.deliver([f'{{"version":1,"kind":"job","job_id":"{limited.job_id}","part":0}}'])
    bench.work()

    assert bench.created == []
    assert bench.app.jobs.get(limited.job_id) == limited
    bench.app.queue.send_job(JobMessage(job_id=job_id, part=0))
    bench.work()
    assert sorted(company for _, company in bench.created) == ["biz_A", "biz_B"]
