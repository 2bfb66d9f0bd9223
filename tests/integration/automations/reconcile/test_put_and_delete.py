"""Without errors, put and delete change table and scheduler together."""

from datetime import timedelta

import pytest

from aichats.automations.conditions import StaleError
from tests.support.automations import CRON, RATE, WEBHOOK, at, automation, scheduled
from tests.support.ledgers import NOON
from tests.support.service_bench import NAME, OFF, SCHEDULE, ServiceBench


def test_an_automation_gets_its_row_and_its_schedule(stack: ServiceBench) -> None:
    result = stack.service.put(NAME, CRON)

    assert (result.created, result.unconfirmed_slots) == (True, ())
    assert stack.store.get(NAME) == result.row
    assert stack.expression() == "cron(0 9 ? * MON *)"
    assert stack.scheduler.calls == ["create"]


def test_a_change_of_the_trigger_changes_the_schedule(stack: ServiceBench) -> None:
    stack.service.put(NAME, CRON)

    assert not stack.service.put(NAME, RATE).created
    assert stack.expression() == "rate(5 minutes)"


def test_a_change_of_the_message_leaves_the_schedule_as_it_is(stack: ServiceBench) -> None:
    stack.service.put(NAME, CRON)
    stack.service.put(NAME, automation(scheduled(message="another")))

    assert stack.scheduler.calls == ["create", "create", "get"]


def test_a_disabled_automation_keeps_its_schedule(stack: ServiceBench) -> None:
    for definition, state in ((CRON, "ENABLED"), (OFF, "DISABLED"), (CRON, "ENABLED")):
        stack.service.put(NAME, definition)
        assert stack.scheduler.schedules[SCHEDULE]["State"] == state


def test_an_automation_with_a_webhook_has_no_schedule(stack: ServiceBench) -> None:
    stack.service.put(NAME, CRON)
    stack.service.put(NAME, WEBHOOK)
    assert stack.scheduler.schedules == {}
    stack.service.put(NAME, CRON)
    assert stack.expression() == "cron(0 9 ? * MON *)"


def test_a_deletion_leaves_no_trace(stack: ServiceBench) -> None:
    stack.service.put(NAME, CRON)

    assert stack.service.delete(NAME)
    assert stack.scheduler.schedules == {}
    assert list(stack.store.rows()) == []
    assert not stack.service.delete(NAME)


def test_a_stale_request_changes_nothing(stack: ServiceBench) -> None:
    stack.service.put(NAME, CRON)
    before = dict(stack.scheduler.schedules)

    with pytest.raises(StaleError):
        stack.service.put(NAME, RATE, if_match='"other"')
    with pytest.raises(StaleError):
        stack.service.put(NAME, RATE, if_none_match="*")
    with pytest.raises(StaleError):
        stack.service.delete(NAME, if_match='"other"')
    assert stack.scheduler.schedules == before
    assert stack.scheduler.calls == ["create"]


def test_a_sweep_without_anything_to_repair_changes_nothing(stack: ServiceBench) -> None:
    for name, definition in {"cron": CRON, "rate": RATE, "off": OFF, "listens": WEBHOOK}.items():
        stack.service.put(name, definition)
    stack.service.put("once", at(NOON + timedelta(days=1)))
    before = {name: dict(each) for name, each in stack.scheduler.schedules.items()}

    for _ in range(5):
        assert stack.sweep() == []
    assert stack.scheduler.schedules == before
