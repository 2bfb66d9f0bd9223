"""The arithmetic of costs. `make benchmark` shows that the measurements run."""

import json
from collections import Counter
from copy import replace
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import cost
from benchmarks.cost import (
    PUBLISH_BATCH,
    Inputs,
    Measurement,
    durable,
    invocation,
    official,
    ours,
    split,
    step_functions,
    waits,
)
from benchmarks.measured import OFFICIAL, PUBLISH, RUN_SCHEDULE
from benchmarks.prices import MILLION, PRICES, gb_seconds, total
from benchmarks.prices import cost as dollars
from benchmarks.writes import units_of_transaction

MEASURED = Measurement(
    init_ms=100.0,
    first_ms=20.2,
    warm_ms=3.5,
    once={"GetSecretValue": 2.0, "GetItem": 1.0},
    each={"create chat": 1.0, "change chat": 1.0, "PutItem": 1.0, "UpdateItem": 2.0},
    log_bytes=1000.0,
)
FUNCTIONS = dict.fromkeys((RUN_SCHEDULE, PUBLISH, PUBLISH_BATCH, OFFICIAL), MEASURED)
INPUTS = Inputs(FUNCTIONS, run_units=9.0, event_units=4.0)


def test_a_million_runs_cost_their_units_at_the_list_prices() -> None:
    assert dollars({"write": 13.0, "event": 2.0}) == pytest.approx({"write": 8.125, "event": 2.0})


@given(st.integers(0, 10 * MILLION), st.dictionaries(st.sampled_from(list(PRICES)), st.floats(0, 1000)))
def test_costs_grow_in_proportion_to_the_runs(runs: int, usage: dict[str, float]) -> None:
    assert sum(dollars(usage, runs).values()) * MILLION == pytest.approx(sum(dollars(usage).values()) * runs)


def test_something_without_a_price_is_no_cost_of_zero() -> None:
    with pytest.raises(KeyError):
        dollars({"coffee": 1.0})


def test_the_parts_of_a_run_add_up() -> None:
    assert total({"read": 1.0, "log": 2.0}, {"log": 3.0}) == {"read": 1.0, "log": 5.0}


@pytest.mark.parametrize(
    ("milliseconds", "memory", "expected"), [(1000.0, 1024, 1.0), (0.1, 1024, 0.001), (1.2, 512, 0.001)]
)
def test_lambda_bills_whole_milliseconds_by_memory(milliseconds: float, memory: int, expected: float) -> None:
    assert gb_seconds(milliseconds, memory) == pytest.approx(expected)


def test_each_price_names_a_page_of_aws() -> None:
    assert all(price.source.startswith("https://aws.amazon.com/") for price in PRICES.values())


def test_calls_to_whop_take_longer_than_calls_to_aws() -> None:
    assert waits(MEASURED.each) == 2 * 50 + 3 * 5


def test_a_warm_invocation_starts_no_process_and_reads_no_secret() -> None:
    usage = invocation(MEASURED, 512, cold=False)

    assert usage["compute"] == gb_seconds(3.5 + 115, 512)
    assert usage["secret"] == usage["read"] == 0


def test_a_cold_invocation_has_the_init_phase_and_reads_its_secrets() -> None:
    usage = invocation(MEASURED, 512, cold=True)

    assert usage["compute"] == gb_seconds(100 + 20.2 + 115 + 15, 512)
    assert (usage["secret"], usage["read"]) == (2, 1)


def test_a_run_of_aichats_has_its_row_its_event_and_its_share_of_a_batch() -> None:
    usage = ours(INPUTS, cold=False)

    assert usage["write"] == 13
    assert usage["event"] == usage["schedule"] == 1
    assert usage["request"] == pytest.approx(1.1)
    assert usage["log"] == 1100


def test_a_rare_run_has_an_invocation_of_its_own_for_its_event() -> None:
    usage = ours(INPUTS, cold=True)

    assert usage["request"] == 2
    assert usage["compute"] == 2 * gb_seconds(100 + 20.2 + 115 + 15, 512)


def test_a_durable_function_costs_its_operations_more_than_a_plain_one() -> None:
    more = sum(dollars(durable(INPUTS, cold=False)).values()) - sum(dollars(official(INPUTS, cold=False)).values())

    assert more == pytest.approx(16.0)


def test_a_state_machine_costs_its_transitions() -> None:
    assert dollars(step_functions())["transition"] == pytest.approx(75.0)


def test_calls_that_each_event_makes_are_apart_from_those_of_the_start() -> None:
    assert split(Counter({"GetSecretValue": 2, "UpdateItem": 8}), 4) == ({"GetSecretValue": 2.0}, {"UpdateItem": 2.0})


def test_a_transaction_costs_twice_the_kilobytes_of_its_items() -> None:
    large = {"Put": {"Item": {"text": {"S": "x" * 1500}}}}

    assert units_of_transaction({"TransactItems": [large, {"Update": {"Key": {}}}]}) == 6


def test_stored_measurements_give_the_same_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored = tmp_path / "durations.json"
    stored.write_text(json.dumps(asdict(INPUTS)))

    assert Inputs.read(stored.read_text()) == INPUTS
    assert cost.main(["--durations", str(stored)]) == 0
    printed = capsys.readouterr().out
    assert "| aichats, warm | 1.00 |" in printed
    assert "Write units of a run: 9, and 4 for its event." in printed


def test_durations_are_medians_of_the_rounds() -> None:
    rounds = [replace(MEASURED, init_ms=milliseconds) for milliseconds in (90.0, 900.0, 100.0)]

    assert cost.median_of(rounds).init_ms == 100.0
