"""``POST /automations/{name}/pause`` and ``/resume``: an automation is skipped for a while."""

from datetime import UTC, datetime, timedelta

import pytest

from aichats.api.app import create_api
from tests.support.automations import listening
from tests.support.fakes import Json
from tests.support.lambda_calls import Answer, HttpCaller, make_application
from tests.support.ledgers import NOON
from tests.support.output import Output
from tests.support.stack_in_memory import HOURLY, NAME, StackInMemory, hourly
from tests.support.whop_in_memory import WhopInMemory

HOUR = timedelta(hours=1)


@pytest.fixture
def api(stack: StackInMemory) -> HttpCaller:
    stack.put(hourly(timezone="America/New_York"))
    return HttpCaller(create_api(stack.app).resolve)


def pause(api: HttpCaller, body: Json | None = None) -> Answer:
    return api("POST", f"/automations/{NAME}/pause", body)


def resume(api: HttpCaller, body: Json | None = None) -> Answer:
    return api("POST", f"/automations/{NAME}/resume", body)


def windows(answer: Answer) -> list[tuple[str, str | None]]:
    return [(window["from"], window["until"]) for window in answer.json["pauses"]]


def problem(answer: Answer) -> dict[str, str]:
    assert answer.status == 422, answer.body
    return {each["field"]: each["message"] for each in answer.json["errors"]}


# ---------------------------------------------------------------------------------------------- pause


def test_without_a_body_it_is_paused_from_now_until_somebody_resumes(api: HttpCaller) -> None:
    answer = pause(api)
    window = {"from": "2026-11-20T12:00:00Z", "until": None, "by": "local", "at": "2026-11-20T12:00:00Z"}
    assert answer.status == 200
    assert answer.json["name"] == NAME
    assert (answer.json["state"], answer.json["next_at"]) == ("paused", None)
    assert answer.json["pauses"] == [window | {"reason": None}]
    assert answer.json["paused"] == window | {"reason": None, "scope": "automation"}


def test_a_planned_pause_is_in_the_time_zone_of_the_automation(api: HttpCaller) -> None:
    answer = pause(api, {"from": "2026-12-24", "until": "2026-12-27T18:30", "reason": "Holidays"})
    assert windows(answer) == [("2026-12-24T05:00:00Z", "2026-12-27T23:30:00Z")]
    assert (answer.json["state"], answer.json["paused"]) == ("active", None)
    assert answer.json["pauses"][0]["reason"] == "Holidays"


def test_an_offset_counts_more_than_the_time_zone(api: HttpCaller) -> None:
    answer = pause(api, {"from": "2026-12-24T00:00+02:00", "until": "2026-12-24T00:00z"})
    assert windows(answer) == [("2026-12-23T22:00:00Z", "2026-12-24T00:00:00Z")]


def test_the_times_of_an_automation_that_listens_for_events_are_in_utc(api: HttpCaller, stack: StackInMemory) -> None:
    stack.put(listening())
    assert windows(pause(api, {"from": "2026-12-24"})) == [("2026-12-24T00:00:00Z", None)]


def test_the_next_time_is_the_first_one_after_the_pause(api: HttpCaller) -> None:
    assert pause(api, {"until": "2026-11-20T15:00Z"}).json["next_at"] == "2026-11-20T15:00:00Z"
    assert resume(api).json["next_at"] == "2026-11-20T13:00:00Z"


@pytest.mark.parametrize(
    "body",
    [None, {"reason": "x"}, {"until": "2026-12-01"}, {"from": "2026-12-01"}, {"from": "2026-12-01", "until": "2027"}],
)
def test_the_same_pause_again_changes_nothing(api: HttpCaller, stack: StackInMemory, body: Json | None) -> None:
    if body and body.get("until") == "2027":
        body = body | {"until": "2027-01-01"}
    first = pause(api, body)
    stack.clock.forward(minutes=5)
    assert pause(api, body).json["pauses"] == first.json["pauses"]


def test_a_pause_until_a_time_changes_nothing_about_one_without_an_end(api: HttpCaller) -> None:
    first = pause(api)
    assert pause(api, {"until": "2026-12-01"}).json["pauses"] == first.json["pauses"]


def test_another_pause_is_added(api: HttpCaller) -> None:
    pause(api, {"until": "2026-12-01T00:00Z"})
    answer = pause(api, {"until": "2026-12-02T00:00Z"})
    assert windows(answer) == [("2026-11-20T12:00:00Z", f"2026-12-0{day}T00:00:00Z") for day in (1, 2)]
    assert answer.json["paused"]["until"] == "2026-12-02T00:00:00Z"


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"until": "2026-11-20T12:00Z"}, "until", "must be later than from, and in the future"),
        ({"until": "2020-01-01"}, "until", "(now: 2026-11-20T12:00:00+00:00)"),
        ({"from": "2026-12-24", "until": "2026-12-24"}, "until", "must be later than from"),
        ({"from": "2020-01-01", "until": "2021-01-01"}, "until", "in the future"),
        ({"from": "2032-01-01"}, "from", "must be within five years"),
        ({"until": "2032-01-01"}, "until", "must be within five years"),
        ({"from": "2026-02-30"}, "from", "doesn't exist in the calendar"),
        ({"from": "2026-12-24T25:00"}, "from", "doesn't exist in the calendar"),
        ({"from": "tomorrow"}, "from", "must be a date such as 2026-12-24, or a time"),
        ({"from": 20261224}, "from", "must be"),
        ({"until": "2026-12-24T18"}, "until", "must be a date such as 2026-12-24, or a time"),
        ({"reason": ""}, "reason", ""),
        ({"reason": "x" * 201}, "reason", ""),
        ({"till": "2026-12-24"}, "till", "did you mean `until`?"),
    ],
)
def test_an_impossible_pause_is_rejected_with_its_field(api: HttpCaller, body: Json, field: str, message: str) -> None:
    assert message in problem(pause(api, body))[field]
    assert resume(api).json["pauses"] == []


def test_too_many_pauses_are_rejected(api: HttpCaller) -> None:
    for day in range(1, 21):
        assert pause(api, {"from": f"2026-12-{day:02}", "until": f"2026-12-{day + 1:02}"}).status == 200
    answer = pause(api, {"from": "2027-01-01"})
    assert (answer.status, "there are 20 pauses already" in answer.json["detail"]) == (409, True)


def test_a_pause_keeps_the_etag_and_a_put_keeps_the_pause(api: HttpCaller, stack: StackInMemory) -> None:
    etag = stack.row().etag
    answer = pause(api)
    assert (answer.headers["etag"], answer.json["etag"]) == (etag, etag)
    put = api("PUT", f"/automations/{NAME}", hourly("biz_B"), headers={"if-match": etag})
    assert put.status == 200
    assert len(put.json["pauses"]) == 1


def test_the_list_shows_the_pauses(whop: WhopInMemory) -> None:
    api = HttpCaller(create_api(make_application(whop)).resolve)
    api("PUT", f"/automations/{NAME}", hourly())
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds")
    pause(api, {"until": until, "reason": "Holidays"})
    [listed] = api("GET", "/automations").json["data"]
    assert (listed["state"], listed["paused"]["reason"], len(listed["pauses"])) == ("paused", "Holidays", 1)
    assert listed["next_at"] > until[:19]


def test_a_disabled_trigger_is_shown_as_the_paused_part(api: HttpCaller, stack: StackInMemory) -> None:
    stack.put(hourly(enabled=False))
    answer = pause(api, {"from": "2026-12-24"})
    shown = {"from": "2026-11-20T12:00:00Z", "until": None, "by": None, "at": "2026-11-20T12:00:00Z", "reason": None}
    assert (answer.json["state"], answer.json["next_at"]) == ("paused", None)
    assert answer.json["paused"] == shown | {"scope": "trigger"}


def test_an_automation_that_is_done_stays_done(api: HttpCaller, stack: StackInMemory) -> None:
    stack.app.automation_table.finish(stack.row())
    assert pause(api).json["state"] == "done"


def test_what_does_not_exist_cannot_be_paused_or_resumed(api: HttpCaller) -> None:
    assert api("POST", "/automations/other/pause").status == 404
    assert api("POST", "/automations/other/resume").status == 404


# ---------------------------------------------------------------------------------------------- resume


def test_resume_ends_what_holds_now_and_keeps_what_is_planned(api: HttpCaller, stack: StackInMemory) -> None:
    pause(api)
    pause(api, {"from": "2026-12-24T00:00Z"})
    stack.clock.forward(hours=1)
    answer = resume(api)
    assert (answer.json["state"], answer.json["paused"]) == ("active", None)
    assert windows(answer) == [("2026-12-24T00:00:00Z", None)]
    [ended, _] = stack.row().pauses.windows
    assert (ended.until, ended.resumed_by) == (NOON + HOUR, "local")


def test_resume_of_what_is_not_paused_changes_nothing(api: HttpCaller, stack: StackInMemory, output: Output) -> None:
    before = stack.row()
    assert resume(api).status == 200
    assert stack.row() == before
    assert "automation resumed" not in output.text


def test_a_planned_pause_is_removed_by_its_beginning(api: HttpCaller) -> None:
    pause(api, {"from": "2026-12-24", "until": "2026-12-27"})
    pause(api, {"from": "2026-12-31"})
    assert windows(resume(api, {"from": "2026-12-24T05:00Z"})) == [("2026-12-31T05:00:00Z", None)]
    assert windows(resume(api, {"from": "2026-12-31"})) == []


def test_removing_a_pause_that_does_not_exist_names_those_that_do(api: HttpCaller) -> None:
    pause(api, {"from": "2026-12-24T00:00Z"})
    message = "no pause begins at 2026-12-25T05:00:00Z; the pauses begin at 2026-12-24T00:00:00Z"
    assert problem(resume(api, {"from": "2026-12-25"})) == {"from": message}


def test_a_disabled_automation_is_not_resumed_but_the_answer_says_what_to_do(
    api: HttpCaller, stack: StackInMemory
) -> None:
    stack.put(hourly(enabled=False))
    pause(api, {"from": "2026-12-24"})
    answer = resume(api)
    assert (answer.status, "Put it again with trigger.enabled: true" in answer.json["detail"]) == (409, True)
    assert resume(api, {"from": "2026-12-24T00:00Z"}).json["pauses"] == []


def test_a_resume_of_a_disabled_automation_ends_its_pause_first(api: HttpCaller, stack: StackInMemory) -> None:
    stack.put(hourly(enabled=False))
    pause(api)

    answer = resume(api)

    assert (answer.status, answer.json["pauses"], answer.json["paused"]["scope"]) == (200, [], "trigger")
    assert resume(api).status == 409


def test_each_change_is_logged_with_its_client(api: HttpCaller, output: Output) -> None:
    pause(api, {"reason": "secret reason"})
    pause(api)
    resume(api)
    logged = [(line["message"], line["automation"], line["caller"]) for line in output.logs if "automation" in line]
    assert logged == [("automation paused", NAME, "local"), ("automation resumed", NAME, "local")]
    assert "secret reason" not in output.text


# ---------------------------------------------------------------------------------------------- effects


def test_a_paused_automation_can_be_run_by_hand(api: HttpCaller, stack: StackInMemory) -> None:
    pause(api)
    assert api("POST", f"/automations/{NAME}/run").status == 202
    stack.work()
    assert [row.status for row in stack.runs] == ["succeeded"]


def test_a_pause_and_a_resume_of_an_hour_skip_one_slot(api: HttpCaller, stack: StackInMemory) -> None:
    assert hourly()["trigger"]["expression"] == HOURLY
    pause(api)
    stack.clock.forward(minutes=90)
    resume(api)
    for hours in (1, 2):
        stack.tick(NOON + hours * HOUR)
    assert stack.history == [("14:00", "biz_A", "succeeded")]
