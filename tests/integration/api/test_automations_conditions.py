"""``If-Match`` and ``If-None-Match`` on ``/automations/{name}``: a change of an unknown version is rejected."""

import pytest

from aichats.api.app import create_api
from tests.support.automations import FakeScheduler, scheduled
from tests.support.fakes import Json, ScriptedTransport, aws_error
from tests.support.lambda_calls import Answer, HttpCaller, make_application

PATH = "/automations/weekly"
SCHEDULE = "dev-automation-weekly"


@pytest.fixture
def api(scheduler: FakeScheduler) -> HttpCaller:
    return HttpCaller(create_api(make_application(ScriptedTransport(), scheduler=scheduler)).resolve)


def put(api: HttpCaller, definition: Json, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return api("PUT", PATH, definition, headers=named)


def test_a_stale_if_match_is_412_and_changes_nothing(api: HttpCaller, scheduler: FakeScheduler) -> None:
    stale = put(api, scheduled("rate(5 minutes)")).headers["etag"]
    fresh = put(api, scheduled("rate(6 minutes)")).headers["etag"]

    rejected = put(api, scheduled("rate(7 minutes)"), if_match=stale)

    assert rejected.status == 412
    assert fresh in rejected.json["detail"]
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
    assert (failed.status, "Retry the request" in failed.json["detail"]) == (502, True)
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


NAMES_NOTHING = [
    "",
    " ",
    "\t",
    ",",
    ", ,",
    '""',
    "x",
    '"',
    '"a',
    'W/"a"',
    "w/*",
    "*, *",
    '*, "a"',
    '"a" "b"',
    '"\n"',
    "*\x00",
]


@pytest.mark.parametrize("condition", NAMES_NOTHING, ids=repr)
def test_an_if_match_that_names_no_version_lets_nothing_through(api: HttpCaller, condition: str) -> None:
    etag = put(api, scheduled()).headers["etag"]

    assert put(api, scheduled("rate(5 minutes)"), if_match=condition).status == 412
    assert api("DELETE", PATH, headers={"if-match": condition}).status == 412
    assert api("GET", PATH).headers["etag"] == etag
    assert api("DELETE", PATH, headers={"if-match": f'"other", , {etag}'}).status == 204


def test_an_empty_if_match_creates_nothing(api: HttpCaller) -> None:
    assert put(api, scheduled(), if_match="").status == 412
    assert api("GET", PATH).status == 404


@pytest.mark.parametrize("condition", ["", " ", ",", "x", '"', "*, *", '"a" "b"'], ids=repr)
def test_an_if_none_match_that_is_malformed_lets_nothing_through(api: HttpCaller, condition: str) -> None:
    assert put(api, scheduled(), if_none_match=condition).status == 412
    assert api("GET", PATH).status == 404


def test_an_if_none_match_compares_weakly_and_an_if_match_strongly(api: HttpCaller) -> None:
    etag = put(api, scheduled()).headers["etag"]

    assert put(api, scheduled("rate(5 minutes)"), if_none_match=f'"other", W/{etag}').status == 412
    assert put(api, scheduled("rate(5 minutes)"), if_match=f"W/{etag}").status == 412
    assert put(api, scheduled("rate(5 minutes)"), if_none_match='"a,b", W/"c"').status == 200


def test_a_deletion_takes_no_if_none_match(api: HttpCaller) -> None:
    put(api, scheduled())

    assert api("DELETE", PATH, headers={"if-none-match": "*"}).fields == ["If-None-Match"]
    assert api("GET", PATH).status == 200


def test_a_long_list_of_etags_is_read_at_once(api: HttpCaller) -> None:
    etag = put(api, scheduled()).headers["etag"]

    assert put(api, scheduled("rate(5 minutes)"), if_match=" ," * 4000 + " x").status == 412
    assert put(api, scheduled("rate(5 minutes)"), if_match=" ," * 4000 + etag).status == 200
