"""Without errors, put and delete change table and scheduler together."""

from datetime import timedelta

import pytest

from aichats.automations.conditions import StaleError
from tests.support.automations import CRON, RATE, WEBHOOK, at, automation, scheduled
from tests.support.ledgers import NOON
from tests.support.service_bench import NAME, OFF, SCHEDULE, ServiceBench


def test_an_automation_gets_its_row_and_its_schedule(bench: ServiceBench) -> None:
    result = bench.service.put(NAME, CRON)

    assert (result.created, result.row.unconfirmed_slots) == (True, ())
    assert bench.store.get(NAME) == result.row
    assert bench.expression() == "cron(0 9 ? * MON *)"
    assert bench.scheduler.calls == ["create"]


def test_a_change_of_the_trigger_changes_the_schedule(bench: ServiceBench) -> None:
    bench.service.put(NAME, CRON)

    assert not bench.service.put(NAME, RATE).created
    assert bench.expression() == "rate(5 minutes)"


def test_a_change_of_the_message_leaves_the_schedule_as_it_is(bench: ServiceBench) -> None:
    bench.service.put(NAME, CRON)
    bench.service.put(NAME, automation(scheduled(message="another")))

    assert bench.scheduler.calls == ["create", "create", "get"]


def test_a_disabled_automation_keeps_its_schedule(bench: ServiceBench) -> None:
    for definition, state in ((CRON, "ENABLED"), (OFF, "DISABLED"), (CRON, "ENABLED")):
        bench.service.put(NAME, definition)
        assert bench.scheduler.schedules[SCHEDULE]["State"] == state


def test_an_automation_with_a_webhook_has_no_schedule(bench: ServiceBench) -> None:
    bench.service.put(NAME, CRON)
    bench.service.put(NAME, WEBHOOK)
    assert bench.scheduler.schedules == {}
    bench.service.put(NAME, CRON)
    assert bench.expression() == "cron(0 9 ? * MON *)"


def test_a_deletion_leaves_no_trace(bench: ServiceBench) -> None:
    bench.service.put(NAME, CRON)

    assert bench.service.delete(NAME)
    assert bench.scheduler.schedules == {}
    assert list(bench.store.rows()) == []
    assert not bench.service.delete(NAME)


def test_a_stale_request_changes_nothing(bench: ServiceBench) -> None:
    bench.service.put(NAME, CRON)
    before = dict(bench.scheduler.schedules)

    with pytest.raises(StaleError):
        bench.service.put(NAME, RATE, if_match='"other"')
    with pytest.raises(StaleError):
        bench.service.put(NAME, RATE, if_none_match="*")
    with pytest.raises(StaleError):
        bench.service.delete(NAME, if_match='"other"')
    assert bench.scheduler.schedules == before
    assert bench.scheduler.calls == ["create"]


def test_a_sweep_without_anything_to_repair_changes_nothing(bench: ServiceBench) -> None:
    for name, definition in {"cron": CRON, "rate": RATE, "off": OFF, "listens": WEBHOOK}.items():
        bench.service.put(name, definition)
    bench.service.put("once", at(NOON + timedelta(days=1)))
    before = {name: dict(each) for name, each in bench.scheduler.schedules.items()}

    for _ in range(5):
        assert bench.sweep() == []
    assert bench.scheduler.schedules == before
