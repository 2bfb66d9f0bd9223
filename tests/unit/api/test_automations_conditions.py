"""``If-Match`` and ``If-None-Match`` on ``/automations/{name}``: who changes what they do not know is refused."""

import pytest

from aichats.api.app import create_api
from aichats.runs.times import utc_now
from tests.automations import FakeScheduler, scheduled
from tests.fakes import Json, ScriptedTransport, aws_error
from tests.lambda_calls import Answer, HttpCaller, make_application

PATH = "/automations/weekly"
SCHEDULE = "dev-automation-weekly"


@pytest.fixture
def scheduler() -> FakeScheduler:
    return FakeScheduler(utc_now)


@pytest.fixture
def api(scheduler: FakeScheduler) -> HttpCaller:
    return HttpCaller(create_api(make_application(ScriptedTransport(), scheduler=scheduler)).resolve)


def put(api: HttpCaller, definition: Json, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return api("PUT", PATH, definition, headers=named)


def test_a_stale_if_match_is_412_and_changes_nothing(api: HttpCaller, scheduler: FakeScheduler) -> None:
    stale = put(api, scheduled("rate(5 minutes)")).headers["etag"]
    fresh = put(api, scheduled("rate(6 minutes)")).headers["etag"]

    refused = put(api, scheduled("rate(7 minutes)"), if_match=stale)

    assert refused.status == 412
    assert fresh in refused.json["detail"]
    assert api("DELETE", PATH, headers={"if-match": stale}).status == 412
    assert api("GET", PATH).headers["etag"] == fresh
    assert scheduler.schedules[SCHEDULE]["ScheduleExpression"] == "rate(6 minutes)"


def test_a_change_and_a_deletion_go_through_with_the_present_etag(api: HttpCaller) -> None:
    first = put(api, scheduled("rate(5 minutes)")).headers["etag"]

    changed = put(api, scheduled("rate(6 minutes)"), if_match=f'"other", {first}')

    assert changed.status == 200
    assert api("DELETE", PATH, headers={"if-match": changed.headers["etag"]}).status == 204


def test_if_match_star_never_creates(api: HttpCaller) -> None:
    assert put(api, scheduled(), if_match="*").status == 412
    assert api("GET", PATH).status == 404

    put(api, scheduled())

    assert put(api, scheduled("rate(5 minutes)"), if_match="*").status == 200


def test_a_creation_whose_schedule_failed_goes_on_when_it_is_repeated(
    api: HttpCaller, scheduler: FakeScheduler
) -> None:
    scheduler.down = aws_error("ThrottlingException", "Rate exceeded")
    failed = put(api, scheduled(), if_none_match="*")
    assert (failed.status, "Repeat the request" in failed.json["detail"]) == (502, True)
    scheduler.down = None

    repeated = put(api, scheduled(), if_none_match="*")

    assert repeated.status == 200
    assert repeated.headers["etag"] == api("GET", PATH).headers["etag"]
    assert list(scheduler.schedules) == [SCHEDULE]
    assert put(api, scheduled("rate(5 minutes)"), if_none_match="*").status == 412


def test_if_none_match_star_only_creates(api: HttpCaller) -> None:
    assert put(api, scheduled(), if_none_match="*").status == 201
    assert put(api, scheduled("rate(5 minutes)"), if_none_match="*").status == 412
    assert api("GET", PATH).json["trigger"]["expression"] == "cron(0 9 ? * MON *)"
