"""Repetitions of calls to AWS, compared with botocore's rules."""

from itertools import product
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import EndpointConnectionError
from botocore.model import OperationModel
from botocore.retries import quota, standard
from hypothesis import given
from hypothesis import strategies as st

from aichats.aws.retries import (
    EXPIRED,
    QUOTA,
    SKEWED,
    THROTTLING,
    TRANSIENT,
    Quota,
    is_throttled,
    may_pass,
    pause_after,
)
from aichats.aws.services import SERVICES
from tests.unit.aws.test_services import operations

FIRST = 1
RULES: Any = standard
"""The module with names that its stubs do not have."""
STATUSES = (400, 403, 404, 408, 413, 429, 500, 501, 502, 503, 504, 505, 509)
OF_REPLICAS = "ReplicatedWriteConflictException"
"""The error of a few operations, which only their models describe."""
UNMODELED = {"", "AccessDeniedException", "Unknown", *EXPIRED, *SKEWED, *THROTTLING, *TRANSIENT} - {OF_REPLICAS}
OPERATIONS = [found for service in SERVICES.values() for _, found in sorted(operations(service).items())]
EACH_OPERATION = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda found: found.name)


def context(
    operation: OperationModel, code: str, status: int, attempt: int = FIRST, headers: dict[str, str] | None = None
) -> standard.RetryContext:
    fields: Any = headers or {}
    found: Any = AWSResponse("", status, fields, None)
    parsed = {"Error": {"Code": code}}
    return standard.RetryContext(attempt, operation, parsed, found, request_context={})


def detector() -> standard.ThrottlingErrorDetector:
    return standard.ThrottlingErrorDetector(standard.RetryEventAdapter())


@EACH_OPERATION
def test_calls_are_repeated_after_the_errors_after_which_botocore_repeats_them(operation: OperationModel) -> None:
    modeled = {shape.name for shape in operation.error_shapes}
    conditions = standard.StandardRetryConditions(max_attempts=3)
    for code, status in product(sorted(UNMODELED | modeled), STATUSES):
        if status == 429 and code in modeled:
            continue  # The next test shows that this does not occur.
        judge = context(operation, code, status)
        assert may_pass(code, status) == conditions.is_retryable(judge), (code, status)
        assert is_throttled(code, status) == detector().is_throttling_error_from_context(judge), (code, status)


@EACH_OPERATION
def test_no_error_of_an_operation_has_the_status_429(operation: OperationModel) -> None:
    assert [s.name for s in operation.error_shapes if s.metadata.get("error", {}).get("httpStatusCode") == 429] == []


def test_a_call_without_a_response_is_repeated_as_botocore_repeats_it() -> None:
    failed = standard.RetryContext(FIRST, OPERATIONS[0], caught_exception=EndpointConnectionError(endpoint_url="x"))

    assert standard.StandardRetryConditions(max_attempts=3).is_retryable(failed)
    assert may_pass("", 0)
    assert not is_throttled("", 0)


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_a_call_has_as_many_attempts_as_with_botocore(service: Any) -> None:
    judge = RULES._SERVICE_MAX_ATTEMPTS.get(service.name, standard.DEFAULT_MAX_ATTEMPTS)

    assert service.attempts == judge


@given(
    operation=st.sampled_from(OPERATIONS),
    code=st.sampled_from(sorted(UNMODELED)),
    status=st.sampled_from(STATUSES),
    attempt=st.integers(1, 20),
    share=st.floats(0, 1),
    named=st.none() | st.integers(-5, 40_000).map(str) | st.text("0123456789 .-_e", max_size=6),
)
def test_a_pause_is_as_long_as_botocores(
    *, operation: OperationModel, code: str, status: int, attempt: int, share: float, named: str | None
) -> None:
    headers = {} if named is None else {"x-amz-retry-after": named}
    service = operation.service_model.service_name
    backoff = standard.ExponentialBackoff(random=lambda: share, service_name=service, throttling_detector=detector())
    judge: float = backoff.delay_amount(context(operation, code, status, attempt, headers))

    throttled = is_throttled(code, status)
    pause = pause_after(attempt, SERVICES[service].first_pause, share, throttled=throttled, headers=headers)

    assert pause == pytest.approx(judge)


@given(calls=st.lists(st.sampled_from(["throttled", "failed", "succeeded"]), max_size=150))
def test_repetitions_end_when_botocores_quota_ends(calls: list[str]) -> None:
    own, judge = Quota(), quota.RetryQuota()
    costs = {
        "throttled": RULES.RetryQuotaChecker._THROTTLING_RETRY_COST,
        "failed": RULES.RetryQuotaChecker._RETRY_COST,
    }
    last = 0
    for call in calls:
        if call == "succeeded":
            own.give_back(last)
            judge.release(last or RULES.RetryQuotaChecker._NO_RETRY_INCREMENT)
            last = 0
            continue
        last = own.take(throttled=call == "throttled")
        assert last == (costs[call] if judge.acquire(costs[call]) else 0)


def test_an_outage_gets_thirty_five_repetitions_in_a_row() -> None:
    own = Quota()

    assert sum(own.take(throttled=False) > 0 for _ in range(100)) == QUOTA // 14
