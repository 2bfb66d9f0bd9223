"""Any sequence of events, outages, lost messages and sweeps: each event is delivered in the end."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from aichats.runs.ledger.times import to_text
from aichats.subscriptions.delivery_queue import RedeliveryMessage
from tests.support.delivery_bench import NAME, DeliveryBench, accept, fail, url_of

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
STEPS = st.one_of(
    st.tuples(st.just("happen"), st.integers(1, 12)),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 6.0, 40.0, 300.0, 1900.0])),
    st.tuples(st.sampled_from(["fail", "accept", "slow", "lose messages", "duplicate"]), st.just(0)),
)
CHANGES = st.tuples(st.sampled_from(["disable", "enable", "move", "rotate", "deliver again"]), st.just(0))


def perform(bench: DeliveryBench, step: str, value: Any, names: list[str]) -> None:
    match step:
        case "happen":
            new = [f"run-{len(names) + number}" for number in range(value)]
            names += new
            bench.happen(*new)
            # Until a delivery is stored, only its message knows of it, and SQS loses none.
            bench.work()
        case "wait":
            bench.live(seconds=value)
        case "lose messages":
            bench.work()
            bench.visible.clear()
        case "duplicate":
            bench.visible += bench.visible
        case "fail" | "accept" | "slow":
            answer = {"fail": fail(), "accept": accept(), "slow": accept(seconds=7)}[step]
            bench.receivers.answers[url_of(NAME)] = answer
        case _:
            change(bench, step)


def change(bench: DeliveryBench, step: str) -> None:
    """Do what an API client can do to a subscription."""
    match step:
        case "disable" | "enable":
            bench.subscribe(enabled=step == "enable")
        case "move":
            bench.subscribe(url=f"{url_of(NAME)}?{len(bench.receivers.received)}")
        case "rotate":
            bench.subscriptions.rotate(NAME)
        case "deliver again":
            deliver_again(bench, failed_only=False)


def deliver_again(bench: DeliveryBench, *, failed_only: bool) -> None:
    row, until = bench.row(), bench.clock()
    bench.send(
        RedeliveryMessage(
            subscription=row.name,
            created_at=row.created_at,
            redelivery=to_text(until),
            since=BEGIN,
            until=until,
            failed_only=failed_only,
        )
    )
    bench.work()


@settings(max_examples=25, deadline=None)
@given(st.lists(STEPS, max_size=12))
def test_every_event_is_delivered_after_the_last_outage(steps: list[tuple[str, Any]]) -> None:
    bench, names = DeliveryBench(), list[str]()
    bench.subscribe()
    for step, value in steps:
        perform(bench, step, value, names)
    bench.receivers.answers[url_of(NAME)] = accept()
    # All outages together last less than seven hours, after which the next retry comes within ten.
    bench.live(hours=11)

    assert set(bench.delivered()) == set(names)
    assert bench.statuses() == ["delivered"] * len(names)
    assert bench.row().failures == 0


@settings(max_examples=25, deadline=None)
@given(st.lists(st.one_of(STEPS, CHANGES), max_size=12))
def test_no_event_is_forgotten_whatever_is_changed_meanwhile(steps: list[tuple[str, Any]]) -> None:
    bench, names = DeliveryBench(), list[str]()
    bench.subscribe()
    for step, value in steps:
        perform(bench, step, value, names)
    bench.receivers.answers.clear()
    bench.live(hours=11)
    # Each delivery has ended, and those that a disabled subscription gave up can be made again.
    assert "waiting" not in bench.statuses()
    bench.subscribe()
    deliver_again(bench, failed_only=True)
    deliver_again(bench, failed_only=False)
    bench.live(hours=1)

    assert {got.event["data"]["run_id"] for got in bench.receivers.accepted} == set(names)
    assert bench.statuses() == ["delivered"] * len(names)
