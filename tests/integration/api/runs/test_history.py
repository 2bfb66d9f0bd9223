"""``GET /runs``: the history, its window, filters, pages and cursors."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from aichats.api.app import create_api
from aichats.bootstrap import Application
from aichats.http.deadline import time_limit
from aichats.runs.model import Run
from aichats.runs.stranded import GIVE_UP
from tests.support.fakes import FakeSqs, ScriptedTransport
from tests.support.lambda_calls import HttpCaller, make_application
from tests.support.ledgers import LEASE, Clock, make_run
from tests.support.runs_api import ERROR, end

FOREIGN_IDS = ["", "x", "key:" + "a" * 64, "A" * 32, "a" * 33, "a" * 32 + "\n"]


@pytest.fixture
def now_api(whop: ScriptedTransport, sqs: FakeSqs) -> tuple[HttpCaller, Application]:
    """The API with a ledger on the real clock, which the default window ends at."""
    app = make_application(whop, sqs=sqs)
    return HttpCaller(create_api(app).resolve), app


def test_the_runs_of_the_last_week_are_listed_newest_first_with_the_window(
    now_api: tuple[HttpCaller, Application],
) -> None:
    api, app = now_api
    first, second = end(app, "failed", make_run("1")), end(app, "succeeded", make_run("2"))

    answer = api("GET", "/runs")

    assert answer.status == 200
    assert {run["run_id"] for run in answer.json["data"]} == {first, second}
    newer, older = (datetime.fromisoformat(run["created_at"]) for run in answer.json["data"])
    assert newer >= older
    assert answer.json["next_cursor"] is None
    since, until = (datetime.fromisoformat(answer.json[name]) for name in ("since", "until"))
    assert until - since == timedelta(days=7)
    assert timedelta(0) <= datetime.now(UTC) - until < timedelta(minutes=1)


WINDOW = "since=2026-11-20T15:00:00Z&until=2026-11-20T18:00:00Z"
"""A window that begins three hours after the clock of these tests."""


def ended_after(app: Application, clock: Clock, number: str, hours: float) -> str:
    """Return the id of a run that is created now, and ends after so many hours. The clock stays there."""
    row = app.ledger.claim(make_run(number), LEASE)
    clock.forward(hours=hours)
    app.ledger.finish(row, "failed", error=ERROR)
    return row.run.run_id


@pytest.mark.parametrize(("hours", "counts"), [(2.9, False), (3.0, True), (5.9, True), (6.1, False), (20.0, False)])
def test_a_run_that_was_created_before_the_window_counts_if_it_ended_inside(
    api: HttpCaller, app: Application, clock: Clock, hours: float, *, counts: bool
) -> None:
    run_id = ended_after(app, clock, "1", hours)

    listed = api("GET", "/runs", query=WINDOW).json

    assert [run["run_id"] for run in listed["data"]] == [run_id] * counts
    assert (listed["since"], listed["until"]) == ("2026-11-20T15:00:00Z", "2026-11-20T18:00:00Z")


def test_a_run_that_the_sweep_ended_late_is_listed_in_the_last_minute_in_which_it_was_open(
    api: HttpCaller, app: Application, clock: Clock
) -> None:
    app.ledger.add([make_run("1")], lambda _: clock.now)
    clock.now += GIVE_UP + timedelta(minutes=20)
    assert app.stranded_runs.resume()["ended"] == 1

    since, until = clock.now - timedelta(minutes=1), clock.now
    listed = api("GET", "/runs", query=f"since={since:%Y-%m-%dT%H:%M:%SZ}&until={until:%Y-%m-%dT%H:%M:%SZ}").json

    assert [run["error"]["type"] for run in listed["data"]] == ["GivenUp"]


def test_a_run_that_was_created_inside_the_window_counts_whenever_it_ends(
    api: HttpCaller, app: Application, clock: Clock
) -> None:
    clock.forward(hours=4)
    late = ended_after(app, clock, "1", 10)
    still_open = app.ledger.claim(make_run("2"), LEASE).run.run_id

    listed = api("GET", "/runs", query="since=2026-11-20T15:00:00Z&until=2026-11-21T15:00:00Z").json["data"]

    assert [run["run_id"] for run in listed] == [still_open, late]


def test_pages_lead_past_runs_outside_of_the_window_to_those_that_ended_inside(
    api: HttpCaller, app: Application, clock: Clock
) -> None:
    rows = [app.ledger.claim(make_run(str(number)), LEASE) for number in range(30)]
    for row in rows[:-1]:
        app.ledger.finish(row, "failed", error=ERROR)
    clock.forward(hours=4)
    app.ledger.finish(rows[-1], "failed", error=ERROR)

    found, query = [], f"{WINDOW}&limit=1"
    for _ in range(10):
        answer = api("GET", "/runs", query=query).json
        found += [run["run_id"] for run in answer["data"]]
        if answer["next_cursor"] is None:
            break
        query = f"limit=1&cursor={answer['next_cursor']}"

    assert found == [rows[-1].run.run_id]


def test_a_search_that_finds_nothing_ends_before_the_call_does(api: HttpCaller, app: Application, clock: Clock) -> None:
    for number in range(5):
        end(app, "failed", make_run(str(number)))
    clock.forward(hours=4)

    with time_limit(9.0):
        answer = api("GET", "/runs", query=f"{WINDOW}&limit=1").json
    rest = api("GET", "/runs", query=f"limit=1&cursor={answer['next_cursor']}").json

    assert (answer["data"], rest["data"], rest["next_cursor"]) == ([], [], None)


def test_runs_are_filtered_by_status_and_automation(now_api: tuple[HttpCaller, Application]) -> None:
    api, app = now_api
    failed = end(app, "failed", make_run("1"))
    end(app, "succeeded", make_run("2"))
    of_schedule = Run("b" * 32, "schedule", make_run().action, None, "2026-07-08-1", "Prod_Stack-schedule", "2026")
    end(app, "succeeded", of_schedule)

    assert [run["run_id"] for run in api("GET", "/runs", query="status=failed").json["data"]] == [failed]
    shown = api("GET", "/runs", query="automation=Prod_Stack-schedule").json["data"]
    assert [(run["automation"], run["slot"]) for run in shown] == [("Prod_Stack-schedule", "2026")]


def test_pages_follow_their_cursor_also_when_the_default_span_has_moved_on(api: HttpCaller, app: Application) -> None:
    for number in range(5):
        end(app, "failed", make_run(str(number)))
    span = "since=2026-11-20T00:00:00Z&until=2026-11-20T23:00:00Z&limit=2"
    found, query = [], span
    for _ in range(10):
        answer = api("GET", "/runs", query=query)
        found += [run["run_id"] for run in answer.json["data"]]
        if answer.json["next_cursor"] is None:
            break
        # The cursor contains the window.
        query = f"limit=2&cursor={answer.json['next_cursor']}"

    assert len(found) == len(set(found)) == 5


def test_an_unknown_parameter_is_rejected_with_the_known_ones(api: HttpCaller) -> None:
    answer = api("GET", "/runs", query="state=failed")

    assert answer.status == 422
    assert "state: unknown parameter; use " in answer.json["detail"]
    assert "status" in answer.json["detail"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("status=done", "status"),
        ("automation=a%20b", "automation"),
        ("since=yesterday", "since"),
        ("since=2026-11-20T00:00:00", "since"),
        ("since=2026-11-20T00:00:00Z&until=2026-11-19T00:00:00Z", "since"),
        ("since=2026-10-01T00:00:00Z&until=2026-11-19T00:00:00Z", "since"),
        ("until=0001-01-01T00:00:00Z", "until"),
        ("until=9999-12-31T23:59:59-23:59", "until"),
        ("cursor=", "cursor"),
        ("cursor=nonsense", "cursor"),
        ("cursor=%C3%BC", "cursor"),
        ("cursor=W10", "cursor"),
        ("page=2", "page"),
    ],
)
def test_a_question_that_is_wrong_is_rejected_naming_the_parameter(api: HttpCaller, query: str, field: str) -> None:
    answer = api("GET", "/runs", query=query)

    assert (answer.status, answer.fields) == (422, [field])


@pytest.mark.parametrize("time", ["2026-11-20T00:00:00+00:00", "2026-11-20T00:00:00 01:00", "2026-11-20T00:00+01"])
def test_a_plus_that_is_not_escaped_has_an_error_of_its_own(api: HttpCaller, time: str) -> None:
    [problem] = api("GET", "/runs", query=f"since={time}").json["errors"]

    assert problem["message"] == (
        "must be a time with an offset, such as 2026-11-20T09:00:00Z; in a query write + as %2B, or use Z"
    )


@pytest.mark.parametrize("time", ["2026-11-20T00:00:00", "yesterday", "last monday", "2026-11-20 09:00", ""])
def test_an_invalid_time_is_rejected_with_a_valid_example(api: HttpCaller, time: str) -> None:
    [problem] = api("GET", "/runs", query=f"since={time}").json["errors"]

    assert problem["message"] == "must be a time with an offset, such as 2026-11-20T09:00:00Z"


@pytest.mark.parametrize(
    "position",
    [
        *({"day": "2026-11-18"}, {"day": "2026-11-20", "run_id": "x"}, {"run_id": "key:1"}, {"day": 7}, [], None),
        *({"day": "2026-11-20", "created_at": "2026-11-20T12:00:00.000Z", "run_id": odd} for odd in FOREIGN_IDS),
        *({"before": f"2026-11-20T12:00:00.000Z {odd}"} for odd in FOREIGN_IDS),
        *({"before": odd} for odd in ("", "a" * 32, f"2026-11-20 {'a' * 32}", f"2025-11-20T12:00:00.000Z {'a' * 32}")),
        {"before": f"2026-11-20T12:00:00.000Z {'a' * 32}", "lane": "7"},
    ],
)
def test_an_invented_cursor_is_rejected(api: HttpCaller, position: object) -> None:
    cursor = {"since": "2026-11-20T00:00:00Z", "until": "2026-11-20T23:00:00Z", "position": position}
    encoded = base64.urlsafe_b64encode(json.dumps(cursor).encode()).decode().rstrip("=")

    answer = api("GET", "/runs", query=f"cursor={encoded}")

    assert (answer.status, answer.fields) == (422, ["cursor"])
