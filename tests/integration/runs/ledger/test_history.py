"""The history of runs: newest first, page by page, over days."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from aichats.errors import InputError
from aichats.json_types import Json
from aichats.runs.ledger import history
from aichats.runs.ledger.filters import RunFilter
from aichats.runs.ledger.history import History
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.rows import Row
from aichats.runs.model import Run
from tests.support.ledgers import LEASE, NOON, Clock, make_run

DAY = timedelta(days=1)
RUN_ID = "a" * 32
SINCE, UNTIL = NOON - 3 * DAY, NOON + timedelta(minutes=1)


def run(number: int) -> Run:
    return make_run(target=f"biz_{number}")


def fill(ledger: Ledger, clock: Clock, *ages: timedelta) -> list[Run]:
    """Runs that were made so long before noon."""
    made = []
    for number, age in enumerate(ages):
        clock.now = NOON - age
        made += ledger.add([run(number)], lambda _: NOON)
    clock.now = NOON
    return made


def pages(ledger: Ledger, limit: int, only: RunFilter | None = None) -> list[list[Row]]:
    found, start = [], None
    for _ in range(100):
        rows, start = History(ledger).page(SINCE, UNTIL, only=only or RunFilter(), limit=limit, start=start)
        found.append(rows)
        if start is None:
            return found
    raise AssertionError("the pages do not end")


def ids(found: list[list[Row]]) -> list[str]:
    return [row.run.run_id for rows in found for row in rows]


def test_without_runs_there_is_one_empty_page(ledger: Ledger) -> None:
    assert pages(ledger, 10) == [[]]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
def test_all_runs_of_the_span_are_found_once_newest_first_whatever_the_page_size(
    ledger: Ledger, clock: Clock, limit: int
) -> None:
    ages = [timedelta(0), timedelta(hours=1), DAY, DAY + timedelta(seconds=1), 2 * DAY, 3 * DAY]
    made = fill(ledger, clock, *ages, 3 * DAY + timedelta(milliseconds=1), 9 * DAY)

    found = pages(ledger, limit)

    assert ids(found) == [each.run_id for each in made[:6]]
    assert all(len(rows) <= limit for rows in found)


def test_runs_of_the_same_time_are_each_found_once(ledger: Ledger) -> None:
    ledger.add([run(number) for number in range(25)], lambda _: NOON)

    found = ids(pages(ledger, 4))

    assert len(found) == len(set(found)) == 25


def test_only_runs_that_fit_are_found_and_a_page_may_hold_fewer(ledger: Ledger, clock: Clock) -> None:
    made = fill(ledger, clock, *(timedelta(minutes=number) for number in range(10)))
    for each in (made[3], made[8]):
        ledger.finish(ledger.claim(each, LEASE), "failed", error={"type": "E", "message": "no"})

    assert ids(pages(ledger, 2, RunFilter(("failed",)))) == [made[3].run_id, made[8].run_id]


def test_open_runs_are_distinguished_although_the_index_does_not(ledger: Ledger, clock: Clock) -> None:
    made = fill(ledger, clock, *(timedelta(minutes=number) for number in range(6)))
    clock.forward(minutes=1)
    ledger.claim(made[2].run_id, LEASE)
    ledger.finish(ledger.claim(made[4].run_id, LEASE), "failed", error={"type": "E", "message": "no"})
    ledger.finish(ledger.claim(made[5].run_id, LEASE), "failed", error={"type": "E", "message": "no"})
    ledger.steering.replay(made[5].run_id)

    assert ids(pages(ledger, 2, RunFilter(("performing",)))) == [made[2].run_id]
    assert ids(pages(ledger, 2, RunFilter(("failed",)))) == [made[4].run_id]
    assert ids(pages(ledger, 9, RunFilter(("pending",)))) == [made[number].run_id for number in (0, 1, 3, 5)]


def test_a_page_has_fewer_runs_if_their_answers_are_long(
    ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "MAX_PAGE_BYTES", 2000)
    made = fill(ledger, clock, *(timedelta(minutes=number) for number in range(6)))
    for number, each in enumerate(made):
        reply = {"content": "ü" * (2000 if number == 3 else 350)}
        ledger.finish(ledger.claim(each, LEASE), "succeeded", chat_id="aich_1", result={"reply": reply})

    found = pages(ledger, 100)

    assert ids(found) == [each.run_id for each in made]
    assert [len(rows) for rows in found] == [2, 1, 1, 2]


def test_a_run_that_is_gone_leaves_no_gap(ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Check that a page skips a run that is still in the index but no longer in the table."""
    made = fill(ledger, clock, *(timedelta(minutes=number) for number in range(4)))
    known = ledger.reads.rows
    monkeypatch.setattr(
        type(ledger.reads), "rows", lambda _, run_ids: known([each for each in run_ids if each != made[1].run_id])
    )

    assert ids(pages(ledger, 2)) == [made[number].run_id for number in (0, 2, 3)]


def test_a_page_ends_after_a_bounded_number_of_queries(
    ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "MAX_QUERIES", 1)
    monkeypatch.setattr(history, "QUERY_RUNS", 2)
    made = fill(ledger, clock, *(timedelta(minutes=number) for number in range(29)), 2 * DAY)

    found = pages(ledger, 1, RunFilter(("missed",)))
    assert ids(found) == []
    assert len(found) > 4
    assert ids(pages(ledger, 5)) == [each.run_id for each in made]


def test_runs_that_are_made_meanwhile_do_not_disturb_the_pages(ledger: Ledger, clock: Clock) -> None:
    made = fill(ledger, clock, *(timedelta(minutes=number) for number in range(4)))
    first, start = History(ledger).page(SINCE, UNTIL, only=RunFilter(), limit=2, start=None)
    ledger.add([run(99)], lambda _: NOON)

    second, _ = History(ledger).page(SINCE, UNTIL, only=RunFilter(), limit=2, start=start)

    assert ids([first, second]) == [each.run_id for each in made]


@pytest.mark.parametrize(
    "start",
    [
        {},
        {"before": ""},
        {"before": "2026-11-19"},
        {"before": "yesterday"},
        {"before": f"2026-11-17T11:59:59.999Z {RUN_ID}"},
        {"before": f"2026-11-20T12:01:00.001Z {RUN_ID}"},
        {"before": "2026-11-19T01:00:00.000Z "},
        {"before": "2026-11-19T01:00:00.000Z key:1"},
        {"before": f"2026-11-19T01:00:00.000Z {RUN_ID}", "more": "x"},
        {"day": "2026-11-19"},
        {"day": "2026-11-19", "run_id": RUN_ID, "created_at": "2026-11-19T01:00:00.000Z"},
    ],
)
def test_a_start_that_is_not_of_this_span_is_rejected(ledger: Ledger, start: Json) -> None:
    with pytest.raises(InputError, match="cursor: belongs to another request"):
        History(ledger).page(SINCE, UNTIL, only=RunFilter(), limit=10, start=start)


def test_days_are_those_of_utc_whatever_the_offset_of_the_span(ledger: Ledger, clock: Clock) -> None:
    made = fill(ledger, clock, timedelta(0), timedelta(hours=13))
    east = datetime(2026, 11, 20, 23, 59, tzinfo=UTC).astimezone().tzinfo
    rows, _ = History(ledger).page(
        SINCE.astimezone(east), UNTIL.astimezone(east), only=RunFilter(), limit=10, start=None
    )

    assert ids([rows]) == [each.run_id for each in made]
    assert all(newer.created_at >= older.created_at for newer, older in pairwise(rows))
