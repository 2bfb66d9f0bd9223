"""The sweep runs all of its parts, and each has its share of the time."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import pytest

from aichats.automations.reconcile import Change, ChangeKind
from aichats.automations.sweep import Sweep
from aichats.automations.sweep_part import SweepPart
from aichats.automations.table import Contents
from aichats.automations.webhook_check import CHECK_SECONDS
from aichats.aws.observability import metrics
from tests.support.fakes import FakeClock

pytestmark = pytest.mark.usefixtures("no_metrics")


class Part:
    """Stand-in for all parts of the sweep. It records the calls, and raises an error where the test requires it."""

    def __init__(self, *fails: str, changes: tuple[Change, ...] = ()) -> None:
        self.calls: list[str] = []
        self.time_is_up: list[Callable[[], bool]] = []
        self._fails = fails
        self._changes = list(changes)

    def resume(self, time_is_up: Callable[[], bool]) -> dict[str, int]:
        self.time_is_up.append(time_is_up)
        self.called("resume")
        return {"resumed": 2, "ended": 1}

    def contents(self) -> Contents:
        self.called("read")
        return Contents([], set())

    def check(self, _rows: object, part: SweepPart) -> int:
        self.time_is_up.append(part.time_is_up)
        self.called("check")
        return 3

    def reconcile(self, _contents: Contents, part: SweepPart) -> list[Change]:
        self.time_is_up.append(part.time_is_up)
        self.called("reconcile")
        return self._changes

    def called(self, name: str) -> None:
        self.calls.append(name)
        if name in self._fails:
            raise LookupError(name)


class WebhookPart:
    """Stand-in for the check of the webhook. It records the time limits, and fails if the test requires it."""

    def __init__(self, error: Exception | None = None) -> None:
        self.limits: list[float] = []
        self._error = error

    def check(self, _rows: object, seconds: float) -> None:
        self.limits.append(seconds)
        if self._error is not None:
            raise self._error


def sweeping(
    part: Any, clock: FakeClock | None = None, seconds: float = 120, webhook: Any = None, checks: Any = ()
) -> Callable[[], dict[str, int]]:
    sweep = Sweep(
        part,
        part,
        part,
        part,
        part,
        clock or FakeClock(),
        webhook=webhook,
        checks=checks,
        send_deliveries=partial(part.called, "send"),
    )
    return partial(sweep.run, seconds)


def test_slots_are_checked_before_schedules_are_reconciled() -> None:
    part = Part(changes=(Change("weekly", "created"),))

    assert sweeping(part)() == {"resumed": 2, "ended": 1, "missed": 3, "repaired": 1}
    assert part.calls == ["resume", "send", "read", "check", "reconcile"]


@pytest.mark.parametrize("fails", ["resume", "send", "check", "reconcile"])
def test_a_part_that_fails_stops_no_other_and_its_error_is_raised(fails: str) -> None:
    part = Part(fails)

    with pytest.raises(LookupError, match=fails):
        sweeping(part)()

    assert part.calls == ["resume", "send", "read", "check", "reconcile"]


def test_overdue_deliveries_are_sent_even_if_the_table_of_automations_cannot_be_read() -> None:
    part = Part("read")

    with pytest.raises(LookupError, match="read"):
        sweeping(part)()

    assert part.calls == ["resume", "send", "read"]


def test_each_part_has_its_share_of_the_time_and_the_time_that_earlier_parts_left() -> None:
    part, clock = Part(), FakeClock(now=0)
    sweeping(part, clock)()

    for now, over in ((34, 0), (35, 1), (69, 1), (70, 2), (104, 2), (105, 3)):
        clock.now = now
        assert [time_is_up() for time_is_up in part.time_is_up] == [number < over for number in range(3)]


def test_a_function_with_few_seconds_still_gives_each_part_most_of_them() -> None:
    part, clock = Part(), FakeClock(now=0)
    sweeping(part, clock, seconds=10)()

    clock.now = 2
    assert [time_is_up() for time_is_up in part.time_is_up] == [False, False, False]


@pytest.mark.parametrize("fails", [None, "resume", "check", "reconcile"])
def test_the_webhook_is_checked_last_even_if_another_part_fails(fails: str | None) -> None:
    webhook = WebhookPart()
    sweep = sweeping(Part(*[fails] if fails else []), webhook=webhook)

    with pytest.raises(LookupError) if fails else nullcontext():
        sweep()

    assert webhook.limits == [CHECK_SECONDS]


def test_a_check_of_the_webhook_that_fails_stops_no_other_part_and_its_error_is_raised() -> None:
    part = Part()

    with pytest.raises(LookupError, match="webhook"):
        sweeping(part, webhook=WebhookPart(LookupError("webhook")))()

    assert part.calls == ["resume", "send", "read", "check", "reconcile"]


@pytest.mark.parametrize(("used", "limits"), [(100, [10]), (112, [6]), (118, []), (130, [])])
def test_the_webhook_is_checked_in_the_time_that_is_left(used: float, limits: list[float]) -> None:
    clock, webhook = FakeClock(now=0), WebhookPart()

    class SlowPart(Part):
        def reconcile(self, contents: Contents, part: SweepPart) -> list[Change]:
            clock.now = used
            return super().reconcile(contents, part)

    sweeping(SlowPart(), clock, webhook=webhook)()

    assert webhook.limits == limits


@pytest.mark.parametrize("fails", [None, "check", "reconcile", "first", "second"])
def test_the_checks_of_the_table_come_in_order_even_if_another_part_fails(fails: str | None) -> None:
    part, webhook = Part(*[fails] if fails else []), WebhookPart()
    checks = [lambda _, name=name: part.called(name) for name in ("first", "second")]

    with pytest.raises(LookupError, match=fails) if fails else nullcontext():
        sweeping(part, webhook=webhook, checks=checks)()

    assert part.calls == ["resume", "send", "read", "check", "reconcile", "first", "second"]
    assert webhook.limits == [CHECK_SECONDS]


def test_of_several_errors_none_is_lost() -> None:
    with pytest.raises(LookupError, match="reconcile") as caught:
        sweeping(Part("resume", "check", "reconcile"))()

    before = caught.value.__context__
    assert (str(before), str(before and before.__context__)) == ("check", "resume")


def test_changes_that_failed_are_counted_for_an_alarm() -> None:
    changes = Change("one", "failed", "throttled"), Change("two", "done"), Change("three", "failed", "throttled")

    assert sweeping(Part(changes=changes))()["repaired"] == 0
    assert metrics.metric_set["RepairsFailed"]["Value"] == [2]


def test_without_errors_no_repair_counts_as_failed() -> None:
    sweeping(Part(changes=(Change("weekly", "created"),)))()

    assert metrics.metric_set["RepairsFailed"]["Value"] == [0]


@pytest.mark.parametrize(
    ("kind", "repaired"), [("created", 1), ("updated", 1), ("removed", 1), ("deleted", 0), ("done", 0), ("failed", 0)]
)
def test_only_changed_schedules_count_as_repaired(kind: ChangeKind, repaired: int) -> None:
    assert sweeping(Part(changes=(Change("weekly", kind, "a reason"),)))()["repaired"] == repaired
    assert metrics.metric_set["SchedulesRepaired"]["Value"] == [repaired]
