"""Fixtures of the API for ``/runs``."""

import pytest

from aichats.api.app import create_api
from aichats.bootstrap import Application
from tests.support.fakes import FakeSqs, ScriptedTransport
from tests.support.lambda_calls import HttpCaller, make_application
from tests.support.ledgers import Clock


@pytest.fixture
def app(whop: ScriptedTransport, sqs: FakeSqs, clock: Clock) -> Application:
    return make_application(whop, clock=clock, sqs=sqs)


@pytest.fixture
def api(app: Application) -> HttpCaller:
    return HttpCaller(create_api(app).resolve)
