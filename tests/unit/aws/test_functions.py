"""Asynchronous invocations of other functions."""

import json
from typing import Any

import pytest

from aichats.aws.errors import AwsError, NoResponseError
from aichats.aws.functions import invoke_later
from tests.support.fakes import Json, aws_error
from tests.support.output import Output


class FakeLambda:
    """Lambda that keeps the invocations, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.invocations: list[Json] = []

    def invoke(self, **request: Any) -> Json:
        if self.error is not None:
            raise self.error
        self.invocations.append(request)
        return {"StatusCode": 202}


def test_an_event_is_handed_over_without_waiting_for_the_result() -> None:
    functions = FakeLambda()

    invoke_later(lambda: functions, "refresh-tokens", {"connection": "default"})

    [invocation] = functions.invocations
    assert (invocation["FunctionName"], invocation["InvocationType"]) == ("refresh-tokens", "Event")
    assert json.loads(invocation["Payload"]) == {"connection": "default"}


@pytest.mark.parametrize(
    "error", [aws_error("TooManyRequestsException"), NoResponseError("can't connect to https://lambda.invalid")]
)
def test_an_event_that_lambda_does_not_accept_is_logged_and_stops_nothing(error: AwsError, output: Output) -> None:
    assert output.text == ""

    invoke_later(lambda: FakeLambda(error), "refresh-tokens", {"connection": "default"})

    [log] = output.logs
    assert (log["level"], log["message"], log["function"]) == ("WARNING", "function not invoked", "refresh-tokens")
