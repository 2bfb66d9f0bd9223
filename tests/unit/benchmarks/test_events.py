"""The verdicts of the benchmark of events."""

import json
from copy import replace
from typing import Any

import pytest

from benchmarks.chaotic.beside import MOST_SECONDS, Beside, slowest
from benchmarks.chaotic.heard import Delivery, End, Heard
from benchmarks.events import Aftermath, is_awaited

ROW = {
    "run_id": "r1",
    "status": "succeeded",
    "ended": "succeeded",
    "automation": None,
    "target": "biz_A",
    "created_at": "2026-11-20T09:00:01.000000Z",
}
EVENT = {"id": "evt_1", "type": "run.succeeded", "timestamp": "1970-01-01T00:00:10Z", "data": {"run_id": "r1"}}
HEARD = Heard([Delivery("evt_1", json.dumps(EVENT).encode(), 12.5)])
GROUP = {"automation": None, "runs": {"succeeded": 1}, "replies": 0, "tokens": "0"}
CLEAN = Aftermath([ROW], HEARD, HEARD, {"automation": {"data": [GROUP]}}, unsigned=0, faults={"bus faults": 3})
BESIDE = Beside(events=40, slowest=2.5, states={"hangs": "no answer", "endless-204": None}, touched={"redirect": 0})


def test_a_measurement_in_which_everything_was_heard_and_counted_has_no_errors() -> None:
    assert not any(CLEAN.errors.values())
    assert CLEAN.lines()[:3] == ["runs: 1", "ends: 1", "lost: 0"]
    assert CLEAN.lines()[-1] == "bus faults: 3"


@pytest.mark.parametrize(
    ("name", "aftermath"),
    [
        ("lost", replace(CLEAN, heard=Heard())),
        ("lost on the bus", replace(CLEAN, on_bus=Heard())),
        ("invented", replace(CLEAN, rows=[], usage={})),
        ("unsigned", replace(CLEAN, unsigned=1)),
        ("usage errors", replace(CLEAN, usage={"automation": {"data": []}})),
    ],
)
def test_each_kind_of_error_is_counted_under_its_name(name: str, aftermath: Aftermath) -> None:
    assert len(aftermath.errors[name]) == 1
    assert f"{name}: 1" in aftermath.lines()


@pytest.mark.parametrize(
    ("changes", "awaited"),
    [
        ({}, False),
        ({"await_reply": True}, True),
        ({"await_reply": True, "replied_at": "now"}, False),
        ({"await_reply": True, "reply_overdue_at": "now"}, False),
        ({"await_reply": True, "status": "failed"}, False),
    ],
)
def test_the_measurement_waits_for_replies_of_runs_that_succeeded(changes: dict[str, Any], *, awaited: bool) -> None:
    assert is_awaited({**ROW, **changes}) == awaited
    assert is_awaited({"status": "pending"})


def test_the_slowest_delivery_is_counted_from_the_event_to_its_first_arrival() -> None:
    later = Delivery("evt_1", b"{}", 99.0)
    assert slowest([*HEARD.deliveries, later], [EVENT]) == 2.5
    assert slowest([], []) == 0


def test_receivers_that_misbehave_visibly_beside_one_that_hears_of_all_are_no_error() -> None:
    assert BESIDE.errors == []
    assert BESIDE.lines()[:4] == [
        "misbehaving receivers: 2",
        "events beside them: 40",
        "lost beside them: 0",
        "silent failures: 0",
    ]


@pytest.mark.parametrize(
    ("beside", "error"),
    [
        (
            replace(BESIDE, lost=[End("r1", "run.failed")]),
            "the working receiver did not hear of End(run_id='r1', type='run.failed')",
        ),
        (replace(BESIDE, slowest=MOST_SECONDS + 1), "an event took 11.0 s"),
        (replace(BESIDE, states={"hangs": None}), "the subscription of hangs shows no error"),
        (
            replace(BESIDE, touched={"redirect": 2}),
            "redirect: 2 connections to an address that must not be reached",
        ),
    ],
    ids=["lost", "slow", "silent", "redirect followed"],
)
def test_each_harm_that_the_others_do_is_an_error(beside: Beside, error: str) -> None:
    assert beside.errors == [error]
