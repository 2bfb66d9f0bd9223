"""Automations on the whole system, where the clock does not matter, or is moved: what is missed, lost and undone."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from aichats.automations.reconcile import AutomationService, Change
from aichats.automations.scheduler import Schedules
from aichats.automations.table import AutomationTable
from aichats.aws.clients import converting
from local.cloud.scheduler import Scheduler, fired_for, iso
from local.repeat import repeating
from local.system import System
from tests.support.automations import reconcile
from tests.support.connections import WITH_EACH_CREDENTIAL
from tests.support.mock_servers import Json, MockServer
from tests.support.running_automations import Automations, company
from tests.support.waiting import until

HOUR = timedelta(hours=1)
SOON = timedelta(seconds=10)


@pytest.fixture
def companies() -> tuple[str, str]:
    """Two that no other test uses."""
    return company(), company()


class Hourly:
    """An automation that should have fired three times by now, and whose second event got lost."""

    def __init__(self, automations: Automations, companies: tuple[str, ...], *, missed: str = "skip") -> None:
        self.automations = automations
        self.name = f"hourly-{uuid.uuid4().hex[:8]}"
        third = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=10)
        self.slots = [third - 2 * HOUR, third - HOUR, third]
        automations.put(self.name, schedule(f"cron({third.minute} * * * ? *)"), *companies, missed=missed)
        self.look_again()
        for slot in (self.slots[0], self.slots[2]):
            self.fire(slot)

    @property
    def lost(self) -> datetime:
        """The slot whose event got lost."""
        return self.slots[1]

    def look_again(self) -> None:
        """Make its row older than its slots, with no slot checked."""
        before = self.slots[0] - timedelta(seconds=1)
        self.automations.rewrite(self.name, changed_at=before, checked_until=before)

    def fire(self, slot: datetime) -> None:
        """Deliver a slot's event, and wait until its runs have ended."""
        event = {"automation": self.name, "scheduled_time": iso(slot)}
        self.automations.system.invoke("RunScheduleFunction", event)
        self.all_ended()

    def all_ended(self) -> None:
        """Wait until no run of it is open."""
        until(lambda: all(run["finished_at"] for run in self.automations.runs(self.name)))

    def missed(self) -> list[Json]:
        return self.automations.runs(self.name, status="missed")


def schedule(expression: str, **fields: object) -> Json:
    return {"type": "schedule", "expression": expression, **fields}


# ---- what is missed


def test_a_slot_whose_event_was_lost_is_noted_as_missed_and_counted_once(
    automations: Automations, companies: tuple[str, str], whop: MockServer
) -> None:
    hourly, begun = Hourly(automations, companies), datetime.now(UTC)
    assert automations.sweep()["missed"] == 2
    hourly.look_again()
    assert automations.sweep()["missed"] == 0
    missed = hourly.missed()
    assert {run["target"] for run in missed} == set(companies)
    assert {run["slot"] for run in missed} == {iso(hourly.lost)}
    assert automations.counted("RunsMissed", begun) == 2
    assert len(whop.state()["chats"]) == 4


def test_a_missed_run_can_be_replayed(
    automations: Automations, companies: tuple[str, str], whop: MockServer, api: httpx.Client
) -> None:
    hourly = Hourly(automations, companies[:1])
    automations.sweep()
    (run,) = hourly.missed()
    assert api.post(f"/runs/{run['run_id']}/replay").json() == {"run_ids": [run["run_id"]]}
    until(lambda: len(whop.state()["chats"]) == 3)
    hourly.all_ended()
    assert hourly.missed() == []
    assert len(whop.state()["chats"]) == 3


def test_a_missed_slot_is_run_once_and_late_though_it_is_looked_for_again_and_its_event_comes_after_all(
    automations: Automations, companies: tuple[str, str], whop: MockServer
) -> None:
    hourly, begun = Hourly(automations, companies, missed="run"), datetime.now(UTC)
    assert automations.sweep()["missed"] == 2
    for _ in range(2):
        hourly.look_again()
        assert automations.sweep()["missed"] == 0
    hourly.all_ended()
    hourly.fire(hourly.lost)
    chats = whop.state()["chats"]
    assert [len(automations.chats(company)) for company in companies] == [3, 3]
    assert {chat["notification_preference"] for chat in chats} == {"none"}
    late = [run for run in automations.runs(hourly.name) if run["slot"] == iso(hourly.lost)]
    assert [run["status"] for run in late] == ["succeeded", "succeeded"]
    assert automations.counted("RunsMissed", begun) == 2


def test_an_event_that_comes_after_its_slot_was_stored_as_missed_is_still_performed(
    automations: Automations, companies: tuple[str, str]
) -> None:
    hourly = Hourly(automations, companies)
    automations.sweep()
    assert len(hourly.missed()) == 2
    hourly.fire(hourly.lost)
    assert hourly.missed() == []
    assert [len(automations.chats(company)) for company in companies] == [3, 3]


# ---- table and scheduler come apart


def test_a_schedule_that_was_deleted_is_created_again_once_no_other_process_can_be_at_work(
    automations: Automations,
) -> None:
    automations.put("weekly", schedule("cron(0 9 ? * MON *)", timezone="America/New_York"), "biz_A")
    delete_schedule(automations, "weekly")
    assert automations.sweep()["repaired"] == 0
    assert automations.schedules() == set()
    automations.age("weekly")
    assert automations.sweep()["repaired"] == 1
    made = read_schedule(automations, "weekly")
    assert (made["ScheduleExpression"], made["ScheduleExpressionTimezone"]) == (
        "cron(0 9 ? * MON *)",
        "America/New_York",
    )
    assert automations.sweep()["repaired"] == 0


def test_a_schedule_that_was_changed_or_without_an_automation_is_repaired_ten_minutes_later(
    automations: Automations, system: System
) -> None:
    automations.put("weekly", schedule("cron(0 9 ? * MON *)"), "biz_A")
    original = read_schedule(automations, "weekly")
    changed = {name: original[name] for name in ("GroupName", "FlexibleTimeWindow", "Target")}
    schedules = system.emulator.clients.schedules
    schedules.update_schedule(
        Name=original["Name"], **changed, ScheduleExpression="cron(0 10 ? * TUE *)", State="DISABLED"
    )
    stranger = automations.schedule_name("nobodys")
    schedules.create_schedule(Name=stranger, **changed, ScheduleExpression="rate(1 hour)")
    automations.age("weekly")
    assert automations.sweep()["repaired"] == 0
    assert automations.schedules() == {"weekly", "nobodys"}
    repairs = reconcile(service_of(automations, later=timedelta(minutes=11)))
    assert sorted(repairs, key=lambda each: each.name) == [Change(stranger, "removed"), Change("weekly", "updated")]
    repaired = read_schedule(automations, "weekly")
    dates = {"CreationDate", "LastModificationDate", "ResponseMetadata"}
    assert {name: repaired[name] for name in repaired.keys() - dates} == {
        name: original[name] for name in original.keys() - dates
    }


def service_of(automations: Automations, later: timedelta) -> AutomationService:
    """Return the service with which the sweep repairs, at a later time."""

    def clock() -> datetime:
        return datetime.now(UTC) + later

    system = automations.system
    clients, outputs = system.emulator.clients, system.stack.outputs
    target = read_schedule(automations, "weekly")["Target"]
    arns = target["Arn"], target["RoleArn"], target["DeadLetterConfig"]["Arn"]
    schedules = Schedules(converting(clients.schedules), outputs["ScheduleGroup"], *arns, clock)
    return AutomationService(
        AutomationTable(converting(clients.dynamodb), outputs["AutomationsTable"], clock), schedules, clock
    )


def read_schedule(automations: Automations, name: str) -> Any:
    system = automations.system
    return system.emulator.clients.schedules.get_schedule(
        Name=automations.schedule_name(name), GroupName=system.stack.outputs["ScheduleGroup"]
    )


def delete_schedule(automations: Automations, name: str) -> None:
    system = automations.system
    system.emulator.clients.schedules.delete_schedule(
        Name=automations.schedule_name(name), GroupName=system.stack.outputs["ScheduleGroup"]
    )


# ---- once


@contextmanager
def firing(system: System) -> Iterator[list[str]]:
    """Run the scheduler by the real clock for the ``with`` block, and yield its reports."""
    printed: list[str] = []
    # On a slow machine, a slot may be minutes ago when the block begins.
    scheduler = Scheduler(system.emulator.clients, printed.append, lambda: datetime.now(UTC), max_delay=HOUR)
    with repeating(scheduler.tick, every=0.2, report=printed.append):
        yield printed


@WITH_EACH_CREDENTIAL
def test_a_one_off_fires_once_and_its_schedule_is_gone_for_good(
    automations: Automations, companies: tuple[str, str], whop: MockServer
) -> None:
    # Else the start of the function's process would come off those seconds.
    automations.api.get("/automations").raise_for_status()
    company, time_of_end = companies[0], datetime.now(UTC) + SOON
    automations.put("once", schedule(f"at({time_of_end:%Y-%m-%dT%H:%M:%S})"), company)
    with firing(automations.system) as fired:
        until(lambda: [chat["notification_preference"] for chat in automations.chats(company)] == ["none"])
        until(lambda: "once" not in automations.schedules())
        automations.age("once")
        assert automations.sweep()["repaired"] == 0
        assert automations.schedules() == set()
        (listed,) = automations.api.get("/automations").json()["data"]
        assert (listed["name"], listed["next_at"]) == ("once", None)
        name = automations.schedule_name("once")
        assert [line for line in fired if name in line] == [fired_for(name) + iso(time_of_end)]
        assert len(whop.state()["chats"]) == 1


@WITH_EACH_CREDENTIAL
def test_chats_that_are_muted_for_a_while_are_unmuted_at_that_time(
    automations: Automations, companies: tuple[str, str], whop: MockServer, api: httpx.Client
) -> None:
    bodies = [{"message_text": "Hello", "company_id": company} for company in companies]
    ids = [api.post("/chats", json=body).json()["id"] for body in bodies]
    time_of_end = datetime.now(UTC) + SOON
    body = {"notification_preference": "none", "ids": ids, "until": time_of_end.isoformat()}
    answer = api.post("/chats/notification-preference", json=body)
    assert (answer.status_code, len(answer.json()["run_ids"])) == (202, 2)

    def preferences() -> set[str]:
        return {chat["notification_preference"] for chat in whop.state()["chats"]}

    until(lambda: preferences() == {"none"})
    (listed,) = api.get("/automations").json()["data"]
    assert listed["name"].startswith("until-")
    assert listed["trigger"]["expression"] == f"at({time_of_end:%Y-%m-%dT%H:%M:%S})"
    # On a slow machine, the time may come before the chats are muted. So nothing fires until they are seen muted.
    with firing(automations.system) as fired:
        until(lambda: preferences() == {"all"})
        assert datetime.now(UTC) >= time_of_end.replace(microsecond=0)
        until(lambda: not automations.schedules())
    assert any(iso(time_of_end) in line for line in fired), json.dumps(fired)
