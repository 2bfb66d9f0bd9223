"""After two requests at the same time, the scheduler is as the table requires."""

from collections.abc import Callable
from itertools import count

import pytest

from aichats.automations.reconcile import AutomationService, Change
from tests.support.automations import CRON, RATE, WEBHOOK, automation, scheduled
from tests.support.service_bench import NAME, OFF, ServiceBench

MEANWHILE: list[Callable[[AutomationService], object]] = [
    lambda service: service.put(NAME, RATE),
    lambda service: service.put(NAME, WEBHOOK),
    lambda service: service.put(NAME, OFF),
    lambda service: service.delete(NAME),
    lambda service: (service.delete(NAME), service.put(NAME, RATE)),
]


@pytest.mark.parametrize("other", MEANWHILE)
@pytest.mark.parametrize("call", range(5))
def test_after_a_put_and_another_request_the_scheduler_is_as_the_table_requires(
    bench: ServiceBench, call: int, other: Callable[[AutomationService], object]
) -> None:
    bench.service.put(NAME, RATE)
    bench.world.meanwhile = lambda: other(bench.calm)

    with bench.world.process({call: "meanwhile"}):
        bench.service.put(NAME, CRON)

    assert bench.sweep() == []


@pytest.mark.parametrize("other", MEANWHILE)
@pytest.mark.parametrize("call", range(4))
def test_after_a_deletion_and_another_request_the_scheduler_is_as_the_table_requires(
    bench: ServiceBench, call: int, other: Callable[[AutomationService], object]
) -> None:
    bench.service.put(NAME, CRON)
    bench.world.meanwhile = lambda: other(bench.calm)

    with bench.world.process({call: "meanwhile"}):
        bench.service.delete(NAME)

    assert bench.sweep() == []


def test_a_row_that_keeps_changing_is_left_to_the_sweep(bench: ServiceBench) -> None:
    definitions = (automation(scheduled(f"rate({minutes} minutes)")) for minutes in count(2))
    bench.world.meanwhile = lambda: bench.store.put(NAME, next(definitions))

    with bench.world.process(dict.fromkeys(range(3, 20), "meanwhile")):
        bench.service.put(NAME, CRON)

    assert bench.sweep() == [Change(NAME, "updated")]
    row = bench.store.get(NAME)
    assert row is not None
    assert row.schedule is not None
    assert bench.expression() == row.schedule.expression
