"""A webhook automation whose events Whop does not send to the API yet is stored with a warning."""

import httpx
import pytest

from aichats.api.app import create_api
from tests.support.automations import FakeScheduler, listening, scheduled
from tests.support.fakes import FakeSecretsManager, Json, Step, error_response
from tests.support.lambda_calls import KODEY_SECRET, WHOP_SECRET, HttpCaller, make_application
from tests.support.whop_in_memory import WEBHOOK_URL, WEBHOOKS, WhopInMemory, registered

PATH = "/automations/payments"
LISTENS = listening("payment.failed", "payment.succeeded")


@pytest.fixture
def whop() -> WhopInMemory:
    return WhopInMemory()


@pytest.fixture
def api(whop: WhopInMemory, secrets: FakeSecretsManager, scheduler: FakeScheduler) -> HttpCaller:
    return HttpCaller(create_api(make_application(whop, secrets, scheduler=scheduler)).resolve)


def warnings(api: HttpCaller, definition: Json = LISTENS) -> list[str]:
    """Put an automation, and return the warnings in the answer."""
    answer = api("PUT", PATH, definition)
    assert answer.status in (200, 201)
    found: list[str] = answer.json["warnings"]
    return found


def test_events_that_whop_sends_cause_no_warning(api: HttpCaller, whop: WhopInMemory) -> None:
    assert warnings(api) == []
    [request] = whop.requests
    assert (request.method, request.url.path) == ("GET", WEBHOOKS)
    assert request.headers["authorization"] == "Bearer whop-key-of-all"


def test_an_event_that_whop_does_not_send_is_a_warning_with_the_command(api: HttpCaller, whop: WhopInMemory) -> None:
    whop.webhooks = [registered(events=["payment.failed"])]
    [warning] = warnings(api)
    assert warning == (
        "trigger.events: Whop does not send payment.succeeded. To change that, type: aichats admin webhook --stack …"
    )


@pytest.mark.parametrize(
    ("webhooks", "problem"),
    [
        ([], f"Whop has no webhook for {WEBHOOK_URL}"),
        ([registered(url="https://other.example/webhooks/whop")], f"Whop has no webhook for {WEBHOOK_URL}"),
        ([registered(enabled=False)], "is disabled"),
    ],
)
def test_a_webhook_that_is_missing_or_disabled_is_a_warning(
    api: HttpCaller, whop: WhopInMemory, webhooks: list[Json], problem: str
) -> None:
    whop.webhooks = webhooks
    [warning] = warnings(api)
    assert problem in warning
    assert "aichats admin webhook --stack …" in warning


def test_the_webhook_of_a_company_with_a_key_of_its_own_counts(api: HttpCaller, whop: WhopInMemory) -> None:
    mine = [registered()]

    def answer(request: httpx.Request) -> None:
        whop.webhooks = mine if request.headers["authorization"] == "Bearer whop-key-of-biz-own" else []

    whop.interfere = answer
    assert warnings(api) == []
    assert [dict(request.url.params).get("account_id") for request in whop.requests] == [None, "biz_own"]


@pytest.mark.parametrize(
    "failure",
    [
        error_response(401),
        error_response(403),
        error_response(404),
        error_response(500),
        httpx.ConnectError("no network"),
        httpx.ReadTimeout("slow"),
        httpx.Response(200, text="<html>"),
    ],
)
@pytest.mark.usefixtures("one_attempt")
def test_if_whop_cannot_be_asked_there_is_no_warning(api: HttpCaller, whop: WhopInMemory, failure: Step) -> None:
    whop.interfere = lambda _: failure
    assert warnings(api) == []


@pytest.mark.parametrize("value", [{}, {"companies": {"biz_A": {"connection": "default"}}}, "no json"])
def test_without_an_api_key_there_is_no_warning(
    api: HttpCaller, whop: WhopInMemory, secrets: FakeSecretsManager, value: Json | str
) -> None:
    secrets.values[WHOP_SECRET] = value
    assert warnings(api) == []
    assert whop.requests == []
    assert KODEY_SECRET not in secrets.reads


def test_whop_is_not_asked_about_schedules_and_disabled_triggers(api: HttpCaller, whop: WhopInMemory) -> None:
    warnings(api, scheduled())
    warnings(api, listening("payment.failed", enabled=False))
    assert whop.requests == []
