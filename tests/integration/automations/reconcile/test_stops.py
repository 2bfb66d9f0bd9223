"""A put or a deletion that stops in the middle is completed by the same request, or by the sweep."""

from functools import partial

import pytest

from aichats.automations.reconcile import Change
from aichats.automations.scheduler import SchedulerError
from tests.support.automations import CRON, RATE, WEBHOOK
from tests.support.fakes import aws_error
from tests.support.service_bench import (
    AFTER_LAST,
    AFTER_ROW,
    AFTER_SCHEDULE,
    BEFORE_LAST,
    BEFORE_ROW,
    BEFORE_SCHEDULE,
    NAME,
    PUTS,
    UPDATES,
    ServiceBench,
)

# ---------------------------------------------------------------------------------------------- a put that stops


@pytest.mark.parametrize("plan", PUTS)
def test_a_creation_that_stopped_is_completed_by_a_retry(bench: ServiceBench, plan: dict[int, str]) -> None:
    bench.stops(plan, lambda: bench.service.put(NAME, CRON))

    row = bench.service.put(NAME, CRON).row

    assert row.version == 1
    assert bench.expression() == "cron(0 9 ? * MON *)"
    assert bench.sweep() == []


@pytest.mark.parametrize("plan", PUTS)
def test_a_request_that_only_creates_is_completed_by_a_retry(bench: ServiceBench, plan: dict[int, str]) -> None:
    bench.stops(plan, lambda: bench.service.put(NAME, CRON, if_none_match="*"))

    result = bench.service.put(NAME, CRON, if_none_match="*")

    assert (result.row.version, result.created) == (1, plan == BEFORE_ROW)
    assert bench.expression() == "cron(0 9 ? * MON *)"
    assert bench.sweep() == []


@pytest.mark.parametrize("plan", [AFTER_ROW, BEFORE_SCHEDULE])
def test_a_creation_that_stopped_is_completed_by_the_sweep(bench: ServiceBench, plan: dict[int, str]) -> None:
    bench.stops(plan, lambda: bench.service.put(NAME, CRON))
    assert bench.expression() is None

    assert bench.sweep() == [Change(NAME, "created")]
    assert bench.expression() == "cron(0 9 ? * MON *)"
    assert bench.sweep() == []


@pytest.mark.parametrize("plan", [AFTER_SCHEDULE, BEFORE_LAST, AFTER_LAST])
def test_a_creation_that_stopped_at_its_end_needs_no_repair(bench: ServiceBench, plan: dict[int, str]) -> None:
    bench.stops(plan, lambda: bench.service.put(NAME, CRON))

    assert bench.sweep() == []
    assert bench.expression() == "cron(0 9 ? * MON *)"


def test_a_creation_that_never_began_leaves_nothing(bench: ServiceBench) -> None:
    bench.stops(BEFORE_ROW, lambda: bench.service.put(NAME, CRON))

    assert bench.sweep() == []
    assert list(bench.store.rows()) == []


@pytest.mark.parametrize("plan", [BEFORE_ROW, AFTER_ROW, BEFORE_SCHEDULE, *UPDATES, {5: "crash before"}])
def test_a_change_that_stopped_is_completed_by_a_retry(bench: ServiceBench, plan: dict[int, str]) -> None:
    first = bench.service.put(NAME, CRON).row
    bench.stops(plan, lambda: bench.service.put(NAME, RATE, if_match=first.etag))

    result = bench.service.put(NAME, RATE, if_match=first.etag)

    assert (result.row.version, result.created) == (2, False)
    assert bench.expression() == "rate(5 minutes)"
    assert bench.sweep() == []


@pytest.mark.parametrize("plan", [AFTER_ROW, BEFORE_SCHEDULE, *UPDATES[:-1]])
def test_a_change_that_stopped_is_completed_by_the_sweep(bench: ServiceBench, plan: dict[int, str]) -> None:
    bench.service.put(NAME, CRON)
    bench.stops(plan, lambda: bench.service.put(NAME, RATE))
    assert bench.expression() == "cron(0 9 ? * MON *)"

    assert bench.sweep() == [Change(NAME, "updated")]
    assert bench.expression() == "rate(5 minutes)"
    assert bench.sweep() == []


@pytest.mark.parametrize("plan", [AFTER_ROW, BEFORE_SCHEDULE])
def test_the_schedule_of_an_automation_that_has_a_webhook_now_is_removed(
    bench: ServiceBench, plan: dict[int, str]
) -> None:
    for name in ("repeated", "swept"):
        bench.service.put(name, CRON)
        bench.stops(plan, partial(bench.service.put, name, WEBHOOK))

    bench.service.put("repeated", WEBHOOK)

    assert list(bench.scheduler.schedules) == ["dev-automation-swept"]
    assert bench.sweep() == [Change("dev-automation-swept", "removed")]
    assert bench.scheduler.schedules == {}


def test_an_error_of_the_scheduler_is_raised_and_a_retry_completes_the_request(bench: ServiceBench) -> None:
    bench.scheduler.down = aws_error("ThrottlingException", "Rate exceeded")
    with pytest.raises(SchedulerError, match=r"schedule of weekly: ThrottlingException: Rate exceeded\. Retry the"):
        bench.service.put(NAME, CRON)
    with pytest.raises(SchedulerError):
        bench.service.delete(NAME)
    assert bench.store.get(NAME) is None
    bench.scheduler.down = None

    assert bench.service.delete(NAME)
    assert list(bench.store.rows()) == []


# ---------------------------------------------------------------------------------------------- a deletion that stops


@pytest.mark.parametrize("plan", PUTS)
def test_a_deletion_that_stopped_is_completed_by_a_retry(bench: ServiceBench, plan: dict[int, str]) -> None:
    row = bench.service.put(NAME, CRON).row
    bench.stops(plan, lambda: bench.service.delete(NAME, if_match=row.etag))
    is_gone = plan == AFTER_LAST

    if not is_gone:
        assert bench.service.delete(NAME, if_match=row.etag)
    assert bench.scheduler.schedules == {}
    assert list(bench.store.rows()) == []


@pytest.mark.parametrize("plan", [AFTER_ROW, BEFORE_SCHEDULE, AFTER_SCHEDULE, BEFORE_LAST])
def test_a_deletion_that_stopped_is_completed_by_the_sweep(bench: ServiceBench, plan: dict[int, str]) -> None:
    bench.service.put(NAME, CRON)
    bench.stops(plan, lambda: bench.service.delete(NAME))
    assert bench.store.get(NAME) is None

    assert bench.sweep() == [Change(NAME, "deleted")]
    assert bench.scheduler.schedules == {}
    assert list(bench.store.rows()) == []


def test_an_automation_that_is_written_after_a_deletion_that_stopped_is_kept(bench: ServiceBench) -> None:
    bench.service.put(NAME, CRON)
    bench.stops(BEFORE_SCHEDULE, lambda: bench.service.delete(NAME))

    result = bench.service.put(NAME, RATE)

    assert (result.row.version, result.created) == (2, True)
    assert bench.expression() == "rate(5 minutes)"
    assert bench.sweep() == []
