"""A row that this version of the code cannot read: it stops no other, is told, and shows no text."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from aichats.api.app import create_api
from aichats.automations.keeper import Repair
from aichats.errors import UnreadableError
from tests.automations import FakeScheduler, listening, scheduled
from tests.fakes import Json
from tests.firing import GRACE, ONE, Stack, hourly, payment, sweep_at
from tests.integration.conftest import Output
from tests.lambda_calls import HttpCaller
from tests.ledgers import dynamodb

PRIVATE = "what no log holds"
BROKEN = "broken"


@pytest.fixture
def stack() -> Stack:
    return Stack()


def spoil(stack: Stack, definition: Json, name: str = BROKEN) -> None:
    """Write an automation as only a later version knows it."""
    stack.put(definition, name)
    later = {"action": {"type": "whop.later", "message_text": PRIVATE}, "targets": [PRIVATE]}
    rewrite(stack, definition | later, name)


def rewrite(stack: Stack, definition: Json, name: str = BROKEN) -> None:
    """Change the definition in the table, and nothing else."""
    dynamodb().update_item(
        TableName=stack.app.automations.table,
        Key={"name": {"S": name}},
        UpdateExpression="SET #definition = :definition",
        ExpressionAttributeNames={"#definition": "definition"},
        ExpressionAttributeValues={":definition": {"S": json.dumps(definition)}},
    )


def events(stack: Stack) -> None:
    assert len(stack.hear(payment())) == 1


def slots(stack: Stack) -> None:
    assert sweep_at(stack, ONE + GRACE) == 1
    assert {row.run.automation for row in stack.runs} == {"clock"}


def api_list(stack: Stack) -> None:
    answer = HttpCaller(create_api(stack.app).resolve)("GET", "/automations")
    assert [each["name"] for each in answer.json["data"]] == ["a-listener", "clock"]


def heal(stack: Stack) -> None:
    stack.clock.forward(minutes=11)
    assert stack.app.keeper.heal() == [Repair("clock", "created")]


@pytest.mark.parametrize("act", [events, slots, api_list, heal])
def test_one_that_cannot_be_read_stops_no_other(stack: Stack, output: Output, act: Callable[[Stack], None]) -> None:
    stack.put(listening(), "a-listener")
    stack.put(hourly(), "clock")
    spoil(stack, listening() if act is events else hourly())

    act(stack)

    assert output.counted("AutomationsUnreadable") == 1


def test_it_is_told_with_its_name_and_fields_and_without_its_texts(stack: Stack, output: Output) -> None:
    spoil(stack, hourly())

    assert stack.app.automations.list() == []

    [log] = [log for log in output.logs if log["level"] == "ERROR"]
    assert (log["message"], log["automation"]) == ("automation left out", BROKEN)
    assert log["error"] == f"automation {BROKEN} cannot be read by this version of the code: action"
    assert PRIVATE not in output.text


def test_every_row_that_cannot_be_read_is_counted(stack: Stack, output: Output) -> None:
    for name in ("one", "two", "three"):
        spoil(stack, hourly(), name)
    stack.put(hourly(), "clock")

    assert [row.name for row in stack.app.automations.rows()] == ["clock"]
    assert stack.app.automations.names() == {"one", "two", "three", "clock"}
    assert output.counted("AutomationsUnreadable") == 3


def test_its_schedule_is_kept_and_strays_are_removed_all_the_same(stack: Stack, output: Output) -> None:
    assert output.text == ""
    keeper, scheduler = stack.app.keeper, stack.app.keeper.schedules.client
    assert isinstance(scheduler, FakeScheduler)
    for name in (BROKEN, "stray"):
        keeper.put(name, stack.put(hourly(), name).automation)
    stray = stack.app.automations.begin_delete("stray")
    assert stray is not None
    stack.app.automations.end_delete(stray)
    spoil(stack, scheduled())
    stack.clock.forward(minutes=11)

    assert keeper.heal() == [Repair(keeper.schedules.schedule_name("stray"), "removed")]
    assert list(scheduler.schedules) == [keeper.schedules.schedule_name(BROKEN)]
    assert keeper.heal() == []


def test_what_it_missed_meanwhile_is_found_when_it_can_be_read_again(stack: Stack, output: Output) -> None:
    assert output.text == ""
    spoil(stack, hourly())
    assert sweep_at(stack, ONE + GRACE) == 0
    with pytest.raises(UnreadableError):
        stack.tick(ONE, BROKEN)

    rewrite(stack, hourly())

    assert sweep_at(stack, ONE + GRACE + timedelta(minutes=5)) == 1
