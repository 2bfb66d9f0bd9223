"""Any sequence of events, outages, lost messages and sweeps: each event is delivered in the end."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.delivery_bench import NAME, DeliveryBench, accept, fail, url_of

STEPS = st.one_of(
    st.tuples(st.just("happen"), st.integers(1, 12)),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 6.0, 40.0, 300.0, 1900.0])),
    st.tuples(st.sampled_from(["fail", "accept", "slow", "lose messages", "duplicate"]), st.just(0)),
)


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
        case _:
            answer = {"fail": fail(), "accept": accept(), "slow": accept(seconds=7)}[step]
            bench.receivers.answers[url_of(NAME)] = answer


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
