"""A cold start doesn't wait for the pause of the stack: it is read in the background, in the init phase."""

import runpy
from collections.abc import Callable
from copy import replace
from typing import Any

import pytest

from aichats.bootstrap import Application
from aichats.runs.ledger.times import utc_now
from aichats.runs.stack_pause import StackPause
from local.setup import ROOT
from tests.support.fixtures import fresh_application
from tests.support.lambda_calls import make_application
from tests.support.ledgers import dynamodb
from tests.support.moto_server import moto_server
from tests.support.waiting import until
from tests.support.whop_in_memory import WhopInMemory

STARTING_RUNS = ["http_api", "perform_runs", "receive_webhook", "run_schedule"]
OTHERS = ["refresh_tokens", "sweep_runs"]


class CountingClient:
    """DynamoDB, with a count of the reads."""

    def __init__(self) -> None:
        self.reads = 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            answer = getattr(dynamodb(), name)(**request)
            self.reads += name == "get_item"
            return answer

        return call


@pytest.mark.parametrize(
    ("function", "reads"), [*((name, 1) for name in STARTING_RUNS), *((name, 0) for name in OTHERS)]
)
@pytest.mark.usefixtures("whop")
def test_the_functions_that_start_runs_begin_to_read_it(
    monkeypatch: pytest.MonkeyPatch, function: str, reads: int
) -> None:
    begun: list[Application] = []

    def begin(app: Application) -> None:
        begun.append(app)

    monkeypatch.setattr(Application, "read_pause_early", begin)
    with moto_server(), fresh_application():
        runpy.run_path(str(ROOT / "functions" / function / "app.py"))
    assert len(begun) == reads


@pytest.mark.parametrize("on_lambda", [True, False])
def test_the_first_call_uses_what_was_read_on_lambda(
    monkeypatch: pytest.MonkeyPatch, whop: WhopInMemory, *, on_lambda: bool
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand" if on_lambda else "")
    if not on_lambda:
        monkeypatch.delenv("AWS_LAMBDA_INITIALIZATION_TYPE")
    app, client = make_application(whop), CountingClient()
    app.ledger = replace(app.ledger, client=client)
    app.read_pause_early()
    if on_lambda:
        until(lambda: client.reads == 1)
    assert client.reads == int(on_lambda)
    assert isinstance(app.stack_pause, StackPause)
    assert app.stack_pause.current(utc_now()) is None
    assert client.reads == 1
