"""The results that the fan-out benchmark computes. `make benchmark` shows that it runs."""

from collections import Counter
from copy import replace

import pytest

from benchmarks import fan_out, rate_limit
from benchmarks.batches import BARE, BARE_IN_TURN, OURS, OURS_IN_TURN, make_runs
from benchmarks.latency import SUCCEEDED, Services
from benchmarks.rate_limit import Result

REASON = "whop: 403 forbidden: You do not have permission to access this resource"
EXPECTED = Result(
    chats=990,
    right=990,
    runs=Counter(succeeded=990, failed=10),
    failures=Counter({REASON: 10}),
    dead_letters=0,
    throttled=0,
    seconds=128.0,
)


@pytest.mark.parametrize(
    ("ours", "calls", "code", "verdicts"),
    [(90.0, 3.0, 0, ("met", "met")), (89.0, 3.0, 1, ("missed", "met")), (90.0, 3.1, 1, ("met", "missed"))],
)
def test_the_exit_code_says_whether_both_marks_are_met(
    ours: float, calls: float, code: int, verdicts: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    numbers = {"runs a second": {OURS: [ours], OURS_IN_TURN: [10.0], BARE: [90.0], BARE_IN_TURN: [12.0]}}

    assert fan_out.report(numbers, {"UpdateItem": calls}) == code
    printed = capsys.readouterr().out
    assert f"the mark of 9 is {verdicts[0]}." in printed
    assert f"the mark of 3 is {verdicts[1]}." in printed


@pytest.mark.parametrize("targets", ["0", "15", "many"])
def test_targets_that_are_no_whole_batches_are_rejected(targets: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        fan_out.main(["--targets", targets])

    assert ended.value.code == 2
    assert "--targets" in capsys.readouterr().err


def test_each_run_of_the_benchmark_is_one_of_its_own() -> None:
    assert len({run.run_id for run in make_runs(0, 10) + make_runs(10, 10)}) == 20


def test_the_services_return_a_row_as_it_was_written_and_count_what_succeeded() -> None:
    services = Services(whop_latency=0.05, aws_latency=0.005)
    item = {"run_id": {"S": "a"}}
    put = b'{"TransactItems": [{"Put": {"Item": {"run_id": {"S": "a"}}}}]}'
    finish = (
        b'{"Key": {"run_id": {"S": "a"}}, "ExpressionAttributeValues": {":status": {"S": "succeeded"}},'
        b' "ReturnValues": "ALL_OLD"}'
    )

    services.answer("POST", "/", "DynamoDB_20120810.TransactWriteItems", put)

    assert services.answer("POST", "/", "DynamoDB_20120810.UpdateItem", finish) == ({"Attributes": item}, 0.005)
    assert services.counts == {"TransactWriteItems": 1, "UpdateItem": 1, SUCCEEDED: 1}


def test_a_fan_out_is_as_expected_if_nothing_is_missing_doubled_or_stuck() -> None:
    assert EXPECTED.is_as_expected(companies=1000, bad=10)


@pytest.mark.parametrize(
    "result",
    [
        replace(EXPECTED, chats=991),
        replace(EXPECTED, right=989),
        replace(EXPECTED, runs=Counter(succeeded=990, failed=9, pending=1)),
        replace(EXPECTED, failures=Counter({"no reason was kept": 10})),
        replace(EXPECTED, dead_letters=1),
    ],
)
def test_a_fan_out_with_another_result_is_reported(result: Result, capsys: pytest.CaptureFixture[str]) -> None:
    assert rate_limit.report(result, companies=1000, bad=10) == 1
    assert "not as expected" in capsys.readouterr().err
