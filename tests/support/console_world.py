"""A stack in memory with everything that the console can show."""

from datetime import datetime

from tests.support.stack_in_memory import StackInMemory, hourly


def lively_stack(now: datetime) -> StackInMemory:
    """Return a stack at a time, with automations and runs in every state."""
    stack = StackInMemory()
    stack.clock.now = now
    stack.put(hourly("biz_A", "biz_B"), "hourly-report")
    stack.tick(now.replace(minute=0, second=0, microsecond=0), "hourly-report")
    stack.work()
    return stack
