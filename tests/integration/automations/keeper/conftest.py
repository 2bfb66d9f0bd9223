"""The stack that each test of the keeper begins with."""

from datetime import timedelta
from typing import Any

import pytest

from aichats.automations.keeper import Keeper
from aichats.automations.store import AutomationStore
from tests.automations import FakeScheduler, make_schedules, make_store
from tests.crashing import FaultyAws, World
from tests.keeper_bench import Stack
from tests.ledgers import Clock, dynamodb


@pytest.fixture
def stack() -> Stack:
    clock = Clock()
    world = World(clock, timedelta(minutes=1))
    scheduler = FakeScheduler(clock)
    store = make_store(clock)
    faulty: Any = FaultyAws(world, dynamodb())
    table = AutomationStore(faulty, store.table, clock)
    return Stack(
        clock, world, scheduler, store, Keeper(table, make_schedules(FaultyAws(world, scheduler), clock), clock)
    )
