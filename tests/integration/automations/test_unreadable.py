"""A row that this version of the code cannot read stops no other, is reported, and shows no text."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest

from aichats.api.app import create_api
from aichats.automations.reconcile import Change
from aichats.aws.attributes import decode, encode
from aichats.errors import UnreadableError
from tests.support.automations import FakeScheduler, listening, reconcile, scheduled
from tests.support.fakes import Json, aws_error
from tests.support.lambda_calls import HttpCaller
from tests.support.ledgers import dynamodb
from tests.support.output import Output
from tests.support.stack_in_memory import GRACE, ONE, StackInMemory, hourly, payment, sweep_at

PRIVATE = "what no log holds"
BROKEN = "broken"


def spoil(stack: StackInMemory, definition: Json, name: str = BROKEN) -> None:
    """Write an automation that only a later version can read."""
    stack.put(definition, name)
    later = {"action": {"type": "whop.later", "message_text": PRIVATE}, "targets": [PRIVATE]}
    rewrite(stack, definition | later, name)


def rewrite(stack: StackInMemory, definition: Json, name: str = BROKEN) -> None:
    """Change only the definition in the table."""
    write(stack, {"definition": json.dumps(definition)}, name)


def write(stack: StackInMemory, changes: Mapping[str, object], name: str = BROKEN) -> None:
    """Change only these attributes in the table; ``None`` removes one."""
    table, key = stack.app.automation_table.table, {"name": {"S": name}}
    item = decode(dynamodb().get_item(TableName=table, Key=key)["Item"]) | dict(changes)
    kept = {attribute: value for attribute, value in item.items() if value is not None}
    dynamodb().put_item(TableName=table, Item=encode(kept))


SPOILT_BUT_FOR_ITS_HEAD: dict[str, Mapping[str, object]] = {
    "definition is no JSON": {"definition": f'{{"{PRIVATE}'},
    "definition is no text": {"definition": 5},
    "definition is missing": {"definition": None},
    "a time is no time": {"checked_until": PRIVATE},
    "a time is a number": {"targets_at": 5},
    "a time has no offset": {"changed_at": "2026-11-20T12:00:00.000"},
    "a time is missing": {"checked_until": None},
    "a time and its replacement are missing": {"changed_at": None, "trigger_at": None},
    "state is of a later version": {"state": "paused"},
}
SPOILT_WHOLLY: dict[str, Mapping[str, object]] = {
    "etag is missing": {"etag": None},
    "version is missing": {"version": None},
    "state is missing": {"state": None},
}
SPOILT = SPOILT_BUT_FOR_ITS_HEAD | SPOILT_WHOLLY


def events(stack: StackInMemory) -> None:
    assert len(stack.handle(payment())) == 1


def slots(stack: StackInMemory) -> None:
    assert sweep_at(stack, ONE + GRACE) == 1
    assert {row.run.automation for row in stack.runs} == {"clock"}


def api_list(stack: StackInMemory) -> None:
    answer = HttpCaller(create_api(stack.app).resolve)("GET", "/automations")
    assert [each["name"] for each in answer.json["data"]] == ["a-listener", "clock"]


def sweep(stack: StackInMemory) -> None:
    stack.clock.forward(minutes=11)
    assert reconcile(stack.app.automations) == [Change("clock", "created")]


@pytest.mark.parametrize("act", [events, slots, api_list, sweep])
def test_an_unreadable_row_stops_no_other(
    stack: StackInMemory, output: Output, act: Callable[[StackInMemory], None]
) -> None:
    stack.put(listening(), "a-listener")
    stack.put(hourly(), "clock")
    spoil(stack, listening() if act is events else hourly())

    act(stack)

    assert output.counted("AutomationsUnreadable") == 1


@pytest.mark.parametrize("changes", SPOILT.values(), ids=SPOILT)
@pytest.mark.parametrize("act", [events, slots, api_list, sweep])
def test_a_row_with_any_defect_stops_no_other_and_shows_no_text(
    stack: StackInMemory, output: Output, act: Callable[[StackInMemory], None], changes: Mapping[str, object]
) -> None:
    stack.put(listening(), "a-listener")
    stack.put(hourly(), "clock")
    stack.put(listening() if act is events else hourly(), BROKEN)
    write(stack, changes)

    act(stack)

    assert output.counted("AutomationsUnreadable") == 1
    assert next(log["automation"] for log in output.logs if log["message"] == "automation left out") == BROKEN
    assert PRIVATE not in output.text


def test_it_is_reported_with_its_name_and_fields_and_without_its_texts(stack: StackInMemory, output: Output) -> None:
    spoil(stack, hourly())

    assert stack.app.automation_table.list() == []

    [log] = [log for log in output.logs if log["level"] == "ERROR"]
    assert (log["message"], log["automation"]) == ("automation left out", BROKEN)
    assert log["error"] == f"automation {BROKEN} cannot be read by this version of the code: action"
    assert PRIVATE not in output.text


def test_every_row_that_cannot_be_read_is_counted(stack: StackInMemory, output: Output) -> None:
    for name in ("one", "two", "three"):
        spoil(stack, hourly(), name)
    stack.put(hourly(), "clock")

    contents = stack.app.automation_table.contents()

    assert [row.name for row in contents.rows] == ["clock"]
    assert contents.names == {"one", "two", "three", "clock"}
    assert output.counted("AutomationsUnreadable") == 3


def test_its_schedule_is_kept_and_strays_are_still_removed(stack: StackInMemory, output: Output) -> None:
    assert output.text == ""
    service, scheduler = stack.app.automations, stack.app.automations.schedules.client
    assert isinstance(scheduler, FakeScheduler)
    for name in (BROKEN, "stray"):
        service.put(name, stack.put(hourly(), name).automation)
    stray = stack.app.automation_table.begin_delete("stray")
    assert stray is not None
    stack.app.automation_table.end_delete(stray)
    spoil(stack, scheduled())
    stack.clock.forward(minutes=11)

    assert reconcile(service) == [Change(service.schedules.schedule_name("stray"), "removed")]
    assert list(scheduler.schedules) == [service.schedules.schedule_name(BROKEN)]
    assert reconcile(service) == []


def test_slots_that_it_missed_are_found_when_it_can_be_read_again(stack: StackInMemory, output: Output) -> None:
    assert output.text == ""
    spoil(stack, hourly())
    assert sweep_at(stack, ONE + GRACE) == 0
    with pytest.raises(UnreadableError):
        stack.tick(ONE, BROKEN)

    rewrite(stack, hourly())

    assert sweep_at(stack, ONE + GRACE + timedelta(minutes=5)) == 1


# ---------------------------------------------------------------------------------------------- repairs over the API


PATH = f"/automations/{BROKEN}"


@pytest.fixture
def api(stack: StackInMemory, output: Output) -> HttpCaller:
    """The API of a stack with an unreadable automation that has a schedule."""
    assert output.text == ""
    stack.app.automations.put(BROKEN, stack.put(hourly(), BROKEN).automation)
    spoil(stack, hourly())
    return HttpCaller(create_api(stack.app).resolve)


def scheduler(stack: StackInMemory) -> FakeScheduler:
    client = stack.app.automations.schedules.client
    assert isinstance(client, FakeScheduler)
    return client


@pytest.mark.parametrize(("method", "path"), [("GET", PATH), ("GET", f"{PATH}/preview"), ("POST", f"{PATH}/run")])
def test_a_request_for_it_reports_its_name_and_what_to_do(api: HttpCaller, method: str, path: str) -> None:
    answer = api(method, path)

    assert answer.status == 500
    assert answer.json["detail"] == (
        f"automation {BROKEN} cannot be read by this version of the code: action. Replace it with PUT, or delete it"
    )


def test_it_can_be_replaced(stack: StackInMemory, api: HttpCaller) -> None:
    before = dynamodb().get_item(TableName=stack.app.automation_table.table, Key={"name": {"S": BROKEN}})["Item"]
    stack.clock.now = datetime.now(UTC)

    assert api("PUT", PATH, scheduled("rate(5 minutes)"), headers={"if-none-match": "*"}).status == 412
    assert api("PUT", PATH, scheduled("rate(5 minutes)"), headers={"if-match": '"other"'}).status == 412
    answer = api("PUT", PATH, scheduled("rate(5 minutes)"), headers={"if-match": before["etag"]["S"]})

    assert answer.status == 200
    row = stack.row(BROKEN)
    assert (row.version, row.state, row.replaced) == (int(before["version"]["N"]) + 1, "active", before["etag"]["S"])
    assert (row.created_at, row.checked_until) == (row.changed_at, row.changed_at)
    [schedule] = scheduler(stack).schedules.values()
    assert schedule["ScheduleExpression"] == "rate(5 minutes)"
    assert api("GET", PATH).headers["etag"] == answer.headers["etag"]


def test_it_can_be_deleted(stack: StackInMemory, api: HttpCaller) -> None:
    assert api("DELETE", PATH, headers={"if-match": '"other"'}).status == 412
    assert api("DELETE", PATH).status == 204

    assert stack.app.automation_table.contents().names == set()
    assert scheduler(stack).schedules == {}
    assert api("GET", PATH).status == 404


@pytest.mark.parametrize("changes", SPOILT_BUT_FOR_ITS_HEAD.values(), ids=SPOILT_BUT_FOR_ITS_HEAD)
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_row_with_any_defect_can_be_replaced_or_deleted_if_its_header_is_readable(
    stack: StackInMemory, api: HttpCaller, changes: Mapping[str, object], method: str
) -> None:
    rewrite(stack, hourly())
    write(stack, changes)
    stack.clock.now = datetime.now(UTC)
    assert api("GET", PATH).status == 500

    answer = api(method, PATH, scheduled("rate(5 minutes)") if method == "PUT" else None)

    assert answer.status == (200 if method == "PUT" else 204)
    assert api("GET", PATH).status == (200 if method == "PUT" else 404)


@pytest.mark.parametrize("step", ["schedule", "row"])
def test_a_deletion_of_it_that_stopped_is_completed_by_the_sweep(
    stack: StackInMemory, api: HttpCaller, step: str
) -> None:
    stack.app.automation_table.begin_delete(BROKEN)
    if step == "row":
        scheduler(stack).schedules.clear()
    assert api("GET", PATH).status == 404

    assert reconcile(stack.app.automations) == [Change(BROKEN, "deleted")]

    assert (stack.app.automation_table.contents().names, scheduler(stack).schedules) == (set(), {})
    assert reconcile(stack.app.automations) == []


def test_a_deletion_of_it_that_the_sweep_cannot_complete_is_reported_and_retried(
    stack: StackInMemory, api: HttpCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.app.automation_table.begin_delete(BROKEN)
    reject = Mock(side_effect=aws_error("ThrottlingException", "Rate exceeded"))
    monkeypatch.setattr(scheduler(stack), "delete_schedule", reject)

    [change] = reconcile(stack.app.automations)

    assert (change.name, change.kind, "Rate exceeded" in change.reason) == (BROKEN, "failed", True)
    assert api("GET", PATH).status == 404
    monkeypatch.undo()
    assert reconcile(stack.app.automations) == [Change(BROKEN, "deleted")]


def test_a_deletion_of_it_that_stopped_is_completed_by_a_retry(stack: StackInMemory, api: HttpCaller) -> None:
    scheduler(stack).down = aws_error("ThrottlingException", "Rate exceeded")
    assert api("DELETE", PATH).status == 502
    scheduler(stack).down = None

    assert api("DELETE", PATH).status == 204
    assert stack.app.automation_table.contents().names == set()


def test_an_unreadable_row_that_is_being_deleted_can_be_replaced(stack: StackInMemory, api: HttpCaller) -> None:
    stack.app.automation_table.begin_delete(BROKEN)
    stack.clock.now = datetime.now(UTC)

    assert api("PUT", PATH, scheduled("rate(5 minutes)"), headers={"if-none-match": "*"}).status == 201
    assert stack.row(BROKEN).replaced is None
