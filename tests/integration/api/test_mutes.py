"""``POST /chats/notification-preference``: mutes many chats at once, optionally until a given time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from aichats.api.app import create_api
from aichats.bootstrap import Application
from aichats.http.deadline import remaining
from tests.support.automations import FakeScheduler
from tests.support.fakes import FakeSqs, Json, ScriptedTransport, ai_chat, aws_error, error_response, ok
from tests.support.lambda_calls import READER, WRITER, Answer, HttpCaller, make_application
from tests.support.ledgers import LEASE, Clock

PATH = "/chats/notification-preference"
CHATS = ["aich_1", "aich_2"]
UNTIL = (datetime.now(UTC) + timedelta(days=30)).replace(microsecond=0)


@pytest.fixture
def app(sqs: FakeSqs, scheduler: FakeScheduler) -> Application:
    return make_application(ScriptedTransport(), sqs=sqs, scheduler=scheduler)


@pytest.fixture
def api(app: Application) -> HttpCaller:
    return HttpCaller(create_api(app).resolve)


def mute(api: HttpCaller, *chats: str, key: str | None = None, **fields: Any) -> Answer:
    body = {"notification_preference": "none", "ids": chats or CHATS} | fields
    return api("POST", PATH, body, headers={"idempotency-key": key})


def automations(api: HttpCaller) -> list[Json]:
    found: list[Json] = api("GET", "/automations").json["data"]
    return found


# ---------------------------------------------------------------------------------------------- many at once


def test_each_chat_becomes_a_run_that_waits(api: HttpCaller, app: Application, sqs: FakeSqs) -> None:
    answer = mute(api, "aich_1", "aich_2", "aich_1")

    assert answer.status == 202
    assert [sent.run_id for sent in sqs.sent] == answer.json["run_ids"]
    rows = [row for row in map(app.ledger.get, answer.json["run_ids"]) if row]
    assert [(row.run.target, row.run.trigger, row.status) for row in rows] == [
        ("aich_1", "http", "pending"),
        ("aich_2", "http", "pending"),
    ]
    for row in rows:
        assert row.run.action.as_json() == {
            "type": "whop.update_chat",
            "notification_preference": "none",
        }
        assert row.run.api_version == app.environment["WHOP_API_VERSION"]
    assert automations(api) == []


def test_the_runs_are_in_the_order_in_which_they_will_be_undone(api: HttpCaller, app: Application) -> None:
    answer = mute(api, "aich_3", "aich_10", "aich_2", "aich_3", until=UNTIL.isoformat())

    rows = [row for row in map(app.ledger.get, answer.json["run_ids"]) if row]
    [undo] = automations(api)
    assert [row.run.target for row in rows] == undo["targets"] == ["aich_10", "aich_2", "aich_3"]


def test_a_thousand_chats_are_taken(api: HttpCaller, sqs: FakeSqs) -> None:
    assert mute(api, *(f"aich_{number}" for number in range(1000))).status == 202
    assert len(sqs.runs) == 1000


def test_each_call_is_new_but_with_the_same_key(api: HttpCaller) -> None:
    first, again, other, without = (mute(api, key=key).json["run_ids"] for key in ("a", "a", "b", None))

    assert first == again
    assert not set(first) & set(other)
    assert not set(other) & set(without)


# ---------------------------------------------------------------------------------------------- for a while


@pytest.mark.parametrize(("preference", "other"), [("none", "all"), ("all", "none")])
def test_until_makes_an_automation_that_gives_all_the_other_preference(
    api: HttpCaller, scheduler: FakeScheduler, preference: str, other: str
) -> None:
    answer = mute(api, "aich_2", "aich_1", "aich_2", notification_preference=preference, until=UNTIL.isoformat())

    assert len(answer.json["run_ids"]) == 2
    [undo] = automations(api)
    assert undo["name"].startswith("until-")
    assert undo["action"] == {"type": "whop.update_chat", "notification_preference": other}
    assert (undo["targets"], undo["missed"]) == (["aich_1", "aich_2"], "run")
    assert datetime.fromisoformat(undo["next_at"]) == UNTIL
    [schedule] = scheduler.schedules.values()
    assert schedule["ScheduleExpression"] == f"at({UNTIL:%Y-%m-%dT%H:%M:%S})"
    assert schedule["ScheduleExpressionTimezone"] == "UTC"
    assert api("DELETE", f"/automations/{undo['name']}").status == 204


def test_the_same_again_is_the_same_automation(api: HttpCaller) -> None:
    mute(api, "aich_1", "aich_2", until=UNTIL.isoformat())
    before = automations(api)

    there = UNTIL.astimezone(tz=datetime.fromisoformat("2026-01-01T00:00:00+05:45").tzinfo)
    mute(api, "aich_2", "aich_1", until=there.isoformat())
    mute(api, "aich_1", "aich_2", until=UNTIL.replace(microsecond=900_000).isoformat())

    assert automations(api) == before


@pytest.mark.parametrize(
    "other",
    [
        {"ids": ["aich_1"]},
        {"notification_preference": "all"},
        {"until": (UNTIL + timedelta(seconds=1)).isoformat()},
    ],
    ids=["chats", "preference", "time"],
)
def test_anything_else_is_an_automation_of_its_own(api: HttpCaller, other: Json) -> None:
    mute(api, until=UNTIL.isoformat())
    mute(api, **{"until": UNTIL.isoformat(), **other})

    assert len({each["name"] for each in automations(api)}) == 2


def test_the_end_is_safe_before_a_chat_is_muted(api: HttpCaller, sqs: FakeSqs, scheduler: FakeScheduler) -> None:
    scheduler.down = aws_error("ThrottlingException")

    answer = mute(api, until=UNTIL.isoformat(), key="a")

    assert (answer.status, sqs.sent) == (502, [])
    assert "Retry the request" in answer.json["detail"]

    scheduler.down = None
    again = mute(api, until=UNTIL.isoformat(), key="a")
    assert again.status == 202
    assert len(sqs.sent) == len(CHATS)
    assert len(scheduler.schedules) == len(automations(api)) == 1


def test_the_automation_that_undoes_it_is_named(api: HttpCaller) -> None:
    answer = mute(api, until=UNTIL.isoformat())

    assert [each["name"] for each in automations(api)] == [answer.json["automation"]]
    assert mute(api).json["automation"] is None


@pytest.mark.parametrize(("late", "status"), [(timedelta(seconds=-1), "succeeded"), (timedelta(0), "failed")])
def test_a_mute_that_had_to_wait_does_not_come_after_its_end(late: timedelta, status: str) -> None:
    clock = Clock()
    whop = ScriptedTransport(error_response(429, headers={"retry-after": "60"}), ok(ai_chat(id="aich_1")))
    app = make_application(whop, sqs=FakeSqs(), scheduler=FakeScheduler(clock), clock=clock)
    until = clock.now + timedelta(minutes=10)
    [run_id] = mute(HttpCaller(create_api(app).resolve), "aich_1", until=until.isoformat()).json["run_ids"]
    assert app.dispatcher.perform(run_id, LEASE).state == "waiting"

    clock.now = until + late
    app.dispatcher.perform(run_id, LEASE)

    row = app.ledger.get(run_id)
    assert row is not None
    assert row.status == status
    if status == "failed":
        assert row.error is not None
        assert row.error["message"] == "not started: its time ended at 2026-11-20T12:10:00+00:00"
        assert len(whop.requests) == 1
        refusal = HttpCaller(create_api(app).resolve)("POST", f"/runs/{run_id}/replay")
        assert (refusal.status, refusal.json["detail"]) == (
            409,
            f"run {run_id} failed and can't be replayed, because it had to start before 2026-11-20T12:10:00+00:00",
        )


def test_a_mute_takes_no_longer_than_until_its_end() -> None:
    clock, left = Clock(), list[float]()

    class Timed(ScriptedTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            left.append(remaining(default=60.0))
            return super().handle_request(request)

    app = make_application(Timed(ok(ai_chat(id="aich_1"))), sqs=FakeSqs(), scheduler=FakeScheduler(clock), clock=clock)
    until = clock.now + timedelta(seconds=5)
    [run_id] = mute(HttpCaller(create_api(app).resolve), "aich_1", until=until.isoformat()).json["run_ids"]
    clock.now = until - timedelta(seconds=1)

    app.dispatcher.perform(run_id, LEASE)

    assert [seconds <= 1.0 for seconds in left] == [True]


def test_a_call_that_is_repeated_after_its_end_gets_the_same_answer_and_nothing_is_done() -> None:
    clock, sqs = Clock(), FakeSqs()
    scheduler = FakeScheduler(clock)
    app = make_application(ScriptedTransport(), sqs=sqs, scheduler=scheduler, clock=clock)
    api = HttpCaller(create_api(app).resolve)
    until = (clock.now + timedelta(minutes=10)).isoformat()
    first = mute(api, until=until, key="a")
    clock.forward(seconds=1)
    for run_id in first.json["run_ids"]:
        app.ledger.finish(app.ledger.claim(run_id, LEASE), "succeeded", chat_id="aich_1")
    api("DELETE", f"/automations/{first.json['automation']}")
    sqs.sent.clear()
    clock.forward(minutes=11)

    assert mute(api, until=until, key="a").json == first.json
    assert (automations(api), scheduler.schedules, sqs.sent) == ([], {}, [])
    assert mute(api, until=until, key="b").fields == ["until"]
    assert mute(api, "aich_9", until=until, key="a").fields == ["until"]
    assert mute(api, "aich_1", until=until, key="a").fields == ["Idempotency-Key"]


# ---------------------------------------------------------------------------------------------- rejected


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"ids": []}, "ids"),
        ({"ids": [f"aich_{number}" for number in range(1001)]}, "ids"),
        ({"ids": ["aich_1", "biz_A"]}, "ids.1"),
        ({"ids": "aich_1"}, "ids"),
        ({"notification_preference": "loud"}, "notification_preference"),
        ({"notification_preference": None}, "notification_preference"),
        ({"until": "2020-01-01T00:00:00Z"}, "until"),
        ({"until": (UNTIL + timedelta(days=340)).isoformat()}, "until"),
        ({"until": "9999-12-31T23:59:59Z"}, "until"),
        ({"until": "9999-12-31T23:59:59-14:00"}, "until"),
        ({"until": "0001-01-01T00:00:00+14:00"}, "until"),
        ({"until": "2100-01-01T00:00:00"}, "until"),
        ({"until": "tomorrow"}, "until"),
        ({"until": int(UNTIL.timestamp())}, "until"),
        ({"till": UNTIL.isoformat()}, "till"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_what_is_wrong_is_named_and_nothing_is_done(
    api: HttpCaller, sqs: FakeSqs, scheduler: FakeScheduler, fields: Json, field: str
) -> None:
    answer = mute(api, **{"until": UNTIL.isoformat(), **fields})

    assert (answer.status, answer.fields) == (422, [field])
    assert (automations(api), scheduler.calls, sqs.sent) == ([], [], [])


def test_until_says_what_it_may_be(api: HttpCaller) -> None:
    answer = mute(api, until="2020-01-01T00:00:00Z")

    assert "must be in the future, by at most one year (now: 2" in answer.json["detail"]


def test_a_key_that_was_used_with_another_body_is_rejected_and_nothing_is_done(api: HttpCaller, sqs: FakeSqs) -> None:
    mute(api, key="a")

    answer = mute(api, key="a", until=UNTIL.isoformat())

    assert (answer.status, answer.fields) == (422, ["Idempotency-Key"])
    assert (automations(api), len(sqs.sent)) == ([], len(CHATS))


def test_an_until_that_was_wrong_leaves_its_key_free(api: HttpCaller) -> None:
    mute(api, key="a", until="2020-01-01T00:00:00Z")

    assert mute(api, key="a", until=UNTIL.isoformat()).status == 202


def test_it_needs_the_scope_that_changing_a_chat_needs(api: HttpCaller) -> None:
    body = {"notification_preference": "none", "ids": CHATS}

    error_response = api("POST", PATH, body, token=f"Bearer {READER}")

    assert error_response.status == 403
    assert "chats:write" in error_response.json["detail"]
    assert api("POST", PATH, body, token=f"Bearer {WRITER}").status == 202
