"""``GET /runs``: its filters, alone and together, over several pages."""

from copy import replace
from datetime import timedelta
from typing import Any

import pytest

from aichats.bootstrap import Application
from aichats.runs.ledger.rows import EndStatus
from tests.support.fakes import Json
from tests.support.lambda_calls import HttpCaller
from tests.support.ledgers import LEASE, NOON, Clock, make_run
from tests.support.runs_api import end
from tests.support.waiting import turns

DAY = "since=2026-11-20T00:00:00Z&until=2026-11-20T23:00:00Z"
"""A window with the time of the clock of these tests."""


def ended(app: Application, number: int, status: EndStatus = "failed", **fields: Any) -> str:
    """Store a run with these fields that ended with this status. Return its id."""
    return end(app, status, replace(make_run(str(number)), **fields))


def listed(api: HttpCaller, query: str, window: str = DAY) -> list[str]:
    """Return the ids of the runs on all pages that a query finds."""
    found: list[str] = []
    cursor = ""
    for _ in turns():
        answer = api("GET", "/runs", query=f"{window}&{query}{cursor}")
        assert answer.status == 200, answer.body
        found += [run["run_id"] for run in answer.json["data"]]
        if answer.json["next_cursor"] is None:
            break
        cursor = f"&cursor={answer.json['next_cursor']}"
    return found


def test_several_statuses_are_separated_by_commas(api: HttpCaller, app: Application) -> None:
    failed, unknown, succeeded = ended(app, 1, "failed"), ended(app, 2, "unknown"), ended(app, 3, "succeeded")

    assert set(listed(api, "status=failed,unknown")) == {failed, unknown}
    assert listed(api, "status=succeeded") == [succeeded]


def test_pending_and_performing_are_told_apart_beside_an_end(api: HttpCaller, app: Application) -> None:
    failed, pending, performing = ended(app, 1), make_run("2"), make_run("3")
    app.ledger.add([pending], lambda _: app.ledger.clock())
    app.ledger.claim(performing, LEASE)

    assert listed(api, "status=pending") == [pending.run_id]
    assert set(listed(api, "status=failed,performing")) == {failed, performing.run_id}
    assert set(listed(api, "status=performing,pending")) == {pending.run_id, performing.run_id}


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("automation=weekly", {"automation": "weekly"}),
        ("target=biz_B", {"target": "biz_B"}),
        ("trigger=webhook", {"trigger": "webhook"}),
        ("label=team:sales", {"labels": {"team": "sales", "test": "x"}}),
        ("label=url:a:b", {"labels": {"url": "a:b"}}),
        ("label=empty:", {"labels": {"empty": ""}}),
    ],
)
def test_each_filter_finds_the_runs_that_have_its_value(
    api: HttpCaller, app: Application, query: str, fields: dict[str, Any]
) -> None:
    wanted = ended(app, 1, **fields)
    ended(app, 2, labels={"team": "support"})

    assert listed(api, query) == [wanted]


def test_all_filters_together_must_match(api: HttpCaller, app: Application) -> None:
    fields: Json = {"automation": "weekly", "target": "biz_B", "trigger": "schedule", "labels": {"team": "sales"}}
    fields |= {"slot": "2026-11-20T09:00:00Z"}
    wanted = ended(app, 0, **fields)
    others: Json = {"automation": "other", "target": "biz_C", "trigger": "http", "labels": {}, "slot": None}
    for number, (name, value) in enumerate(others.items(), 1):
        ended(app, number, **fields | {name: value})
    ended(app, 9, "succeeded", **fields)

    query = "automation=weekly&target=biz_B&trigger=schedule&label=team:sales&status=failed"
    assert listed(api, f"{query}&slot_since=2026-11-20T09:00:00Z&slot_until=2026-11-20T09:00:01Z") == [wanted]


def test_slots_are_those_from_the_first_to_before_the_last_time(api: HttpCaller, app: Application) -> None:
    before, first, inside, last, by_hand = (
        ended(app, number, slot=slot)
        for number, slot in enumerate(
            ["2026-11-20T08:59:59Z", "2026-11-20T09:00:00Z", "2026-11-20T09:59:59.5Z", "2026-11-20T10:00:00Z", None]
        )
    )

    since, until = "slot_since=2026-11-20T10:00:00%2B01:00", "slot_until=2026-11-20T10:00:00Z"
    assert set(listed(api, f"{since}&{until}")) == {first, inside}
    assert set(listed(api, until)) == {before, first, inside}
    assert set(listed(api, since)) == {first, inside, last}
    assert by_hand in listed(api, "")


def test_without_a_window_a_first_slot_begins_it_and_it_ends_within_31_days(
    api: HttpCaller, app: Application, clock: Clock
) -> None:
    clock.now = NOON - timedelta(days=300)
    run_id = ended(app, 1, slot="2026-01-24T09:00:00Z")
    clock.now = NOON

    answer = api("GET", "/runs", query="slot_since=2026-01-24T00:00:00Z&slot_until=2026-01-25T00:00:00Z").json
    rest = api("GET", "/runs", query="slot_since=2026-01-24T00:00:00Z&until=2026-01-26T00:00:00Z").json
    late = api("GET", "/runs", query="slot_since=2026-01-24T00:00:00Z&since=2026-01-25T00:00:00Z").json

    assert [run["run_id"] for run in answer["data"]] == [run_id]
    assert (answer["since"], answer["until"]) == ("2026-01-24T00:00:00Z", "2026-02-24T00:00:00Z")
    assert (rest["since"], rest["until"]) == ("2026-01-24T00:00:00Z", "2026-01-26T00:00:00Z")
    assert late["status"] == 422


def test_a_first_slot_in_the_future_finds_nothing(api: HttpCaller) -> None:
    answer = api("GET", "/runs", query="slot_since=2999-01-01T00:00:00Z").json

    assert (answer["data"], answer["since"]) == ([], answer["until"])


def test_pages_have_each_run_of_a_filter_once_though_most_runs_do_not_match(api: HttpCaller, app: Application) -> None:
    ids = [ended(app, number, labels={"team": "a"} if number % 40 == 0 else {}) for number in range(250)]
    wanted = sorted(ids[::40])

    for limit in (1, 3, 100):
        assert sorted(listed(api, f"label=team:a&limit={limit}")) == wanted


def test_a_page_of_a_filter_by_slot_is_followed_by_the_cursor_alone(api: HttpCaller, app: Application) -> None:
    ids = {ended(app, number, slot="2026-11-20T09:00:00Z") for number in range(5)}

    found = listed(api, "slot_since=2026-11-20T00:00:00Z&limit=2", window="")

    assert (set(found), len(found)) == (ids, 5)


def test_a_run_shows_its_labels(api: HttpCaller, app: Application) -> None:
    run_id = ended(app, 1, labels={"team": "sales"})

    assert api("GET", f"/runs/{run_id}").json["labels"] == {"team": "sales"}
    assert api("GET", f"/runs/{ended(app, 2)}").json["labels"] == {}


@pytest.mark.parametrize(
    ("query", "field", "message"),
    [
        ("status=failed,done", "status", "must be one or several of pending, performing, succeeded, failed, "),
        ("status=failed,", "status", "must be one or several of "),
        ("status=", "status", "must be one or several of "),
        ("label=sales", "label", "must be a label's key and value with a colon between them, such as team:sales"),
        ("label=:sales", "label", "must be a label's key and value"),
        ("target=", "target", "must have at least 1 character"),
        ("trigger=cron", "trigger", "must be 'schedule', 'http' or 'webhook'"),
        ("slot_since=9", "slot_since", "must be a time with an offset, such as 2026-11-20T09:00:00Z"),
        ("slot_until=2026-11-20", "slot_until", "must be a time with an offset, such as 2026-11-20T09:00:00Z"),
    ],
)
def test_an_invalid_filter_is_rejected_with_a_valid_example(
    api: HttpCaller, query: str, field: str, message: str
) -> None:
    [problem] = api("GET", "/runs", query=query).json["errors"]

    assert (problem["field"], problem["message"][: len(message)]) == (field, message)
