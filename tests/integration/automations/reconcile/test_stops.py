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
def test_a_creation_that_stopped_is_completed_by_a_retry(stack: ServiceBench, plan: dict[int, str]) -> None:
    stack.stops(plan, lambda: stack.service.put(NAME, CRON))

    row = stack.service.put(NAME, CRON).row

    assert row.version == 1
    assert stack.expression() == "cron(0 9 ? * MON *)"
    assert stack.sweep() == []


@pytest.mark.parametrize("plan", PUTS)
def test_a_request_that_only_creates_is_completed_by_a_retry(stack: ServiceBench, plan: dict[int, str]) -> None:
    stack.stops(plan, lambda: stack.service.put(NAME, CRON, if_none_match="*"))

    result = stack.service.put(NAME, CRON, if_none_match="*")

    assert (result.row.version, result.created) == (1, plan == BEFORE_ROW)
    assert stack.expression() == "cron(0 9 ? * MON *)"
    assert stack.sweep() == []


@pytest.mark.parametrize("plan", [AFTER_ROW, BEFORE_SCHEDULE])
def test_a_creation_that_stopped_is_completed_by_the_sweep(stack: ServiceBench, plan: dict[int, str]) -> None:
    stack.stops(plan, lambda: stack.service.put(NAME, CRON))
    assert stack.expression() is None

    assert stack.sweep() == [Change(NAME, "created")]
    assert stack.expression() == "cron(0 9 ? * MON *)"
    assert stack.sweep() == []


@pytest.mark.parametrize("plan", [AFTER_SCHEDULE, BEFORE_LAST, AFTER_LAST])
def test_a_creation_that_stopped_at_its_end_needs_no_repair(stack: ServiceBench, plan: dict[int, str]) -> None:
    stack.stops(plan, lambda: stack.service.put(NAME, CRON))

    assert stack.sweep() == []
    assert stack.expression() == "cron(0 9 ? * MON *)"


def test_a_creation_that_never_began_leaves_nothing(stack: ServiceBench) -> None:
    stack.stops(BEFORE_ROW, lambda: stack.service.put(NAME, CRON))

    assert stack.sweep() == []
    assert list(stack.store.rows()) == []


@pytest.mark.parametrize("plan", [BEFORE_ROW, AFTER_ROW, BEFORE_SCHEDULE, *UPDATES, {5: "crash before"}])
def test_a_change_that_stopped_is_completed_by_a_retry(stack: ServiceBench, plan: dict[int, str]) -> None:
    first = stack.service.put(NAME, CRON).row
    stack.stops(plan, lambda: stack.service.put(NAME, RATE, if_match=first.etag))

    result = stack.service.put(NAME, RATE, if_match=first.etag)

    assert (result.row.version, result.created) == (2, False)
    assert stack.expression() == "rate(5 minutes)"
    assert stack.sweep() == []


@pytest.mark.parametrize("plan", [AFTER_ROW, BEFORE_SCHEDULE, *UPDATES[:-1]])
def test_a_change_that_stopped_is_completed_by_the_sweep(stack: ServiceBench, plan: dict[int, str]) -> None:
    stack.service.put(NAME, CRON)
    stack.stops(plan, lambda: stack.service.put(NAME, RATE))
    assert stack.expression() == "cron(0 9 ? * MON *)"

    assert stack.sweep() == [Change(NAME, "updated")]
    assert stack.expression() == "rate(5 minutes)"
    assert stack.sweep() == []


@pytest.mark.parametrize("plan", [AFTER_ROW, BEFORE_SCHEDULE])
def test_the_schedule_of_an_automation_that_has_a_webhook_now_is_removed(
    stack: ServiceBench, plan: dict[int, str]
) -> None:
    for name in ("repeated", "swept"):
        stack.service.put(name, CRON)
        stack.stops(plan, partial(stack.service.put, name, WEBHOOK))

    stack.service.put("repeated", WEBHOOK)

    assert list(stack.scheduler.schedules) == ["dev-automation-swept"]
    assert stack.sweep() == [Change("dev-automation-swept", "removed")]
    assert stack.scheduler.schedules == {}


def test_an_error_of_the_scheduler_is_raised_and_a_retry_completes_the_request(stack: ServiceBench) -> None:
    stack.scheduler.down = aws_error("ThrottlingException", "Rate exceeded")
    with pytest.raises(SchedulerError, match=r"schedule of weekly: ThrottlingException: Rate exceeded\. Retry the"):
        stack.service.put(NAME, CRON)
    with pytest.raises(SchedulerError):
        stack.service.delete(NAME)
    assert stack.store.get(NAME) is None
    stack.scheduler.down = None

    assert stack.service.delete(NAME)
    assert list(stack.store.rows()) == []


# ---------------------------------------------------------------------------------------------- a deletion that stops


@pytest.mark.parametrize("plan", PUTS)
def test_a_deletion_that_stopped_is_completed_by_a_retry(stack: ServiceBench, plan: dict[int, str]) -> None:
    row = stack.service.put(NAME, CRON).row
    stack.stops(plan, lambda: stack.service.delete(NAME, if_match=row.etag))
    is_gone = plan == AFTER_LAST

    if not is_gone:
        assert stack.service.delete(NAME, if_match=row.etag)
    assert stack.scheduler.schedules == {}
    assert list(stack.store.rows()) == []


@pytest.mark.parametrize("plan", [AFTER_ROW, BEFORE_SCHEDULE, AFTER_SCHEDULE, BEFORE_LAST])
def test_a_deletion_that_stopped_is_completed_by_the_sweep(stack: ServiceBench, plan: dict[int, str]) -> None:
    stack.service.put(NAME, CRON)
    stack.stops(plan, lambda: stack.service.delete(NAME))
    assert stack.store.get(NAME) is None

    assert stack.sweep() == [Change(NAME, "deleted")]
    assert stack.scheduler.schedules == {}
    assert list(stack.store.rows()) == []


def test_an_automation_that_is_written_after_a_deletion_that_stopped_is_kept(stack: ServiceBench) -> None:
    stack.service.put(NAME, CRON)
    stack.stops(BEFORE_SCHEDULE, lambda: stack.service.delete(NAME))

    result = stack.service.put(NAME, RATE)

    assert (result.row.version, result.created) == (2, True)
    assert stack.expression() == "rate(5 minutes)"
    assert stack.sweep() == []
