"""The bench with which each test of the service begins."""

from datetime import timedelta
from typing import Any

import pytest

from aichats.automations.reconcile import AutomationService
from aichats.automations.table import AutomationTable
from tests.support.automations import FakeScheduler, make_schedules, make_store
from tests.support.crashing import FaultyAws, World
from tests.support.ledgers import Clock, dynamodb
from tests.support.service_bench import ServiceBench


@pytest.fixture
def bench() -> ServiceBench:
    clock = Clock()
    world = World(clock, timedelta(minutes=1))
    scheduler = FakeScheduler(clock)
    store = make_store(clock)
    faulty: Any = FaultyAws(world, dynamodb())
    table = AutomationTable(faulty, store.table, clock)
    return ServiceBench(
        clock,
        world,
        scheduler,
        store,
        AutomationService(table, make_schedules(FaultyAws(world, scheduler), clock), clock),
    )
