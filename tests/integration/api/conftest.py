"""Fixtures of the API: Whop gives the answers of a script, and every token is known."""

import pytest

from aichats.runs.ledger.times import utc_now
from tests.support.automations import FakeScheduler
from tests.support.fakes import ScriptedTransport
from tests.support.lambda_calls import HttpCaller, call_api


@pytest.fixture
def whop() -> ScriptedTransport:
    return ScriptedTransport()


@pytest.fixture
def api(whop: ScriptedTransport) -> HttpCaller:
    return call_api(whop)


@pytest.fixture
def scheduler() -> FakeScheduler:
    return FakeScheduler(utc_now)
