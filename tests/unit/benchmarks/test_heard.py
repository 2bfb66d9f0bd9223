"""Losses, duplicates and differences as the benchmark of events counts them."""

import json
from decimal import Decimal
from typing import Any

import pytest

from benchmarks.chaotic.heard import Delivery, End, Heard, ends, examples, recount, slots, usage_differences

type Json = dict[str, Any]

SLOT = "2026-11-20T09:00:00Z"
ROW: Json = {
    "run_id": "r1",
    "status": "succeeded",
    "ended": "succeeded",
    "target": "biz_A",
    "created_at": "2026-11-20T09:00:01.000000Z",
}
REPLIED = {**ROW, "replied_at": "2026-11-20T09:00:30.000000Z", "tokens": Decimal("123.45")}
OPEN = {name: value for name, value in ROW.items() if name != "ended"} | {"run_id": "r2", "status": "pending"}


def event(**changes: Any) -> Json:
    return {"id": "evt_1", "type": "run.succeeded", "data": {"run_id": "r1"}, **changes}


def delivery(body: Json, name: str = "evt_1") -> Delivery:
    return Delivery(name, json.dumps(body).encode(), 0.0)


def heard(*events: Json) -> Heard:
    return Heard([delivery(each, each["id"]) for each in events])


def slot_run(number: int, status: str) -> Json:
    return {**ROW, "run_id": f"s{number}", "status": status, "ended": status, "automation": "weekly", "slot": SLOT}


def slot_event(name: str = "evt_9", **counts: int) -> Json:
    return event(id=name, type="slot.finished", data={"automation": "weekly", "slot": SLOT, "counts": counts})


def usage(tokens: str = "123.45", **runs: int) -> Json:
    return {"data": [{"automation": None, "runs": runs, "replies": 1, "tokens": tokens}]}


# ---- ends


def test_an_ended_run_and_its_reply_are_two_ends_and_an_open_run_is_none() -> None:
    overdue = {**ROW, "run_id": "r3", "reply_overdue_at": "2026-11-20T11:00:00.000000Z"}
    assert sorted(ends([REPLIED, OPEN, overdue])) == [
        End("r1", "run.replied"),
        End("r1", "run.succeeded"),
        End("r3", "run.reply_overdue"),
        End("r3", "run.succeeded"),
    ]


def test_an_end_that_no_delivery_names_is_lost() -> None:
    assert heard(event()).missing(ends([REPLIED])) == [End("r1", "run.replied")]
    assert Heard().missing(ends([ROW])) == [End("r1", "run.succeeded")]


def test_an_end_that_no_row_has_is_invented() -> None:
    failed = event(id="evt_2", type="run.failed")
    assert heard(event(), failed).invented(ends([ROW])) == [End("r1", "run.failed")]


def test_a_delivery_with_the_id_and_body_of_an_earlier_one_is_a_duplicate_and_no_contradiction() -> None:
    twice = heard(event(), event())
    assert (twice.duplicates, twice.contradictions) == (1, [])


@pytest.mark.parametrize(
    ("deliveries", "contradiction"),
    [
        ([delivery(event()), delivery(event(version=2))], "evt_1 has 2 different bodies"),
        ([delivery(event(), name="evt_2")], "evt_2 has the id evt_1 in its body"),
        (
            [delivery(event()), delivery(event(id="evt_2"), name="evt_2")],
            "run.succeeded of run r1 has 2 ids",
        ),
    ],
    ids=["two bodies under one id", "header and body differ", "two ids for one end"],
)
def test_deliveries_that_contradict_each_other_are_named(deliveries: list[Delivery], contradiction: str) -> None:
    assert Heard(deliveries).contradictions == [contradiction]


# ---- slots


def test_only_slots_with_several_runs_count() -> None:
    assert slots([slot_run(1, "succeeded"), ROW]) == {}
    assert slots([slot_run(1, "succeeded"), slot_run(2, "failed")]) == {("weekly", SLOT): {"succeeded": 1, "failed": 1}}


def test_one_event_with_the_counts_of_its_slot_is_right() -> None:
    rows = [slot_run(1, "succeeded"), slot_run(2, "failed")]
    assert heard(slot_event(succeeded=1, failed=1, unknown=0)).slot_differences(rows) == []


@pytest.mark.parametrize(
    "events",
    [
        [],
        [slot_event(succeeded=2)],
        [slot_event(succeeded=1, failed=1), slot_event("evt_8", succeeded=1, failed=1)],
    ],
    ids=["no event", "wrong counts", "two events"],
)
def test_a_slot_without_exactly_one_right_event_is_reported(events: list[Json]) -> None:
    [difference] = heard(*events).slot_differences([slot_run(1, "succeeded"), slot_run(2, "failed")])
    assert difference.startswith(f"slot {SLOT} of weekly: expected {{'succeeded': 1, 'failed': 1}}, heard ")


def test_an_event_about_a_slot_that_does_not_exist_is_reported() -> None:
    assert heard(slot_event(succeeded=2)).slot_differences([]) != []


# ---- usage


def test_usage_is_recounted_from_ended_runs_by_automation_target_and_day() -> None:
    rows = [REPLIED, slot_run(1, "failed"), OPEN]
    by_target = recount(rows, "target")
    assert {group: each.runs for group, each in by_target.items()} == {"biz_A": {"succeeded": 1, "failed": 1}}
    assert (by_target["biz_A"].replies, by_target["biz_A"].tokens) == (1, Decimal("123.45"))
    assert recount(rows, "automation").keys() == {None, "weekly"}
    assert recount(rows, "day").keys() == {"2026-11-20"}


def test_an_answer_that_equals_the_recount_has_no_differences_whatever_its_zeros() -> None:
    empty = {"automation": "idle", "runs": {"total": 0}, "replies": 0, "tokens": "0"}
    answer = usage("123.450", total=1, succeeded=1, failed=0)
    assert usage_differences([REPLIED], {"automation": {"data": [*answer["data"], empty]}}) == []


@pytest.mark.parametrize(
    "answer",
    [usage("123.46", succeeded=1), usage(succeeded=2), usage(failed=1), {"data": []}],
    ids=["tokens", "a run too many", "another status", "no group"],
)
def test_an_answer_that_differs_from_the_recount_is_reported_with_both(answer: Json) -> None:
    [difference] = usage_differences([REPLIED], {"automation": answer})
    assert difference.startswith("usage by automation of None: counted Usage(runs={'succeeded': 1}, ")


def test_a_group_that_was_answered_but_not_counted_is_reported() -> None:
    assert len(usage_differences([], {"automation": usage(succeeded=1)})) == 1


def test_only_the_first_examples_of_an_error_are_shown() -> None:
    assert examples(range(7)) == ["0", "1", "2", "3", "4", "… and 2 more"]
    assert examples(range(5)) == ["0", "1", "2", "3", "4"]
