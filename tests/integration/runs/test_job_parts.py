"""The parts of jobs: each run is replayed or cancelled once, whatever fails and however often a message comes."""

from contextlib import suppress
from copy import replace
from datetime import timedelta
from itertools import cycle

import pytest

from aichats.http.deadline import time_limit
from aichats.runs.job_parts import CLOCK_STEP, LATE
from aichats.runs.messages import RUNS_SECONDS
from aichats.runs.model import Run
from tests.support.actions import with_fields
from tests.support.bulk import FAILED, BulkBench
from tests.support.crashing import Crash, World
from tests.support.fakes import aws_error
from tests.support.kodey_in_memory import SEND_KODEY
from tests.support.ledgers import CREATE, ERROR, LEASE, Clock, dynamodb, make_run
from tests.support.output import Output
from tests.support.waiting import turns

NO_PART = '{"version":1,"kind":"job","job_id":"%s","part":%d}'


@pytest.fixture
def bench() -> BulkBench:
    return BulkBench()


@pytest.fixture
def world() -> World:
    return World(Clock(), timedelta(minutes=1))


def result(bench: BulkBench, job_id: str) -> tuple[int, int, bool]:
    """Return how many runs a job changed and left, and whether it is done."""
    job = bench.api("GET", f"/jobs/{job_id}").json
    return job["done"], job["left"], job["is_done"]


# ---------------------------------------------------------------------------------------------- once


def test_a_duplicate_message_does_not_replay_a_run_that_failed_again(bench: BulkBench) -> None:
    run_ids = bench.failed(2)
    job_id = bench.request().json["job_id"]
    messages = bench.take()
    bench.deliver(messages)
    bench.fail_again(run_ids[0])

    assert bench.deliver(messages) == []

    assert bench.statuses(run_ids) == ["failed", "pending"]
    assert result(bench, job_id) == (2, 0, True)


def test_a_run_that_failed_again_in_the_same_millisecond_is_not_replayed_again(bench: BulkBench) -> None:
    [run_id] = bench.failed(1)
    bench.request()
    messages = bench.take()
    bench.deliver(messages)
    bench.app.ledger.finish(bench.app.ledger.claim(run_id, LEASE), "failed", error=ERROR)

    bench.deliver(messages)

    assert bench.statuses([run_id]) == ["failed"]


def test_a_run_that_a_person_replayed_after_the_request_is_left_to_that(bench: BulkBench) -> None:
    [run_id] = bench.failed(1)
    bench.request()
    messages = bench.take()
    bench.clock.forward(seconds=1)
    bench.app.ledger.steering.replay(run_id)
    bench.fail_again(run_id)

    bench.deliver(messages)

    assert bench.statuses([run_id]) == ["failed"]


def test_a_second_job_replays_what_failed_again(bench: BulkBench) -> None:
    [run_id] = bench.failed(1)
    for _ in range(2):
        bench.request()
        bench.deliver(bench.take())
        assert bench.statuses([run_id]) == ["pending"]
        bench.fail_again(run_id)
        bench.clock.forward(seconds=1)


def test_a_clock_that_is_behind_that_of_the_request_does_not_let_a_run_be_replayed_twice(bench: BulkBench) -> None:
    [run_id] = bench.failed(1)
    bench.request()
    messages = bench.take()
    created_at = bench.clock.now
    bench.clock.now -= timedelta(milliseconds=500)
    bench.deliver(messages)
    opened_at = bench.row_of(run_id).opened_at
    bench.app.ledger.finish(bench.app.ledger.claim(run_id, LEASE), "failed", error=ERROR)

    bench.deliver(messages)

    assert opened_at == created_at + CLOCK_STEP
    assert bench.statuses([run_id]) == ["failed"]


# ---------------------------------------------------------------------------------------------- left


def test_runs_whose_status_changed_meanwhile_are_counted_as_left(bench: BulkBench) -> None:
    resolved, gone, kept = (make_run(target=f"biz_{number}") for number in range(3))
    for run in (resolved, gone, kept):
        bench.app.ledger.finish(bench.app.ledger.claim(run, LEASE), "unknown", error=ERROR)
    bench.clock.forward(minutes=2)
    job_id = bench.request(body={"filter": {"status": ["unknown"]}}).json["job_id"]
    bench.app.ledger.steering.resolve(resolved.run_id, "succeeded", chat_id="aich_1", by="somebody")
    dynamodb().delete_item(TableName=bench.app.ledger.table, Key={"run_id": {"S": gone.run_id}})

    bench.deliver(bench.take())

    assert result(bench, job_id) == (1, 2, True)
    assert bench.statuses([resolved.run_id, kept.run_id]) == ["succeeded", "pending"]


def test_a_run_that_can_never_be_performed_is_left(bench: BulkBench) -> None:
    unrendered, over, good = make_run("1"), replace(make_run("2"), not_after=bench.clock.now), make_run("3")
    bench.app.ledger.add_ended([(unrendered, ERROR)], "failed", unrendered=True)
    bench.store(over)
    bench.store(good)
    bench.clock.forward(seconds=1)
    job_id = bench.request().json["job_id"]

    bench.deliver(bench.take())

    assert result(bench, job_id) == (1, 2, True)
    assert bench.statuses([good.run_id]) == ["pending"]


def test_a_run_that_cannot_be_read_or_whose_text_has_expired_stops_no_other(bench: BulkBench, output: Output) -> None:
    long = with_fields(CREATE, message_text="How was the week? " * 50)
    runs = [make_run("1"), make_run("2", action=long), make_run("3")]
    for run in runs:
        bench.store(run)
    bench.clock.forward(seconds=1)
    job_id = bench.request().json["job_id"]
    spoil(bench, runs[0])
    [text] = [key for key in keys(bench) if key.startswith("action:")]
    dynamodb().delete_item(TableName=bench.app.ledger.table, Key={"run_id": {"S": text}})

    assert bench.deliver(bench.take()) == []

    assert result(bench, job_id) == (1, 2, True)
    assert bench.statuses([runs[2].run_id]) == ["pending"]
    logged = {log["message"]: log["run_id"] for log in output.logs if "run_id" in log}
    assert logged == {"run left out": runs[0].run_id, "run left as it is": runs[1].run_id}
    assert output.counted("RunsUnreadable") == 1


def spoil(bench: BulkBench, run: Run) -> None:
    """Let the action of a run have a form that this version can't read."""
    dynamodb().update_item(
        TableName=bench.app.ledger.table,
        Key={"run_id": {"S": run.run_id}},
        UpdateExpression="SET #action = :action",
        ExpressionAttributeNames={"#action": "action"},
        ExpressionAttributeValues={":action": {"S": "{}"}},
    )


def keys(bench: BulkBench) -> list[str]:
    """Return the keys of all items of the table of runs."""
    found = dynamodb().scan(TableName=bench.app.ledger.table, ConsistentRead=True)["Items"]
    return [item["run_id"]["S"] for item in found]


def test_of_the_changes_of_a_chat_the_newest_is_replayed_as_the_newest_whatever_comes_first(bench: BulkBench) -> None:
    run_ids = bench.many_failed(120)
    order = bench.request(body=FAILED | {"dry_run": True}).json["sample"]
    bench.request()

    bench.deliver(bench.take()[::-1])

    opened = sorted(run_ids, key=lambda run_id: bench.row_of(run_id).opened_at)
    assert opened[:10] == order
    assert len({bench.row_of(run_id).opened_at for run_id in run_ids}) == 120


def test_a_part_that_comes_a_day_late_leaves_its_runs_time(bench: BulkBench) -> None:
    [run_id] = bench.failed(1)
    bench.request()
    bench.clock.forward(hours=30)

    bench.deliver(bench.take())

    assert bench.clock.now - bench.row_of(run_id).opened_at == LATE


# ---------------------------------------------------------------------------------------------- the rate limits


def test_the_runs_of_all_parts_together_keep_the_rate_limit(bench: BulkBench) -> None:
    bench.many_failed(250)
    bench.request()

    # The parts come in another order than they were sent.
    assert bench.deliver(bench.take()[::-1]) == []

    delays = sorted((row.due_at or bench.clock.now) - bench.clock.now for row in bench.runs)
    assert delays == [timedelta(seconds=number / 8) for number in range(250)]


def test_each_provider_has_its_own_pace(bench: BulkBench) -> None:
    bench.failed(2)
    for number in range(2):
        bench.store(make_run(action=SEND_KODEY, target=f"chat_{number}"))
    bench.clock.forward(seconds=1)
    bench.request()

    bench.deliver(bench.take())

    pauses: dict[str, list[timedelta]] = {}
    for row in bench.runs:
        pauses.setdefault(row.run.provider, []).append((row.due_at or bench.clock.now) - bench.clock.now)
    first = timedelta(0)
    assert sorted(pauses["whop"]) == [first, timedelta(seconds=1 / 8)]
    assert min(pauses["kodey"]) == first < max(pauses["kodey"])


def test_messages_come_when_their_runs_are_due(bench: BulkBench) -> None:
    bench.failed(3)
    bench.request()

    bench.deliver(bench.take())

    assert sorted(seconds for _, seconds in bench.sqs.runs) == [0, 1, 1]


def test_a_run_of_unknown_outcome_waits_for_its_settle_time(bench: BulkBench) -> None:
    run = make_run()
    bench.app.ledger.finish(bench.app.ledger.claim(run, LEASE), "unknown", error=ERROR)
    ended = bench.clock.now
    bench.clock.forward(seconds=10)
    bench.request(body={"filter": {"status": ["unknown"]}})

    bench.deliver(bench.take())

    assert bench.row_of(run.run_id).due_at == ended + timedelta(seconds=60)


def test_a_thousand_failed_runs_are_each_performed_once_within_the_rate_limit(bench: BulkBench) -> None:
    bench.many_failed(1000)
    begun = bench.clock.now
    job_id = bench.request().json["job_id"]

    bench.run_until_idle()

    assert result(bench, job_id) == (1000, 0, True)
    assert {row.status for row in bench.runs} == {"succeeded"}
    companies = [company for _, company in bench.created]
    assert (len(companies), len(set(companies))) == (1000, 1000)
    times = [time for time, _ in bench.created]
    assert times[-1] - begun < timedelta(seconds=130)
    most = max(sum(first <= time < first + timedelta(minutes=1) for time in times) for first in times[::8])
    assert most <= 8 * 60 + 8


# ---------------------------------------------------------------------------------------------- time and failures


def test_a_part_without_time_is_sent_again_and_opens_nothing(bench: BulkBench) -> None:
    run_ids = bench.failed(2)
    job_id = bench.request().json["job_id"]
    messages = bench.take()

    with time_limit(RUNS_SECONDS - 1):
        assert bench.deliver(messages) == []

    assert bench.statuses(run_ids) == ["failed", "failed"]
    assert result(bench, job_id) == (0, 0, False)
    assert bench.take() == messages


@pytest.fixture
def short_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the time of each message suffice for two runs."""
    left = cycle([RUNS_SECONDS + 1, RUNS_SECONDS + 1, RUNS_SECONDS - 1])
    monkeypatch.setattr("aichats.runs.job_parts.remaining", lambda **_: next(left))


@pytest.mark.usefixtures("short_of_time")
def test_a_part_whose_time_ends_in_the_middle_is_continued_by_its_next_message(bench: BulkBench) -> None:
    run_ids = bench.failed(3)
    job_id = bench.request().json["job_id"]

    assert bench.deliver(bench.take()) == []
    assert bench.statuses(run_ids) == ["pending", "pending", "failed"]
    rest = bench.take()
    assert [run_id for run_id, _ in bench.sqs.runs] == run_ids[:2]

    assert bench.deliver(rest) == []
    assert bench.statuses(run_ids) == ["pending"] * 3
    assert bench.take() == []
    assert result(bench, job_id) == (3, 0, True)


@pytest.mark.usefixtures("short_of_time")
def test_a_part_ends_although_the_runs_that_it_leaves_take_all_time_of_a_message(bench: BulkBench) -> None:
    for number in range(4):
        bench.app.ledger.add_ended([(make_run(f"{number}"), ERROR)], "failed", unrendered=True)
    bench.clock.forward(seconds=1)
    run_ids = bench.failed(1)
    job_id = bench.request().json["job_id"]

    bench.run_until_idle()

    assert result(bench, job_id) == (1, 4, True)
    assert bench.statuses(run_ids) == ["succeeded"]


@pytest.mark.usefixtures("short_of_time")
def test_a_continued_part_keeps_the_rate_limit(bench: BulkBench) -> None:
    bench.many_failed(6)
    bench.request()

    for _ in range(3):
        bench.deliver(bench.take())

    delays = sorted((row.due_at or bench.clock.now) - bench.clock.now for row in bench.runs)
    assert delays == [timedelta(seconds=number / 8) for number in range(6)]


@pytest.mark.parametrize("fault", ["crash before", "crash after", "error before", "error after", "answer lost"])
def test_wherever_a_process_dies_or_aws_fails_each_run_is_opened_and_performed_once(world: World, fault: str) -> None:
    for number in turns(30):
        bench = BulkBench(world)
        run_ids = bench.failed(3)
        job_id = bench.request().json["job_id"]
        messages = bench.take()
        with world.process({number: fault}):
            with suppress(Crash):
                bench.deliver(messages)
            happened = world._calls > number
        opened = {run_id: row.opened_at for run_id in run_ids if (row := bench.row_of(run_id)).is_open}
        bench.clock.forward(seconds=5)

        assert bench.deliver(messages) == []

        assert result(bench, job_id) == (3, 0, True)
        assert all(bench.row_of(run_id).opened_at == time for run_id, time in opened.items())
        bench.run_until_idle()
        assert sorted(company for _, company in bench.created) == ["biz_0", "biz_1", "biz_2"]
        if not happened:
            assert number >= 8
            return


def test_an_error_of_aws_gives_the_message_back(bench: BulkBench, output: Output) -> None:
    bench.failed(12)
    bench.request()
    messages = bench.take()
    table = replace(bench.app.ledger, table="nowhere")
    bench.app.jobs = replace(bench.app.jobs, items=table.items)

    assert bench.deliver(messages) == ["0"]

    assert [log["part"] for log in output.logs if log["message"] == "part of a job not performed"] == [0]


def test_without_sqs_the_runs_are_left_to_the_sweep(bench: BulkBench) -> None:
    run_ids = bench.failed(2)
    bench.request()
    messages = bench.take()
    bench.sqs.down = aws_error("ServiceUnavailable")

    assert bench.deliver(messages) == []
    bench.sqs.down = None
    bench.clock.forward(minutes=10)
    assert bench.app.stranded_runs.resume()["resumed"] == 2

    assert bench.statuses(run_ids) == ["pending", "pending"]


@pytest.mark.parametrize("part", [0, 5])
def test_a_message_of_a_job_or_part_that_does_not_exist_is_given_back(bench: BulkBench, part: int) -> None:
    bench.failed(1)
    job_id = bench.request().json["job_id"] if part else "a" * 32

    assert bench.deliver([NO_PART % (job_id, part)]) == ["0"]


def test_jobs_and_runs_of_one_batch_do_not_stop_each_other(bench: BulkBench) -> None:
    run_ids = bench.failed(1)
    bench.request()
    run = make_run("other")
    bench.app.ledger.add([run], lambda _: bench.clock.now)

    assert bench.deliver([NO_PART % ("a" * 32, 0), *bench.take(), f'{{"run_id":"{run.run_id}"}}']) == ["0"]

    assert bench.statuses([*run_ids, run.run_id]) == ["pending", "succeeded"]


# ---------------------------------------------------------------------------------------------- cancel


def test_a_duplicate_message_counts_the_runs_that_the_first_one_cancelled(bench: BulkBench) -> None:
    runs = [make_run(target=f"biz_{number}") for number in range(3)]
    bench.app.ledger.add(runs, lambda _: bench.clock.now)
    bench.clock.forward(seconds=1)
    job_id = bench.request("cancel", {"filter": {"status": ["pending"]}}).json["job_id"]
    bench.app.dispatcher.perform(runs[0].run_id, LEASE)
    bench.app.ledger.steering.cancel(runs[1].run_id, by="job")

    assert bench.deliver(bench.take()) == []

    assert bench.statuses(run.run_id for run in runs) == ["succeeded", "cancelled", "cancelled"]
    assert result(bench, job_id) == (2, 1, True)


def test_a_run_that_was_opened_after_the_request_is_not_cancelled(bench: BulkBench) -> None:
    run = make_run()
    bench.app.ledger.add([run], lambda _: bench.clock.now)
    bench.clock.forward(seconds=1)
    bench.request("cancel", {"filter": {"status": ["pending"]}})
    bench.app.ledger.finish(bench.app.ledger.claim(run.run_id, LEASE), "failed", error=ERROR)
    bench.clock.forward(seconds=1)
    bench.app.ledger.steering.replay(run.run_id)

    bench.deliver(bench.take())

    assert bench.statuses([run.run_id]) == ["pending"]


def test_a_run_of_unknown_outcome_is_looked_up_before_it_ends_as_cancelled(bench: BulkBench) -> None:
    run = make_run()
    bench.app.ledger.finish(bench.app.ledger.claim(run, LEASE), "unknown", error=ERROR)
    bench.clock.forward(minutes=5)
    job_id = bench.request("cancel", {"filter": {"status": ["unknown"]}}).json["job_id"]
    messages = bench.take()

    assert [bench.deliver(messages) for _ in range(2)] == [[], []]
    assert bench.statuses([run.run_id]) == ["pending"]
    bench.run_until_idle()

    assert (bench.statuses([run.run_id]), bench.created) == (["cancelled"], [])
    assert result(bench, job_id) == (1, 0, True)


def test_a_run_that_is_opened_in_the_middle_of_its_replay_counts_as_done(world: World) -> None:
    bench = BulkBench(world)
    [run_id] = bench.failed(1)
    job_id = bench.request().json["job_id"]
    messages = bench.take()
    world.meanwhile = lambda: (bench.clock.forward(seconds=1), bench.app.ledger.steering.replay(run_id))

    # This comes between the read of the run and its write.
    with world.process({2: "meanwhile"}):
        assert bench.deliver(messages) == []

    assert result(bench, job_id) == (1, 0, True)


def test_a_replay_that_another_process_overtakes_counts_it_once(world: World) -> None:
    bench = BulkBench(world)
    bench.failed(1)
    job_id = bench.request().json["job_id"]
    messages = bench.take()
    world.meanwhile = lambda: (bench.deliver(messages), bench.clock.forward(seconds=1))

    # The other process comes between the read of the run and its write.
    with world.process({2: "meanwhile"}):
        assert bench.deliver(messages) == []

    bench.run_until_idle()
    assert len(bench.created) == 1
    assert result(bench, job_id) == (1, 0, True)
