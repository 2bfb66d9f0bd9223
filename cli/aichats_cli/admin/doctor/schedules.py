"""Checks of schedules: those of automations against the table, and the stack's own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aichats.automations.reconcile import SETTLE_TIME
from aichats.automations.scheduler import Schedules
from aichats.aws.scheduler import ScheduleGroup
from aichats.runs.stack_pause import StackPause
from aichats_cli.admin.doctor.findings import RESTORE, Finding, fail, fine, warn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aichats.automations.row import AutomationRow
    from aichats_cli.admin.doctor.examined import ExaminedStack

REPAIRED = "the sweep repairs it within ten minutes. If not, read docs/operations/by-alarm.md#repairsfailedalarm"
ENABLE = "enable it in the console of EventBridge Scheduler"
OWN = ("sweep", "refresh-tokens")
"""The stack's own schedules that must be enabled. The third one, ``schedule``, depends on the parameter Message."""


def check_own_schedules(stack: ExaminedStack) -> Iterator[Finding]:
    """Check that the stack's own schedules are enabled."""
    states = _states(stack, f"{stack.name}-")
    wanted = [*OWN, *(["schedule"] if stack.parameters.get("Message") else [])]
    for name in wanted:
        state = states.get(f"{stack.name}-{name}")
        if state == "ENABLED":
            yield fine(f"{stack.name}-{name} is enabled")
        elif state is None:
            yield fail(f"{stack.name}-{name} is missing", RESTORE)
        else:
            yield fail(f"{stack.name}-{name} is {state.lower()}", ENABLE)


def check_automations(stack: ExaminedStack) -> Iterator[Finding]:
    """Compare the schedules of automations with the table, without repairing them."""
    names = Schedules(stack.aws.schedules, stack.output("ScheduleGroup"), "", "", "")
    states = _states(stack, names.schedule_name(""))
    automations, now = stack.automations, datetime.now(UTC)
    needed = {names.schedule_name(row.name): row for row in automations.rows if row.fires_after(now)}
    for schedule, row in sorted(needed.items()):
        yield from _compare(row, states.get(schedule), now)
    known = {names.schedule_name(name) for name in [*(row.name for row in automations.rows), *automations.unreadable]}
    for schedule in sorted(states.keys() - known):
        yield warn(f"{schedule} belongs to no automation, and its events do nothing", REPAIRED)
    for name in automations.unreadable:
        how = "read docs/operations/by-alarm.md#automationsunreadablealarm"
        yield fail(f"automation {name} can't be read by this version", how)
    yield fine(_counts(len(automations.rows), [states.get(name, "") for name in needed]))


def check_pauses(stack: ExaminedStack) -> Iterator[Finding]:
    """Report the stack and each automation that is paused."""
    now, is_paused = datetime.now(UTC), False
    if window := StackPause(stack.runs).read().at(now):
        is_paused = True
        yield warn(f"the stack is {window.in_words()}", "aichats auto resume --all")
    for row in stack.automations.rows:
        if row.state == "active" and (window := row.pauses.at(now)):
            is_paused = True
            yield warn(f"automation {row.name} is {window.in_words()}", f"aichats auto resume {row.name}")
    if not is_paused:
        yield fine("neither the stack nor an automation is paused")


def _compare(row: AutomationRow, state: str | None, now: datetime) -> Iterator[Finding]:
    expected = "ENABLED" if row.schedule and row.schedule.enabled else "DISABLED"
    if state == expected or now - row.changed_at <= SETTLE_TIME:
        return
    if state is None:
        yield fail(f"automation {row.name} has no schedule, so it doesn't fire", REPAIRED)
    else:
        yield fail(f"automation {row.name}: its schedule is {state}, not {expected}", REPAIRED)


def _counts(automations: int, states: list[str]) -> str:
    enabled, disabled = states.count("ENABLED"), states.count("DISABLED")
    return f"{automations} automations; schedules: {enabled} enabled, {disabled} disabled"


def _states(stack: ExaminedStack, prefix: str) -> dict[str, str]:
    """Return the state of each schedule whose name begins with a prefix."""
    group = ScheduleGroup(stack.aws.schedules, stack.output("ScheduleGroup"))
    return {schedule["Name"]: schedule["State"] for schedule in group.list(prefix)}
