"""Automations in true time: a minute has sixty seconds here."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import override

import pytest

from local.cloud.scheduler import Scheduler, fired_for
from local.console import Console
from local.plain_http import plain_client
from local.repeat import repeating
from local.system import BEARER, running_system
from tests.support.running_automations import Automations
from tests.support.waiting import until

EVERY_MINUTE = {"type": "schedule", "expression": "rate(1 minute)"}
COMPANIES = ("biz_A", "biz_B")
LATEST = 40
"""Second of the minute by which the automations are created."""
FORGOTTEN = "biz_Forgotten"
GRACE = 20
"""Seconds for an event on a busy machine. The stack's own sweep may run at the minute of a slot."""


class Forgetful(Scheduler):
    """It loses the events of the automation `forgotten`."""

    @override
    def _deliver(self, arn: str, text: str) -> None:
        if '"forgotten"' not in text:
            super()._deliver(arn, text)


@pytest.fixture
def automations() -> Iterator[Automations]:
    """The automations of a separate system, where a slot counts as missed before the next slot."""
    headers = {"Authorization": f"Bearer {BEARER}"}
    with (
        running_system(Console(io.StringIO()), parameters={"MissedGraceSeconds": str(GRACE)}) as system,
        plain_client(base_url=system.api_url, headers=headers) as api,
    ):
        yield Automations(system, api)


def test_a_rate_fires_until_it_is_switched_off_what_is_forgotten_runs_late_and_nothing_is_left_once_deleted(
    automations: Automations,
) -> None:
    printed: list[str] = []
    scheduler = Forgetful(automations.system.emulator.clients, printed.append, lambda: datetime.now(UTC))
    automations.api.get("/automations").raise_for_status()
    # A schedule that is made after its first slot has missed it.
    until(lambda: datetime.now(UTC).second < LATEST)
    with repeating(scheduler.tick, every=0.5, report=printed.append):
        begun = datetime.now(UTC)
        automations.put("steady", EVERY_MINUTE, *COMPANIES)
        automations.put("forgotten", EVERY_MINUTE, FORGOTTEN, missed="run")

        until(lambda: [preferences(automations, each) for each in COMPANIES] == [["none"], ["none"]])
        automations.put("steady", EVERY_MINUTE | {"enabled": False}, *COMPANIES)

        assert until(lambda: sweep_and_count(automations, begun)) == 1
        until(lambda: preferences(automations, FORGOTTEN) == ["none"])
        assert [sweep_and_count(automations, begun) for _ in range(2)] == [1, 1]
        (late,) = automations.runs("forgotten")
        assert late["slot"] in fired(automations, printed, "forgotten")[0]
        assert len(automations.chats(FORGOTTEN)) == 1

        # The next slot passes.
        until(lambda: len(fired(automations, printed, "forgotten")) > 1)
        automations.delete("forgotten")
        assert len(fired(automations, printed, "steady")) == 1
        assert [preferences(automations, each) for each in COMPANIES] == [["none"], ["none"]]

        automations.delete("steady")
        assert automations.row("steady") is None
        assert automations.schedules() == set()


def preferences(automations: Automations, company: str) -> list[str]:
    """Return the notification preferences of a company's chats."""
    return [chat["notification_preference"] for chat in automations.chats(company)]


def sweep_and_count(automations: Automations, since: datetime) -> int:
    """Return the number of runs missed since then, from the metric."""
    automations.sweep()
    return automations.counted("RunsMissed", since)


def fired(automations: Automations, printed: list[str], name: str) -> list[str]:
    """Return the times when the schedule of an automation fired, from the scheduler's reports."""
    return [line for line in printed if line.startswith(fired_for(automations.schedule_name(name)))]
